//! The connection parameters of a database URL.

use std::{path::PathBuf, str::FromStr as _};

use secrecy::ExposeSecret as _;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{
    fault::Fault,
    roots::{Roots, SYSTEM},
    tls::{ClientFiles, Encryption},
    verifier::Judged,
};
use crate::{
    db::ConnectSettings,
    error::{Error, Result},
};

/// A custom parameter that is set when the session starts. A pooler rejects or ignores it, so a
/// session that has it is the server's own.
pub(super) const MARK: &str = "tenantctl.direct";

/// A connection type: plain or encrypted.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    Plain,
    Tls(Encryption),
}

/// A server, and how to connect to it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Options without the parameters that a pooler rejects.
    pub(super) lean: PgConnectOptions,
    settings: ConnectSettings,
    root_file: Option<String>,
    pub(super) client: ClientFiles,
}

impl Target {
    /// # Errors
    /// `Usage` for a URL that cannot be read.
    pub(super) fn of(settings: &ConnectSettings) -> Result<Self> {
        let lean = PgConnectOptions::from_str(settings.url.expose_secret())
            .map_err(|_| {
                Error::usage("the database URL is not valid")
                    .hint("expected a URL such as postgres://user@host:5432/database")
            })?
            .application_name("tenantctl")
            // The default of every supported server already loses no digit.
            .extra_float_digits(None);
        let files = Files::of(&lean);
        Ok(Self {
            lean,
            settings: settings.clone(),
            root_file: files.root,
            client: ClientFiles {
                certificate: files.certificate.map(PathBuf::from),
                key: files.key.map(PathBuf::from),
            },
        })
    }

    /// Returns the options for a session of the server itself.
    pub(super) fn direct(&self) -> PgConnectOptions {
        let options = match self.settings.pooled {
            None => self.lean.clone().options([(MARK, "on")]),
            Some(_) => self.lean.clone(),
        };
        match self.settings.statement_timeout {
            Some(timeout) => options.options([("statement_timeout", timeout.as_millis())]),
            None => options,
        }
    }

    /// Returns the host as a certificate names it.
    pub(super) fn host(&self) -> &str {
        self.lean.get_host().trim_matches(['[', ']'])
    }

    /// Returns the Unix socket to connect to, if any.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let host = self.lean.get_host();
        let folder = match self.lean.get_socket() {
            Some(folder) => folder.clone(),
            None if host.starts_with('/') => PathBuf::from(host),
            None => return None,
        };
        Some(folder.join(format!(".s.PGSQL.{}", self.lean.get_port())))
    }

    /// Returns the connection types that `sslmode` allows, in the order in which they are tried
    /// (PostgreSQL manual, 34.1.2, sslmode and sslrootcert; 34.19).
    pub(super) fn layers(&self) -> std::result::Result<Vec<Layer>, Fault> {
        // A Unix socket is never encrypted, regardless of sslmode.
        if self.socket().is_some() {
            return Ok(vec![Layer::Plain]);
        }
        let tls = |judged, roots, optional| {
            Layer::Tls(Encryption {
                judged,
                roots,
                optional,
            })
        };
        let mode = self.lean.get_ssl_mode();
        if self.root_file.as_deref() == Some(SYSTEM) {
            // Anyone can get a certificate from these authorities, so the name has to be checked,
            // too.
            return match mode {
                PgSslMode::Prefer | PgSslMode::VerifyFull => {
                    let roots = Roots::of_system()?;
                    Ok(vec![tls(Judged::ChainAndName, roots, false)])
                }
                _ => Err(Fault::WeakWithSystem),
            };
        }
        let unjudged = |optional| tls(Judged::Nothing, Roots::none(), optional);
        Ok(match mode {
            PgSslMode::Disable => vec![Layer::Plain],
            PgSslMode::Allow => vec![Layer::Plain, unjudged(false)],
            PgSslMode::Prefer => vec![unjudged(true), Layer::Plain],
            // With a file of trusted certificates, it is equivalent to verify-ca.
            PgSslMode::Require => match self.roots()? {
                Some(roots) => vec![tls(Judged::Chain, roots, false)],
                None => vec![unjudged(false)],
            },
            PgSslMode::VerifyCa => vec![tls(Judged::Chain, self.required_roots()?, false)],
            PgSslMode::VerifyFull => {
                vec![tls(Judged::ChainAndName, self.required_roots()?, false)]
            }
        })
    }

    /// Returns the file of trusted certificates: the configured one, or the default one.
    fn root_path(&self) -> Option<PathBuf> {
        match &self.root_file {
            Some(named) => Some(PathBuf::from(named)),
            None => std::env::home_dir().map(|home| home.join(".postgresql/root.crt")),
        }
    }

    fn roots(&self) -> std::result::Result<Option<Roots>, Fault> {
        match self.root_path() {
            Some(path) if path.exists() => Roots::of_file(&path).map(Some),
            _ => Ok(None),
        }
    }

    fn required_roots(&self) -> std::result::Result<Roots, Fault> {
        self.roots()?.ok_or_else(|| Fault::NoRootFile {
            path: self.root_path().unwrap_or_default(),
        })
    }
}

