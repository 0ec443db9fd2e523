//! Prompts on the terminal. Without a terminal, an error names the flag to use.

use std::io;

use dialoguer::console::{self, Key, Term};
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::escape;
use super::printer::Printer;
use super::style::Tone;
pub use crate::confirm::Confirmed;
use crate::error::{Error, Result};

/// The confirmation from flags and the protection by the profile.
#[derive(Clone, Debug, Default)]
pub struct Assent {
    /// `--yes`.
    pub yes: bool,
    /// `--confirm=<slug>`.
    pub confirm: Option<String>,
    /// The protection, as `the profile production is protected`: `--yes` alone is not sufficient
    /// then.
    pub protected: Option<String>,
    /// The target, as `shop on db.example.com (profile production)`.
    pub place: Option<String>,
}

impl Assent {
    /// The operation and its target.
    pub fn placed(&self, what: &str) -> String {
        match &self.place {
            Some(place) => format!("{what}, in {place}"),
            None => what.to_owned(),
        }
    }
}

/// Prompts on stderr, and only if a user can answer.
#[derive(Clone)]
pub struct Prompter {
    printer: Printer,
}

impl Prompter {
    pub(super) const fn new(printer: Printer) -> Self {
        Self { printer }
    }

    /// Returns `true` if a prompt may be shown: stdin, stdout and stderr are terminals, `CI` is
    /// unset and `--no-input` is not given.
    pub fn interactive(&self) -> bool {
        self.printer.options().interactive()
    }

