//! The section `[mail]`: the SMTP server that sends messages.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::file::masked_text;
use super::secret_places::SecretPlaces;
use crate::error::Result;
use crate::system::Environment;

/// The SMTP server that sends invitations. Without smtp_host no mail is sent, and the link of an
/// invitation is shown to the user who creates it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// The SMTP server. Not set: no mail is sent.
    #[schemars(example = &"smtp.example.com")]
    pub smtp_host: Option<String>,

    /// Its port. Not set: 587, with tls = "tls" 465, with tls = "none" 25.
    #[schemars(range(min = 1, max = 65_535), example = 587)]
    pub smtp_port: Option<u16>,

    /// Encryption of the connection.
    pub tls: MailTls,

    /// Allow tls = "none" even if the server is another machine: anyone on the network path can
    /// read the password and the links.
    pub allow_plain: bool,

    /// A file with certificates (PEM) of authorities that sign the server's, in addition to the
    /// well-known ones. A relative path is relative to the directory of this file.
    #[schemars(example = &"/etc/ssl/mail-ca.pem")]
    pub ca_file: Option<PathBuf>,

    /// The user name. Not set: no authentication.
    #[schemars(example = &"tenantctl")]
    pub username: Option<String>,

    /// A command that prints the password on the first line of its output. It is run by `sh -c`
    /// with a time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/smtp")]
    #[serde(serialize_with = "masked_text")]
    pub password_command: Option<String>,

    /// The environment variable that contains the password.
    #[schemars(example = &"SMTP_PASSWORD")]
    pub password_env: Option<String>,

    /// A file with the password on its first line. A relative path is relative to the directory of
    /// this file.
    #[schemars(example = &"/run/secrets/smtp-password")]
    pub password_file: Option<PathBuf>,

    /// The sender address.
    #[schemars(example = &"invitations@clinics.example.com")]
    pub from_address: Option<String>,

    /// The sender name. Not set: the name of the inviting organization.
    #[schemars(example = &"Example Clinics")]
    pub from_name: Option<String>,

    /// The address for replies. Not set: from_address.
    #[schemars(example = &"help@clinics.example.com")]
    pub reply_to: Option<String>,

    /// Maximum number of messages per hour to one address, from all organizations together. Further
    /// messages are delayed.
    #[schemars(range(min = 1, max = 1_000))]
    pub recipient_limit: u32,

    /// Maximum number of attempts to send a message that the server defers.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,

    /// Timeout in seconds, for connecting and for sending a message each.
    #[schemars(range(min = 1, max = 600))]
    pub timeout_seconds: u32,

    /// Number of messages that `serve` sends concurrently.
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

/// The encryption of a connection to an SMTP server.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Starts in clear text; nothing confidential is sent before it is encrypted (STARTTLS).
    StartTls,
    /// Encrypted from the start.
    Tls,
    /// Not encrypted: for a server on this machine.
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

    /// The usual port: RFC 8314 for the first two.
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
    /// The options of this section that set a password; at most one is valid.
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

    /// The password from the configured source; `None` if absent.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read: the command fails, the variable is not set, the file
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
