//! Contents of a server certificate. Reads all versions of X.509: servers also present version 1,
//! which `webpki` does not read.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer as _, X509Version},
};

use super::fault::CertificateFault;

/// A server's certificate.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    parsed: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a CertificateDer<'_>) -> Result<Self, CertificateFault> {
        let (_rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| CertificateFault::Malformed)?;
        Ok(Self { parsed })
    }

    /// Reports whether it can have extensions, in which a certificate lists hosts and purposes.
    pub(super) fn is_version_3(&self) -> bool {
        self.parsed.version() == X509Version::V3
    }

    pub(super) fn is_self_signed(&self) -> bool {
        self.parsed.issuer().as_raw() == self.parsed.subject().as_raw()
    }

    pub(super) fn issuer(&self) -> String {
        self.parsed.issuer().to_string()
    }

    /// Returns the public key, with the private part that the server proves to own.
    pub(super) fn public_key(&self) -> SubjectPublicKeyInfoDer<'static> {
        SubjectPublicKeyInfoDer::from(self.parsed.public_key().raw.to_vec())
    }

    /// Returns the start and end of its validity.
    pub(super) fn validity(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let validity = self.parsed.validity();
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        (
            at(validity.not_before.timestamp()),
            at(validity.not_after.timestamp()),
        )
    }

    /// Returns the hosts it is valid for: its alternative names, or if those list no hosts, its
    /// common name (RFC 6125, 6.4.4; libpq does the same).
    pub(super) fn names(&self) -> Vec<String> {
        let alternative = self.alternative_names();
        match alternative.is_empty() {
            true => self.common_name().into_iter().collect(),
            false => alternative,
        }
    }

    /// Returns the common name if it has no alternative names of hosts.
    pub(super) fn only_common_name(&self) -> Option<String> {
        match self.alternative_names().is_empty() {
            true => self.common_name(),
            false => None,
        }
    }

    fn alternative_names(&self) -> Vec<String> {
        let Ok(Some(extension)) = self.parsed.subject_alternative_name() else {
            return Vec::new();
        };
        extension
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes),
                _ => None,
            })
            .collect()
    }

    fn common_name(&self) -> Option<String> {
        let name = self.parsed.subject().iter_common_name().last()?;
        name.as_str().ok().map(str::to_owned)
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(address.to_string())
}

/// Reports whether a common name matches a host: equal, or with `*` as its first label, which
/// matches exactly one label.
pub(super) fn common_name_fits(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let is_address = host.parse::<IpAddr>().is_ok();
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => {
            !is_address && !label.is_empty() && domain.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (name, host, fits) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*", "localhost", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("*.0.0.1", "127.0.0.1", false),
        ] {
            assert_eq!(common_name_fits(name, host), fits, "{name} for {host}");
        }
    }
}
