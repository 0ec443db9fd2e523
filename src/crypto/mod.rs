//! Secrets that have to be had in clear again: sealed before they are stored.

mod sealing;

pub use sealing::{KEY_TEXT_LENGTH, SealingKeys, new_key_text};
