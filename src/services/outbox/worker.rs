//! A worker: sends one message at a time, over a persistent connection.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    lease::{self, Leased, Policy, Taken},
    record::record,
    seal::TokenSeal,
};
use crate::{
    domain::{InvitationToken, OrganizationId, OutboxId, OutboxStatus, invitation},
    error::Result,
    mail::{self, Connection, Failure, InvitationMail, Mailer},
    services::Session,
};

/// Result of one message.
#[derive(Clone, Debug)]
pub struct Done {
    pub organization: OrganizationId,
    /// `None` for a message that was postponed.
    pub message: Option<OutboxId>,
    pub outcome: Outcome,
}

/// Outcome of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The server has accepted it.
    Sent,
    /// The server deferred it, or the connection was lost: it is retried.
    PutOff(String),
    /// It was given up.
    Failed(String),
    /// It is obsolete.
    Cancelled(String),
    /// It was postponed: its organization is suspended, or its recipient has reached the limit.
    Waits,
    /// The server is unreachable or rejects the credentials. Other messages would fail as well.
    Unavailable(String),
}

/// Sends the messages that are due, one after another. Several workers may run concurrently, also
/// in several processes: each message is leased by one worker.
#[derive(Debug)]
pub struct Worker {
    mailer: Mailer,
    policy: Policy,
    seal: TokenSeal,
    only: Option<OrganizationId>,
    /// The organization that was served last.
    cursor: OrganizationId,
    connection: Option<Connection>,
    /// An outcome that could not be recorded because the database was unavailable.
    unrecorded: Option<(Box<Leased>, Result<(), Failure>)>,
}

impl Worker {
    /// Creates a worker for all organizations.
    pub fn new(mailer: Mailer, policy: Policy, seal: TokenSeal) -> Self {
        Self {
            mailer,
            policy,
            seal,
            only: None,
            cursor: Uuid::nil().into(),
            connection: None,
            unrecorded: None,
        }
    }

    /// Limits the worker to one organization.
    #[must_use]
    pub fn only(mut self, organization: Option<OrganizationId>) -> Self {
        self.only = organization;
        self
    }

    /// Leases the next message that is due and sends it. `None` if nothing is due.
    ///
    /// An outcome that could not be recorded before is recorded first.
    ///
    /// # Errors
    /// Only errors of the database. A message that fails is a result, not an error.
    pub async fn work_once(&mut self, session: &Session) -> Result<Option<Done>> {
        if self.unrecorded.is_some() {
            return self.record(session).await;
        }
        let taken = lease::take(session, &self.policy, &self.seal, self.cursor, self.only).await?;
        let Some((organization, taken)) = taken else {
            return Ok(None);
        };
        self.cursor = organization;
        let (message, outcome) = match taken {
            Taken::Waits => (None, Outcome::Waits),
            Taken::Settled(message, OutboxStatus::Failed, why) => {
                (Some(message.id), Outcome::Failed(why))
            }
            Taken::Settled(message, _, why) => (Some(message.id), Outcome::Cancelled(why)),
            Taken::Sealed(leased, why) => {
                self.unrecorded = Some((leased, Err(Failure::Transient(why))));
                return self.record(session).await;
            }
            Taken::ToSend(leased, token) => {
                let attempt = self.send(&leased, &token, session.now()).await;
                self.unrecorded = Some((leased, attempt));
                return self.record(session).await;
            }
        };
        Ok(Some(Done {
            organization,
            message,
            outcome,
        }))
    }

    /// Returns `true` if the outcome of the last message could not be recorded.
    pub fn owes_a_record(&self) -> bool {
        self.unrecorded.is_some()
    }

    /// Closes the connection to the mail server, which would otherwise time out.
    pub async fn rest(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    async fn record(&mut self, session: &Session) -> Result<Option<Done>> {
        let Some((leased, attempt)) = &self.unrecorded else {
            return Ok(None);
        };
        let outcome = record(session, &self.policy, leased, attempt).await?;
        let done = Done {
            organization: leased.organization.id,
            message: Some(leased.message.id),
            outcome,
        };
        self.unrecorded = None;
        Ok(Some(done))
    }

    async fn send(
        &mut self,
        leased: &Leased,
        token: &InvitationToken,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let message = self
            .write(leased, token, now)
            .map_err(|error| Failure::Permanent(error.to_string()))?;
        let mut connection = self.connected().await?;
        let sent = connection.send(&message).await;
        match &sent {
            // The library closes the connection after a failed message.
            Err(_) => connection.close().await,
            Ok(()) => self.connection = Some(connection),
        }
        sent
    }

    /// Returns the connection of the last message if it is still usable, or a new one.
    async fn connected(&mut self) -> Result<Connection, Failure> {
        if let Some(mut connection) = self.connection.take() {
            if connection.is_usable().await {
                return Ok(connection);
            }
            connection.close().await;
        }
        self.mailer.smtp.connect().await
    }

    fn write(
        &self,
        leased: &Leased,
        token: &InvitationToken,
        now: DateTime<Utc>,
    ) -> Result<lettre::Message> {
        let Leased {
            message,
            invitation,
            organization,
            ..
        } = leased;
        let link = invitation::link(&self.mailer.link_template, token)?;
        // A renewed message has another link, so it needs another Message-ID.
        let reference = format!("{}.{}", message.id, invitation.times_issued);
        let mail = InvitationMail {
            reference,
            written_at: now,
            recipient: &message.recipient,
            locale: &message.locale,
            organization,
            role: invitation.role,
            expires_at: invitation.expires_at,
            link: &link,
        };
        mail::invitation(&self.mailer.sender, &mail)
    }
}
