//! Mailing invitations, through the binary and a mail server on loopback.

mod attempts;
mod crash;
mod doctor;
mod encryption;
mod link;
mod messages;
mod queue;

use serde_json::Value;

use crate::common::{Clinic, LINK_TEMPLATE, Outcome, SECRET_KEYS, SmtpServer, block_on};

/// The clinic with a mail server of its own.
struct Post {
    clinic: Clinic,
    server: SmtpServer,
}

impl Post {
    fn new() -> Self {
        Self::with(SmtpServer::open(), "")
    }

    /// With more lines in the section `[mail]`.
    fn with(server: SmtpServer, more: &str) -> Self {
        let Clinic { db, cli } = Clinic::new();
        let cli = cli.env("TENANTCTL_SECRET_KEYS", SECRET_KEYS);
        let post = Self {
            clinic: Clinic { db, cli },
            server,
        };
        post.configure(more);
        post
    }

    /// Writes the configuration anew.
    fn configure(&self, more: &str) {
        let port = self.server.port();
        let tls = match more.contains("tls =") {
            true => "",
            false => "tls = 'none'\n",
        };
        let text = format!(
            "{LINK_TEMPLATE}[mail]\nsmtp_host = 'localhost'\nsmtp_port = {port}\n{tls}timeout_seconds = 20\n\
             from_address = 'clinics@mail.example'\n{more}\n"
        );
        let path = self.clinic.cli.config_file();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn invite(&self, email: &str) -> Value {
        let created = self
            .clinic
            .json(&format!("invite create {email} --role viewer"));
        created["invited"][0].clone()
    }

    /// Sends what is due, and gives what came of it.
    #[track_caller]
    fn send(&self) -> Value {
        self.clinic.json("outbox send")
    }

    /// Sends what is due where something goes wrong.
    #[track_caller]
    fn send_fails(&self) -> (Value, String) {
        let Outcome {
            code,
            stdout,
            stderr,
        } = self.clinic.run("outbox send -o json");
        assert_eq!(code, 1, "{stdout}{stderr}");
        (serde_json::from_str(&stdout).unwrap(), stderr)
    }

    /// The newest message to an address.
    #[track_caller]
    fn message(&self, email: &str) -> Value {
        self.clinic.json(&format!("outbox show {email}"))
    }

    fn sql(&self, sql: &str) {
        block_on(|| self.clinic.db.execute(sql));
    }

    fn count(&self, sql: &str) -> i64 {
        block_on(|| self.clinic.db.scalar(sql))
    }

    /// As if the time of all jobs had come, also of those that a worker took and died with.
    fn let_time_pass(&self) {
        self.sql("UPDATE outbox_jobs SET run_at = now(), taken_until = NULL");
    }

    /// The actions in the log that concern messages, oldest first.
    fn actions(&self) -> Vec<String> {
        let listed = self.clinic.json("activity list --all");
        let entries = listed.as_array().unwrap().iter().rev();
        entries
            .filter_map(|entry| entry["action"].as_str())
            .filter(|action| action.starts_with("outbox."))
            .map(str::to_owned)
            .collect()
    }
}
