//! Mail: what messages say, and how they leave.
//!
//! Knows neither the outbox nor the database: who is written to, and whether again, is decided by
//! the services.

mod failure;
mod language;
mod message;
mod transport;

use std::sync::Arc;

pub use failure::Failure;
pub use message::{InvitationMail, Sender, invitation};
pub use transport::{Connection, Encryption, Smtp, SmtpSettings};

/// All that sending invitations takes.
#[derive(Clone, Debug)]
pub struct Mailer {
    pub smtp: Arc<Smtp>,
    pub sender: Sender,
    /// The template of the links, with `{token}`.
    pub link_template: String,
}
