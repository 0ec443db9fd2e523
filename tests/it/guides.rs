//! Every command of README and of the guides: it is run, and its output is the one that the page
//! shows. A page that says "(Shortened.)" below a block shows some of the lines, in their order.

mod compare;
mod page;
mod reader;

use std::{fs, path::Path};

use reader::Reader;
use tenantctl::local::EphemeralCluster;

use crate::{
    common::{Cli, SECRET_KEYS, TestDb, block_on, cluster_options},
    serve::Serving,
};

/// Commands that are not run: page, beginning and reason. Their flags and arguments are checked.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "README.md",
        "cargo install",
        "installs into the reader's home",
    ),
    (
        "README.md",
        "cargo run",
        "builds the program; the demo has tests of its own",
    ),
    ("README.md", "cargo test", "these tests"),
    (
        "README.md",
        "tenantctl audit --database-url postgres://USER@HOST",
        "placeholders in the URL",
    ),
    (
        "docs/importing.md",
        "tenantctl import patients big.csv.gz --org sunrise --resume",
        "the id of an interrupted job",
    ),
    (
        "docs/serving.md",
        "tenantctl serve",
        "does not end; the pages of the API are run against one",
    ),
    (
        "docs/serving.md",
        "tenantctl webhook events show",
        "an id of the reader",
    ),
    (
        "docs/serving.md",
        "tenantctl webhook events replay",
        "an id of the reader",
    ),
    (
        "docs/serving.md",
        "tenantctl webhook quarantine adopt",
        "an id of the reader",
    ),
    (
        "docs/serving.md",
        "tenantctl webhook quarantine assign",
        "an id of the reader",
    ),
    (
        "docs/serving.md",
        "tenantctl webhook quarantine discard",
        "an id of the reader",
    ),
];

/// Commands that end with another code than 0 without an error that the page shows.
const ENDS: &[(&str, &str, i32)] = &[
    (
        "README.md",
        "tenantctl audit --database-url postgres://tenantctl_auditor@",
        10,
    ),
    ("README.md", "tenantctl member role", 4),
    (
        "README.md",
        "tenantctl appointment create --patient P-1042 --provider Keller --at",
        4,
    ),
    ("README.md", "tenantctl import patients", 6),
    (
        "docs/importing.md",
        "tenantctl import patients clinic.csv",
        6,
    ),
    ("docs/audit-guide.md", "tenantctl audit --", 10),
    // The URL of the first example has the role that this one would create.
    ("docs/audit-guide.md", "pass show shop/auditor", 4),
    ("docs/audit-guide.md", "TENANTCTL_ATTACK_URL=", 10),
    ("docs/audit-guide.md", "tenantctl audit queries", 10),
    // It prompts; without a terminal, a missing value is wrong usage.
    ("README.md", "tenantctl init", 2),
    ("docs/configuration.md", "tenantctl init  ", 2),
    // No database is selected.
    ("README.md", "tenantctl doctor", 7),
    ("docs/configuration.md", "tenantctl doctor", 7),
];

/// The organization of the examples.
const SUNRISE: &str =
    "tenantctl org create Sunrise --slug sunrise --locale de-CH --timezone Europe/Zurich";

/// A server of its own: its roles are those of the pages only.
fn server() -> EphemeralCluster {
    block_on(|| async {
        let started = EphemeralCluster::start_with(cluster_options()).await;
        started.expect("a private PostgreSQL")
    })
}

/// A reader with a server in place of db.example.com, and the URL of its superuser.
fn with_server(cluster: &EphemeralCluster) -> (Reader, String) {
    let url = cluster.admin_url("shop");
    let (_, query) = url.split_once("/shop?host=").expect("a folder in the URL");
    let (folder, port) = query.split_once("&port=").expect("a port in the URL");
    // The default port, which a URL without quotes can omit.
    assert_eq!(port, "5432");
    let reader = Reader::new()
        .stand_in(
            "@db.example.com/shop",
            &format!("@localhost/shop?host={folder}"),
        )
        .stand_in("host db.example.com", &format!("socket {folder}"))
        .stand_in("on db.example.com", &format!("on {folder}"));
    let admin = cluster.admin_url("postgres");
    reader.prepare(&format!("psql -qX '{admin}' -c 'CREATE DATABASE shop'"));
    (reader, url)
}

/// The tables of the audit's examples.
fn fill_shop(reader: &Reader, url: &str) {
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/guides/shop.sql");
    reader.prepare(&format!(
        "psql -qX -v ON_ERROR_STOP=1 '{url}' -f '{tables}'"
    ));
}

#[test]
fn every_page_with_commands_is_read() {
    let mut pages = vec!["README.md".to_owned()];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for entry in fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("an entry").file_name();
        pages.push(format!("docs/{}", name.to_string_lossy()));
    }
    // The commands of this page are benchmarks.
    pages.retain(|page| page.ends_with(".md") && page != "docs/performance.md");
    let tests = include_str!("guides.rs");
    for page in pages {
        let is_read = tests.contains(&format!(".read(\"{page}\")"));
        assert_eq!(is_read, page::has_commands(&page), "{page}");
    }
}

