//! One organization, and the command line as people type it.

use serde_json::Value;

use super::{Cli, Outcome, TestDb};

/// The "Harbor Clinic", owned by maria@harbor.example, on a database of its own. Commands work
/// in it unless they name another organization.
pub struct Clinic {
    pub db: TestDb,
    pub cli: Cli,
}

impl Clinic {
    pub fn new() -> Self {
        let db = TestDb::new();
        let cli = db.cli().env("TENANTCTL_ORG", "harbor-clinic");
        let clinic = Self { db, cli };
        clinic.sign_up("maria@harbor.example");
        clinic.ok("org create 'Harbor Clinic' --owner maria@harbor.example");
        clinic
    }

    /// Runs a line as a shell would split it.
    pub fn run(&self, line: &str) -> Outcome {
        self.cli.run(&args(&words(line)))
    }

    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.cli.ok(&args(&words(line)))
    }

    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        self.cli.json(&args(&words(line)))
    }

    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        self.cli.fails(code, &args(&words(line)))
    }

    /// A user who signed up, with an organization of their own where nobody invited them.
    #[track_caller]
    pub fn sign_up(&self, email: &str) -> Value {
        let name = email.split('@').next().unwrap_or_default();
        self.json(&format!("user sign-up --email {email} --name {name}"))
    }

    /// A user who signed up and is a member.
    #[track_caller]
    pub fn join(&self, email: &str, role: &str) {
        self.sign_up(email);
        self.ok(&format!("member add {email} --role {role}"));
    }

    /// Invites an address; gives the token.
    #[track_caller]
    pub fn invite(&self, email: &str, role: &str) -> String {
        let created = self.json(&format!("invite create {email} --role {role}"));
        token_of(&created["invited"][0])
    }

    /// The role of a member; `None` where they are none.
    #[track_caller]
    pub fn role_of(&self, email: &str) -> Option<String> {
        let members = self.json("member list --all");
        let members = members.as_array().expect("a list");
        let found = members.iter().find(|member| member["email"] == email)?;
        found["role"].as_str().map(str::to_owned)
    }
}

/// The token of an invitation that was just issued.
#[track_caller]
pub fn token_of(issued: &Value) -> String {
    issued["token"].as_str().expect("a token").to_owned()
}

/// A line as a shell would split it.
pub fn words(line: &str) -> Vec<String> {
    shell_words::split(line).expect("balanced quotes")
}

/// As [`Cli`] takes them.
pub fn args(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
