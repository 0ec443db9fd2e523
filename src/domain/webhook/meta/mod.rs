//! The webhooks of Meta's WhatsApp Cloud API.

pub mod event;
pub mod signature;

pub use event::{Event, Message, Status, What};
pub use signature::challenge;
