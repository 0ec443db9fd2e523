//! Why a connection is not as secure as it has to be, in words for a person.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::error::Error;

/// What is wrong with a server's certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CertificateFault {
    #[error("it cannot be read")]
    Malformed,
    #[error(
        "it was {}, which is not in {roots}",
        match self_signed {
            true => format!("signed by itself ({issuer})"),
            false => format!("issued by {issuer}"),
        }
    )]
    UntrustedIssuer {
        issuer: String,
        self_signed: bool,
        roots: String,
    },
    #[error("it expired on {}", until.format("%Y-%m-%d %H:%M UTC"))]
    Expired { until: DateTime<Utc> },
    #[error("it is not valid before {}", from.format("%Y-%m-%d %H:%M UTC"))]
    NotYetValid { from: DateTime<Utc> },
    #[error("the certificate of its issuer has expired")]
    ExpiredIssuer,
    #[error(
        "it is for {}, not for {host}",
        match names.is_empty() {
            true => "no host".to_owned(),
            false => names.join(", "),
        }
    )]
    WrongName { host: String, names: Vec<String> },
    #[error("it is an X.509 certificate of version 1, whose issuer cannot be checked")]
    Version1,
    #[error("{0}")]
    Other(String),
}

impl CertificateFault {
    fn hint(&self) -> &'static str {
        match self {
            Self::UntrustedIssuer { .. } => {
                "name the file of the certificates to trust in the URL: sslrootcert=FILE (or \
                 sslrootcert=system); sslmode=require encrypts without checking the certificate"
            }
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::ExpiredIssuer => {
                "renew the server's certificate, or check the clock of this machine; \
                 sslmode=require encrypts without checking the certificate"
            }
            Self::WrongName { .. } => {
                "connect to the host by a name in its certificate; sslmode=verify-ca checks the \
                 issuer without the name"
            }
            Self::Version1 => {
                "put this certificate itself into the file that sslrootcert names, or issue one of \
                 version 3; sslmode=require encrypts without checking the certificate"
            }
            Self::Malformed | Self::Other(_) => {
                "look at it: openssl s_client -starttls postgres -connect HOST:PORT"
            }
        }
    }
}

/// Why there is no secure connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the server does not offer TLS")]
    NotOffered,
    #[error("the server's certificate was not accepted")]
    Certificate(#[source] CertificateFault),
    #[error("the file of trusted certificates {} cannot be used: {why}", path.display())]
    RootFile { path: PathBuf, why: String },
    #[error("there is no file of trusted certificates {}", path.display())]
    NoRootFile { path: PathBuf },
    #[error("the system's trusted certificates cannot be read: {why}")]
    SystemRoots { why: String },
    #[error("sslrootcert=system needs sslmode=verify-full")]
    WeakWithSystem,
    #[error("the client certificate {} cannot be used: {why}", path.display())]
    ClientCertificate { path: PathBuf, why: String },
    #[error("sslcert and sslkey belong together, and one of them is missing")]
    HalfClientCertificate,
    #[error("the handshake failed: {0}")]
    Handshake(String),
}

impl Fault {
    /// What was said by the TLS library.
    pub(super) fn of_tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error
            && let Some(fault) = other.0.downcast_ref::<CertificateFault>()
        {
            return Self::Certificate(fault.clone());
        }
        Self::Handshake(error.to_string())
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::NotOffered => {
                "switch ssl on at the server; sslmode=prefer in the URL goes on without encryption"
            }
            Self::Certificate(fault) => fault.hint(),
            Self::RootFile { .. } => "name a PEM file in the URL: sslrootcert=FILE",
            Self::NoRootFile { .. } => {
                "name the file in the URL: sslrootcert=FILE, or sslrootcert=system for what this \
                 machine trusts; sslmode=require encrypts without checking the certificate"
            }
            Self::SystemRoots { .. } => {
                "install the package ca-certificates, or name a file: sslrootcert=FILE"
            }
            Self::WeakWithSystem => "set sslmode=verify-full in the URL",
            Self::ClientCertificate { .. } | Self::HalfClientCertificate => {
                "name PEM files in the URL: sslcert=FILE and sslkey=FILE"
            }
            Self::Handshake(_) => {
                "compare ssl_min_protocol_version, ssl_max_protocol_version and pg_hba.conf of the \
                 server; TLS 1.2 and 1.3 are supported"
            }
        }
    }

    /// The error of a connection attempt to `address`.
    pub(super) fn error(self, address: &str) -> Error {
        let hint = self.hint();
        Error::unavailable(format!("no secure connection to the database at {address}"))
            .because(self)
            .hint(hint)
    }
}
