//! What only a person at a terminal sees: `channel edit` and its questions.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rexpect::{
    process::WaitStatus,
    session::{PtySession, spawn_command},
};
use serde_json::Value;
use sqlx::{Connection, Executor};
use tempfile::TempDir;

use crate::common::{Cli, TestDb};

/// Time for one answer; only a broken program needs it.
const PATIENCE_MS: u64 = 30_000;

/// An organization, an editor that is a shell script, and a folder for temporary files.
struct Desk {
    db: TestDb,
    cli: Cli,
    folder: TempDir,
}

impl Desk {
    /// The script gets the document as `$1` and may use files in `$DESK`.
    fn with_editor(script: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let editor = folder.path().join("editor.sh");
        fs::write(&editor, format!("set -e\n{script}\n")).expect("the script is written");
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let db = TestDb::new();
        let cli = db
            .cli()
            .env("TENANTCTL_ORG", "harbor")
            .env("EDITOR", &format!("sh {}", editor.display()))
            .env("DESK", folder.path().to_str().expect("UTF-8"))
            .env("TENANTCTL", env!("CARGO_BIN_EXE_tenantctl"))
            .env("TMPDIR", folder.path().join("tmp").to_str().expect("UTF-8"));
        cli.ok(&["org", "create", "Harbor Clinic", "--slug", "harbor"]);
        Self { db, cli, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, flags: &[&str]) -> PtySession {
        let command = self
            .cli
            .command(&[&["channel", "edit", "web"], flags].concat());
        spawn_command(command, Some(PATIENCE_MS)).expect("a pseudo-terminal")
    }

    fn web(&self) -> Value {
        self.cli.json(&["channel", "show", "web"])
    }

    /// The one file that is left of the edit.
    fn kept(&self) -> PathBuf {
        let mut left = self.left_behind();
        assert_eq!(left.len(), 1, "{left:?}");
        left.remove(0)
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.file("tmp")).expect("a folder");
        files.map(|file| file.expect("an entry").path()).collect()
    }

    async fn wait_for_a_lock_to_be_waited_for(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                        WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while self.db.scalar::<i64>(waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn assert_nothing_written(&self) {
        assert_eq!(self.web()["version"], 1);
    }

    /// The edited text is in the named file, and the command of the hint saves it.
    fn assert_kept_text_can_be_saved(&self, screen: &str, greeting: &str) {
        let kept = self.kept();
        assert!(screen.contains(&kept.display().to_string()), "{screen}");
        let kept = kept.to_str().expect("UTF-8");
        self.cli.ok(&["channel", "set", "web", "--from-file", kept]);
        assert_eq!(self.web()["settings"]["greeting"], greeting);
    }
}

/// Waits for the end and gives the exit code with what was still on the screen.
fn end(mut session: PtySession) -> (i32, String) {
    let screen = session.exp_eof().expect("the program ends");
    match session.process().wait().expect("the program ends") {
        WaitStatus::Exited(_, code) => (code, screen),
        other => panic!("{other:?}: {screen}"),
    }
}

/// Sets the greeting in the document.
const GREET: &str = r#"sed -i 's/^# greeting = .*/greeting = "Mine"/' "$1""#;

#[test]
fn a_mistake_reopens_the_editor_with_the_error_and_the_second_run_mends_it() {
    let desk = Desk::with_editor(
        r#"
        cp "$1" "$DESK/seen"
        if [ -e "$DESK/second" ]; then
            sed -i 's/^agent_mode = .*/agent_mode = "two"/' "$1"
        else
            touch "$DESK/second"
            sed -i 's/^agent_mode = .*/agent_mode = "three"/; s/^# greeting = .*/greeting = "Mine"/' "$1"
        fi
        "#,
    );
    let mut session = desk.edit(&[]);
    let screen = session.exp_string("Save channel web of harbor?").unwrap();
    for line in [
        "-agent_mode = \"single\"",
        "+agent_mode = \"two\"",
        "+greeting = \"Mine\"",
    ] {
        assert!(screen.contains(line), "{screen}");
    }
    session.send("y").unwrap();
    session.flush().unwrap();
    let (code, screen) = end(session);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("updated channel web of harbor"), "{screen}");

    let seen = fs::read_to_string(desk.file("seen")).unwrap();
    assert!(seen.starts_with("# error: "), "{seen}");
    assert!(seen.contains("allowed are single, two"), "{seen}");
    assert!(
        seen.contains("\ngreeting = \"Mine\"\n"),
        "nothing of the first run is lost: {seen}"
    );
    let web = desk.web();
    assert_eq!(web["settings"]["agent_mode"], "two");
    assert_eq!(web["settings"]["greeting"], "Mine");
    assert_eq!(desk.left_behind(), [] as [&Path; 0]);
}

#[test]
fn a_mistake_that_is_left_in_gives_up_and_keeps_the_text() {
    let desk = Desk::with_editor(
        r#"[ -e "$DESK/second" ] || echo 'colour = "red"' >>"$1"; touch "$DESK/second""#,
    );
    let (code, screen) = end(desk.edit(&[]));
    assert_eq!(code, 6, "{screen}");
    assert!(screen.contains("unknown field `colour`"), "{screen}");
    assert!(
        fs::read_to_string(desk.kept())
            .unwrap()
            .ends_with("colour = \"red\"\n")
    );
    desk.assert_nothing_written();
}

#[test]
fn an_unchanged_document_changes_nothing() {
    for script in ["true", r#"echo '# a remark' >>"$1""#] {
        let desk = Desk::with_editor(script);
        let (code, screen) = end(desk.edit(&[]));
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("already up to date"), "{screen}");
        desk.assert_nothing_written();
        assert_eq!(desk.left_behind(), [] as [&Path; 0]);
    }
}

