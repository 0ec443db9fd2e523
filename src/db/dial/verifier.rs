//! Verification of a server's certificate.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, PeerMisbehaved,
    SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use webpki::RawPublicKeyEntity;

use super::{
    certificate::{Certificate, common_name_fits},
    fault::CertificateFault,
    roots::Roots,
};

/// The properties of a certificate that are verified (PostgreSQL manual, 34.19, table 34.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Judged {
    /// Nothing: any certificate is accepted.
    Nothing,
    /// An authority in the root file issued it, and it has not expired.
    Chain,
    /// In addition, it is valid for the host that was connected to.
    ChainAndName,
}

/// Verifies certificates. In all cases, the server has to prove that it has the certificate's
/// private key.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) judged: Judged,
    pub(super) roots: Roots,
    pub(super) host: String,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn judge(
        &self,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateFault> {
        if self.judged == Judged::Nothing {
            return Ok(());
        }
        let certificate = Certificate::read(der)?;
        self.chain(&certificate, der, intermediates, now)?;
        match self.judged {
            Judged::ChainAndName => self.name(&certificate, der, server),
            _ => Ok(()),
        }
    }

    fn chain(
        &self,
        certificate: &Certificate<'_>,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateFault> {
        is_in_force(certificate, now)?;
        // A certificate that is itself in the root file is trusted directly, as in OpenSSL.
        if self.roots.contains(der) {
            return Ok(());
        }
        let untrusted = || CertificateFault::UntrustedIssuer {
            issuer: certificate.issuer(),
            self_signed: certificate.is_self_signed(),
            roots: self.roots.to_string(),
        };
        if certificate.is_self_signed() {
            return Err(untrusted());
        }
        if !certificate.is_version_3() {
            return Err(CertificateFault::Version1);
        }
        let parsed = ParsedCertificate::try_from(der).map_err(|_| CertificateFault::Malformed)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots.store,
            intermediates,
            now,
            algorithms,
        )
        .map_err(|error| match error {
            TlsError::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => untrusted(),
            TlsError::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => CertificateFault::ExpiredIssuer,
            other => CertificateFault::Other(other.to_string()),
        })
    }

    fn name(
        &self,
        certificate: &Certificate<'_>,
        der: &CertificateDer<'_>,
        server: &ServerName<'_>,
    ) -> Result<(), CertificateFault> {
        let fits = match certificate.only_common_name() {
            Some(name) => common_name_fits(&name, &self.host),
            None => ParsedCertificate::try_from(der)
                .is_ok_and(|parsed| verify_server_name(&parsed, server).is_ok()),
        };
        match fits {
            true => Ok(()),
            false => Err(CertificateFault::WrongName {
                host: self.host.clone(),
                names: certificate.names(),
            }),
        }
    }
}

fn is_in_force(certificate: &Certificate<'_>, now: UnixTime) -> Result<(), CertificateFault> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let now: DateTime<Utc> = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let (from, until) = certificate.validity();
    if now > until {
        return Err(CertificateFault::Expired { until });
    }
    if now < from {
        return Err(CertificateFault::NotYetValid { from });
    }
    Ok(())
}

/// Wraps a certificate fault in a TLS error.
fn key_fault(fault: CertificateFault) -> TlsError {
    TlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.judge(end_entity, intermediates, server_name, now)
            .map_err(key_fault)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let key = Certificate::read(certificate)
            .map_err(key_fault)?
            .public_key();
        let key = RawPublicKeyEntity::try_from(&key)
            .map_err(|_| key_fault(CertificateFault::Malformed))?;
        let algorithms = self
            .provider
            .signature_verification_algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme)
            .map(|(_, algorithms)| *algorithms)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // Try every algorithm of the scheme: with TLS 1.2 it does not specify the curve of the key.
        let is_valid = algorithms.iter().any(|algorithm| {
            key.verify_signature(*algorithm, message, signed.signature())
                .is_ok()
        });
        match is_valid {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(TlsError::InvalidCertificate(CertificateError::BadSignature)),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let key = Certificate::read(certificate)
            .map_err(key_fault)?
            .public_key();
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
