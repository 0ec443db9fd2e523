//! The position at which a page of a list ended.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The position of a row in the order of its list: its sort key and its id. It stays valid if the
/// row is changed or deleted meanwhile, so that the next page skips and repeats nothing.
///
/// The text form is opaque, in the alphabet of URLs (RFC 4648, section 5). It may contain a name:
/// it is only sent to a client that was shown the row.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PageMark {
    pub key: String,
    pub id: Uuid,
}

impl PageMark {
    /// The position of a row.
    pub fn new(key: impl Into<String>, id: impl Into<Uuid>) -> Self {
        Self {
            key: key.into(),
            id: id.into(),
        }
    }
}

impl From<PageMark> for String {
    fn from(mark: PageMark) -> Self {
        let mut bytes = mark.id.as_bytes().to_vec();
        bytes.extend_from_slice(mark.key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl TryFrom<String> for PageMark {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        read(&text).ok_or_else(|| {
            Error::bad_input("after is not a valid page position")
                .hint("use next_after of the previous page, unchanged")
        })
    }
}

fn read(text: &str) -> Option<PageMark> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, key) = bytes.split_first_chunk::<16>()?;
    let key = String::from_utf8(key.to_vec()).ok()?;
    // PostgreSQL's text type cannot contain NUL.
    (!key.contains('\0')).then(|| PageMark::new(key, Uuid::from_bytes(*id)))
}

impl JsonSchema for PageMark {
    fn schema_name() -> Cow<'static, str> {
        "PageMark".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The page after this position: next_after of the previous page, unchanged."
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "x", "0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11", "ÄÄÄ"] {
            assert!(PageMark::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn marks_read_what_they_print(key in "[^\\x00]{0,40}", id: u128) {
            let mark = PageMark::new(key, Uuid::from_u128(id));
            prop_assert_eq!(PageMark::try_from(String::from(mark.clone())).unwrap(), mark);
        }
    }
}
