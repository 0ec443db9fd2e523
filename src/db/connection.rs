//! The connection of one invocation, or of one request.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    dial::Dialer,
    held::Held,
    notice::Notice,
    rehearsal::{self, Ledger},
};
use crate::error::{Error, Result};

/// The rights of the role that a connection authenticates as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Authority {
    /// It owns the tables. An organization's scope is entered with `SET LOCAL ROLE tenant_app`.
    #[default]
    Owner,
    /// It has what `tenant_app` has, perhaps also what `tenant_server` has, and owns nothing: there is
    /// no role to switch to, nor one to return to. See [`super::roles`].
    Tenant,
}

/// How to connect, and for how long to try.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// `postgres://…`
    pub url: SecretString,
    /// The rights of the role in the URL.
    pub authority: Authority,
    /// Time to connect and authenticate in.
    pub connect_timeout: Duration,
    /// `statement_timeout` of the session; `None` leaves the server's.
    pub statement_timeout: Option<Duration>,
    /// Whether a pooler stands before the server that hands out another session of it for each
    /// transaction. `None`: that is found out.
    pub pooled: Option<bool>,
}

/// An open database: one connection, lent to one handle at a time.
///
/// A rehearsal (`--dry-run`) holds an outer transaction that is never committed; every handle
/// then works in a savepoint, so that the code under rehearsal is the code that would run.
#[derive(Clone, Debug)]
pub struct Database {
    connection: Arc<Mutex<Held>>,
    /// How it was opened; `None`: it is a pool's.
    settings: Option<ConnectSettings>,
    /// The connection for tenants' data, where it has one of its own.
    tenant: Option<Arc<Mutex<Held>>>,
    /// The owner's connection, where this one is for tenants' data and beside it.
    owner: Option<Arc<Mutex<Held>>>,
    is_pooled: bool,
    /// Set in a rehearsal.
    rehearsal: Option<Ledger>,
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// `Usage` for a URL that cannot be read, `Unavailable` when the server cannot be reached in
    /// time or refuses.
    pub async fn connect(settings: &ConnectSettings) -> Result<Self> {
        let dialed = Dialer::new(settings)?.dial().await?;
        Ok(Self {
            settings: Some(settings.clone()),
            ..Self::holding(Held::own(dialed))
        })
    }

    pub(super) fn holding(held: Held) -> Self {
        Self {
            is_pooled: held.dialed().is_pooled,
            connection: Arc::new(Mutex::new(held)),
            settings: None,
            tenant: None,
            owner: None,
            rehearsal: None,
        }
    }

    /// Connects and opens the transaction that a dry run never commits.
    ///
    /// # Errors
    /// As [`Database::connect`]; `Failure` when the server counts no changes.
    pub async fn rehearse(settings: &ConnectSettings) -> Result<Self> {
        let mut dialed = Dialer::new(settings)?.dial().await?;
        rehearsal::require_counters(&mut dialed.connection).await?;
        dialed.begin("").await?;
        Ok(Self {
            is_pooled: dialed.is_pooled,
            connection: Arc::new(Mutex::new(Held::own(dialed))),
            settings: Some(settings.clone()),
            tenant: None,
            owner: None,
            rehearsal: Some(Ledger::default()),
        })
    }

    /// Has `say` called once, before the first change.
    ///
    /// # Errors
    /// `Failure` when another handle is open.
    pub fn before_first_change(&self, say: impl FnOnce() + Send + Sync + 'static) -> Result<()> {
        self.lend()?.before_change = Some(Notice::new(say));
        Ok(())
    }

    /// Says now what is said before the first change: for long work that is recorded at its end.
    ///
    /// # Errors
    /// `Failure` when another handle is open.
    pub fn about_to_change(&self) -> Result<()> {
        let notice = self.lend()?.before_change.take();
        notice.into_iter().for_each(Notice::say);
        Ok(())
    }

