//! Reasons why a connection is not as secure as required, with messages and hints for the user.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::error::Error;

/// A problem with a server's certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CertificateFault {
    #[error("it cannot be read")]
    Malformed,
    #[error(
        "it is {} not in {roots}",
        match self_signed {
            true => format!("self-signed ({issuer}) and"),
            false => format!("issued by {issuer}, which is"),
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
        "it is valid for {}, not for {host}",
        match names.is_empty() {
            true => "no host".to_owned(),
            false => names.join(", "),
        }
    )]
    WrongName { host: String, names: Vec<String> },
    #[error("it is an X.509 version 1 certificate, and its issuer cannot be checked")]
    Version1,
    #[error("{0}")]
    Other(String),
}

impl CertificateFault {
    fn hint(&self) -> &'static str {
        match self {
            Self::UntrustedIssuer { .. } => {
                "add the file of trusted certificates to the URL: sslrootcert=FILE (or \
                 sslrootcert=system); sslmode=require encrypts without checking the certificate"
            }
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::ExpiredIssuer => {
                "renew the server's certificate, or check this machine's clock; \
                 sslmode=require encrypts without checking the certificate"
            }
            Self::WrongName { .. } => {
                "use a host name that is in the certificate; sslmode=verify-ca checks the \
                 issuer without the name"
            }
            Self::Version1 => {
                "add this certificate to the file in sslrootcert, or issue one of \
                 version 3; sslmode=require encrypts without checking the certificate"
            }
            Self::Malformed | Self::Other(_) => {
                "inspect it: openssl s_client -starttls postgres -connect HOST:PORT"
            }
        }
    }
}

/// The reason why no secure connection was made.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the server does not offer TLS")]
    NotOffered,
    #[error("the server's certificate was rejected")]
    Certificate(#[source] CertificateFault),
    #[error("cannot use the file of trusted certificates {}: {why}", path.display())]
    RootFile { path: PathBuf, why: String },
    #[error("the file of trusted certificates {} does not exist", path.display())]
    NoRootFile { path: PathBuf },
    #[error("cannot read the system's trusted certificates: {why}")]
    SystemRoots { why: String },
    #[error("sslrootcert=system requires sslmode=verify-full")]
    WeakWithSystem,
    #[error("cannot use the client certificate {}: {why}", path.display())]
    ClientCertificate { path: PathBuf, why: String },
    #[error("sslcert and sslkey must be used together")]
    HalfClientCertificate,
    #[error("TLS handshake failed: {0}")]
    Handshake(String),
}

impl Fault {
    /// Converts an error of the TLS library.
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
                "enable ssl on the server; sslmode=prefer in the URL continues without encryption"
            }
            Self::Certificate(fault) => fault.hint(),
            Self::RootFile { .. } => "set sslrootcert=FILE in the URL to a PEM file",
            Self::NoRootFile { .. } => {
                "add sslrootcert=FILE to the URL, or sslrootcert=system for the authorities that this \
                 machine trusts; sslmode=require encrypts without checking the certificate"
            }
            Self::SystemRoots { .. } => {
                "install the package ca-certificates, or set sslrootcert=FILE"
            }
            Self::WeakWithSystem => "set sslmode=verify-full in the URL",
            Self::ClientCertificate { .. } | Self::HalfClientCertificate => {
                "set sslcert=FILE and sslkey=FILE in the URL to PEM files"
            }
            Self::Handshake(_) => {
                "check ssl_min_protocol_version, ssl_max_protocol_version and pg_hba.conf on the \
                 server; TLS 1.2 and 1.3 are supported"
            }
        }
    }

    /// Returns the error of a connection attempt to `address`.
    pub(super) fn error(self, address: &str) -> Error {
        let hint = self.hint();
        Error::unavailable(format!("no secure connection to the database at {address}"))
            .because(self)
            .hint(hint)
    }
}
