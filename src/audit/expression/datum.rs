//! Bytes of a constant, as in the server's memory.

use super::expr::ConstValue;

/// Returns the value of `bytes`, which are as in the server's memory (OIDs from pg_type.dat). A
/// server with the other byte order leads to values of type [`ConstValue::Other`] or wrong numbers,
/// not to errors.
pub(super) fn datum(type_oid: u32, bytes: &[u8]) -> ConstValue {
    let value = match type_oid {
        16 => bytes.first().map(|byte| ConstValue::Bool(*byte != 0)),
        20 | 21 | 23 | 26 => bytes
            .first_chunk::<8>()
            .map(|word| ConstValue::Int(i64::from_le_bytes(*word))),
        // `name` and `unknown` end with a NUL byte.
        19 | 705 => bytes.split(|byte| *byte == 0).next().and_then(text),
        25 | 114 | 1042 | 1043 => varlena(bytes).and_then(text),
        1009 => texts(bytes).map(ConstValue::Texts),
        _ => None,
    };
    value.unwrap_or_else(|| ConstValue::Other(bytes.to_vec()))
}

fn text(bytes: &[u8]) -> Option<ConstValue> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(ConstValue::Text(text.to_owned()))
}

/// Returns the bytes after the length word of one or four bytes (varatt.h).
fn varlena(bytes: &[u8]) -> Option<&[u8]> {
    let short = bytes.first()? & 1 == 1;
    bytes.get(if short { 1 } else { 4 }..)
}

/// Returns a one-dimensional `text[]` without NULLs (array.h).
fn texts(bytes: &[u8]) -> Option<Vec<String>> {
    let word = |at: usize| {
        let chunk = bytes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*chunk)).ok()
    };
    let (dimensions, null_bitmap) = (word(4)?, word(8)?);
    if dimensions == 0 {
        return Some(Vec::new());
    }
    if dimensions != 1 || null_bitmap != 0 {
        return None;
    }
    let count = word(16)?;
    let mut at = 24;
    let mut found = Vec::new();
    for _ in 0..count {
        let length = word(at)? >> 2;
        let inner = bytes.get(at + 4..at.checked_add(length)?)?;
        found.push(std::str::from_utf8(inner).ok()?.to_owned());
        at = (at + length).next_multiple_of(4);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_array_of_text_is_its_elements() {
        // Length word, one dimension, no NULLs, type text, two elements from index 1.
        let mut bytes = vec![0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0];
        bytes.extend([2, 0, 0, 0, 1, 0, 0, 0]);
        bytes.extend([20, 0, 0, 0, b'a', 0, 0, 0, 24, 0, 0, 0, b'b', b'c']);
        let expected = ConstValue::Texts(vec!["a".to_owned(), "bc".to_owned()]);
        assert_eq!(datum(1009, &bytes), expected);
    }

    proptest! {
        #[test]
        fn arbitrary_datums_never_panic(
            oid in prop::sample::select(vec![16u32, 19, 20, 25, 1009, 2950]),
            bytes in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = datum(oid, &bytes);
        }
    }
}
