//! The certificate authorities that are trusted for database servers.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::fault::Fault;

/// The value of `sslrootcert` that selects the authorities trusted by the machine.
pub(super) const SYSTEM: &str = "system";

/// Trusted certificates and their source.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    pub(super) store: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    None,
    File(PathBuf),
    System,
}

impl Roots {
    /// Returns no certificates, for connections without certificate checks.
    pub(super) fn none() -> Self {
        Self::of(Vec::new(), Source::None)
    }

    /// Reads the certificates of a PEM file.
    pub(super) fn of_file(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: &dyn fmt::Display| Fault::RootFile {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let certificates = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(&error))?;
        if certificates.is_empty() {
            return Err(unreadable(&"it contains no certificate"));
        }
        Ok(Self::of(certificates, Source::File(path.to_owned())))
    }

    /// Reads the certificates that the machine trusts.
    pub(super) fn of_system() -> Result<Self, Fault> {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let why = found
                .errors
                .first()
                .map_or_else(|| io::ErrorKind::NotFound.to_string(), ToString::to_string);
            return Err(Fault::SystemRoots { why });
        }
        Ok(Self::of(found.certs, Source::System))
    }

    fn of(certificates: Vec<CertificateDer<'static>>, source: Source) -> Self {
        let mut store = RootCertStore::empty();
        // A file may contain certificates of non-authorities, which then vouch only for themselves.
        let _counts = store.add_parsable_certificates(certificates.iter().cloned());
        Self {
            store,
            certificates,
            source,
        }
    }

    pub(super) fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates
            .iter()
            .any(|root| root.as_ref() == certificate.as_ref())
    }
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::None => f.write_str("no root file"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::System => f.write_str("the system's trusted certificates"),
        }
    }
}
