//! The connection to the SMTP server.
//!
//! Connections are held here rather than by the library's transport: a failed QUIT does not cast
//! doubt on a message that the server has accepted, failures before and during the SMTP dialogue
//! can be distinguished, and one connection carries several messages.

use std::{fmt, time::Duration};

use lettre::{
    Message,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::Failure;
use crate::error::{Error, Result};

/// Timeout of QUIT, on which nothing depends.
const GOODBYE: Duration = Duration::from_secs(2);
/// Maximum number of messages per connection; servers close connections that send too many.
const MESSAGES: u32 = 100;

/// Encryption of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encryption {
    /// STARTTLS, before any other command (RFC 3207).
    StartTls,
    /// Implicit TLS (RFC 8314).
    Tls,
    /// No encryption.
    None,
}

/// The SMTP server and how to connect to it.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// Certificate authorities in addition to the well-known ones, as PEM.
    pub authorities: Option<Vec<u8>>,
    /// User name and password.
    pub credentials: Option<(String, SecretString)>,
    /// Timeout for connecting, and for each message.
    pub timeout: Duration,
}

/// An SMTP server.
pub struct Smtp {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

impl Smtp {
    /// Validates the settings; does not connect.
    ///
    /// # Errors
    /// `BadInput` if the certificates or the host name are not valid.
    pub fn new(settings: SmtpSettings) -> Result<Self> {
        let tls = match settings.encryption {
            Encryption::None => None,
            Encryption::StartTls | Encryption::Tls => Some(tls_parameters(&settings)?),
        };
        Ok(Self {
            settings,
            tls,
            hello: ClientId::default(),
        })
    }

    /// Returns the server's address for display.
    pub fn address(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// Connects, encrypts and authenticates.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let limit = self.settings.timeout;
        match timeout(limit, self.open()).await {
            Ok(Ok(inner)) => Ok(Connection {
                inner,
                timeout: limit,
                messages: 0,
            }),
            Ok(Err(error)) => Err(Failure::connecting(&error)),
            Err(_) => Err(Failure::Unavailable(Failure::timed_out(
                "connecting",
                limit.as_secs(),
            ))),
        }
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let settings = &self.settings;
        let server = (settings.host.as_str(), settings.port);
        let wrapped = match settings.encryption {
            Encryption::Tls => self.tls.clone(),
            Encryption::StartTls | Encryption::None => None,
        };
        let limit = Some(settings.timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, limit, &self.hello, wrapped, None).await?;
        if settings.encryption == Encryption::StartTls
            && let Some(tls) = &self.tls
        {
            // Fails if the server does not support it: nothing is sent unencrypted instead.
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some((name, password)) = &settings.credentials {
            let credentials = Credentials::new(name.clone(), password.expose_secret().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await?;
        }
        Ok(connection)
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smtp").field(&self.address()).finish()
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters> {
    let mut builder = TlsParametersBuilder::new(settings.host.clone());
    if let Some(authorities) = &settings.authorities {
        let certificate = Certificate::from_pem(authorities).map_err(|error| {
            Error::bad_input("the file with the certificate authorities for mail is not valid PEM")
                .because(error)
                .hint("check ca_file in the section [mail] of the configuration")
        })?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| {
        Error::bad_input(format!("cannot set up TLS for {}", settings.host))
            .because(error)
            .hint("check smtp_host and ca_file in the section [mail] of the configuration")
    })
}

/// An open connection.
pub struct Connection {
    inner: AsyncSmtpConnection,
    timeout: Duration,
    messages: u32,
}

impl Connection {
    /// Reports whether another message may be sent on this connection. Asks the server, which may
    /// have closed it in the meantime, so that a message is not lost on a dead connection.
    pub async fn is_usable(&mut self) -> bool {
        self.messages < MESSAGES
            && !self.inner.has_broken()
            && timeout(self.timeout, self.inner.test_connected())
                .await
                .unwrap_or(false)
    }

    /// Sends a message. Once this succeeds, the server is responsible for it.
    ///
    /// # Errors
    /// The reason for the failure. If the connection broke during the dialogue, it is unknown
    /// whether the message was accepted: the next attempt then has the same Message-ID.
    pub async fn send(&mut self, message: &Message) -> Result<(), Failure> {
        self.messages += 1;
        let bytes = message.formatted();
        let sending = self.inner.send(message.envelope(), &bytes);
        match timeout(self.timeout, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::sending(&error)),
            Err(_) => {
                // The state of the dialogue is unknown, so the connection cannot be reused.
                self.messages = MESSAGES;
                let seconds = self.timeout.as_secs();
                Err(Failure::Transient(Failure::timed_out("a message", seconds)))
            }
        }
    }

    /// Ends the session with QUIT.
    pub async fn close(mut self) {
        let _ = timeout(GOODBYE, self.inner.abort()).await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}
