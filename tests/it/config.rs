//! `config` and `init`, as scripts use them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use crate::common::{Cli, TestDb};

/// Nobody listens there.
const NOWHERE: &str = "postgres://ops:hunter2@127.0.0.1:1/app";

fn with_config(text: &str) -> Cli {
    let cli = Cli::new();
    let file = cli.config_file();
    fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
    fs::write(file, text).expect("the file is written");
    cli
}

fn config_text(cli: &Cli) -> String {
    fs::read_to_string(cli.config_file()).unwrap_or_default()
}

fn setting<'a>(shown: &'a Value, key: &str) -> &'a Value {
    let settings = shown["settings"].as_array().expect("a list");
    settings
        .iter()
        .find(|setting| setting["key"] == key)
        .unwrap_or_else(|| panic!("{key} in {shown}"))
}

#[test]
fn the_path_is_printed_alone() {
    let cli = Cli::new();
    let stdout = cli.ok(&["config", "path"]);
    assert_eq!(Path::new(stdout.trim_end()), cli.config_file());
    assert_eq!(cli.json(&["config", "path"])["exists"], false);
    let named = cli.ok(&["--config", "/etc/other.toml", "config", "path"]);
    assert_eq!(named, "/etc/other.toml\n");
}

#[test]
fn values_are_shown_with_their_source_and_without_passwords() {
    let cli = with_config(&format!(
        "default_profile = 'staging'\n[output]\npage_size = 7\n\
         [profiles.staging]\ndatabase_url = '{NOWHERE}'\n"
    ))
    .env("TENANTCTL_EDITOR", "ed");
    let shown = cli.json(&["config", "show"]);
    assert_eq!(setting(&shown, "output.page_size")["value"], 7);
    assert_eq!(setting(&shown, "output.page_size")["source"], "file");
    assert_eq!(setting(&shown, "output.format")["source"], "--output");
    assert_eq!(setting(&shown, "editor")["source"], "TENANTCTL_EDITOR");
    assert_eq!(
        setting(&shown, "organizations.default_locale")["source"],
        "default"
    );
    let database = shown["database"].as_str().expect("a database");
    assert!(
        database.starts_with("profile staging (host 127.0.0.1"),
        "{database}"
    );

    let outcome = cli.run(&["config", "show"]);
    for stream in [&outcome.stdout, &outcome.stderr, &shown.to_string()] {
        assert!(!stream.contains("hunter2"), "{stream}");
    }
    assert!(
        outcome
            .stdout
            .contains("postgres://ops:***@127.0.0.1:1/app")
    );
}