#[test]
fn readme() {
    let cluster = server();
    let (reader, url) = with_server(&cluster);
    fill_shop(&reader, &url);
    reader.read("README.md");
}

#[test]
fn tour() {
    let reader = Reader::new();
    reader.read("docs/tour.md");
}

/// The end of the output, which the page shows without the command.
#[test]
fn tour_the_end_of_the_demo() {
    let reader = Reader::new();
    let ran = reader.run("tenantctl demo");
    assert_eq!(ran.code, 0, "{}", ran.output);
    let problem = compare::differs(&page::text("docs/tour.md"), &ran.output);
    assert_eq!(problem, None, "{}", ran.output);
}

#[test]
fn booking() {
    let db = TestDb::new();
    let reader = Reader::new().env("TENANTCTL_DATABASE_URL", &db.url);
    reader
        .prepare("tenantctl org create 'Lakeside Clinic' --timezone Europe/Zurich --locale en-CH");
    reader.read("docs/booking.md");
}

#[test]
fn importing() {
    let db = TestDb::new();
    let reader = Reader::new().env("TENANTCTL_DATABASE_URL", &db.url);
    reader.prepare("printf 'first_name,last_name\nBo,Ortiz\n' | gzip > big.csv.gz");
    reader.read("docs/importing.md");
}

#[test]
fn serving() {
    let cluster = server();
    let (reader, url) = with_server(&cluster);
    let reader = reader.env("TENANTCTL_DATABASE_URL", &url);
    let configuration = "[secrets]\nkeys_file = \"secret-keys\"\n\
                         [server]\npublic_url = \"https://hooks.example.com\"\n";
    reader.prepare(&format!(
        "mkdir -p ~/.config/tenantctl && printf '{configuration}' > ~/.config/tenantctl/config.toml"
    ));
    reader.prepare("tenantctl db migrate");
    reader.prepare(SUNRISE);
    // A claim that waits for the operator.
    reader.prepare("tenantctl user sign-up --email eva@sunrise.example --name Eva");
    reader.prepare("tenantctl member add eva@sunrise.example --role admin --org sunrise");
    reader.prepare(
        "tenantctl channel set twilio_realtime phone_numbers=+41443643532 --org sunrise \
         --as eva@sunrise.example",
    );
    reader.read("docs/serving.md");
}

#[test]
fn http_api() {
    let db = TestDb::new();
    let cli = db.cli().env("TENANTCTL_SECRET_KEYS", SECRET_KEYS);
    let server = Serving::start(&cli, &[]);
    let reader = Reader::new()
        .env("TENANTCTL_DATABASE_URL", &db.url)
        .stand_in("http://127.0.0.1:8080", server.url());
    reader.prepare(SUNRISE);
    reader.prepare(
        "tenantctl channel set web enabled=true greeting=Grüezi \
         allowed_origins=https://www.sunrise.example --org sunrise",
    );
    reader.prepare(
        "TOKEN=$(curl -X POST -H 'Origin: https://www.sunrise.example' \
         'http://127.0.0.1:8080/api/public/widget-session?slug=sunrise' | jq -er .token)",
    );
    reader.read("docs/http-api.md");
}

#[test]
fn audit_guide() {
    let cluster = server();
    let (reader, url) = with_server(&cluster);
    let reader = reader.env("TENANTCTL_DATABASE_URL", &url);
    fill_shop(&reader, &url);
    reader.prepare("mkdir migrations queries && echo 'SELECT * FROM orders' > queries/a.sql");
    for file in ["before.json", "after.json"] {
        reader.prepare(&format!(
            "tenantctl audit --fail-on never --report {file} > /dev/null"
        ));
    }
    reader.read("docs/audit-guide.md");
    reader.prepare("tenantctl audit --fail-on never --report report.json > /dev/null");
    reader.read("docs/audit-json.md");
}

#[test]
fn configuration() {
    let cluster = server();
    let (reader, url) = with_server(&cluster);
    reader.prepare(&format!(
        "psql -qX '{url}' -c 'CREATE ROLE ops LOGIN SUPERUSER'"
    ));
    let admin = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    admin.ok(&["db", "migrate"]);
    admin.ok(&["org", "create", "Harbor Clinic"]);
    reader.prepare(
        "mkdir -p ~/.config/tenantctl && printf '[profiles.production]\ndatabase_url = \"%s\"\n' \
         'postgres://ops@db.example.com/shop' > ~/.config/tenantctl/config.toml",
    );
    reader.read("docs/configuration.md");
}

#[test]
fn exit_codes() {
    let db = TestDb::new();
    let reader = Reader::new().env("TENANTCTL_DATABASE_URL", &db.url);
    reader.read("docs/exit-codes.md");
}

#[test]
fn scripting() {
    let db = TestDb::new();
    let reader = Reader::new().env("TENANTCTL_DATABASE_URL", &db.url);
    reader.prepare(SUNRISE);
    reader.read("docs/scripting.md");
}