    /// Prompts for a value until `validate` accepts it; `default` is returned for Enter alone.
    ///
    /// # Errors
    /// `Usage`, naming `flag`, if no user can answer (even with a default: it is a suggestion, not
    /// a decision); `Interrupted` on Ctrl-C.
    pub fn input<T>(
        &self,
        label: &str,
        flag: &str,
        default: Option<&str>,
        validate: impl Fn(&str) -> Result<T>,
    ) -> Result<T> {
        self.require(label, flag)?;
        let answer = self.ask(|theme, term| {
            let mut input = dialoguer::Input::<String>::with_theme(theme)
                .with_prompt(escape::line(label))
                .allow_empty(true)
                .validate_with(|text: &String| match validate(text.trim()) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(mistake(&error)),
                });
            if let Some(default) = default {
                input = input.default(default.to_owned());
            }
            input.interact_text_on(term)
        })?;
        validate(answer.trim())
    }

    /// Prompts for yes or no; Enter alone means no.
    ///
    /// # Errors
    /// `Refused` if the answer is no, or if no user can answer and `yes` is not given;
    /// `Interrupted` on Ctrl-C.
    pub fn confirm(&self, question: &str, flag: &str, yes: bool) -> Result<Confirmed> {
        if yes {
            return Ok(Confirmed::by_flag());
        }
        if !self.interactive() {
            return Err(
                unconfirmed(question).hint(format!("add {flag} to continue without a prompt"))
            );
        }
        let agreed = self.ask(|theme, term| {
            dialoguer::Confirm::with_theme(theme)
                .with_prompt(escape::line(question))
                .default(false)
                .interact_on(term)
        })?;
        if agreed {
            Ok(Confirmed::by_flag())
        } else {
            Err(Error::refused("declined: nothing was changed")
                .hint(format!("use {flag} to continue without a prompt")))
        }
    }

    /// Requires `expected` (a slug) to be typed before `what` is done. `--confirm=<expected>`
    /// replaces the prompt, and so does `--yes` unless the profile or the database is protected.
    ///
    /// # Errors
    /// `Refused` if a different text is typed or given, or if no user can answer; `Interrupted` on
    /// Ctrl-C.
    pub fn type_to_confirm(
        &self,
        what: &str,
        expected: &str,
        assent: &Assent,
    ) -> Result<Confirmed> {
        if let Some(given) = &assent.confirm {
            return if given == expected {
                Ok(Confirmed::by_flag())
            } else {
                Err(Error::refused(format!(
                    "--confirm={given} does not match {expected}; nothing was changed"
                ))
                .hint(format!("use --confirm={}", quoted(expected))))
            };
        }
        if assent.yes && assent.protected.is_none() {
            return Ok(Confirmed::by_flag());
        }
        if !self.interactive() {
            return Err(not_typed(&assent.placed(what), expected, assent));
        }
        if let Some(protected) = &assent.protected {
            self.printer.warn(protected);
        }
        self.printer.say("", Tone::Plain, &assent.placed(what));
        let typed = self.ask(|theme, term| {
            dialoguer::Input::<String>::with_theme(theme)
                .with_prompt(format!("type {} to confirm", escape::line(expected)))
                .allow_empty(true)
                .interact_text_on(term)
        })?;
        if typed.trim() == expected {
            Ok(Confirmed::by_flag())
        } else {
            Err(Error::refused(format!(
                "input does not match {expected}; nothing was changed"
            ))
            .hint(format!(
                "run it again and type {expected}, or add --confirm={}",
                quoted(expected)
            )))
        }
    }

    /// Prompts for one of `items` and returns its index; `default` is selected initially.
    ///
    /// # Errors
    /// `Usage`, naming `flag`, if no user can answer; `Interrupted` on Escape and Ctrl-C.
    pub fn select<S: AsRef<str>>(
        &self,
        label: &str,
        flag: &str,
        items: &[S],
        default: usize,
    ) -> Result<usize> {
        self.require(label, flag)?;
        let shown = items.iter().map(|item| escape::line(item.as_ref()));
        let chosen = self.ask(|theme, term| {
            dialoguer::Select::with_theme(theme)
                .with_prompt(escape::line(label))
                .items(shown)
                .default(default)
                .interact_on_opt(term)
        })?;
        chosen.ok_or_else(Error::interrupted)
    }

    /// Prompts for a secret, which is not displayed.
    ///
    /// # Errors
    /// `Usage`, naming `flag`, if no user can answer; `Interrupted` on Ctrl-C.
    pub fn password(&self, label: &str, flag: &str) -> Result<SecretString> {
        self.require(label, flag)?;
        self.ask(|_theme, term| {
            term.write_str(&format!("{}: ", escape::line(label)))?;
            term.flush()?;
            let secret = read_hidden(term)?;
            term.write_line("")?;
            Ok(secret)
        })
    }

    /// Runs a function that needs the terminal exclusively.
    pub(super) fn with_terminal<T>(&self, run: impl FnOnce() -> T) -> T {
        self.printer.bars().suspend(run)
    }

    /// Leaves Ctrl-C to the program that uses the terminal, until the guard is dropped.
    pub(super) fn lend_terminal(&self) -> LentTerminal {
        self.printer.set_terminal_lent(true);
        LentTerminal(self.printer.clone())
    }

    fn require(&self, label: &str, flag: &str) -> Result<()> {
        if self.interactive() {
            return Ok(());
        }
        Err(
            Error::usage(format!("{label} is required (no terminal to prompt on)"))
                .hint(format!("set it with {flag}")),
        )
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Theme, &Term) -> dialoguer::Result<T>,
    ) -> Result<T> {
        let colored = self.printer.stderr_style().color;
        console::set_colors_enabled_stderr(colored);
        let theme: Box<dyn Theme> = if colored {
            Box::new(ColorfulTheme::default())
        } else {
            Box::new(SimpleTheme)
        };
        let term = Term::stderr();
        self.with_terminal(|| question(theme.as_ref(), &term))
            .map_err(|error| unanswered(&term, error.into()))
    }
}

/// A guard while another program uses the terminal; see [`Prompter::lend_terminal`].
pub(super) struct LentTerminal(Printer);

impl Drop for LentTerminal {
    fn drop(&mut self) {
        self.0.set_terminal_lent(false);
    }
}

/// Restores the terminal and distinguishes an interruption from a failure.
fn unanswered(term: &Term, error: io::Error) -> Error {
    // Menus hide the cursor; if showing it fails, there is no terminal left to restore.
    let _restored = term.show_cursor().and_then(|()| term.write_line(""));
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => Error::interrupted(),
        _ => Error::failure("cannot read the answer from the terminal").because(error),
    }
}

fn unconfirmed(what: &str) -> Error {
    // A trailing question mark would end the sentence before the next clause.
    let what = what.trim_end_matches('?');
    Error::refused(format!(
        "not confirmed (no terminal to prompt on): {what}; nothing was changed"
    ))
}

fn not_typed(what: &str, expected: &str, assent: &Assent) -> Error {
    let expected = quoted(expected);
    match &assent.protected {
        Some(protected) => unconfirmed(what).hint(format!(
            "{protected}: add --confirm={expected} to continue without a prompt"
        )),
        None => unconfirmed(what).hint(format!(
            "add --yes or --confirm={expected} to continue without a prompt"
        )),
    }
}

