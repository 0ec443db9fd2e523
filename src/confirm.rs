//! The proof that somebody agreed to a destruction.

/// Taken by value by every function that destroys something, so that none can be called without
/// the question. It stands apart from the prompts because services and clusters take it too.
#[derive(Debug)]
#[must_use = "what was confirmed should now be done"]
pub struct Confirmed(());

impl Confirmed {
    /// The user agreed: at the prompt, or beforehand with a flag; also for tests.
    pub fn by_flag() -> Self {
        Self(())
    }
}
