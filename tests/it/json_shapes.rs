//! The shapes of `-o json`, which scripts rely on: a change here is a change of the contract, and
//! raises `schema_version` where it takes something away.

use serde_json::{Map, Value, json};

use crate::common::{Cli, LINK_TEMPLATE, SECRET_KEYS, SmtpServer, TestDb, block_on};

/// The names of the keys and the types of the values; a list is shown by its first element.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| (key.clone(), shape(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().take(1).map(shape).collect()),
        Value::String(_) => "string".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => "null".into(),
    }
}

fn clinic(cli: &Cli) {
    for line in [
        "org create Harbor --slug harbor --owner maria@harbor.example",
        "user sign-up --email maria@harbor.example --name Maria",
        "invite create sam@harbor.example --role admin --org harbor",
        "provider create Keller --org harbor",
        "operatory create Room --org harbor",
        "schedule defaults --org harbor",
        "patient create --first-name Noa --last-name Levi --external-id P-1 --org harbor",
        "appointment create --patient P-1 --provider Keller --at 2031-03-03T09:00 --org harbor",
    ] {
        cli.ok(&line.split(' ').collect::<Vec<_>>());
    }
    for (name, note) in [("patients.csv", ""), ("changed.csv", "Prefers mornings")] {
        let text = format!("external_id,first_name,last_name,notes\nP-1,Noa,Levi,{note}\n");
        std::fs::write(cli.home().join(name), text).expect("a file");
    }
}

/// Reads, and changes in an order in which each can happen.
const COMMANDS: &[&str] = &[
    "org list",
    "org show harbor",
    "org create Beta --slug beta --owner lee@beta.example",
    "org create Beta --slug beta --if-not-exists",
    "org create Gamma --dry-run",
    "org update beta --name Betabeta",
    "org use harbor",
    "org current",
    "org unset",
    "org suspend beta --yes",
    "org resume beta",
    "org delete beta --yes",
    "org restore beta",
    "user sign-up --email lee@beta.example --name Lee",
    "user list",
    "user show maria@harbor.example",
    "member list --org harbor",
    "member show maria@harbor.example --org harbor",
    "member add lee@beta.example --role member --org harbor",
    "member role lee@beta.example viewer --org harbor",
    "member remove lee@beta.example --yes --org harbor",
    "invite list --org harbor",
    "invite show sam@harbor.example --org harbor",
    "invite create kim@harbor.example --role viewer --org harbor",
    "invite resend kim@harbor.example --org harbor",
    "invite revoke kim@harbor.example --org harbor",
    "role list",
    "role show admin",
    "access check --user maria@harbor.example --permission members.invite --org harbor",
    "channel list --org harbor",
    "channel show web --org harbor",
    "channel set web greeting=Hello --org harbor",
    "channel enable retell --org harbor",
    "channel instructions resolve web --org harbor",
    "agent show --org harbor",
    "agent set manual_ai_instructions Hello --org harbor",
    "agent system show",
    "activity list --org harbor",
    "activity show 1 --org harbor",
    "activity verify --org harbor",
    "activity heads --org harbor",
    "patient list --org harbor",
    "patient show P-1 --org harbor",
    "patient create --first-name Noa --last-name Levi --external-id P-2 --org harbor",
    "patient update P-1 --notes Hello --org harbor",
    "patient delete P-2 --yes --org harbor",
    "patient access-log --org harbor",
    "provider list --org harbor",
    "provider show Keller --org harbor",
    "provider create Berg --org harbor",
    "provider update Keller --specialty Hygiene --org harbor",
    "provider delete Berg --yes --org harbor",
    "operatory list --org harbor",
    "operatory show Room --org harbor",
    "operatory create Hall --org harbor",
    "operatory update Hall --notes Hello --org harbor",
    "operatory delete Hall --yes --org harbor",
    "schedule list --org harbor",
    "schedule create blockout --provider Keller --start 12:00 --end 13:00 --org harbor",
    "schedule defaults --org harbor",
    "schedule hours Keller --from 2031-03-03 --org harbor",
    "schedule conflicts --from 2031-03-01 --org harbor",
    "appointment list --org harbor",
    "appointment slots --from 2031-03-03 --days 1 --org harbor",
    "appointment create --patient P-1 --provider Keller --at 2031-03-03T10:00 --org harbor",
    "booking functions",
    "booking schema GetPatient",
    "booking call GetProviders --org harbor",
    "import columns patients",
    "import patients patients.csv --org harbor",
    "import patients changed.csv --org harbor --dry-run",
    "import jobs --org harbor",
    "db status",
    "db role server",
    "config path",
    "config validate",
    "doctor",
    "audit",
    "audit checks",
    "audit explain rls-disabled",
    "audit fix",
    "audit role",
];

