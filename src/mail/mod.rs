//! Mail: composing messages and sending them.
//!
//! Independent of the outbox and the database: the services decide on recipients and retries.

mod failure;
mod language;
mod message;
mod transport;

use std::sync::Arc;

pub use failure::Failure;
pub use message::{InvitationMail, Sender, invitation};
pub use transport::{Connection, Encryption, Smtp, SmtpSettings};

/// Settings required to send invitations.
#[derive(Clone, Debug)]
pub struct Mailer {
    pub smtp: Arc<Smtp>,
    pub sender: Sender,
    /// Template of the links, with `{token}`.
    pub link_template: String,
}