#[test]
fn every_mistake_is_listed_and_the_exit_code_says_so() {
    let cli = with_config("[output]\npage_sise = 3\npage_size = 0\n[profiles.x]\n");
    let outcome = cli.run(&["config", "validate", "-o", "json"]);
    assert_eq!(outcome.code, 6);
    let found: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(found["valid"], false);
    let keys: Vec<&str> = found["mistakes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mistake| mistake["key"].as_str())
        .collect();
    assert_eq!(keys, ["output.page_sise", "output.page_size", "profiles.x"]);
    assert_eq!(found["mistakes"][0]["line"], 2);
    assert_eq!(found["mistakes"][0]["hint"], "did you mean page_size?");
}

#[test]
fn what_mends_a_broken_file_works_with_one() {
    let cli = with_config("this is = = no TOML");
    cli.ok(&["config", "path"]);
    cli.ok(&["config", "schema"]);
    cli.fails(6, &["config", "validate"]);
    let stderr = cli.fails(6, &["config", "show"]);
    assert!(stderr.contains(":1:"), "the place of the mistake: {stderr}");
    assert!(cli.ok(&["completions", "bash"]).contains("tenantctl"));
    let refused = cli.fails(
        6,
        &["init", "--profile-name", "a", "--database-url-env", "A"],
    );
    assert!(refused.contains(":1:"), "{refused}");
    assert_eq!(config_text(&cli), "this is = = no TOML");
}

#[test]
fn a_file_that_is_valid_or_missing_is_said_to_be() {
    let valid = with_config("editor = 'vi'\n").json(&["config", "validate"]);
    assert_eq!(
        (&valid["valid"], &valid["exists"]),
        (&true.into(), &true.into())
    );
    let missing = Cli::new().json(&["config", "validate"]);
    assert_eq!(
        (&missing["valid"], &missing["exists"]),
        (&true.into(), &false.into())
    );
    Cli::new().fails(3, &["--config", "/nowhere/c.toml", "config", "validate"]);
}

#[test]
fn the_schema_is_json_in_every_format() {
    for format in ["table", "yaml", "json"] {
        let text = Cli::new().ok(&["config", "schema", "-o", format]);
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        assert!(schema["properties"]["profiles"].is_object());
    }
}

#[test]
fn init_writes_a_private_file_that_later_commands_use() {
    let db = TestDb::empty();
    let cli = Cli::new().stdin(&format!("{}\n", db.url));
    let args = [
        "init",
        "--profile-name",
        "main",
        "--database-url-stdin",
        "--migrate",
    ];
    let made = cli.json(&args);
    assert_eq!(made["default"], true, "the first profile is");
    assert_eq!(made["schema"], "current");
    assert!(
        made["applied"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
    let mode = fs::metadata(cli.config_file())
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    cli.ok(&["org", "list"]);

    let before = config_text(&cli);
    let stderr = cli.fails(4, &args);
    assert!(stderr.contains("--force"), "{stderr}");
    assert_eq!(config_text(&cli), before);
    let mut again = args.to_vec();
    again.push("--force");
    assert_eq!(cli.json(&again)["applied"], Value::Array(Vec::new()));
}

#[test]
fn init_keeps_what_is_in_the_file() {
    let before = "# mine\neditor = 'vi' # best\ndefault_profile = 'a'\n\n[profiles.a]\ndatabase_url_env = 'A'\n";
    let db = TestDb::new();
    let cli = with_config(before).env("B", &db.url);
    let made = cli.json(&[
        "init",
        "--profile-name",
        "b",
        "--database-url-env",
        "B",
        "--protected",
    ]);
    assert_eq!(made["default"], false, "another one is already");
    let after = config_text(&cli);
    assert!(after.starts_with(before), "{after}");
    assert_eq!(
        &after[before.len()..],
        "\n[profiles.b]\ndatabase_url_env = \"B\"\nprotected = true\n"
    );
    cli.ok(&["--profile", "b", "org", "list"]);
    let made = cli.json(&[
        "init",
        "--profile-name",
        "c",
        "--database-url-env",
        "B",
        "--default",
    ]);
    assert_eq!(made["default"], true);
    cli.ok(&["org", "list"]);
}

#[test]
fn init_writes_nothing_where_the_connection_fails_and_shows_no_password() {
    let cli = Cli::new();
    let args = ["init", "--profile-name", "main", "--database-url", NOWHERE];
    let refused = cli.run(&args);
    assert_eq!(refused.code, 7);
    assert!(
        refused.stderr.contains("--no-connect"),
        "{}",
        refused.stderr
    );
    assert!(!cli.config_file().exists());

    let mut all_the_same = args.to_vec();
    all_the_same.push("--no-connect");
    let written = cli.run(&all_the_same);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(config_text(&cli).contains("hunter2"));
    for stream in [
        refused.stdout,
        refused.stderr,
        written.stdout,
        written.stderr,
    ] {
        assert!(!stream.contains("hunter2"), "{stream}");
    }
}

#[test]
fn init_takes_the_url_from_a_command_or_a_file() {
    let db = TestDb::new();
    let cli = Cli::new();
    let file = cli.home().join("url");
    fs::write(&file, &db.url).expect("the file is written");
    let print = format!("cat {}", file.display());
    cli.ok(&[
        "init",
        "--profile-name",
        "command",
        "--database-url-command",
        &print,
    ]);
    let mut relative = cli.command(&[
        "init",
        "--profile-name",
        "file",
        "--database-url-file",
        "url",
    ]);
    let status = relative
        .current_dir(cli.home())
        .output()
        .expect("it ends")
        .status;
    assert!(status.success());
    for profile in ["command", "file"] {
        cli.ok(&["--profile", profile, "org", "list"]);
    }
    assert!(!config_text(&cli).contains(&db.url));
}

#[test]
fn init_without_a_terminal_names_the_flag_that_is_missing() {
    let cli = Cli::new();
    let stderr = cli.fails(2, &["init"]);
    assert!(stderr.contains("--profile-name"), "{stderr}");
    let stderr = cli.fails(2, &["init", "--profile-name", "main"]);
    assert!(stderr.contains("--database-url-env"), "{stderr}");
    let stderr = cli.fails(
        6,
        &["init", "--profile-name", "a b", "--database-url-env", "A"],
    );
    assert!(stderr.contains("letters, digits"), "{stderr}");
    cli.fails(2, &["init", "--dry-run"]);
    assert!(!cli.config_file().exists());
}

#[test]
fn init_warns_of_a_variable_that_hides_the_profile() {
    let db = TestDb::new();
    let cli = Cli::new()
        .env("TENANTCTL_PROFILE", "other")
        .env("MAIN", &db.url);
    let outcome = cli.run(&[
        "init",
        "--profile-name",
        "main",
        "--database-url-env",
        "MAIN",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("warning: TENANTCTL_PROFILE"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome
            .stderr
            .contains("next: tenantctl --profile main org create"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_local_profile_cannot_become_another_database() {
    let cli = Cli::new();
    let args = ["--profile-name", "local", "--database-url-env", "A"];
    let stderr = cli.fails(6, &[&["init"], &args[..]].concat());
    assert!(stderr.contains("is reserved for"), "{stderr}");
    assert!(!cli.config_file().exists());

    let cli = with_config(&format!("[profiles.local]\ndatabase_url = '{NOWHERE}'\n"));
    for command in ["validate", "show"] {
        let stderr = cli.fails(6, &["config", command]);
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn what_a_command_rests_on_is_said_with_v() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic", "--slug", "harbor"]);
    let outcome = cli.run(&["-v", "member", "list", "--org", "harbor"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for part in [
        "configuration: ",
        "database: TENANTCTL_DATABASE_URL (",
        "connected in ",
        "organization: harbor, from --org",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let cli = Cli::new();
    assert!(cli.ok(&["man"]).contains(".TH tenantctl 1"));
    let folder = cli.home().join("man/man1");
    cli.ok(&["man", "--out", folder.to_str().expect("UTF-8")]);
    for page in ["tenantctl.1", "tenantctl-org.1", "tenantctl-org-create.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
}