/// The same where invitations are mailed.
const MAILED: &[&str] = &[
    "invite create ann@harbor.example --role viewer --org harbor",
    "invite resend ann@harbor.example --org harbor",
    "org create Delta --slug delta --owner lee@delta.example",
    "import members people.csv --org harbor",
    "outbox list --org harbor",
    "outbox show ann@harbor.example --org harbor",
    "outbox retry ann@harbor.example --org harbor",
    "outbox send",
];

/// The same of webhooks; ENDPOINT and EVENT are what was made before them.
const WEBHOOKS: &[&str] = &[
    "webhook endpoint create whatsapp --secret-env PROVIDER_SECRET --org harbor",
    "webhook endpoint list --org harbor",
    "webhook endpoint url ENDPOINT --org harbor",
    "webhook endpoint rotate ENDPOINT --secret-env PROVIDER_SECRET --org harbor",
    "webhook endpoint disable ENDPOINT --org harbor",
    "webhook endpoint enable ENDPOINT --org harbor",
    "webhook events list --org harbor",
    "webhook events show EVENT --org harbor",
    "webhook events discard EVENT --org harbor",
    "webhook events replay EVENT --org harbor",
    "webhook sign-ups list",
    "webhook quarantine list",
    "webhook quarantine show WAITING",
    "webhook quarantine assign WAITING --org harbor",
    "webhook quarantine adopt ADOPTED --org harbor",
    "webhook quarantine discard DISCARDED --yes",
    "channel claim list",
    "channel claim approve phone_number +41443643532 --org harbor",
    "channel claim release phone_number +41443643532 --org harbor",
    "channel claim reject phone_number +41443643533 --org harbor",
    "channel usage --org harbor",
    "db reseal",
    "db protect --label production",
    "db unprotect --confirm production",
    "activity heads --org harbor",
];

/// A server that takes mail, and the configuration for it.
fn mail_server(cli: Cli) -> (SmtpServer, Cli) {
    let server = SmtpServer::open();
    let cli = cli.env("TENANTCTL_SECRET_KEYS", SECRET_KEYS);
    let text = format!(
        "{LINK_TEMPLATE}[mail]\nsmtp_host = 'localhost'\nsmtp_port = {}\ntls = 'none'\n\
         from_address = 'clinics@mail.example'\n",
        server.port()
    );
    let path = cli.config_file();
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
    let people = "email,role\npat@harbor.example,viewer\n";
    std::fs::write(cli.home().join("people.csv"), people).expect("a file");
    (server, cli)
}

#[test]
fn the_shapes_of_json_stay() {
    let db = TestDb::new();
    let cli = db.cli();
    clinic(&cli);
    insta::assert_json_snapshot!(shapes(&cli, COMMANDS));
}

#[test]
fn the_shapes_of_json_stay_where_invitations_are_mailed() {
    let db = TestDb::new();
    let cli = db.cli();
    clinic(&cli);
    let (_server, cli) = mail_server(cli);
    insta::assert_json_snapshot!(shapes(&cli, MAILED));
}

