//! Constant-time comparison with secrets, without early exit.

use hmac::{Hmac, KeyInit, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Returns the HMAC-SHA1 of the concatenated parts.
pub(super) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut mac =
        <Hmac<Sha1> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Returns the HMAC-SHA256 of the concatenated parts.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares a signature with the expected one. The length of a signature is not secret.
pub(super) fn same_signature(expected: &[u8], given: &[u8]) -> Choice {
    expected.ct_eq(given)
}

/// Compares a text with the secret. Hashes are compared, so that the length stays secret, too.
pub(super) fn same_secret(secret: &[u8], given: &[u8]) -> Choice {
    let hash = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
    hash(secret).ct_eq(&hash(given))
}

/// `true` if any choice is true; all are evaluated, so that the time does not reveal which.
pub(super) fn any(choices: impl Iterator<Item = Choice>) -> bool {
    choices
        .fold(Choice::from(0), |any, choice| any | choice)
        .into()
}

/// The secrets that can prove something. The empty secret is known to every attacker.
pub(super) fn usable(secrets: &[SecretString]) -> impl Iterator<Item = &[u8]> {
    secrets
        .iter()
        .map(|secret| secret.expose_secret().as_bytes())
        .filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hexadecimal;

    /// RFC 2202 and RFC 4231, test case 2.
    #[test]
    fn the_examples_of_the_standards_come_out() {
        let parts: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
        assert_eq!(
            hexadecimal(&hmac_sha1(b"Jefe", parts)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hexadecimal(&hmac_sha256(b"Jefe", parts)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn nothing_equals_only_itself() {
        assert!(any(
            [same_secret(b"a", b"b"), same_secret(b"a", b"a")].into_iter()
        ));
        assert!(!any(
            [same_secret(b"a", b"a "), same_signature(b"a", b"")].into_iter()
        ));
        assert!(!any(std::iter::empty()));
        assert_eq!(usable(&["".into(), "x".into()]).count(), 1);
    }
}
