//! The contents of a request with a verified sender.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Refusal, Scheme};

/// The contents of a request that is proven to come from the provider.
///
/// For a GET these are its query as sent, which is the signed content. Store [`Self::body`];
/// [`Self::from_store`] restores the value.
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

    /// Restores an event that was verified before it was stored. Its deduplication key cannot be
    /// computed again: it may depend on a header.
    pub const fn from_store(scheme: Scheme, body: &'a [u8]) -> Self {
        Self::new(scheme, body)
    }

    /// Returns the scheme of the proof.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the content that was signed, or sent with the credential.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Returns the provider's id of the delivery, if a header contains one.
    pub(super) const fn delivery_id(&self) -> Option<&'a str> {
        self.delivery_id
    }

    /// Returns the time of the signature, if the scheme includes it.
    pub(super) const fn signature_time(&self) -> Option<DateTime<Utc>> {
        self.signed_at
    }

    /// Returns the body, for the parser of `scheme` only.
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
