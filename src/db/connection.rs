//! The database connection of a command invocation or of a request.

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
    /// The role owns the tables. An organization's scope is entered with
    /// `SET LOCAL ROLE tenant_app`.
    #[default]
    Owner,
    /// The role has the rights of `tenant_app`, perhaps also those of `tenant_server`, and owns
    /// nothing: no role has to be switched to or returned from. See [`super::roles`].
    Tenant,
}

/// Connection settings and timeouts.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// `postgres://…`
    pub url: SecretString,
    /// The rights of the role in the URL.
    pub authority: Authority,
    /// Timeout for connecting and authenticating.
    pub connect_timeout: Duration,
    /// `statement_timeout` of the session; `None` keeps the server's.
    pub statement_timeout: Option<Duration>,
    /// `true` if the server is behind a pooler that assigns a different session to each
    /// transaction. `None` detects it.
    pub pooled: Option<bool>,
}

/// An open database: a single connection, lent to one handle at a time.
///
/// A rehearsal (`--dry-run`) holds an outer transaction that is never committed. Every handle then
/// works in a savepoint, so the code that is rehearsed is the code that would run.
#[derive(Clone, Debug)]
pub struct Database {
    connection: Arc<Mutex<Held>>,
    /// The settings that opened it; `None` for a connection of a pool.
    settings: Option<ConnectSettings>,
    /// The separate connection for tenants' data, if any.
    tenant: Option<Arc<Mutex<Held>>>,
    /// The owner's connection, if this one is the separate one for tenants' data.
    owner: Option<Arc<Mutex<Held>>>,
    is_pooled: bool,
    /// Set in a rehearsal.
    rehearsal: Option<Ledger>,
}

impl Database {
    /// Connects to the database.
    ///
    /// # Errors
    /// `Usage` for an invalid URL, `Unavailable` if the server cannot be reached in time or rejects
    /// the connection.
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
    /// Those of [`Database::connect`]; `Failure` if the server does not track changes.
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

    /// Registers `say`, which is called once, before the first change.
    ///
    /// # Errors
    /// `Failure` if another handle is open.
    pub fn before_first_change(&self, say: impl FnOnce() + Send + Sync + 'static) -> Result<()> {
        self.lend()?.before_change = Some(Notice::new(say));
        Ok(())
    }

    /// Prints now the message that precedes the first change: for long work that is recorded
    /// at its end.
    ///
    /// # Errors
    /// `Failure` if another handle is open.
    pub fn about_to_change(&self) -> Result<()> {
        let notice = self.lend()?.before_change.take();
        notice.into_iter().for_each(Notice::say);
        Ok(())
    }

    /// Returns the same database, but with tenants' data accessed over the connection of `tenant`,
    /// a role with a tenant's rights. A transaction that spans both
    /// ([`super::PlatformConn::enter`]) stays on the owner's connection, and so does a rehearsal,
    /// which is a single transaction.
    #[must_use]
    pub fn with_tenant(self, tenant: Self) -> Self {
        if self.rehearsal.is_some() {
            return self;
        }
        // A change over either connection can be the first.
        if let (Ok(owner), Ok(mut tenant)) = (self.lend(), tenant.lend()) {
            tenant.before_change.clone_from(&owner.before_change);
        }
        Self {
            tenant: Some(tenant.connection),
            ..self
        }
    }

    /// Returns the database as used for a tenant's data.
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

    /// Reports whether the server is behind a pooler that assigns a different session to each
    /// transaction.
    pub const fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.rehearsal.as_ref()
    }

    /// Opens a separate connection during a rehearsal, for records that have to be kept because the
    /// event has happened. `None` outside of a rehearsal.
    pub async fn beside_rehearsal(&self) -> Result<Option<Self>> {
        match &self.rehearsal {
            Some(_) => self.beside().await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens another connection to the same database with independent transactions, for records
    /// that have to be kept whatever happens to the transaction on this one.
    ///
    /// # Errors
    /// Those of [`Database::connect`]; `Failure` for a connection of a pool, which hands out other
    /// connections itself.
    pub async fn beside(&self) -> Result<Self> {
        let settings = self.settings.as_ref().ok_or_else(|| {
            Error::failure("a pooled connection cannot open another connection")
                .hint("this is a bug in tenantctl; please report it with the command you ran")
        })?;
        Self::connect(settings).await
    }

    /// Finishes the pending rollback of a dropped handle on the other of the two connections. The
    /// server receives that rollback only with the next statement, and until then its locks would
    /// block this connection.
    ///
    /// # Errors
    /// `Failure` if a handle is open there.
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

    /// Lends the connection to one handle at a time: a second one would wait for the first forever.
    pub(super) fn lend(&self) -> Result<OwnedMutexGuard<Held>> {
        lend(&self.connection)
    }
}

fn lend(connection: &Arc<Mutex<Held>>) -> Result<OwnedMutexGuard<Held>> {
    Arc::clone(connection).try_lock_owned().map_err(|_| {
        Error::failure("two database handles are open at the same time")
            .hint("this is a bug in tenantctl; please report it with the command you ran")
    })
}

/// Opens a bare connection for the audit, which brings its own statements and settings and runs
/// code of other roles: a pooler would pass that session on to the next client.
///
/// # Errors
/// Those of [`Database::connect`]; `Refused` behind a pooler.
pub async fn open_connection(settings: &ConnectSettings) -> Result<PgConnection> {
    let dialed = Dialer::new(settings)?.dial().await?;
    if dialed.is_pooled {
        return Err(Error::refused(
            "an audit needs dedicated sessions, and a connection pooler shares them with other clients",
        )
        .hint("specify the server's own address: --database-url")
        .hint("if the pooler keeps one session per client, set `pooled = false`"));
    }
    Ok(dialed.connection)
}
