//! The section `[mail]`: the SMTP server that messages are sent through.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Environment;
use super::file::masked_text;
use super::secret_places::SecretPlaces;
use crate::error::Result;

/// The SMTP server through which invitations are mailed. Without smtp_host no mail is sent, and the
/// links of invitations are shown to whoever makes them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// The SMTP server. Not set: no mail is sent.
    #[schemars(example = &"smtp.example.com")]
    pub smtp_host: Option<String>,

    /// Its port. Not set: 587, with tls = "tls" 465, with tls = "none" 25.
    #[schemars(range(min = 1, max = 65_535), example = 587)]
    pub smtp_port: Option<u16>,

    /// How the connection is encrypted.
    pub tls: MailTls,

    /// Allow tls = "none" also where the server is another machine: everybody in between can read
    /// the password, and the links.
    pub allow_plain: bool,

    /// A file with certificates (PEM) of authorities that sign the server's, beside the well-known
    /// ones. A relative path starts at the directory of this file.
    #[schemars(example = &"/etc/ssl/mail-ca.pem")]
    pub ca_file: Option<PathBuf>,

    /// The name to sign in with. Not set: without signing in.
    #[schemars(example = &"tenantctl")]
    pub username: Option<String>,

    /// A command that prints the password as the first line of its output. It is run by `sh -c`
    /// and has 30 seconds.
    #[schemars(example = &"pass show clinic/smtp")]
    #[serde(serialize_with = "masked_text")]
    pub password_command: Option<String>,

    /// The environment variable that holds the password.
    #[schemars(example = &"SMTP_PASSWORD")]
    pub password_env: Option<String>,

    /// A file whose first line is the password. A relative path starts at the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/smtp-password")]
    pub password_file: Option<PathBuf>,

    /// The address that messages come from.
    #[schemars(example = &"invitations@clinics.example.com")]
    pub from_address: Option<String>,

    /// The name beside it. Not set: that of the organization that invites.
    #[schemars(example = &"Example Clinics")]
    pub from_name: Option<String>,

    /// The address that answers go to. Not set: from_address.
    #[schemars(example = &"help@clinics.example.com")]
    pub reply_to: Option<String>,

    /// How many messages an hour one address gets at most, of all organizations together. More wait.
    #[schemars(range(min = 1, max = 1_000))]
    pub recipient_limit: u32,

    /// How often a message is tried while the server puts it off, before it is given up.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,

    /// How many seconds connecting may take, and then sending a message.
    #[schemars(range(min = 1, max = 600))]
    pub timeout_seconds: u32,

    /// How many messages `serve` sends at once.
    #[schemars(range(min = 1, max = 32))]
    pub connections: u32,
}

impl Default for MailSection {
    fn default() -> Self {
        Self {
            smtp_host: None,
            smtp_port: None,
            tls: MailTls::StartTls,
            allow_plain: false,
            ca_file: None,
            username: None,
            password_command: None,
            password_env: None,
            password_file: None,
            from_address: None,
            from_name: None,
            reply_to: None,
            recipient_limit: 10,
            max_attempts: 10,
            timeout_seconds: 60,
            connections: 1,
        }
    }
}

/// How a connection to an SMTP server is encrypted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// It begins in clear, and nothing is said before it is encrypted (STARTTLS).
    StartTls,
    /// It is encrypted from the beginning.
    Tls,
    /// It is not: for a server on this machine.
    None,
}

impl MailTls {
    /// The name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// The port that servers have for it: RFC 8314 for the first two.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl fmt::Display for MailTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl MailSection {
    /// The options of this section that name a password; a valid one has one at most.
    pub(super) fn password_options(&self) -> Vec<&'static str> {
        let options = [
            ("password_command", self.password_command.is_some()),
            ("password_env", self.password_env.is_some()),
            ("password_file", self.password_file.is_some()),
        ];
        options
            .into_iter()
            .filter_map(|(option, is_set)| is_set.then_some(option))
            .collect()
    }

    /// The password, from wherever the section says it is; `None`: it names none.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be had: the command fails, the variable is not set, the file
    /// cannot be read.
    pub fn password(&self, env: &Environment) -> Result<Option<SecretString>> {
        let places = SecretPlaces {
            owner: "the section [mail]".to_owned(),
            option: "password",
            what: "password",
            form: "PASSWORD",
            command: self.password_command.as_deref(),
            variable: self.password_env.as_deref(),
            file: self.password_file.as_deref(),
        };
        places.read(env)
    }
}
