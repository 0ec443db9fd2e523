//! The way to the SMTP server.
//!
//! Connections are held here rather than by the library's transport: a message that the server has
//! taken is not put in doubt by what happens to the goodbye after it, whether a failure came
//! before or amid the dialogue is known, and one connection carries many messages.

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

/// How long a goodbye may take: nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(2);
/// How many messages a connection carries; servers end those that carry too many.
const MESSAGES: u32 = 100;

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encryption {
    /// From the command STARTTLS on, before anything else is said (RFC 3207).
    StartTls,
    /// From the beginning (RFC 8314).
    Tls,
    /// Not at all.
    None,
}

/// Which server, and how.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// Authorities beside the well-known ones, as PEM.
    pub authorities: Option<Vec<u8>>,
    /// Name and password.
    pub credentials: Option<(String, SecretString)>,
    /// For connecting, and for each message.
    pub timeout: Duration,
}

/// An SMTP server that can be connected to.
pub struct Smtp {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

impl Smtp {
    /// Prepares the way; connects to nothing.
    ///
    /// # Errors
    /// `BadInput` where the certificates or the name of the server are none.
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

    /// The server, as it is told to people.
    pub fn address(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// Connects, encrypts and signs in.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
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
            // Fails where the server does not offer it: nothing is sent in clear instead.
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
            Error::bad_input("the file with the certificates of mail authorities is not PEM")
                .because(error)
                .hint("ca_file in the section [mail] of the configuration")
        })?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| {
        Error::bad_input(format!(
            "no encrypted connection to {} can be prepared",
            settings.host
        ))
        .because(error)
        .hint("smtp_host and ca_file in the section [mail] of the configuration")
    })
}

/// An open connection.
pub struct Connection {
    inner: AsyncSmtpConnection,
    timeout: Duration,
    messages: u32,
}

impl Connection {
    /// Whether another message may be sent through it. Asks the server, which may have ended it
    /// meanwhile: a message must not be lost between the two.
    pub async fn is_usable(&mut self) -> bool {
        self.messages < MESSAGES
            && !self.inner.has_broken()
            && timeout(self.timeout, self.inner.test_connected())
                .await
                .unwrap_or(false)
    }

    /// Sends a message. It is the server's from the moment that this succeeds.
    ///
    /// # Errors
    /// Why it was not taken. Where the connection broke amid the dialogue nobody knows whether it
    /// was: then the next attempt has the same Message-ID.
    pub async fn send(&mut self, message: &Message) -> Result<(), Failure> {
        self.messages += 1;
        let bytes = message.formatted();
        let sending = self.inner.send(message.envelope(), &bytes);
        match timeout(self.timeout, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::sending(&error)),
            Err(_) => {
                // Where the dialogue stands is not known: it cannot be gone on with.
                self.messages = MESSAGES;
                let seconds = self.timeout.as_secs();
                Err(Failure::Transient(Failure::timed_out("a message", seconds)))
            }
        }
    }

    /// Takes leave.
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
