//! Secrets that have to be had in clear again: sealed before they are stored.

mod scram;
mod sealing;

pub use scram::verifier as password_verifier;
pub use sealing::{KEY_TEXT_LENGTH, SealingKeys, new_key_text};
