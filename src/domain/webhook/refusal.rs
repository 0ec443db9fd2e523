//! Reasons to refuse a request.

use super::Scheme;
named_enum! {
    /// The reason to refuse a request before its contents are used.
    pub enum Refusal as "refusal" {
        Missing = "missing", "A header or parameter that proves the sender is missing.";
        Malformed = "malformed", "The proof or the signed content does not have the form of its scheme.";
        Wrong = "wrong", "The proof does not match any active secret of the endpoint.";
        Stale = "stale", "The proof is valid but too old, or dated in the future.";
    }
}

impl Refusal {
    /// Returns the HTTP status for the sender's `scheme`.
    pub const fn status(self, scheme: Scheme) -> u16 {
        match (self, scheme) {
            (Self::Missing | Self::Malformed, _) => 400,
            (Self::Wrong | Self::Stale, Scheme::Twilio | Scheme::Meta) => 403,
            (Self::Wrong | Self::Stale, _) => 401,
        }
    }

    /// Returns a stable word for metrics.
    pub const fn reason(self) -> &'static str {
        self.as_str()
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twilio_is_told_what_it_documents() {
        assert_eq!(Refusal::Missing.status(Scheme::Twilio), 400);
        assert_eq!(Refusal::Wrong.status(Scheme::Twilio), 403);
        for (refusal, scheme) in Refusal::ALL
            .iter()
            .flat_map(|refusal| Scheme::ALL.iter().map(move |scheme| (refusal, scheme)))
        {
            assert!(matches!(refusal.status(*scheme), 400 | 401 | 403));
        }
    }
}