#[test]
fn the_shapes_of_json_stay_of_webhooks() {
    let db = TestDb::new();
    let cli = db
        .cli()
        .env("TENANTCTL_SECRET_KEYS", SECRET_KEYS)
        .env("PROVIDER_SECRET", "a secret of the provider");
    clinic(&cli);
    let create = ["webhook", "endpoint", "create", "retell", "--org", "harbor"];
    let made = cli.json(&[&create[..], &["--secret-env", "PROVIDER_SECRET"]].concat());
    let endpoint = made["id"].as_str().expect("an id");
    let event = "0197a3b0-0000-7000-8000-000000000001";
    let stored = format!(
        "INSERT INTO webhook_events
                (organization_id, id, channel, endpoint_id, idempotency_key, kind, method, query, headers,
                 body, status, reason, attempts, received_at)
         SELECT organization_id, '{event}', channel, id, 'k', 'call_ended', 'POST', '', '{{}}', '{{}}', 'dead',
                'the payload cannot be parsed', 10, now()
           FROM webhook_endpoints"
    );
    block_on(|| db.execute(&stored));
    let quarantined = |id: &str| {
        let call = json!({"call_id": id, "agent_id": format!("agent_{id}")});
        let body = json!({"event": "call_ended", "call": call});
        format!(
            "INSERT INTO quarantined_events
                    (id, endpoint_organization, endpoint_id, channel, scheme, idempotency_key, kind, identities,
                     method, query, headers, body, status, reason, received_at)
             SELECT '{id}', organization_id, id, channel, 'retell', '{id}', 'call_ended',
                    ARRAY['retell_agent agent_{id}'], 'POST', '', '{{}}', '{body}', 'waiting',
                    'the event names the agent of another', now()
               FROM webhook_endpoints"
        )
    };
    let waiting = [1, 2, 3].map(|n: u128| uuid::Uuid::from_u128(n).to_string());
    for id in &waiting {
        let row = quarantined(id);
        block_on(|| db.execute(&row));
    }
    for pair in [
        "phone_numbers=+41443643532",
        "phone_numbers=+41443643532,+41443643533",
    ] {
        let set = ["channel", "set", "twilio_realtime", pair, "--org", "harbor"];
        cli.ok(&[&set[..], &["--as", "maria@harbor.example"]].concat());
    }
    let named = |word: &str| match word {
        "WAITING" => waiting[0].clone(),
        "ADOPTED" => waiting[1].clone(),
        "DISCARDED" => waiting[2].clone(),
        "ENDPOINT" => endpoint.to_owned(),
        "EVENT" => event.to_owned(),
        word => word.to_owned(),
    };
    insta::assert_json_snapshot!(shapes_of(&cli, WEBHOOKS, named));
}

fn shapes(cli: &Cli, commands: &[&str]) -> Map<String, Value> {
    shapes_of(cli, commands, str::to_owned)
}

/// `named` gives what a word of a line stands for.
fn shapes_of(cli: &Cli, commands: &[&str], named: impl Fn(&str) -> String) -> Map<String, Value> {
    let mut shapes = Map::new();
    for line in commands {
        let words: Vec<String> = line.split(' ').map(&named).collect();
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let document = cli.json(&args);
        let versioned = match &document {
            Value::Array(items) => items.iter().all(|item| item["schema_version"] == 1),
            object => object["schema_version"] == 1,
        };
        assert!(versioned, "{line}: {document}");
        shapes.insert((*line).to_owned(), shape(&document));
    }
    shapes
}

/// The header is written before the first record is known, so it is declared by hand.
#[test]
fn the_header_of_csv_names_the_fields_of_json_and_needs_no_record() {
    let db = TestDb::new();
    let cli = db.cli();
    clinic(&cli);
    let (_server, cli) = mail_server(cli);
    cli.ok(&["invite", "resend", "sam@harbor.example", "--org", "harbor"]);
    let header = |line: &str| {
        let args: Vec<&str> = line.split(' ').chain(["-o", "csv"]).collect();
        let csv = cli.ok(&args);
        csv.lines().next().expect("a header").to_owned()
    };
    cli.ok(&["import", "patients", "patients.csv", "--org", "harbor"]);
    let is_list = |line: &&&str| {
        [" list", "import columns", "import jobs"]
            .iter()
            .any(|part| line.contains(part))
    };
    for line in COMMANDS.iter().chain(MAILED).filter(is_list) {
        let args: Vec<&str> = line.split(' ').chain(["-o", "ndjson"]).collect();
        let first = cli.ok(&args).lines().next().expect("a record").to_owned();
        let (_, fields) = first
            .split_once(r#""schema_version":1,"#)
            .expect("the version comes first");
        let record: Value = serde_json::from_str(&format!("{{{fields}")).expect("an object");
        let mut names: Vec<&str> = record
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let header = header(line);
        let mut columns: Vec<&str> = header.split(',').collect();
        names.sort_unstable();
        columns.sort_unstable();
        assert_eq!(columns, names, "{line}");
    }
    let none = cli.ok(&["user", "list", "--search", "nobody", "-o", "csv"]);
    assert_eq!(none.lines().count(), 1, "{none}");
}
