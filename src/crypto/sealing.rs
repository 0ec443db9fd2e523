//! Sealing with XChaCha20-Poly1305 (RFC 8439, with the 192-bit nonce of
//! draft-irtf-cfrg-xchacha-03), bound to the owner and the purpose.
//!
//! A sealed secret is: version 1 ‖ id of the key (4 bytes) ‖ nonce (24) ‖ ciphertext and tag.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    domain::{OrganizationId, hexadecimal},
    error::{Error, Result},
    run,
    system::random_secret,
};

/// Length of a key as text: 32 bytes in base64.
pub const KEY_TEXT_LENGTH: usize = 44;

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 24;
const HEADER: usize = 1 + ID + NONCE;

/// The keys that seal secrets. The first seals; all of them open, so that keys can be rotated.
pub struct SealingKeys(Vec<SealingKey>);

struct SealingKey {
    id: [u8; ID],
    bytes: Zeroizing<[u8; 32]>,
}

impl SealingKeys {
    /// Parses keys, separated by white space or commas; the current key first.
    ///
    /// # Errors
    /// `BadInput` if there is no key, or a key is not 32 bytes in base64. The error shows no key.
    pub fn parse(text: &str) -> Result<Self> {
        let separated = |c: char| c.is_whitespace() || c == ',';
        let keys: Vec<SealingKey> = text
            .split(separated)
            .filter(|part| !part.is_empty())
            .enumerate()
            .map(|(at, part)| SealingKey::parse(part).ok_or_else(|| not_a_key(at + 1)))
            .collect::<Result<_>>()?;
        match keys.is_empty() {
            true => Err(not_a_key(1)),
            false => Ok(Self(keys)),
        }
    }

    /// Seals a secret. It opens only with the same purpose, organization and object: a row copied
    /// to another organization cannot be opened there.
    ///
    /// # Errors
    /// `Failure` if the operating system provides no random bytes.
    pub fn seal(
        &self,
        purpose: &str,
        organization: OrganizationId,
        object: Uuid,
        plain: &[u8],
    ) -> Result<Vec<u8>> {
        let key = self.0.first().ok_or_else(|| not_a_key(1))?;
        let random = random_secret()?;
        let nonce: [u8; NONCE] = std::array::from_fn(|at| random[at]);
        let aad = bound_to(purpose, organization, object);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let ciphertext = key
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::failure("a secret could not be sealed"))?;
        let mut sealed = Vec::with_capacity(HEADER + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens a secret sealed by [`SealingKeys::seal`].
    ///
    /// # Errors
    /// `Failure` if the key is not in the list, or the secret was modified or belongs to another
    /// object.
    pub fn open(
        &self,
        purpose: &str,
        organization: OrganizationId,
        object: Uuid,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let (header, ciphertext) = sealed.split_at_checked(HEADER).ok_or_else(damaged)?;
        if header[0] != VERSION {
            return Err(damaged());
        }
        let id = &header[1..=ID];
        let key = self.0.iter().find(|key| key.id == id).ok_or_else(|| {
            Error::failure(
                "a stored secret was sealed with a key that is not in the secret keys",
            )
            .hint(run!["db", "reseal"].labeled(
                "add the former key after the new one until all secrets are sealed with the new one",
            ))
        })?;
        let nonce: [u8; NONCE] = header[1 + ID..].try_into().map_err(|_| damaged())?;
        let aad = bound_to(purpose, organization, object);
        let payload = Payload {
            msg: ciphertext,
            aad: &aad,
        };
        key.cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| damaged())
    }

    /// Returns `true` if `sealed` was sealed with the current key.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        let id = sealed.get(1..=ID);
        self.0.first().is_some_and(|key| id == Some(&key.id[..]))
    }

    /// Derives keys for another purpose, one from each key, with its id; the current key first
    /// (HMAC-SHA256 as the expansion of HKDF, RFC 5869 §2.3, with one block).
    pub fn derive(&self, purpose: &str) -> Vec<(String, Zeroizing<[u8; 32]>)> {
        let derived = self.0.iter().map(|key| {
            let mut block = Zeroizing::new([0; 64]);
            block[..32].copy_from_slice(&*key.bytes);
            let mut mac = Hmac::<Sha256>::new((&*block).into());
            mac.update(purpose.as_bytes());
            mac.update(&[1]);
            let bytes = Zeroizing::new(mac.finalize().into_bytes().into());
            (hexadecimal(&key.id), bytes)
        });
        derived.collect()
    }
}

