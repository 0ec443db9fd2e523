use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::output::{Printer, PrinterOptions};

fn person() -> Prompter {
    let (printer, _captured) = Printer::captured_with(PrinterOptions {
        stdin_terminal: true,
        stdout_terminal: true,
        stderr_terminal: true,
        ..PrinterOptions::default()
    });
    printer.prompter()
}

/// An editor that runs a shell script with the file as `$0`.
fn editor(script: &str) -> String {
    format!("sh -c {}", shell_words::quote(script))
}

fn even(text: &str) -> Result<u32> {
    let digits = text.trim().parse::<u32>();
    let number = digits.map_err(|_| Error::bad_input("not a number").hint("write 4"))?;
    if number % 2 == 0 {
        Ok(number)
    } else {
        Err(Error::bad_input(format!("{number} is odd")))
    }
}

fn kept_file(error: &Error) -> TempPath {
    let hint = error
        .hints()
        .last()
        .expect("a hint names the file")
        .to_string();
    let path = hint.strip_prefix("your text is kept in ").expect("a path");
    TempPath::try_from_path(path).unwrap()
}

#[test]
fn the_edited_text_is_checked_and_returned() {
    let edited = edit_document("1\n", ".toml", &editor("echo 4 > $0"), even, &person()).unwrap();
    assert_eq!(edited, Some(("4\n".to_owned(), 4)));
}

#[test]
fn an_unchanged_text_is_none_and_never_checked() {
    let check = |_: &str| -> Result<()> { panic!("checked") };
    let edited = edit_document("1\n", ".toml", "true", check, &person()).unwrap();
    assert_eq!(edited, None);
}

#[test]
fn a_mistake_reopens_with_the_error_on_top() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    // The first run makes a mistake, the second keeps the text and fixes only the number.
    let script = format!(
        "if grep -q error $0; then cp $0 {0}; sed -i s/3/6/ $0; else echo 3 > $0; fi",
        seen.display()
    );
    let edited = edit_document("1\n", ".toml", &editor(&script), even, &person()).unwrap();
    assert_eq!(edited, Some(("6\n".to_owned(), 6)));
    assert_eq!(fs::read_to_string(seen).unwrap(), "# error: 3 is odd\n3\n");
}

#[test]
fn giving_up_keeps_the_text_privately() {
    let script = editor("grep -q error $0 || echo x > $0");
    let error = edit_document("1\n", ".toml", &script, even, &person()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert_eq!(error.hints()[0], "write 4");
    let kept = kept_file(&error);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "x\n");
    let mode = fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn another_failure_keeps_the_text_without_reopening() {
    let check = |_: &str| -> Result<()> { Err(Error::conflict("changed meanwhile")) };
    let error =
        edit_document("1\n", ".toml", &editor("echo 4 > $0"), check, &person()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fs::read_to_string(kept_file(&error)).unwrap(), "4\n");
}

#[test]
fn a_failing_editor_keeps_what_was_written() {
    let script = editor("echo 4 > $0; exit 3");
    let error = edit_document("1\n", ".toml", &script, even, &person()).unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert_eq!(fs::read_to_string(kept_file(&error)).unwrap(), "4\n");
}

#[test]
fn a_document_that_the_editor_removed_is_not_said_to_be_kept() {
    let error = edit_document("1\n", ".toml", &editor("rm $0"), even, &person()).unwrap_err();
    assert!(error.to_string().contains("removed"), "{error}");
    assert_eq!(error.hints().len(), 1, "{:?}", error.hints());

    let script = editor("if grep -q error $0; then rm $0; else echo 3 > $0; fi");
    let error = edit_document("1\n", ".toml", &script, even, &person()).unwrap_err();
    assert_eq!(fs::read_to_string(kept_file(&error)).unwrap(), "3\n");
}

#[test]
fn a_missing_editor_is_said() {
    for command in ["/nonexistent/editor", "", "'unclosed"] {
        let error = edit_document("1\n", ".toml", command, even, &person()).unwrap_err();
        assert_eq!(error.hints().len(), 1, "{error}");
        assert!(error.hints()[0].to_string().contains("$EDITOR"), "{error}");
    }
}

#[test]
fn without_a_terminal_there_is_no_editor() {
    let (printer, _captured) = Printer::captured();
    let error = edit_document("1", ".toml", "true", even, &printer.prompter()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}
