//! `channel`: the configuration of the five channels.

use std::fs;

use serde_json::{Value, json};
use sqlx::postgres::PgListener;
use tenantctl::{
    domain::{ChannelConfiguration, ChannelKind},
    error::ErrorKind,
    services::{Session, channels},
};

use crate::common::{Cli, Fixture, TestDb, user};

/// A database with the organization `harbor`, and the binary that works in it.
fn harbor() -> (TestDb, Cli) {
    let db = TestDb::new();
    let cli = db.cli().env("TENANTCTL_ORG", "harbor");
    let name = ["org", "create", "Harbor Clinic", "--slug", "harbor"];
    cli.ok(&[&name[..], &["--locale", "de-CH"]].concat());
    (db, cli)
}

/// Every row that a channel command may write.
async fn written(db: &TestDb) -> (i64, i64) {
    (
        db.scalar("SELECT sum(version)::bigint FROM channel_configurations")
            .await,
        db.scalar("SELECT count(*) FROM activity_log").await,
    )
}

/// The command behind `undo:`, as arguments.
fn undo(stderr: &str) -> Vec<String> {
    let line = stderr
        .lines()
        .find_map(|line| line.strip_prefix("next: undo: tenantctl "))
        .unwrap_or_else(|| panic!("no undo in {stderr}"));
    shell_words::split(line).expect("the words of a shell")
}