impl SealingKey {
    fn parse(text: &str) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(decoded.as_slice().try_into().ok()?);
        let hash = Sha256::digest([b"tenantctl key id ".as_slice(), &*bytes].concat());
        Some(Self {
            id: std::array::from_fn(|at| hash[at]),
            bytes,
        })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Generates a new key, as text.
///
/// # Errors
/// `Failure` if the operating system provides no random bytes.
pub fn new_key_text() -> Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(random_secret()?);
    Ok(Zeroizing::new(STANDARD.encode(*bytes)))
}

/// The data authenticated with the secret. The purpose is a constant of this program without NUL.
fn bound_to(purpose: &str, organization: OrganizationId, object: Uuid) -> Vec<u8> {
    [
        purpose.as_bytes(),
        &[0],
        organization.as_uuid().as_bytes(),
        object.as_bytes(),
    ]
    .concat()
}

fn not_a_key(number: usize) -> Error {
    Error::bad_input(format!(
        "secret key {number} is not valid (expected 32 bytes in base64, {KEY_TEXT_LENGTH} characters)"
    ))
    .hint(run!["config", "new-key"].labeled("generate one"))
}

fn damaged() -> Error {
    Error::failure(
        "a stored secret cannot be opened: it was modified, or belongs to another object",
    )
    .hint("set it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const B: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn keys(text: &str) -> SealingKeys {
        SealingKeys::parse(text).unwrap()
    }

    fn of(id: u128) -> OrganizationId {
        Uuid::from_u128(id).into()
    }

    #[test]
    fn what_is_sealed_opens_for_the_same_thing_only() {
        let object = Uuid::from_u128(7);
        let sealed = keys(A).seal("webhook", of(1), object, b"token").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        let open = |purpose, organization, object, keys: &str| {
            let opened = self::keys(keys).open(purpose, organization, object, &sealed);
            opened.map(|plain| plain.to_vec()).ok()
        };
        assert_eq!(open("webhook", of(1), object, A), Some(b"token".to_vec()));
        assert_eq!(open("outbox", of(1), object, A), None);
        assert_eq!(open("webhook", of(2), object, A), None);
        assert_eq!(open("webhook", of(1), Uuid::from_u128(8), A), None);
        assert_eq!(open("webhook", of(1), object, B), None);
    }

    #[test]
    fn keys_are_rotated_with_the_former_one_behind() {
        let object = Uuid::from_u128(7);
        let sealed = keys(A).seal("webhook", of(1), object, b"token").unwrap();
        let rotated = keys(&format!("{B}\n{A}\n"));
        assert!(rotated.open("webhook", of(1), object, &sealed).is_ok());
        assert!(!rotated.is_current(&sealed));
        let resealed = rotated.seal("webhook", of(1), object, b"token").unwrap();
        assert!(rotated.is_current(&resealed));
        let opened = keys(B).open("webhook", of(1), object, &resealed).unwrap();
        assert_eq!(opened.as_slice(), b"token");
        assert!(keys(A).open("webhook", of(1), object, &resealed).is_err());
    }

    #[test]
    fn every_byte_is_authenticated() {
        let object = Uuid::from_u128(7);
        let sealed = keys(A).seal("webhook", of(1), object, b"token").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys(A).open("webhook", of(1), object, &changed).is_err());
        }
        for length in 0..sealed.len() {
            let cut = &sealed[..length];
            assert!(keys(A).open("webhook", of(1), object, cut).is_err());
        }
    }

    #[test]
    fn an_error_shows_no_key() {
        for text in ["", " , ", "c2hvcnQ=", "not base64 at all"] {
            let error = SealingKeys::parse(text).unwrap_err();
            assert!(!error.to_string().contains("c2hvcnQ"), "{error}");
        }
        assert_eq!(format!("{:?}", keys(A)), "[redacted]");
        assert_eq!(new_key_text().unwrap().len(), KEY_TEXT_LENGTH);
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_key() {
        let [first, second] = &keys(&format!("{A},{B}")).derive("widget")[..] else {
            panic!("one for each key");
        };
        assert_ne!(first.0, second.0);
        assert_ne!(*first.1, *second.1);
        assert_ne!(*first.1, *keys(A).derive("stream")[0].1);
        assert_eq!(*first.1, *keys(A).derive("widget")[0].1);
    }
}
