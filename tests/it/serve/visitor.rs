//! Visitors of websites that ask the public API, as browsers do and as others do.

use serde_json::Value;

use super::Serving;
use crate::common::{Cli, SECRET_KEYS, TestDb};

/// The website of the organization `harbor`, and one that is not.
pub const SITE: &str = "https://site.example";
pub const OTHER_SITE: &str = "https://evil.example";

/// A database with the organization `harbor`, whose chat is on [`SITE`], and the binary with keys.
pub fn harbor() -> (TestDb, Cli) {
    let db = TestDb::new();
    let cli = db.cli().env("TENANTCTL_SECRET_KEYS", SECRET_KEYS);
    organization(&cli, "harbor", SITE);
    (db, cli)
}

/// An organization with a chat; gives its id.
pub fn organization(cli: &Cli, slug: &str, site: &str) -> String {
    let name = format!("Clinic {slug}");
    cli.ok(&["org", "create", &name, "--slug", slug, "--locale", "de-CH"]);
    let origins = format!("allowed_origins={site}");
    let set = ["channel", "set", "web", &origins, "greeting=Grüezi"];
    cli.ok(&[&set[..], &["--org", slug]].concat());
    id_of(cli, slug)
}

pub fn id_of(cli: &Cli, slug: &str) -> String {
    let shown = cli.json(&["org", "show", slug]);
    shown["id"].as_str().unwrap().to_owned()
}

/// One request on a connection of its own.
pub struct Ask<'a> {
    serving: &'a Serving,
    method: &'a str,
    path: &'a str,
    headers: String,
    body: String,
}

impl<'a> Ask<'a> {
    pub fn new(serving: &'a Serving, method: &'a str, path: &'a str) -> Self {
        Self {
            serving,
            method,
            path,
            headers: String::new(),
            body: String::new(),
        }
    }

    pub fn get(serving: &'a Serving, path: &'a str) -> Self {
        Self::new(serving, "GET", path)
    }

    pub fn post(serving: &'a Serving, path: &'a str, body: &Value) -> Self {
        Self {
            body: body.to_string(),
            ..Self::new(serving, "POST", path)
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn from(self, origin: &str) -> Self {
        self.header("origin", origin)
    }

    pub fn with(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub fn send(self) -> Told {
        let mut connection = self.serving.connect();
        connection.send(&format!(
            "{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{}\r\n{}",
            self.method,
            self.path,
            self.body.len(),
            self.headers,
            self.body
        ));
        Told::read(connection.read_to_end())
    }
}

/// An answer.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub body: String,
    /// All of it, byte by byte.
    pub raw: String,
}

impl Told {
    fn read(raw: String) -> Self {
        let (status, body) = super::server::parse(&raw);
        Self { status, body, raw }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.raw.split_once("\r\n\r\n")?;
        let is_it = |line: &&str| {
            line.split_once(':')
                .is_some_and(|(told, _)| told.eq_ignore_ascii_case(name))
        };
        let line = head.lines().find(is_it)?;
        Some(line.split_once(':')?.1.trim())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.raw))
    }

    /// What differs from answer to answer left out: when, and which request it was.
    pub fn without_its_own(&self) -> String {
        let mut text = String::new();
        for line in self.raw.lines() {
            let own = ["x-request-id:", "date:"];
            if !own.iter().any(|name| line.starts_with(name)) {
                text.push_str(line);
                text.push('\n');
            }
        }
        match self.header("x-request-id") {
            Some(id) => text.replace(id, "ID"),
            None => text,
        }
    }
}