    /// The same database, whose tenants' data is reached over the connection of `tenant`, a role with a
    /// tenant's rights. What spans both in one transaction ([`super::PlatformConn::enter`]) stays on
    /// the owner's connection, and so does a rehearsal, which is one transaction.
    #[must_use]
    pub fn with_tenant(self, tenant: Self) -> Self {
        if self.rehearsal.is_some() {
            return self;
        }
        // A change over either connection is the first one.
        if let (Ok(owner), Ok(mut tenant)) = (self.lend(), tenant.lend()) {
            tenant.before_change.clone_from(&owner.before_change);
        }
        Self {
            tenant: Some(tenant.connection),
            ..self
        }
    }

    /// The database as it is reached for a tenant's data.
    pub(super) fn for_tenant(&self) -> Self {
        Self {
            connection: Arc::clone(self.tenant.as_ref().unwrap_or(&self.connection)),
            settings: self.settings.clone(),
            tenant: None,
            owner: self.tenant.as_ref().map(|_| Arc::clone(&self.connection)),
            is_pooled: self.is_pooled,
            rehearsal: self.rehearsal.clone(),
        }
    }

    /// Whether a pooler stands before the server that hands out another session of it for each
    /// transaction.
    pub const fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.rehearsal.as_ref()
    }

    /// In a rehearsal, a connection of its own beside it: for what has to be kept even so, because
    /// it has happened. `None` where nothing is rehearsed.
    pub async fn beside_rehearsal(&self) -> Result<Option<Self>> {
        match &self.rehearsal {
            Some(_) => self.beside().await.map(Some),
            None => Ok(None),
        }
    }

    /// Another connection to the same database, whose transactions are its own: for what has to be
    /// kept whatever becomes of the transaction on this one.
    ///
    /// # Errors
    /// As [`Database::connect`]; `Failure` for a connection of a pool, which gives another one itself.
    pub async fn beside(&self) -> Result<Self> {
        let settings = self.settings.as_ref().ok_or_else(|| {
            Error::failure("a connection of a pool opens no connection beside it")
                .hint("this is a mistake in tenantctl; please report it with the command you ran")
        })?;
        Self::connect(settings).await
    }

    /// Ends what a dropped handle left open on the other of two connections: the server hears of its
    /// rollback with the next statement only, and the locks until then would stop this connection.
    ///
    /// # Errors
    /// `Failure` when a handle is open there; `Unavailable` when the connection is lost.
    pub(super) async fn settle_other(&self) -> Result<()> {
        let Some(other) = self.tenant.as_ref().or(self.owner.as_ref()) else {
            return Ok(());
        };
        let mut other = lend(other)?;
        if other.pending {
            other.ping().await?;
            other.pending = false;
        }
        Ok(())
    }

    /// Lends the connection. One handle at a time: a second one would wait for the first for ever.
    pub(super) fn lend(&self) -> Result<OwnedMutexGuard<Held>> {
        lend(&self.connection)
    }
}

fn lend(connection: &Arc<Mutex<Held>>) -> Result<OwnedMutexGuard<Held>> {
    Arc::clone(connection).try_lock_owned().map_err(|_| {
        Error::failure("two database handles were open at once")
            .hint("this is a mistake in tenantctl; please report it with the command you ran")
    })
}

/// Opens a bare connection, for the audit, which brings its own statements and settings, and runs
/// what belongs to others: a pooler would hand that session on to the next client.
///
/// # Errors
/// As [`Database::connect`]; `Refused` behind a pooler.
pub async fn open_connection(settings: &ConnectSettings) -> Result<PgConnection> {
    let dialed = Dialer::new(settings)?.dial().await?;
    if dialed.is_pooled {
        return Err(Error::refused(
            "an audit needs sessions of its own, and a connection pooler hands them to other clients",
        )
        .hint("name the server's own address: --database-url")
        .hint("where the pooler keeps a session for each client, set `pooled = false`"));
    }
    Ok(dialed.connection)
}
