//! `agent`: the instructions that channels share, and the platform's defaults.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Cli, Fixture, TestDb};

fn harbor() -> (TestDb, Cli) {
    let db = TestDb::new();
    let cli = db.cli().env("TENANTCTL_ORG", "harbor");
    cli.ok(&["org", "create", "Harbor Clinic", "--slug", "harbor"]);
    (db, cli)
}

const FIELDS: [&str; 4] = [
    "manual_ai_instructions",
    "receptionist_instructions",
    "supervisor_instructions",
    "whatsapp_instructions",
];

#[test]
fn each_text_is_set_shown_and_cleared_by_its_name() {
    let (_db, cli) = harbor();
    for (noun, organization) in [
        (vec!["agent"], json!("harbor")),
        (vec!["agent", "system"], Value::Null),
    ] {
        let run = |args: &[&'static str]| cli.json(&[&noun[..], args].concat());
        for field in FIELDS {
            let changed = run(&["set", field, "Be kind."]);
            assert_eq!(
                changed["changes"],
                json!([{"key": field, "before": null, "after": "Be kind."}])
            );
        }
        assert_eq!(
            run(&["set", "use_manual_instructions", "true"])["changed"],
            true
        );
        let shown = run(&["show"]);
        assert_eq!(shown["organization"], organization);
        assert_eq!(
            (&shown["version"], &shown["use_manual_instructions"]),
            (&json!(6), &json!(true))
        );
        assert!(
            FIELDS.iter().all(|field| shown[field] == "Be kind."),
            "{shown}"
        );

        let cleared = run(&[&["clear", "use_manual_instructions"], &FIELDS[..]].concat());
        assert_eq!(
            cleared["version"], 7,
            "one change, whatever the number of fields"
        );
        assert!(
            FIELDS.iter().all(|field| cleared[field].is_null()),
            "{cleared}"
        );
        assert_eq!(cleared["use_manual_instructions"], false);
        assert_eq!(run(&["clear", "use_manual_instructions"])["changed"], false);
    }
}

#[test]
fn long_texts_come_from_a_file_or_stdin() {
    let (_db, cli) = harbor();
    let text = "You answer for Harbor Clinic.\n\n- Be kind.\n- Be brief.\n";
    let path = cli.home().join("manual.txt");
    fs::write(&path, text).unwrap();
    let set = ["agent", "set", "manual_ai_instructions", "--from-file"];
    cli.ok(&[&set[..], &[path.to_str().unwrap()]].concat());
    assert_eq!(cli.json(&["agent", "show"])["manual_ai_instructions"], text);
    let shown = cli.ok(&["agent", "show"]);
    assert!(
        shown.contains("\nmanual_ai_instructions\nYou answer for Harbor Clinic.\n\n- Be kind.\n"),
        "{shown}"
    );

    let cli = cli.stdin("From a pipe.\n");
    cli.ok(&[
        "agent",
        "system",
        "set",
        "supervisor_instructions",
        "--from-file",
        "-",
    ]);
    assert_eq!(
        cli.json(&["agent", "system", "show"])["supervisor_instructions"],
        "From a pipe.\n"
    );
}

#[tokio::test]
async fn wrong_fields_and_values_are_refused_and_nothing_is_written() {
    let (db, cli) = harbor();
    let told = cli.fails(2, &["agent", "set", "whatsap_instructions", "x"]);
    assert!(FIELDS.iter().all(|field| told.contains(field)), "{told}");
    cli.fails(2, &["agent", "clear"]);
    cli.fails(2, &["agent", "set", "whatsapp_instructions"]);
    let told = cli.fails(6, &["agent", "set", "use_manual_instructions", "yes"]);
    assert!(told.contains("true or false"), "{told}");
    for noun in [&["agent"][..], &["agent", "system"]] {
        let blank = [noun, &["set", "whatsapp_instructions", " \n"]].concat();
        let told = cli.fails(6, &blank);
        assert!(
            told.contains(&format!("{} clear whatsapp_instructions", noun.join(" "))),
            "{told}"
        );
        cli.fails(
            6,
            &[noun, &["set", "whatsapp_instructions", "bell\u{7}"]].concat(),
        );
    }
    let cli = cli.stdin(&"x".repeat(100_001));
    let told = cli.fails(
        6,
        &["agent", "set", "whatsapp_instructions", "--from-file", "-"],
    );
    assert!(told.contains("100000 are allowed"), "{told}");

    let versions = "SELECT (SELECT version FROM agent_configurations)
                         + (SELECT version FROM system_agent_configurations)";
    assert_eq!(db.scalar::<i64>(versions).await, 2);
}

#[test]
fn a_change_names_its_undo() {
    let (_db, cli) = harbor();
    let next = |args: &[&str]| {
        let told = cli.run(args);
        assert_eq!(told.code, 0, "{}", told.stderr);
        let line = told
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("next: "));
        line.unwrap_or_else(|| panic!("no next in {}", told.stderr))
            .to_owned()
    };
    assert_eq!(
        next(&["agent", "set", "whatsapp_instructions", "It's short."]),
        "undo: tenantctl agent clear whatsapp_instructions --org harbor"
    );
    let undo = next(&["agent", "clear", "whatsapp_instructions"]);
    let words = shell_words::split(&undo).unwrap();
    cli.ok(&words[2..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        cli.json(&["agent", "show"])["whatsapp_instructions"],
        "It's short."
    );

    cli.ok(&[
        "agent",
        "system",
        "set",
        "whatsapp_instructions",
        "two\nlines",
    ]);
    let where_it_is = next(&["agent", "system", "clear", "whatsapp_instructions"]);
    let command = where_it_is
        .strip_prefix("the text before: tenantctl ")
        .unwrap();
    let entries = cli.json(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(entries[0]["before"]["whatsapp_instructions"], "two\nlines");
}

#[tokio::test]
async fn the_platforms_defaults_are_the_operators() {
    let fixture = Fixture::new().await;
    let cli = fixture.db.cli().env("TENANTCTL_ORG", "alpha");
    let text = ["whatsapp_instructions", "Mine."];
    for (who, own, code) in [("owner@alpha.example", 0, 5), ("staff@alpha.example", 5, 5)] {
        let set = [&["agent", "set"], &text[..], &["--as", who]].concat();
        assert_eq!(cli.run(&set).code, own, "{who}");
        let system = [&["agent", "system", "set"], &text[..], &["--as", who]].concat();
        let told = cli.fails(code, &system);
        assert!(told.contains("operator"), "{told}");
        cli.fails(code, &["agent", "system", "show", "--as", who]);
    }
    cli.fails(3, &["agent", "show", "--as", "owner@beta.example"]);
    assert_eq!(
        cli.json(&["agent", "system", "show"])["whatsapp_instructions"],
        Value::Null
    );
    assert_eq!(
        cli.json(&["agent", "show", "--org", "beta"])["whatsapp_instructions"],
        Value::Null
    );
}
