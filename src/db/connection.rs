//! The connection of one invocation, or of one request.

use std::{str::FromStr, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgTransactionManager},
};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    held::Held,
    notice::Notice,
    rehearsal::{self, Ledger},
};
use crate::error::{Error, Result};
use crate::run;

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
        let connection = open_connection(settings).await?;
        Ok(Self {
            settings: Some(settings.clone()),
            ..Self::holding(Held::own(connection, settings.authority))
        })
    }

    pub(super) fn holding(held: Held) -> Self {
        Self {
            connection: Arc::new(Mutex::new(held)),
            settings: None,
            tenant: None,
            rehearsal: None,
        }
    }

    /// Connects and opens the transaction that a dry run never commits.
    ///
    /// # Errors
    /// As [`Database::connect`]; `Failure` when the server counts no changes.
    pub async fn rehearse(settings: &ConnectSettings) -> Result<Self> {
        let mut connection = open_connection(settings).await?;
        rehearsal::require_counters(&mut connection).await?;
        PgTransactionManager::begin(&mut connection, None).await?;
        Ok(Self {
            connection: Arc::new(Mutex::new(Held::own(connection, settings.authority))),
            settings: Some(settings.clone()),
            tenant: None,
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
            rehearsal: self.rehearsal.clone(),
        }
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.rehearsal.as_ref()
    }

    /// In a rehearsal, a connection of its own beside it: for what has to be kept even so, because
    /// it has happened. `None` where nothing is rehearsed.
    ///
    /// # Errors
    /// As [`Database::connect`].
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

    /// Lends the connection. One handle at a time: a second one would wait for the first for ever.
    pub(super) fn lend(&self) -> Result<OwnedMutexGuard<Held>> {
        Arc::clone(&self.connection).try_lock_owned().map_err(|_| {
            Error::failure("two database handles were open at once")
                .hint("this is a mistake in tenantctl; please report it with the command you ran")
        })
    }
}

/// Opens a bare connection, for the audit, which brings its own statements.
///
/// # Errors
/// As [`Database::connect`].
pub async fn open_connection(settings: &ConnectSettings) -> Result<PgConnection> {
    let options = connect_options(settings)?;
    match tokio::time::timeout(
        settings.connect_timeout,
        PgConnection::connect_with(&options),
    )
    .await
    {
        Ok(connected) => connected.map_err(|error| super::error::connect_failed(&options, error)),
        Err(_) => Err(Error::unavailable(format!(
            "no answer from the database at {} in {} seconds",
            super::error::address(&options),
            settings.connect_timeout.as_secs()
        ))
        .hint(
            run!["doctor"].labeled("check the host, the port and the firewall between; for more"),
        )),
    }
}

/// What the driver needs to know.
///
/// # Errors
/// `Usage` for a URL that cannot be read.
pub(super) fn connect_options(settings: &ConnectSettings) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(settings.url.expose_secret())
        .map_err(|_| {
            Error::usage("the database URL cannot be read")
                .hint("it looks like postgres://user@host:5432/database")
        })?
        .application_name("tenantctl");
    Ok(match settings.statement_timeout {
        Some(timeout) => options.options([("statement_timeout", timeout.as_millis())]),
        None => options,
    })
}
