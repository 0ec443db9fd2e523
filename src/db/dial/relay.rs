//! A connection that the driver cannot make on its own.
//!
//! The driver only uses sockets that it opens, with its own encryption. If that is not enough (a
//! certificate that needs a different check, or a pooler), the connection to the server is made
//! here and the driver gets a private Unix socket. A task copies between the two as long as both
//! are open. Direct connections do not need it.

use std::{io, time::Duration};

use futures_util::future::Either;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::frames;

/// Size of the copy buffer in each direction, in bytes.
const BUFFER: usize = 64 * 1024;

/// Timeout for the driver to connect. It does so at once, or was canceled.
const ARRIVAL: Duration = Duration::from_secs(60);

/// The server's side of the relay.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Treatment of the bytes between driver and server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Passing {
    /// Bytes are copied unchanged.
    AsItIs,
    /// Statements are made unnamed.
    Unnamed,
}

/// The socket through which the driver reaches the server, once.
pub(super) struct Relay {
    /// Contains the socket: a folder that only this account may enter.
    _folder: TempDir,
    pub(super) options: PgConnectOptions,
}

impl Relay {
    /// Creates a relay to `server`. `options` are those of the session.
    pub(super) fn to(
        server: Box<dyn Stream>,
        passing: Passing,
        options: &PgConnectOptions,
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenantctl-").tempdir()?;
        let options = options
            .clone()
            .socket(folder.path())
            .ssl_mode(PgSslMode::Disable);
        let name = format!(".s.PGSQL.{}", options.get_port());
        let listener = UnixListener::bind(folder.path().join(name))?;
        tokio::spawn(async move {
            if let Ok(Ok((driver, _))) = timeout(ARRIVAL, listener.accept()).await {
                drop(listener);
                // The driver sees the end of its socket and reports it.
                let _ended = pass(driver, server, passing).await;
            }
        });
        Ok(Self {
            _folder: folder,
            options,
        })
    }
}

async fn pass(
    mut driver: UnixStream,
    mut server: Box<dyn Stream>,
    passing: Passing,
) -> io::Result<()> {
    if passing == Passing::AsItIs {
        tokio::io::copy_bidirectional_with_sizes(&mut driver, &mut server, BUFFER, BUFFER).await?;
        return Ok(());
    }
    let (from_server, to_server) = tokio::io::split(server);
    let (from_driver, mut to_driver) = driver.split();
    let to_server = tokio::io::BufWriter::with_capacity(BUFFER, to_server);
    let questions = std::pin::pin!(frames::forward(from_driver, to_server));
    let answers = std::pin::pin!(async {
        let mut from_server = tokio::io::BufReader::with_capacity(BUFFER, from_server);
        tokio::io::copy_buf(&mut from_server, &mut to_driver).await?;
        to_driver.shutdown().await
    });
    // Once one side has closed, no further request or response is possible.
    match futures_util::future::select(questions, answers).await {
        Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
    }
}