#[test]
fn an_editor_that_fails_changes_nothing_and_its_text_is_kept() {
    let desk = Desk::with_editor(&format!("{GREET}; exit 3"));
    let (code, screen) = end(desk.edit(&[]));
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("exit status: 3"), "{screen}");
    desk.assert_nothing_written();
    desk.assert_kept_text_can_be_saved(&screen, "Mine");

    let desk = Desk::with_editor("exit 3");
    assert_eq!(end(desk.edit(&[])).0, 1);
    assert_eq!(desk.left_behind(), [] as [&Path; 0]);
}

#[test]
fn an_editor_that_cannot_be_started_is_named() {
    let desk = Desk::with_editor("true");
    let mut command = desk.cli.command(&["channel", "edit", "web"]);
    command.env("EDITOR", "/nonexistent/editor");
    let (code, screen) = end(spawn_command(command, Some(PATIENCE_MS)).unwrap());
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("/nonexistent/editor"), "{screen}");

    let mut command = desk.cli.command(&["channel", "edit", "web"]);
    command.env_remove("EDITOR");
    let (code, screen) = end(spawn_command(command, Some(PATIENCE_MS)).unwrap());
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("EDITOR=nano"), "{screen}");
}

#[test]
fn ctrl_c_that_ends_the_editor_keeps_the_text() {
    let desk = Desk::with_editor(&format!("{GREET}; echo ready; sleep 60"));
    let mut session = desk.edit(&[]);
    session.exp_string("ready").unwrap();
    session.send_control('c').unwrap();
    let (code, screen) = end(session);
    assert_eq!(code, 130, "{screen}");
    desk.assert_nothing_written();
    desk.assert_kept_text_can_be_saved(&screen, "Mine");
}

#[test]
fn ctrl_c_that_the_editor_handles_is_none_of_our_business() {
    let desk = Desk::with_editor(&format!(
        r#"
        trap 'touch "$DESK/heard"' INT
        echo ready
        until [ -e "$DESK/heard" ]; do sleep 0.05 || true; done
        {GREET}
        "#
    ));
    let mut session = desk.edit(&[]);
    session.exp_string("ready").unwrap();
    session.send_control('c').unwrap();
    session.exp_string("Save channel web of harbor?").unwrap();
    session.send("y").unwrap();
    session.flush().unwrap();
    let (code, screen) = end(session);
    assert_eq!(code, 0, "{screen}");
    assert_eq!(desk.web()["settings"]["greeting"], "Mine");
}

