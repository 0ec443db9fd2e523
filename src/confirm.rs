//! The proof that a destructive operation was confirmed.

/// Taken by value by every function that destroys something, so that none can be called without
/// confirmation. Separate from the prompts because services and clusters take it too.
#[derive(Debug)]
#[must_use = "what was confirmed should now be done"]
pub struct Confirmed(());

impl Confirmed {
    /// Confirmation by the user, at the prompt or beforehand with a flag; also used in tests.
    pub fn by_flag() -> Self {
        Self(())
    }
}
