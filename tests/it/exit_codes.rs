//! Exit codes and streams, as `--help` documents them.

use crate::common::{Cli, TestDb};

#[test]
fn each_code_means_what_the_help_says() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "list"]);
    cli.fails(2, &["org", "lst"]);
    cli.fails(2, &["org", "list", "--limit", "0"]);
    cli.fails(2, &["org", "create", "X Y", "--timezone", "Mars/Base"]);
    cli.fails(3, &["org", "show", "nobody-here"]);
    cli.ok(&["org", "create", "Harbor Clinic"]);
    cli.fails(4, &["org", "create", "X Y", "--slug", "harbor-clinic"]);
    cli.fails(5, &["org", "delete", "harbor-clinic"]);
    cli.fails(
        6,
        &[
            "org",
            "update",
            "harbor-clinic",
            "--allow-domain",
            "not a domain",
        ],
    );
}

#[test]
fn a_database_that_cannot_be_used_is_seven_and_says_why() {
    let nobody = Cli::new();
    let told = nobody.fails(7, &["org", "list"]);
    assert!(
        told.contains("tenantctl local start") && told.contains("init"),
        "{told}"
    );

    let down = Cli::new().env(
        "TENANTCTL_DATABASE_URL",
        "postgres://u:hunter2@127.0.0.1:1/db",
    );
    let told = down.fails(7, &["org", "list"]);
    assert!(told.contains("127.0.0.1:1"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");

    let empty = TestDb::empty();
    let told = empty.cli().fails(7, &["org", "list"]);
    assert!(told.contains("tenantctl db migrate"), "{told}");

    let db = TestDb::new();
    let gone = Cli::new().env(
        "TENANTCTL_DATABASE_URL",
        &db.url.replace(&db.name, "it_gone"),
    );
    let told = gone.fails(7, &["org", "list"]);
    assert!(told.contains("does not exist"), "{told}");
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let db = TestDb::new();
    let outcome = db.cli().run(&["org", "show", "nobody-here", "-o", "json"]);
    assert_eq!(outcome.stdout, "");
    let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(error["code"], "not_found");
    assert_eq!(error["exit_code"], 3);
    assert!(error["message"].as_str().unwrap().contains("nobody-here"));
    assert!(error["hint"].is_string());

    let outcome = db.cli().run(&["org", "create", "-o", "json"]);
    assert_eq!(outcome.code, 2);
    let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(error["code"], "usage");
}

#[test]
fn help_answers_without_a_database_and_names_every_exit_code() {
    let cli = Cli::new();
    let help = cli.ok(&["--help"]);
    for code in [
        "0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "10 ", "130 ",
    ] {
        assert!(
            help.contains(&format!(" {code}")),
            "{code} is not in the help"
        );
    }
    let readme = include_str!("../../README.md");
    for line in tenantctl::cli::help::EXIT_CODES.lines().skip(1) {
        let (code, meaning) = line.trim().split_once("  ").expect("code and meaning");
        assert!(
            readme.contains(&format!("| {code} | {meaning} |")),
            "README does not say: {code} {meaning}"
        );
    }
    assert!(cli.ok(&["--version"]).starts_with("tenantctl "));
}

#[test]
fn a_pipe_that_is_closed_early_is_no_error() {
    let db = TestDb::new();
    let cli = db.cli();
    for number in 0..40 {
        cli.ok(&["org", "create", &format!("Clinic {number}")]);
    }
    let mut child = cli
        .command(&["org", "list", "--all", "-o", "ndjson"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
}

#[test]
fn a_connection_lost_in_the_middle_leaves_nothing_behind() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Hold the organization's row, so that the command waits inside its transaction.
    let mut holder = runtime.block_on(db.raw());
    runtime.block_on(async {
        use sqlx::Executor;
        holder
            .execute("BEGIN; SELECT FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE")
            .await
            .unwrap();
    });
    let child = cli
        .command(&["org", "update", "harbor-clinic", "--name", "Renamed"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'tenantctl'
                      AND wait_event_type = 'Lock'";
    let mut killed = false;
    for _ in 0..200 {
        let mut watcher = runtime.block_on(db.raw());
        let rows: Vec<bool> = runtime
            .block_on(sqlx::query_scalar(waiting).fetch_all(&mut watcher))
            .unwrap();
        if !rows.is_empty() {
            killed = true;
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(killed, "the command never waited for the lock");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    drop(holder);
    let name: String = runtime.block_on(db.scalar("SELECT name FROM organizations"));
    assert_eq!(name, "Harbor Clinic");
}

#[test]
fn secrets_in_the_wrong_place_are_not_repeated() {
    let cli = Cli::new();
    let token = "Ab3-_xYz".repeat(8);
    for args in [
        &["postgres://u:hunter2@h/db"][..],
        &["org", "list", "postgres://u:hunter2@h/db"],
        &["invite", "accept", &token, &token],
        &["invite", "accept", "-", "--email", &token],
        &["user", &token],
    ] {
        for format in [&[][..], &["-o", "json"]] {
            let told = cli.fails(2, &[args, format].concat());
            assert!(told.contains("***"), "{told}");
            assert!(
                !told.contains("hunter2") && !told.contains("Ab3-_xYz"),
                "{told}"
            );
        }
    }
    let db = TestDb::new();
    for args in [["org", "show", &token], ["--org", &token, "member list"]] {
        let words: Vec<&str> = args.iter().flat_map(|word| word.split(' ')).collect();
        let told = db.cli().fails(3, &words);
        assert!(told.contains("***") && !told.contains("Ab3-_xYz"), "{told}");
    }
    // What is no secret is.
    let told = cli.fails(2, &["org", "lst"]);
    assert!(told.contains("'lst'") && !told.contains("***"), "{told}");
}

#[test]
fn who_acts_has_a_name_that_can_be_read() {
    let db = TestDb::new();
    for actor in ["", "evil\nx", "\u{202e}toor"] {
        db.cli().fails(2, &["org", "list", "--actor", actor]);
    }
    let told = db
        .cli()
        .env("TENANTCTL_ACTOR", "evil\nx")
        .fails(2, &["org", "list"]);
    assert!(told.contains("TENANTCTL_ACTOR"), "{told}");
}

#[test]
fn arguments_that_are_no_text_are_wrong_usage_and_reach_no_terminal_raw() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let cli = Cli::new();
    let mut command = cli.command(&["org", "create"]);
    let output = command
        .arg(OsStr::from_bytes(b"\xff\xfe"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = cli.fails(2, &["org", "create", "\u{1b}[31mred"]);
    assert!(!told.contains('\u{1b}'), "{told:?}");
}
