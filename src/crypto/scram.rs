//! The password verifier that PostgreSQL stores (SCRAM-SHA-256, RFC 5802 and RFC 7677), computed
//! here so that the password itself reaches neither the server nor its log.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    system::random_secret,
};

/// PostgreSQL's default (`scram_iterations`).
const ITERATIONS: u32 = 4096;
const SALT: usize = 16;

/// Computes the verifier of a password, in the form of `pg_authid.rolpassword`.
///
/// # Errors
/// `BadInput` for a password with other than printable ASCII characters, which clients may
/// normalize in different ways; `Failure` if no random bytes are available.
pub fn verifier(password: &SecretString) -> Result<String> {
    let text = password.expose_secret();
    let is_printable = |c: char| c.is_ascii_graphic() || c == ' ';
    if text.is_empty() || !text.chars().all(is_printable) {
        return Err(Error::bad_input(
            "the password: expected at least one printable ASCII character, and no others",
        )
        .hint("generate one: openssl rand -base64 24"));
    }
    let random = random_secret()?;
    let salt = random.first_chunk::<SALT>().copied().unwrap_or_default();
    let keys = Keys::derive(text.as_bytes(), &salt, ITERATIONS);
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    Ok(format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        encode(&salt),
        encode(&keys.stored),
        encode(&keys.server)
    ))
}

struct Keys {
    stored: [u8; 32],
    server: [u8; 32],
}

impl Keys {
    fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = Zeroizing::new(salted(password, salt, iterations));
        let client = Zeroizing::new(mac(&*salted, &[b"Client Key"]));
        Self {
            stored: Sha256::digest(*client).into(),
            server: mac(&*salted, &[b"Server Key"]),
        }
    }
}

/// PBKDF2 with one block.
fn salted(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = mac(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..iterations {
        last = mac(password, &[&last]);
        for (sum, byte) in sum.iter_mut().zip(last) {
            *sum ^= byte;
        }
    }
    sum
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_keys_are_those_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Keys::derive(b"pencil", &salt, 4096);
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
        );
        let signature = mac(&keys.server, &[message.as_bytes()]);
        assert_eq!(
            STANDARD.encode(signature),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    #[test]
    fn what_clients_might_normalize_is_refused() {
        for password in ["", "pässword", "a\tb", "a\u{a0}b"] {
            assert!(verifier(&password.into()).is_err(), "{password:?}");
        }
        let one = verifier(&"correct horse".into()).unwrap();
        assert!(one.starts_with("SCRAM-SHA-256$4096:"), "{one}");
        assert_ne!(
            one,
            verifier(&"correct horse".into()).unwrap(),
            "a new salt each time"
        );
    }
}
