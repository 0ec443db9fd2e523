//! Connecting to a server: encrypted as required by `sslmode`, directly or through a pooler.
//!
//! The driver connects on its own if it can. What it does not support (checking a certificate like
//! libpq, a pooler that assigns connections per transaction) is done by a [`relay`].

mod certificate;
mod fault;
mod frames;
mod relay;
mod roots;
mod target;
mod tls;
mod verifier;

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Row as _, SqlSafeStr as _,
    postgres::{PgConnectOptions, PgDatabaseError, PgSslMode, PgTransactionManager},
};
use sqlx_core::transaction::TransactionManager as _;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use self::{
    fault::Fault,
    relay::{Passing, Relay, Stream},
    target::{Layer, Target},
    tls::{Encryption, encrypt, tls_error},
    verifier::Judged,
};
use super::{
    Authority, ConnectSettings,
    error::{address, connect_failed},
};
use crate::{
    error::{Error, Result},
    run,
};

/// A server, and the knowledge about the connection to it.
#[derive(Debug)]
pub(super) struct Dialer {
    target: Target,
    settings: ConnectSettings,
    /// `true` if a pooler was detected. It is not checked again.
    met_pooler: AtomicBool,
}

/// A session, with the properties of its connection.
#[derive(Debug)]
pub(super) struct Dialed {
    pub(super) connection: PgConnection,
    /// The rights of the role that it authenticated as.
    pub(super) authority: Authority,
    /// `true` if a pooler assigns a different session of the server to each transaction.
    pub(super) is_pooled: bool,
    /// Statements for the start of each transaction, for settings that a dedicated session would
    /// have set once.
    pub(super) each_transaction: String,
}

impl Dialed {
    /// Opens a transaction that starts with `settings`, sent together with BEGIN.
    pub(super) async fn begin(&mut self, settings: &str) -> sqlx::Result<()> {
        // Safe: numbers and constants, and settings that the caller guarantees.
        let begin = format!("BEGIN; {}{settings}", self.each_transaction);
        let begin = AssertSqlSafe(begin).into_sql_str();
        PgTransactionManager::begin(&mut self.connection, Some(begin)).await
    }
}

/// Creates a value with options that reach the server, for example a connection.
type Make<T> = fn(PgConnectOptions) -> BoxFuture<'static, sqlx::Result<T>>;

impl Dialer {
    /// # Errors
    /// `Usage` for a URL that cannot be read.
    pub(super) fn new(settings: &ConnectSettings) -> Result<Self> {
        Ok(Self {
            target: Target::of(settings)?,
            settings: settings.clone(),
            met_pooler: AtomicBool::new(settings.pooled == Some(true)),
        })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached in time or securely enough, or rejects the
    /// connection.
    pub(super) async fn dial(&self) -> Result<Dialed> {
        self.in_time(self.session()).await
    }

    /// Creates a value on a session of the server itself, regardless of earlier detection.
    pub(super) async fn direct<T>(&self, make: Make<T>) -> Result<T> {
        self.in_time(self.reach(self.target.direct(), Passing::AsItIs, make))
            .await
    }

    /// Reports whether a pooler was detected.
    pub(super) fn has_met_pooler(&self) -> bool {
        self.met_pooler.load(Ordering::Relaxed)
    }

    /// Returns host and port, or the socket folder.
    pub(super) fn address(&self) -> String {
        address(&self.target.lean)
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, Failure>>,
    ) -> Result<T> {
        match timeout(self.settings.connect_timeout, work).await {
            Ok(done) => done.map_err(|failure| failure.error(&self.target)),
            Err(_) => Err(Error::unavailable(format!(
                "no response from the database at {} within {} seconds",
                self.address(),
                self.settings.connect_timeout.as_secs()
            ))
            .hint(run!["doctor"].labeled("check the host, the port and any firewall; for more"))),
        }
    }

    async fn session(&self) -> std::result::Result<Dialed, Failure> {
        if !self.has_met_pooler() {
            match self.own_session().await? {
                Some(connection) => {
                    return Ok(Dialed {
                        connection,
                        authority: self.settings.authority,
                        is_pooled: false,
                        each_transaction: String::new(),
                    });
                }
                None => self.met_pooler.store(true, Ordering::Relaxed),
            }
        }
        let lean = self.target.lean.clone();
        let connection = self.reach(lean, Passing::Unnamed, connect).await?;
        let each_transaction = match self.settings.statement_timeout {
            Some(timeout) => format!("SET LOCAL statement_timeout = {}; ", timeout.as_millis()),
            None => String::new(),
        };
        Ok(Dialed {
            connection,
            authority: self.settings.authority,
            is_pooled: true,
            each_transaction,
        })
    }

    /// Opens a session of the server itself; `None` if a pooler answered.
    async fn own_session(&self) -> std::result::Result<Option<PgConnection>, Failure> {
        let options = self.target.direct();
        let mut connection = match self.reach(options, Passing::AsItIs, connect).await {
            Err(Failure::Driver(error))
                if self.settings.pooled.is_none() && refuses_parameter(&error) =>
            {
                return Ok(None);
            }
            connected => connected?,
        };
        if self.settings.pooled.is_some() || has_mark(&mut connection).await? {
            return Ok(Some(connection));
        }
        // A failure to close cleanly does not matter.
        let _closed = connection.close().await;
        Ok(None)
    }

    /// Tries the connection types that `sslmode` allows.
    async fn reach<T>(
        &self,
        options: PgConnectOptions,
        passing: Passing,
        make: Make<T>,
    ) -> std::result::Result<T, Failure> {
        let mut first: Option<Failure> = None;
        let mut layers = self.target.layers()?.into_iter().peekable();
        while let Some(layer) = layers.next() {
            let failure = match self.reach_by(&layer, &options, passing, make).await {
                Ok(made) => return Ok(made),
                Err(failure) => failure,
            };
            let is_last = layers.peek().is_none();
            if !is_last && failure.may_go_otherwise() {
                first = Some(failure);
                continue;
            }
            return Err(match first {
                // The server requires encryption, and the first failure explains why TLS did not
                // work.
                Some(first @ Failure::Tls(_)) if failure.is_refusal() => first,
                _ => failure,
            });
        }
        unreachable!("sslmode allows one way at least")
    }

    async fn reach_by<T>(
        &self,
        layer: &Layer,
        options: &PgConnectOptions,
        passing: Passing,
        make: Make<T>,
    ) -> std::result::Result<T, Failure> {
        if passing == Passing::AsItIs {
            let mode = match layer {
                Layer::Plain => Some(PgSslMode::Disable),
                Layer::Tls(Encryption {
                    judged: Judged::Nothing,
                    optional,
                    ..
                }) => Some(match optional {
                    true => PgSslMode::Prefer,
                    false => PgSslMode::Require,
                }),
                Layer::Tls(_) => None,
            };
            if let Some(mode) = mode {
                match make(options.clone().ssl_mode(mode))
                    .await
                    .map_err(Failure::of)
                {
                    // The driver cannot read the certificate, which does not have to be checked.
                    Err(Failure::UnreadCertificate) => {}
                    made => return made,
                }
            }
        }
        let server = self.open(layer).await?;
        let relay = Relay::to(server, passing, options).map_err(Failure::Relay)?;
        make(relay.options.clone()).await.map_err(Failure::of)
    }

    async fn open(&self, layer: &Layer) -> std::result::Result<Box<dyn Stream>, Failure> {
        if let Some(path) = self.target.socket() {
            return Ok(Box::new(UnixStream::connect(path).await?));
        }
        let host = self.target.host();
        let socket = TcpStream::connect((host, self.target.lean.get_port())).await?;
        socket.set_nodelay(true)?;
        match layer {
            Layer::Plain => Ok(Box::new(socket)),
            Layer::Tls(encryption) => encrypt(socket, host, encryption, &self.target.client).await,
        }
    }
}

fn connect(options: PgConnectOptions) -> BoxFuture<'static, sqlx::Result<PgConnection>> {
    Box::pin(async move { PgConnection::connect_with(&options).await })
}

