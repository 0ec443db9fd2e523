//! Keys by which the copies of an event are recognised.

use sha2::{Digest as _, Sha256};

use crate::domain::hexadecimal;

/// Longer keys are hashed: an index takes no value of more than some kilobytes.
const LONGEST: usize = 200;

/// A key of these parts: other parts, another key. The first one is a word of ours.
///
/// It stays readable where it can; what a provider makes long, or puts other characters into, is
/// hashed.
pub(super) fn key(parts: &[&str]) -> String {
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    let is_plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-_.=/@".contains(&byte))
    };
    if length <= LONGEST && parts.iter().all(|part| is_plain(part)) {
        return parts.join(":");
    }
    let mut hash = Sha256::new();
    for part in parts {
        // With their lengths, parts cannot be mistaken for others.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let word = parts.first().copied().unwrap_or_default();
    format!("{word}:sha256:{}", hexadecimal(&hash.finalize()))
}

/// A key of the whole contents, for what has no id.
pub(super) fn contents(word: &str, body: &[u8]) -> String {
    key(&[word, "body", &hexadecimal(&Sha256::digest(body))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parts_make_another_key() {
        assert_eq!(key(&["call", "CA1", "ringing"]), "call:CA1:ringing");
        let keys = [
            key(&["a", "b:c"]),
            key(&["a", "b", "c"]),
            key(&["a", "b", "", "c"]),
            key(&["a", "b:", "c"]),
            key(&["a", "\0"]),
            key(&["a", &"x".repeat(LONGEST)]),
            key(&["a", &"x".repeat(LONGEST + 1)]),
            contents("a", b""),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(one.len() <= LONGEST && !one.contains('\0'), "{one}");
            assert!(!keys[..at].contains(one), "{one}");
        }
    }
}
