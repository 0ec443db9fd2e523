//! What a request said, once it is known who said it.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Refusal, Scheme};

/// The contents of a request that was proven to come from the provider.
///
/// For a GET these are its query, as sent: that is what was signed. Store [`Self::body`], and
/// [`Self::from_store`] gives the same again.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    scheme: Scheme,
    body: &'a [u8],
    delivery_id: Option<&'a str>,
    signed_at: Option<DateTime<Utc>>,
}

impl<'a> Verified<'a> {
    pub(super) const fn new(scheme: Scheme, body: &'a [u8]) -> Self {
        Self {
            scheme,
            body,
            delivery_id: None,
            signed_at: None,
        }
    }

    pub(super) const fn delivered_as(mut self, id: Option<&'a str>) -> Self {
        self.delivery_id = id;
        self
    }

    pub(super) const fn signed_at(mut self, at: DateTime<Utc>) -> Self {
        self.signed_at = Some(at);
        self
    }

    /// An event that was verified before it was stored. Keys against duplicates are not made
    /// from it again: what made them may have been in a header.
    pub const fn from_store(scheme: Scheme, body: &'a [u8]) -> Self {
        Self::new(scheme, body)
    }

    /// By which scheme it was proven.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What was signed, or came with the credential.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The provider's id of the delivery, where a header named one.
    pub(super) const fn delivery_id(&self) -> Option<&'a str> {
        self.delivery_id
    }

    /// When it was signed, where the scheme says so.
    pub(super) const fn signature_time(&self) -> Option<DateTime<Utc>> {
        self.signed_at
    }

    /// The body, for the parser of `scheme` and no other.
    pub(super) fn body_of(&self, scheme: Scheme) -> Result<&'a [u8], Refusal> {
        if self.scheme == scheme {
            Ok(self.body)
        } else {
            Err(Refusal::Malformed)
        }
    }
}

/// Bodies are private, and never reach a log.
impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("scheme", &self.scheme)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_not_shown_and_not_read_by_another_scheme() {
        let verified = Verified::from_store(Scheme::Meta, b"private");
        assert!(!format!("{verified:?}").contains("private"));
        assert_eq!(verified.body_of(Scheme::Meta), Ok(b"private".as_slice()));
        assert_eq!(verified.body_of(Scheme::Retell), Err(Refusal::Malformed));
    }
}