#[test]
fn ctrl_c_and_no_at_the_question_change_nothing_and_keep_the_text() {
    for (answer, expected) in [("\u{3}", 130), ("n", 5)] {
        let desk = Desk::with_editor(GREET);
        let mut session = desk.edit(&[]);
        session.exp_string("Save channel web of harbor?").unwrap();
        session.send(answer).unwrap();
        session.flush().unwrap();
        let (code, screen) = end(session);
        assert_eq!(code, expected, "{screen}");
        desk.assert_nothing_written();
        desk.assert_kept_text_can_be_saved(&screen, "Mine");
    }
}

#[test]
fn somebody_elses_change_meanwhile_is_not_overwritten_and_the_text_is_kept() {
    let desk = Desk::with_editor(&format!(
        r#""$TENANTCTL" channel set web model=gpt-4o >/dev/null; {GREET}"#
    ));
    let (code, screen) = end(desk.edit(&["--yes"]));
    assert_eq!(code, 4, "{screen}");
    assert!(screen.contains("changed by another session"), "{screen}");
    for said in [
        "+model = \"gpt-4o\"",
        "tenantctl channel edit web --org harbor",
        "overwrite the other changes",
    ] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    let web = desk.web();
    assert_eq!(
        (&web["model"], &web["settings"]["greeting"]),
        (&"gpt-4o".into(), &Value::Null)
    );
    desk.assert_kept_text_can_be_saved(&screen, "Mine");
}

#[tokio::test]
async fn ctrl_c_while_it_is_saved_keeps_the_text() {
    let desk = Desk::with_editor(GREET);
    let mut other = desk.db.raw().await;
    let mut in_the_way = other.begin().await.unwrap();
    in_the_way
        .execute("SELECT FROM organizations FOR UPDATE")
        .await
        .unwrap();
    let mut session = desk.edit(&["--yes"]);
    session.exp_string("+greeting").unwrap();
    desk.wait_for_a_lock_to_be_waited_for().await;
    session.send_control('c').unwrap();
    let (code, screen) = end(session);
    assert_eq!(code, 130, "{screen}");
    in_the_way.rollback().await.unwrap();
    desk.assert_nothing_written();
    desk.assert_kept_text_can_be_saved(&screen, "Mine");
}

#[tokio::test]
async fn nothing_is_locked_while_the_editor_is_open() {
    for flags in [&[][..], &["--dry-run"]] {
        let desk = Desk::with_editor(r#"echo ready; until [ -e "$DESK/go" ]; do sleep 0.05; done"#);
        let mut session = desk.edit(flags);
        session.exp_string("ready").unwrap();
        desk.db
            .execute("BEGIN; SELECT FROM organizations FOR UPDATE NOWAIT; COMMIT")
            .await;
        fs::write(desk.file("go"), "").unwrap();
        assert_eq!(end(session).0, 0);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_meanwhile_does_not_cost_the_text() {
    let desk = Desk::with_editor(&format!(
        r#"{GREET}; echo ready; until [ -e "$DESK/go" ]; do sleep 0.05; done"#
    ));
    let mut session = desk.edit(&["--yes"]);
    session.exp_string("ready").unwrap();
    desk.db
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE application_name = 'tenantctl' AND datname = current_database()",
        )
        .await;
    fs::write(desk.file("go"), "").unwrap();
    let (code, screen) = end(session);
    assert_eq!(code, 7, "{screen}");
    desk.assert_nothing_written();
    desk.assert_kept_text_can_be_saved(&screen, "Mine");
}

#[test]
fn yes_saves_without_asking_and_a_dry_run_saves_nothing() {
    let desk = Desk::with_editor(GREET);
    let (code, screen) = end(desk.edit(&["--dry-run"]));
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("rolled back"), "{screen}");
    desk.assert_nothing_written();
    let kept = desk.kept();
    assert!(screen.contains(&kept.display().to_string()), "{screen}");
    fs::remove_file(kept).unwrap();

    let (code, screen) = end(desk.edit(&["--yes"]));
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("+greeting = \"Mine\""),
        "the difference is shown: {screen}"
    );
    assert_eq!(desk.web()["settings"]["greeting"], "Mine");
    assert_eq!(desk.left_behind(), [] as [&Path; 0]);
}
