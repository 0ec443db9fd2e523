//! Encryption of secrets that must be recoverable.

mod scram;
mod sealing;

pub use scram::verifier as password_verifier;
pub use sealing::{KEY_TEXT_LENGTH, SealingKeys, new_key_text};