/// The TLS files set in a URL or in the environment.
struct Files {
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Files {
    /// The driver exposes what it has read only as a URL, where paths have this prefix.
    const PATH: &str = "file: ";

    fn of(options: &PgConnectOptions) -> Self {
        let url = options.to_url_lossy();
        let named = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .and_then(|(_, value)| value.strip_prefix(Self::PATH).map(str::to_owned))
        };
        Self {
            root: named("sslrootcert"),
            certificate: named("sslcert"),
            key: named("sslkey"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(parameters: &str) -> Target {
        Target::of(&ConnectSettings {
            authority: crate::db::Authority::Owner,
            url: format!("postgres://ops@db.example.com/app?{parameters}").into(),
            connect_timeout: std::time::Duration::from_secs(1),
            statement_timeout: None,
            pooled: None,
        })
        .unwrap()
    }

    fn ways(parameters: &str) -> String {
        match target(parameters).layers() {
            Err(fault) => fault.to_string(),
            Ok(layers) => layers
                .iter()
                .map(|layer| match layer {
                    Layer::Plain => "plain".to_owned(),
                    Layer::Tls(Encryption {
                        judged, optional, ..
                    }) => format!("{judged:?}{}", if *optional { " if offered" } else { "" }),
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let none = "sslrootcert=/nonexistent/root.crt";
        for (mode, expected) in [
            ("disable", "plain"),
            ("allow", "plain, Nothing"),
            ("prefer", "Nothing if offered, plain"),
            ("require", "Nothing"),
        ] {
            assert_eq!(ways(&format!("sslmode={mode}&{none}")), expected, "{mode}");
        }
        for mode in ["verify-ca", "verify-full"] {
            let message = ways(&format!("sslmode={mode}&{none}"));
            assert!(message.contains("/nonexistent/root.crt"), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::generate_simple_self_signed(["db".to_owned()]).unwrap();
        let file = folder.path().join("root.crt");
        std::fs::write(&file, key.cert.pem()).unwrap();
        let root = format!("sslrootcert={}", file.display());
        for (mode, expected) in [
            ("disable", "plain"),
            ("allow", "plain, Nothing"),
            ("prefer", "Nothing if offered, plain"),
            ("require", "Chain"),
            ("verify-ca", "Chain"),
            ("verify-full", "ChainAndName"),
        ] {
            assert_eq!(ways(&format!("sslmode={mode}&{root}")), expected, "{mode}");
        }
        for mode in ["disable", "require", "verify-ca"] {
            let message = ways(&format!("sslmode={mode}&sslrootcert=system"));
            assert!(message.contains("verify-full"), "{mode}: {message}");
        }
        std::fs::write(&file, "no certificate").unwrap();
        let message = ways(&format!("sslmode=require&{root}"));
        assert!(message.contains("contains no certificate"), "{message}");
    }

    #[test]
    fn nothing_is_encrypted_on_a_unix_socket() {
        assert_eq!(ways("host=/run/postgresql&sslmode=verify-full"), "plain");
    }
}
