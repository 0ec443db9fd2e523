//! A worker: one message at a time, over a connection that is kept.

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

/// Outcome of one message.
#[derive(Clone, Debug)]
pub struct Done {
    pub organization: OrganizationId,
    /// `None`: of one that waits on, nothing is told.
    pub message: Option<OutboxId>,
    pub outcome: Outcome,
}

/// The way it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The server has taken it.
    Sent,
    /// The server put it off, or the connection broke: it is tried again.
    PutOff(String),
    /// It is given up.
    Failed(String),
    /// What it tells of is over.
    Cancelled(String),
    /// It was not its turn: its organization is suspended, or its recipient got enough.
    Waits,
    /// The server cannot be reached or does not let us in. Another message would fare no better.
    Unavailable(String),
}

/// Sends what is due, one message after the other. Several may work side by side, also in several
/// processes: each message is one worker's.
#[derive(Debug)]
pub struct Worker {
    mailer: Mailer,
    policy: Policy,
    seal: TokenSeal,
    only: Option<OrganizationId>,
    /// The organization that was served last.
    cursor: OrganizationId,
    connection: Option<Connection>,
    /// An outcome that the database was not there for.
    unrecorded: Option<(Box<Leased>, Result<(), Failure>)>,
}

impl Worker {
    /// A worker for all organizations.
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

    /// For one organization alone.
    #[must_use]
    pub fn only(mut self, organization: Option<OrganizationId>) -> Self {
        self.only = organization;
        self
    }

    /// Takes the next message that is due and sends it. `None`: nothing is due.
    ///
    /// An outcome that could not be recorded is recorded first, at the next call.
    ///
    /// # Errors
    /// What the database could not do. What became of a message is no error.
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

    /// `true` if the outcome of the last message could not be recorded.
    pub fn owes_a_record(&self) -> bool {
        self.unrecorded.is_some()
    }

    /// Ends the connection to the mail server, which would otherwise time out.
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
            // The library ends the connection of a message that failed.
            Err(_) => connection.close().await,
            Ok(()) => self.connection = Some(connection),
        }
        sent
    }

    /// The connection of the last message while it is good, or a new one.
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
        // A message that was renewed has another link: it is another message.
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