fn quoted(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

fn mistake(error: &Error) -> String {
    let hints = error.hints().iter().map(|hint| format!(" ({hint})"));
    let text = format!("{error}{}", hints.collect::<String>());
    escape::line(&text).into_owned()
}

/// Reads keys up to Enter with the echo off throughout: between two keys the terminal is back in
/// its usual mode, and pasted text would show.
fn read_hidden(term: &Term) -> io::Result<SecretString> {
    let _echo_off = EchoOff::new()?;
    let mut typed = Zeroizing::new(String::new());
    loop {
        // The raw variant reports Ctrl-C as a key. A signal could end the process before the echo
        // is restored.
        match term.read_key_raw()? {
            Key::Enter => return Ok(SecretString::from(typed.as_str())),
            Key::CtrlC => return Err(io::ErrorKind::Interrupted.into()),
            Key::Backspace => {
                typed.pop();
            }
            Key::Char(character) if !character.is_control() => typed.push(character),
            _ => {}
        }
    }
}

/// Disables the echo of the terminal on stdin until it is dropped.
struct EchoOff(Termios);

impl EchoOff {
    fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // It fails only if the terminal is gone.
        let _restored = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::output::PrinterOptions;

    fn without_terminal() -> Prompter {
        Printer::captured().0.prompter()
    }

    fn assent(yes: bool, confirm: Option<&str>, protected: Option<&str>) -> Assent {
        Assent {
            yes,
            confirm: confirm.map(str::to_owned),
            protected: protected.map(|name| format!("the profile {name} is protected")),
            place: Some("shop on db (profile p)".to_owned()),
        }
    }

    #[test]
    fn asking_needs_three_terminals_and_no_ci() {
        let person = PrinterOptions {
            stdin_terminal: true,
            stdout_terminal: true,
            stderr_terminal: true,
            ..PrinterOptions::default()
        };
        let interactive = |change: fn(&mut PrinterOptions)| {
            let mut options = person.clone();
            change(&mut options);
            let (printer, _captured) = Printer::captured_with(options);
            printer.prompter().interactive()
        };
        assert!(interactive(|_| {}));
        assert!(!interactive(|o| o.stdin_terminal = false));
        assert!(!interactive(|o| o.stdout_terminal = false));
        assert!(!interactive(|o| o.stderr_terminal = false));
        assert!(!interactive(|o| o.ci = true));
        assert!(!interactive(|o| o.no_input = true));
    }

    #[test]
    fn a_missing_value_names_its_flag() {
        let input = without_terminal().input("Slug", "--slug", Some("harbor"), |_| Ok(()));
        let select = without_terminal()
            .select("Role", "--role", &["owner"], 0)
            .map(drop);
        let password = without_terminal()
            .password("Password", "--password-file")
            .map(drop);
        for (result, flag) in [
            (input, "--slug"),
            (select, "--role"),
            (password, "--password-file"),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert_eq!(error.hints(), [format!("set it with {flag}")]);
        }
    }

    #[test]
    fn nobody_confirms_without_the_flag() {
        let error = without_terminal()
            .confirm("Migrate?", "--yes", false)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hints()[0].to_string().contains("--yes"));
        assert!(error.to_string().contains("Migrate; nothing"), "{error}");
        assert!(
            without_terminal()
                .confirm("Migrate?", "--yes", true)
                .is_ok()
        );
    }

    #[test]
    fn yes_is_enough_unless_the_profile_is_protected() {
        let ask =
            |assent: &Assent| without_terminal().type_to_confirm("purge harbor", "harbor", assent);
        assert!(ask(&assent(true, None, None)).is_ok());
        assert!(ask(&assent(true, Some("harbor"), Some("production"))).is_ok());
        assert!(ask(&assent(false, Some("harbor"), None)).is_ok());

        let error = ask(&assent(true, None, Some("production"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hints()[0].to_string().contains("--confirm=harbor"));
        assert!(!error.hints()[0].to_string().contains("--yes"));
        let place = "purge harbor, in shop on db (profile p)";
        assert!(error.to_string().contains(place), "{error}");

        let error = ask(&assent(false, None, None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hints()[0].to_string().contains("--yes"));
    }

    #[test]
    fn confirming_something_else_is_refused_even_with_yes() {
        let assent = assent(true, Some("habor"), None);
        let error = without_terminal()
            .type_to_confirm("purge harbor", "harbor", &assent)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("--confirm=habor"));
    }
}
