//! Secrets in the form that senders show: `whsec_…`, `v1,whsec_…`, several joined with `|`.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The specification requires 24 bytes; some senders use fewer.
const SHORTEST: usize = 16;

/// Base64 with optional padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the keys of all secrets. Invalid secrets are skipped.
pub(super) fn keys(secrets: &[SecretString]) -> Vec<Zeroizing<Vec<u8>>> {
    secrets
        .iter()
        .flat_map(|secret| secret.expose_secret().split('|'))
        .filter_map(|part| key(part).ok())
        .collect()
}

/// Checks a secret before it is stored.
pub(in crate::domain::webhook) fn check(secret: &str) -> Result<(), String> {
    secret.split('|').try_for_each(|part| key(part).map(|_| ()))
}

fn key(part: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let part = part.trim();
    let text = part.strip_prefix("v1,").unwrap_or(part);
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let key = BASE64
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| "the part after whsec_ is not base64".to_owned())?;
    if key.len() < SHORTEST {
        return Err(format!("fewer than {SHORTEST} bytes"));
    }
    Ok(key)
}
