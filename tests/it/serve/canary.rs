//! Nothing of the inside is in any public answer, in the log, or in the metrics.
//!
//! Markers are put wherever an organization, a channel or the platform may have something that
//! strangers must not see; then every route is asked in every way.

use serde_json::{Value, json};

use super::{
    Serving,
    visitor::{Ask, OTHER_SITE, SITE, harbor, id_of, organization},
};
use crate::common::{Cli, SECRET_KEYS};

/// In every text that is planted.
const CANARY: &str = "Kanarienvogel";

/// What else the inside says and strangers must not hear.
const INSIDE: &[&str] = &[
    CANARY,
    SECRET_KEYS,
    "opendental",
    "google_calendar",
    "anthropic",
    "ai_backend",
    "integrations",
    "agent_mode",
    "+41443643532",
    // Built-in instructions, and what the database says of itself.
    "medical advice",
    "postgres",
    "SELECT",
    "hunter2",
];

/// Everything that an operator can say of an organization and the platform.
fn plant(cli: &Cli) {
    let marked = |text: &str| format!("{CANARY} {text}");
    for field in [
        "manual_ai_instructions",
        "receptionist_instructions",
        "supervisor_instructions",
        "whatsapp_instructions",
    ] {
        let text = marked(field);
        cli.ok(&["agent", "set", field, &text, "--org", "harbor"]);
        cli.ok(&["agent", "system", "set", field, &text]);
    }
    let instructions = format!("instructions={}", marked("of the channel"));
    let model = format!("model={CANARY}");
    for channel in [
        "web",
        "whatsapp",
        "retell",
        "twilio_realtime",
        "twilio_standard",
    ] {
        cli.ok(&[
            "channel",
            "set",
            channel,
            &instructions,
            &model,
            "ai_backend=anthropic_claude",
            "data_integrations=opendental,google_calendar",
            "--org",
            "harbor",
        ]);
    }
    for pair in [
        &format!("greeting={CANARY}"),
        "phone_numbers=+41443643532",
        &format!("stream_url=wss://voice.example/{CANARY}"),
    ] {
        cli.ok(&["channel", "set", "twilio_realtime", pair, "--org", "harbor"]);
    }
    let instance = format!("instance_name={CANARY}");
    cli.ok(&["channel", "set", "whatsapp", &instance, "--org", "harbor"]);
    let secret = cli.home().join("secret");
    std::fs::write(&secret, format!("{CANARY}0123456789")).unwrap();
    let secret = secret.to_str().unwrap();
    for channel in ["retell", "twilio_realtime"] {
        let create = [
            "webhook",
            "endpoint",
            "create",
            channel,
            "--secret-file",
            secret,
        ];
        cli.ok(&[&create[..], &["--org", "harbor"]].concat());
    }
    for show in [&["agent", "show"][..], &["channel", "show", "web"]] {
        let told = cli.ok(&[show, &["--org", "harbor", "-o", "json"]].concat());
        assert!(told.contains(CANARY), "planted: {told}");
    }
}

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for inside in INSIDE {
        assert!(!text.contains(inside), "{inside} in {what}:\n{text}");
    }
}

#[test]
fn nothing_of_the_inside_is_told_to_strangers_the_log_or_the_metrics() {
    let (_db, cli) = harbor();
    organization(&cli, "suspended", SITE);
    plant(&cli);
    cli.ok(&["org", "suspend", "suspended", "--yes"]);
    let id = id_of(&cli, "harbor");
    let serving = Serving::start(&cli, &["-v"]);
    let session = Ask::post(
        &serving,
        "/api/public/widget-session",
        &json!({ "slug": "harbor" }),
    )
    .from(SITE)
    .send();
    assert_eq!(session.status, 201, "{}", session.raw);
    assert_clean("a session", &session.raw);
    let token = session.json()["token"].as_str().unwrap().to_owned();

    let mut told = 0;
    for path in [
        "/api/public/org-lookup",
        "/api/public/channel-config",
        "/api/public/widget-session",
        "/api/public/messages",
        "/api/public/nothing",
        "/api/public/",
    ] {
        for query in [
            "?slug=harbor",
            &format!("?orgId={id}"),
            &format!("?orgId={id}&channel=web"),
            "?slug=harbor&channel=whatsapp",
            "?slug=harbor&channel=twilio_realtime",
            "?slug=harbor&fields=instructions,model&include=integrations",
            "?slug=suspended",
            "?slug=nowhere",
            "?slug='%20OR%201=1--",
            "",
        ] {
            for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE"] {
                for origin in [SITE, OTHER_SITE] {
                    let path = format!("{path}{query}");
                    let told_now = Ask::new(&serving, method, &path)
                        .from(origin)
                        .header("accept", "application/vnd.pgrst.object+json")
                        .send();
                    assert_ne!(told_now.status, 500, "{}", told_now.raw);
                    assert_clean(&format!("{method} {path}"), &told_now.raw);
                    told += 1;
                }
            }
        }
    }
    assert_eq!(told, 6 * 10 * 7 * 2);

    // Every way in which a message goes, and goes wrong. What a visitor writes is private, too.
    for (token, text) in [
        (token.as_str(), json!("hunter2 asks")),
        (&token, json!("")),
        (&token, json!("hunter2\u{0}")),
        (&token, json!({ "hunter2": "hunter2" })),
        ("hunter2", json!("hunter2")),
        ("", json!("hunter2")),
    ] {
        let body: Value = json!({ "id": "1", "text": text });
        let told = Ask::post(&serving, "/api/public/messages?slug=harbor", &body)
            .from(SITE)
            .with(token)
            .send();
        assert_clean("a message", &told.raw);
    }
    let metrics = serving.metrics();
    assert_clean("the metrics", &metrics);
    assert!(
        !metrics.contains("harbor") && !metrics.contains(&id),
        "{metrics}"
    );
    let (_, _, log) = serving.stop();
    assert!(log.contains("/api/public/channel-config"), "{log}");
    // The log says which database it is.
    let of_requests: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains("database: "))
        .collect();
    let log = of_requests.join("\n");
    assert_clean("the log", &log);
    assert!(!log.contains(&token) && !log.contains("nowhere"), "{log}");
}
