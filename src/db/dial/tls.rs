//! Encryption of a connection that is made here instead of by the driver (see [`super::relay`]).

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    Failure,
    fault::Fault,
    relay::Stream,
    roots::Roots,
    verifier::{Judged, Verifier},
};

/// The message that requests encryption (PostgreSQL manual, 55.7, SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Encryption settings.
#[derive(Clone, Debug)]
pub(super) struct Encryption {
    pub(super) judged: Judged,
    pub(super) roots: Roots,
    /// Continues without encryption if the server does not support it.
    pub(super) optional: bool,
}

/// Client certificate and key, as PEM files.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientFiles {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// Requests encryption from the server and performs the handshake.
pub(super) async fn encrypt(
    mut socket: TcpStream,
    host: &str,
    encryption: &Encryption,
    client: &ClientFiles,
) -> Result<Box<dyn Stream>, Failure> {
    socket.write_all(&SSL_REQUEST).await?;
    match socket.read_u8().await? {
        b'S' => {}
        b'N' if encryption.optional => return Ok(Box::new(socket)),
        b'N' => return Err(Fault::NotOffered.into()),
        // An error message from a server that does not know encryption or is out of processes.
        _ => return Err(Fault::Handshake("the server answered with an error".to_owned()).into()),
    }
    let connector = TlsConnector::from(Arc::new(configuration(host, encryption, client)?));
    // A host name that cannot be in a certificate is not sent to the server (no SNI).
    let nowhere = || ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into());
    let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| nowhere());
    match connector.connect(name, socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(match tls_error(&error) {
            Some(tls) => Fault::of_tls(tls).into(),
            None => error.into(),
        }),
    }
}

/// Returns the error of the TLS library, if it is the cause.
pub(super) fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn configuration(
    host: &str,
    encryption: &Encryption,
    client: &ClientFiles,
) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        judged: encryption.judged,
        roots: encryption.roots.clone(),
        host: host.to_owned(),
        provider: Arc::clone(&provider),
    };
    let handshake = |error: rustls::Error| Fault::Handshake(error.to_string());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(handshake)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match client.read()? {
        None => Ok(config.with_no_client_auth()),
        Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(handshake),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientFiles {
    fn read(&self) -> Result<Option<Identity>, Fault> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => return Err(Fault::HalfClientCertificate),
        };
        fn unusable<E: fmt::Display>(path: &std::path::Path) -> impl Fn(E) -> Fault {
            let path = path.to_owned();
            move |error| Fault::ClientCertificate {
                path: path.clone(),
                why: error.to_string(),
            }
        }
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(unusable(certificate))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(unusable(key))?;
        Ok(Some((chain, key)))
    }
}
