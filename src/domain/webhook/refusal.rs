//! Why a request is refused.

use super::Scheme;
named_enum! {
    /// Why a request is refused before anything is looked up by what it says.
    pub enum Refusal as "refusal" {
        Missing = "missing", "A header or parameter that proves the sender is missing.";
        Malformed = "malformed", "The proof, or what it proves, is not in the form of its scheme.";
        Wrong = "wrong", "No active secret of the endpoint makes this proof.";
        Stale = "stale", "The proof is right, but too old, or of a time to come.";
    }
}

impl Refusal {
    /// The HTTP status that says so in the language of `scheme`.
    pub const fn status(self, scheme: Scheme) -> u16 {
        match (self, scheme) {
            (Self::Missing | Self::Malformed, _) => 400,
            (Self::Wrong | Self::Stale, Scheme::Twilio | Scheme::Meta) => 403,
            (Self::Wrong | Self::Stale, _) => 401,
        }
    }

    /// A word that does not change, for metrics.
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
