//! Deduplication keys of events.

use sha2::{Digest as _, Sha256};

use crate::domain::hexadecimal;

/// Longer keys are hashed: an index entry is limited to a few kilobytes.
const LONGEST: usize = 200;

/// Returns a key that is unique to these parts. The first part is a fixed word.
///
/// The key stays readable if possible; parts that are long or contain other characters are hashed.
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
        // The lengths make the concatenation unambiguous.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let word = parts.first().copied().unwrap_or_default();
    format!("{word}:sha256:{}", hexadecimal(&hash.finalize()))
}

/// Returns a key of the whole contents, for events without an id.
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