fn run_undo(cli: &Cli, stderr: &str) {
    let words = undo(stderr);
    cli.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_new_organization_has_five_channels_and_only_the_web_chat_is_on() {
    let (_db, cli) = harbor();
    let channels = cli.json(&["channel", "list"]);
    let on = |channel: &Value| (channel["channel"].clone(), channel["enabled"].clone());
    let channels: Vec<_> = channels.as_array().unwrap().iter().map(on).collect();
    assert_eq!(
        channels,
        [
            (json!("twilio_realtime"), json!(false)),
            (json!("twilio_standard"), json!(false)),
            (json!("retell"), json!(false)),
            (json!("whatsapp"), json!(false)),
            (json!("web"), json!(true)),
        ]
    );
}

#[test]
fn the_shape_that_scripts_read() {
    let (_db, cli) = harbor();
    cli.ok(&["channel", "set", "web", "greeting=Hi", "model=gpt-4o"]);
    let shown = cli.json(&["channel", "show", "web"]);
    insta::assert_json_snapshot!(shown, {
        ".updated_at" => "[time]",
        ".resolved_instructions[].text" => "[text]",
    }, @r#"
    {
      "ai_backend": "openai_gpt4o_mini",
      "channel": "web",
      "claims": [],
      "data_integrations": [],
      "effective_model": "gpt-4o",
      "enabled": true,
      "instructions": null,
      "live": true,
      "model": "gpt-4o",
      "organization": "harbor",
      "resolved_instructions": [
        {
          "layer": "built_in",
          "part": "manual",
          "text": "[text]"
        }
      ],
      "schema_version": 1,
      "settings": {
        "agent_mode": "single",
        "allowed_origins": [],
        "greeting": "Hi"
      },
      "updated_at": "[time]",
      "version": 2,
      "warnings": [
        "allowed_origins is empty: no website may show the chat"
      ]
    }
    "#);
}

#[test]
fn a_change_says_what_it_changed_and_its_undo_puts_it_back() {
    let (_db, cli) = harbor();
    let before = cli.json(&["channel", "show", "retell"]);
    let changed = cli.run(&[
        "channel",
        "set",
        "retell",
        "enabled=true",
        "phone_numbers=044 364 35 32,+12025550143",
        "settings.agent_id=agent_1",
        "instructions=It's 5 o'clock; be $kind.",
    ]);
    assert_eq!(changed.code, 0, "{}", changed.stderr);
    for said in [
        "enabled: false → true",
        "agent_id: unset → agent_1",
        "phone_numbers: none → +41443643532, +12025550143",
    ] {
        assert!(changed.stderr.contains(said), "{}", changed.stderr);
    }
    run_undo(&cli, &changed.stderr);
    let after = cli.json(&["channel", "show", "retell"]);
    for key in ["enabled", "settings", "instructions", "model"] {
        assert_eq!(after[key], before[key]);
    }
    assert_eq!(after["version"], 3);
}

#[tokio::test]
async fn what_is_so_already_writes_nothing() {
    let (db, cli) = harbor();
    let before = written(&db).await;
    let again = cli.run(&["channel", "enable", "web"]);
    assert!(
        again.stderr.contains("already up to date"),
        "{}",
        again.stderr
    );
    assert!(!again.stderr.contains("next:"), "{}", again.stderr);
    assert_eq!(
        cli.json(&["channel", "set", "web", "greeting="])["changed"],
        false
    );
    assert_eq!(written(&db).await, before);
}

#[test]
fn enable_warns_of_what_is_missing_and_disable_undoes_it() {
    let (_db, cli) = harbor();
    let enabled = cli.run(&["channel", "enable", "whatsapp"]);
    assert!(
        enabled
            .stderr
            .contains("warning: channel whatsapp: neither"),
        "{}",
        enabled.stderr
    );
    assert_eq!(cli.json(&["channel", "show", "whatsapp"])["live"], true);
    let organization = cli.ok(&["org", "show", "harbor"]);
    for said in ["on, with a warning", "no members"] {
        assert!(organization.contains(said), "{organization}");
    }
    assert_eq!(
        undo(&enabled.stderr)[..3],
        ["channel", "disable", "whatsapp"]
    );
    run_undo(&cli, &enabled.stderr);
    assert_eq!(cli.json(&["channel", "show", "whatsapp"])["live"], false);
}

#[test]
fn a_channel_of_a_suspended_organization_is_not_live() {
    let (_db, cli) = harbor();
    cli.ok(&["org", "suspend", "harbor", "--yes"]);
    let shown = cli.json(&["channel", "show", "web"]);
    assert_eq!(
        (&shown["enabled"], &shown["live"]),
        (&json!(true), &json!(false))
    );
    let listed = cli.ok(&["channel", "list"]);
    assert!(
        listed.contains("on, but the organization is suspended"),
        "{listed}"
    );
}

#[tokio::test]
async fn every_wrong_value_is_refused_with_what_is_allowed_and_nothing_is_written() {
    let (db, cli) = harbor();
    let before = written(&db).await;
    let long = format!("greeting={}", "x".repeat(1001));
    let cases = [
        (
            "web",
            "greting=Hi",
            "allowed are enabled, ai_backend, model, instructions",
        ),
        ("web", "agent_id=x", "allowed_origins, greeting"),
        ("web", "enabled=yes", "allowed are true, false"),
        ("web", "agent_mode=three", "allowed are single, two"),
        (
            "web",
            "ai_backend=gpt",
            "openai_realtime, openai_gpt4o, openai_gpt4o_mini, anthropic_claude",
        ),
        (
            "web",
            "data_integrations=internal,sap",
            "opendental, google_calendar, internal",
        ),
        ("web", "model=a b", "A-Z, a-z, 0-9"),
        ("web", "allowed_origins=*", "wildcards"),
        (
            "web",
            "allowed_origins=http://harbor.example",
            "localhost only",
        ),
        ("web", &long, "1000 are allowed"),
        ("web", "instructions=bell\u{7}", "control character U+0007"),
        ("retell", "phone_numbers=12", "\"12\""),
        ("retell", "agent_id=a/b", "a-z"),
        (
            "twilio_realtime",
            "stream_url=https://voice.example",
            "wss://",
        ),
        ("whatsapp", "phone_number_id=+41443643532", "digits"),
        ("whatsapp", "instance_name=a b", "instance_name"),
    ];
    for (channel, wrong, rule) in cases {
        let told = cli.fails(6, &["channel", "set", channel, wrong]);
        assert!(told.contains(rule), "{wrong}: {told}");
        assert!(told.contains("hint: "), "{wrong}: {told}");
    }
    // A good one in front of a wrong one is not written either.
    cli.fails(6, &["channel", "set", "web", "greeting=Hi", "enabled=yes"]);
    let told = cli.fails(2, &["channel", "set", "webb", "enabled=true"]);
    assert!(
        told.contains("twilio_realtime, twilio_standard, retell, whatsapp, web"),
        "{told}"
    );
    cli.fails(2, &["channel", "set", "web", "enabled"]);
    cli.fails(2, &["channel", "set", "web"]);
    assert_eq!(written(&db).await, before);
}

#[tokio::test]
async fn a_file_is_the_whole_configuration() {
    let (db, cli) = harbor();
    cli.ok(&["channel", "set", "web", "greeting=Hi", "model=gpt-4o"]);
    let file = |name: &str, text: &str| {
        let path = cli.home().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let toml = file(
        "web.toml",
        "enabled = false\n[settings]\ngreeting = \"From TOML\"\n",
    );
    cli.ok(&["channel", "set", "web", "--from-file", &toml]);
    let shown = cli.json(&["channel", "show", "web"]);
    assert_eq!(shown["settings"]["greeting"], "From TOML");
    assert_eq!(shown["model"], Value::Null);

    let json = file("web.json", r#"{"settings": {"greeting": "From JSON"}}"#);
    cli.ok(&["channel", "set", "web", "--from-file", &json]);
    let shown = cli.json(&["channel", "show", "web"]);
    assert_eq!(shown["settings"]["greeting"], "From JSON");
    assert_eq!(shown["enabled"], true);

    // What `show` prints is a file too, also for another organization.
    let shown = file("shown.json", &shown.to_string());
    let set = ["channel", "set", "web", "--from-file", &shown];
    assert_eq!(cli.json(&set)["changed"], false);
    let retell = ["channel", "set", "retell", "--from-file", &shown];
    assert!(
        cli.fails(6, &retell)
            .contains("for channel \"web\", not retell")
    );
    let wrong = file("wrong.toml", "colour = 1\n");
    let set = ["channel", "set", "web", "--from-file", &wrong];
    let told = cli.fails(6, &[&set[..], &["--org", "harbor"]].concat());
    assert!(
        told.contains("channel show web --toml --org harbor"),
        "{told}"
    );
    assert!(told.contains("expected one of `enabled`"), "{told}");

    let before = written(&db).await;
    let missing = cli.home().join("missing.toml");
    cli.fails(
        3,
        &[
            "channel",
            "set",
            "web",
            "--from-file",
            missing.to_str().unwrap(),
        ],
    );
    let mistakes = [
        (
            "a.toml",
            "enabled = true\ngreeting = \"x\"\n",
            "line 2, column 1: unknown field `greeting`",
        ),
        ("b.toml", "ai_backend = \"gpt\"\n", "openai_gpt4o_mini"),
        ("c.json", "{", "not valid JSON"),
        ("d.json", r#"{"setting": {}}"#, "unknown field `setting`"),
        (
            "e.json",
            r#"{"kind": "retell"}"#,
            "for channel \"retell\", not web",
        ),
        ("f.toml", "\n", "blank"),
    ];
    for (name, text, message) in mistakes {
        let path = file(name, text);
        let told = cli.fails(6, &["channel", "set", "web", "--from-file", &path]);
        assert!(told.contains(name) && told.contains(message), "{told}");
    }
    assert_eq!(written(&db).await, before);
}

#[tokio::test]
async fn the_document_of_show_goes_back_in_through_stdin() {
    let (db, cli) = harbor();
    let text = "Line one\n\tline \"two\"\n";
    let pairs = ["greeting=Grüezi", "data_integrations=internal"];
    cli.ok(&[&["channel", "set", "web"], &pairs[..]].concat());
    let cli = cli.stdin(text);
    cli.ok(&["channel", "instructions", "set", "web", "--from-file", "-"]);
    let document = cli.ok(&["channel", "show", "web", "--toml"]);
    let before = written(&db).await;
    let cli = cli.stdin(&document);
    let set = ["channel", "set", "web", "--from-file", "-"];
    assert_eq!(cli.json(&set)["changed"], false);
    assert_eq!(written(&db).await, before);

    let edited = document.replace("Grüezi", "Willkommen");
    assert_eq!(
        cli.stdin(&edited).json(&set)["changes"],
        json!([{"key": "greeting", "before": "Grüezi", "after": "Willkommen"}])
    );
}

#[tokio::test]
async fn a_dry_run_tells_the_change_and_makes_none() {
    let (db, cli) = harbor();
    let before = written(&db).await;
    let told = cli.json(&["channel", "set", "web", "greeting=Hi", "--dry-run"]);
    assert_eq!(told["changes"][0]["after"], "Hi");
    let mut tables = told["dry_run"].as_array().unwrap().iter();
    assert!(
        tables.any(|table| table["table"] == "channel_configurations" && table["updated"] == 1)
    );
    assert_eq!(written(&db).await, before);
}

#[test]
fn an_edit_that_began_before_another_change_is_told_so() {
    let (_db, cli) = harbor();
    let version = cli.json(&["channel", "show", "web"])["version"].to_string();
    cli.ok(&[
        "channel",
        "set",
        "web",
        "greeting=Theirs",
        "--if-version",
        &version,
    ]);
    let told = cli.fails(
        4,
        &[
            "channel",
            "set",
            "web",
            "greeting=Mine",
            "--if-version",
            &version,
        ],
    );
    assert!(told.contains("changed by another session"), "{told}");
    assert!(told.contains("channel show web --org harbor"), "{told}");
    assert_eq!(
        cli.json(&["channel", "show", "web"])["settings"]["greeting"],
        "Theirs"
    );
}

fn set(
    key: &str,
    value: &str,
) -> impl FnOnce(&ChannelConfiguration) -> tenantctl::error::Result<ChannelConfiguration> {
    let assignment = [(key.to_owned(), value.to_owned())];
    move |configuration| configuration.apply(&assignment, None)
}

#[tokio::test]
async fn of_two_edits_at_once_one_is_refused_and_no_change_is_lost() {
    let fixture = Fixture::new().await;
    let other = fixture.db.session().await;
    let id = fixture.a.id;
    let edit = async |session: &Session, version, key: &str, value: &str| {
        let change = set(key, value);
        channels::change(session, id, ChannelKind::Web, version, |now, _| change(now)).await
    };
    for round in 0..5 {
        let shown = channels::show(&fixture.session, id, ChannelKind::Web)
            .await
            .unwrap();
        let version = shown.effective.channel.version;
        let (one, two) = (format!("one {round}"), format!("two {round}"));
        let raced = tokio::join!(
            edit(&fixture.session, Some(version), "greeting", &one),
            edit(&other, Some(version), "greeting", &two),
        );
        let (won, lost) = match raced {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            both => panic!("not one of each: {both:?}"),
        };
        assert_eq!(lost.kind(), ErrorKind::Conflict);
        assert_eq!(won.after.version, version + 1);

        // Changes of single keys take turns instead: each starts from what the other left.
        let (model, mode) = (format!("model-{round}"), ["single", "two"][(round + 1) % 2]);
        let raced = tokio::join!(
            edit(&fixture.session, None, "model", &model),
            edit(&other, None, "agent_mode", mode),
        );
        raced.0.unwrap();
        raced.1.unwrap();
        let now = channels::show(&fixture.session, id, ChannelKind::Web)
            .await
            .unwrap();
        let now = now.effective.channel.configuration.to_json();
        assert_eq!(
            (&now["model"], &now["settings"]["agent_mode"]),
            (&json!(model), &json!(mode))
        );
    }
}

#[tokio::test]
async fn running_servers_are_told_after_the_commit_and_only_then() {
    let (db, cli) = harbor();
    let mut listener = PgListener::connect(&db.url).await.unwrap();
    listener.listen("tenantctl_configuration").await.unwrap();
    let id: uuid::Uuid = db.scalar("SELECT id FROM organizations").await;

    // Neither of the first three is heard: what comes first is the fourth.
    cli.ok(&["channel", "set", "web", "greeting=Rehearsed", "--dry-run"]);
    cli.fails(6, &["channel", "set", "web", "enabled=yes"]);
    cli.ok(&["channel", "enable", "web"]);
    cli.ok(&["channel", "set", "retell", "agent_id=agent_1"]);
    assert_eq!(
        listener.recv().await.unwrap().payload(),
        format!("{id}:retell")
    );
    // The agent is granted to it.
    assert_eq!(listener.recv().await.unwrap().payload(), format!("{id}:*"));

    cli.ok(&[
        "agent",
        "set",
        "whatsapp_instructions",
        "Rehearsed",
        "--dry-run",
    ]);
    cli.ok(&["agent", "set", "whatsapp_instructions", "Kept"]);
    assert_eq!(listener.recv().await.unwrap().payload(), format!("{id}:*"));
    cli.ok(&["agent", "system", "set", "whatsapp_instructions", "Kept"]);
    assert_eq!(listener.recv().await.unwrap().payload(), "*:*");
}

/// The parts that the agents of a channel follow, with layer and text.
fn resolved(cli: &Cli, channel: &str) -> Vec<(String, String, String)> {
    let view = cli.json(&["channel", "instructions", "resolve", channel]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let parts = view["instructions"].as_array().expect("a list").iter();
    parts
        .map(|part| {
            (
                text(&part["part"]),
                text(&part["layer"]),
                text(&part["text"]),
            )
        })
        .collect()
}

fn part(part: &str, layer: &str, text: &str) -> (String, String, String) {
    (part.into(), layer.into(), text.into())
}

#[test]
fn instructions_resolve_from_channel_to_organization_to_platform_to_built_in() {
    let (_db, cli) = harbor();
    let first = resolved(&cli, "web").remove(0);
    assert_eq!((first.0.as_str(), first.1.as_str()), ("manual", "built_in"));

    cli.ok(&[
        "agent",
        "system",
        "set",
        "manual_ai_instructions",
        "Platform.",
    ]);
    assert_eq!(
        resolved(&cli, "web"),
        [part("manual", "platform", "Platform.")]
    );
    cli.ok(&["agent", "set", "manual_ai_instructions", "Organization."]);
    assert_eq!(
        resolved(&cli, "web"),
        [part("manual", "organization", "Organization.")]
    );
    cli.ok(&["channel", "instructions", "set", "web", "Channel."]);
    assert_eq!(
        resolved(&cli, "web"),
        [part("manual", "channel", "Channel.")]
    );
    assert_eq!(
        resolved(&cli, "retell"),
        [part("manual", "organization", "Organization.")]
    );

    cli.ok(&["channel", "instructions", "clear", "web"]);
    assert_eq!(resolved(&cli, "web")[0].1, "organization");
    cli.ok(&["agent", "clear", "manual_ai_instructions"]);
    assert_eq!(resolved(&cli, "web")[0].1, "platform");
    cli.ok(&["agent", "system", "clear", "manual_ai_instructions"]);
    assert_eq!(resolved(&cli, "web"), [first]);
}

#[test]
fn agent_mode_and_the_manual_switch_decide_which_texts_count() {
    let (_db, cli) = harbor();
    cli.ok(&["channel", "set", "retell", "agent_mode=two"]);
    cli.ok(&["agent", "set", "receptionist_instructions", "R."]);
    cli.ok(&["agent", "system", "set", "supervisor_instructions", "S."]);
    cli.ok(&["agent", "set", "manual_ai_instructions", "M."]);
    cli.ok(&["agent", "set", "whatsapp_instructions", "W."]);
    let two = [
        part("receptionist", "organization", "R."),
        part("supervisor", "platform", "S."),
    ];
    assert_eq!(resolved(&cli, "retell"), two);
    assert_eq!(
        resolved(&cli, "web"),
        [part("manual", "organization", "M.")]
    );
    assert_eq!(
        resolved(&cli, "whatsapp"),
        [part("whatsapp", "organization", "W.")]
    );

    cli.ok(&["agent", "set", "use_manual_instructions", "true"]);
    assert_eq!(
        resolved(&cli, "retell"),
        [part("manual", "organization", "M.")]
    );
    let person = cli.ok(&["channel", "instructions", "resolve", "retell"]);
    assert_eq!(person, "manual (from: organization)\nM.\n");
}

#[test]
fn instructions_come_out_exactly_as_they_went_in() {
    let (_db, cli) = harbor();
    let none = cli.run(&["channel", "instructions", "get", "web"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(
        none.stderr.contains("instructions resolve web"),
        "{}",
        none.stderr
    );

    for text in [
        "no line break at the end",
        "two\n\n\tlines of “text”\n\n",
        "# not a comment\n",
    ] {
        let path = cli.home().join("text.txt");
        fs::write(&path, text).unwrap();
        cli.ok(&[
            "channel",
            "instructions",
            "set",
            "web",
            "--from-file",
            path.to_str().unwrap(),
        ]);
        assert_eq!(cli.ok(&["channel", "instructions", "get", "web"]), text);
        assert_eq!(
            cli.json(&["channel", "instructions", "get", "web"])["instructions"],
            text
        );
    }
}

#[tokio::test]
async fn texts_that_cannot_be_used_are_refused() {
    let (db, cli) = harbor();
    let before = written(&db).await;
    let set = ["channel", "instructions", "set", "web"];
    let told = cli.fails(6, &[&set[..], &[" "]].concat());
    assert!(told.contains("instructions clear web"), "{told}");
    let from_stdin = [&set[..], &["--from-file", "-"]].concat();
    let told = cli.fails(6, &from_stdin);
    assert!(told.contains("stdin is blank"), "{told}");
    cli.fails(2, &set);
    cli.fails(2, &[&set[..], &["text", "--from-file", "-"]].concat());
    let path = cli.home().join("latin1.txt");
    fs::write(&path, b"Gr\xfcezi").unwrap();
    let told = cli.fails(
        6,
        &[&set[..], &["--from-file", path.to_str().unwrap()]].concat(),
    );
    assert!(told.contains("not UTF-8"), "{told}");
    let told = cli.stdin(&"x".repeat(100_001)).fails(6, &from_stdin);
    assert!(told.contains("100001 characters"), "{told}");
    assert_eq!(written(&db).await, before);
}

#[tokio::test]
async fn rights_decide_who_reads_and_who_writes() {
    let fixture = Fixture::new().await;
    user(&fixture.session, "nobody@else.example").await;
    let cli = fixture.db.cli().env("TENANTCTL_ORG", "alpha");
    let as_user = |who: &'static str, args: &[&'static str]| [args, &["--as", who]].concat();
    let change = ["channel", "set", "web", "greeting=Hi"];
    let edit = ["channel", "edit", "web"];

    cli.ok(&as_user("staff@alpha.example", &["channel", "show", "web"]));
    for args in [&change[..], &edit, &["channel", "enable", "retell"]] {
        let told = cli.fails(5, &as_user("staff@alpha.example", args));
        assert!(told.contains("channels.edit"), "{told}");
    }
    cli.fails(3, &as_user("nobody@else.example", &["channel", "list"]));
    cli.fails(3, &as_user("owner@beta.example", &change));
    cli.ok(&as_user("owner@alpha.example", &change));
    let told = cli.run(&["activity", "list", "--action", "channel", "-o", "json"]);
    assert!(
        told.stdout.contains("user:owner@alpha.example"),
        "{}",
        told.stdout
    );
}
