//! JSON Web Tokens (RFC 7519) with HMAC-SHA256, and no other algorithm.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::ErrorKind,
    signature::{self, Signer, Verifier},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// A token that is not valid under a key: malformed, of another algorithm, or signed by another
/// key. The caller is not meant to know which.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidToken;

/// Encodes the claims as a token signed with `key`; `key_id` identifies the key (`kid`).
///
/// # Errors
/// [`InvalidToken`] if the claims are not a JSON object.
pub fn encode(
    key_id: Option<&str>,
    claims: &impl Serialize,
    key: &[u8],
) -> Result<String, InvalidToken> {
    install();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = key_id.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key)).map_err(|_| InvalidToken)
}

/// The id of the key with which a token claims to be signed. It is not verified.
pub fn key_id(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// Returns the claims of a token signed with `key`. The caller has to check the expiry: the library
/// would use the system clock.
pub fn decode<T: DeserializeOwned>(token: &[u8], key: &[u8]) -> Result<T, InvalidToken> {
    install();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &DecodingKey::from_secret(key), &validation)
        .map(|decoded| decoded.claims)
        .map_err(|_| InvalidToken)
}

/// The library includes no cryptography: its pure Rust backend would add RSA and elliptic curves.
fn install() {
    // Later calls find it already installed.
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256::new(key.as_bytes()))),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256::new(key.try_get_as_bytes()?))),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mac = self.0.clone().chain_update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature)
            .map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    /// RFC 7515, appendix A.1.
    const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const EXAMPLE_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    #[test]
    fn the_example_of_the_standard_is_read() {
        let key = URL_SAFE_NO_PAD.decode(EXAMPLE_KEY).unwrap();
        let claims: Value = decode(EXAMPLE.as_bytes(), &key).unwrap();
        assert_eq!(claims["iss"], "joe");
        assert_eq!(decode::<Value>(EXAMPLE.as_bytes(), b"x"), Err(InvalidToken));
    }

    #[test]
    fn a_token_reads_back_and_no_byte_of_it_can_change() {
        let token = encode(Some("k1"), &json!({"a": 1}), b"key").unwrap();
        assert_eq!(key_id(&token).as_deref(), Some("k1"));
        assert_eq!(decode(token.as_bytes(), b"key"), Ok(json!({"a": 1})));
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] ^= 1;
            assert_eq!(decode::<Value>(&other, b"key"), Err(InvalidToken), "{at}");
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        let payload = URL_SAFE_NO_PAD.encode(br#"{"a":1}"#);
        for algorithm in ["none", "HS512", "RS256", "ES256"] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#));
            for signature in ["", "AAAA"] {
                let token = format!("{header}.{payload}.{signature}");
                assert_eq!(
                    decode::<Value>(token.as_bytes(), b"key"),
                    Err(InvalidToken),
                    "{token}"
                );
            }
        }
    }
}