/// Reports whether the session is the server's own rather than a pooler's.
async fn has_mark(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // A single simple query is safe on any session.
    let row = sqlx::raw_sql("SELECT pg_catalog.current_setting('tenantctl.direct', true)")
        .fetch_one(connection)
        .await?;
    let mark: Option<String> = row.try_get(0)?;
    Ok(mark.as_deref() == Some("on"))
}

/// Reports whether a startup parameter was rejected: PgBouncer supports only few of them.
fn refuses_parameter(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|database| {
        database.code().as_deref() == Some("08P01")
            && database.message().contains("startup parameter")
    })
}

/// The reason why no connection was made.
#[derive(Debug)]
enum Failure {
    Driver(sqlx::Error),
    Tls(Fault),
    /// The driver's TLS could not read the certificate, which did not have to be checked.
    UnreadCertificate,
    /// The private socket for the driver could not be created.
    Relay(io::Error),
}

impl Failure {
    fn of(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => error.into(),
            sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => {
                Fault::NotOffered.into()
            }
            sqlx::Error::Tls(error) => Fault::Handshake(error.to_string()).into(),
            other => Self::Driver(other),
        }
    }

    /// Reports whether the other alternative of `allow` and `prefer` may succeed: with encryption
    /// if the server requires it, or without.
    fn may_go_otherwise(&self) -> bool {
        matches!(self, Self::Tls(_)) || self.is_refusal()
    }

    /// Reports whether pg_hba.conf has no entry or the role is missing.
    fn is_refusal(&self) -> bool {
        let Self::Driver(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error
            .try_downcast_ref::<PgDatabaseError>()
            .is_some_and(|error| error.code() == "28000")
    }

    fn error(self, target: &Target) -> Error {
        let place = address(&target.lean);
        match self {
            Self::Driver(error) => connect_failed(&target.lean, error),
            Self::Tls(fault) => fault.error(&place),
            Self::UnreadCertificate => {
                Fault::Certificate(fault::CertificateFault::Malformed).error(&place)
            }
            Self::Relay(error) => Error::unavailable(format!(
                "cannot connect to the database at {place}: cannot create a private socket for the driver"
            ))
            .because(error)
            .hint("set TMPDIR to a writable folder with a short path"),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Tls(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match tls_error(&error) {
            Some(rustls::Error::InvalidCertificate(_)) => Self::UnreadCertificate,
            Some(tls) => Fault::of_tls(tls).into(),
            None => Self::Driver(sqlx::Error::Io(error)),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error)
    }
}
