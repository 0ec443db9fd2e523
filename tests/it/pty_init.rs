//! `init` with a person at the terminal.

use std::fs;

use rexpect::{
    process::WaitStatus,
    session::{PtySession, spawn_command},
};

use crate::common::{Cli, TestDb};

/// Time for one answer; only a broken program needs it.
const PATIENCE_MS: u64 = 30_000;

fn init(cli: &Cli) -> PtySession {
    spawn_command(cli.command(&["init"]), Some(PATIENCE_MS)).expect("a pseudo-terminal")
}

/// Waits for `question`, then types `answer`. Gives what was on the screen before.
fn answer(session: &mut PtySession, question: &str, answer: &str) -> String {
    let screen = session.exp_string(question).expect("the question is asked");
    session.send(answer).expect("the answer is typed");
    session.flush().expect("the answer is typed");
    screen
}

fn end(mut session: PtySession) -> (i32, String) {
    let screen = session.exp_eof().expect("the program ends");
    match session.process().wait().expect("the program ends") {
        WaitStatus::Exited(_, code) => (code, screen),
        other => panic!("{other:?}: {screen}"),
    }
}

#[test]
fn it_asks_tries_writes_and_migrates() {
    let db = TestDb::empty();
    let cli = Cli::new();
    let mut session = init(&cli);
    answer(&mut session, "Profile name", "staging\r");
    answer(&mut session, "Source of the database URL", "\r");
    answer(&mut session, "without its password", "mysql://x\r");
    answer(
        &mut session,
        "does not start with postgres://",
        &format!("{}\r", db.url),
    );
    let mut screen = answer(&mut session, "Password, not shown", "hunter2\r");
    screen += &answer(&mut session, "Migrate it now?", "y");
    let (code, rest) = end(session);
    screen += &rest;
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("profile staging was written"), "{screen}");
    assert!(screen.contains("its database was migrated"), "{screen}");
    assert!(!screen.contains("hunter2"), "{screen}");

    let text = fs::read_to_string(cli.config_file()).expect("the file");
    assert!(text.contains("default_profile = \"staging\""), "{text}");
    assert!(
        text.contains("postgres:hunter2@"),
        "the password is in the URL: {text}"
    );
    cli.ok(&["db", "status", "--check"]);
}

#[test]
fn a_migration_that_is_declined_is_offered_as_the_next_command() {
    let db = TestDb::empty();
    let cli = Cli::new().env("MAIN_URL", &db.url).env("NO_COLOR", "1");
    let mut session = init(&cli);
    // Enter alone takes the name that is offered.
    answer(&mut session, "Profile name", "\r");
    answer(&mut session, "Source of the database URL", "j\r");
    answer(&mut session, "Variable name", "MAIN_URL\r");
    answer(&mut session, "Migrate it now?", "n");
    let (code, screen) = end(session);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("next: tenantctl db migrate"), "{screen}");
    assert_eq!(cli.json(&["db", "status"])["state"], "empty");
    let text = fs::read_to_string(cli.config_file()).expect("the file");
    assert!(text.contains("[profiles.main]"), "{text}");
}

#[test]
fn a_connection_that_fails_is_written_only_on_request() {
    let cli = Cli::new().env("MAIN_URL", "postgres://ops@127.0.0.1:1/app");
    for (reply, exit_code) in [("n", 5), ("y", 0)] {
        let mut session = init(&cli);
        answer(&mut session, "Profile name", "main\r");
        answer(&mut session, "Source of the database URL", "j\r");
        answer(&mut session, "Variable name", "MAIN_URL\r");
        answer(&mut session, "Write the profile anyway?", reply);
        let (code, screen) = end(session);
        assert_eq!(code, exit_code, "{screen}");
        assert_eq!(cli.config_file().exists(), reply == "y", "{screen}");
    }
}

#[test]
fn ctrl_c_writes_nothing() {
    let cli = Cli::new();
    let mut session = init(&cli);
    answer(&mut session, "Profile name", "main\r");
    answer(&mut session, "Source of the database URL", "\r");
    session
        .exp_string("without its password")
        .expect("the question");
    session.send_control('c').expect("Ctrl-C is typed");
    let (code, screen) = end(session);
    assert_eq!(code, 130, "{screen}");
    assert!(!cli.config_file().exists());
}
