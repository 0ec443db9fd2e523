//! The webhooks of Evolution API, which connects to WhatsApp as a linked device.

pub mod credential;
pub mod event;
pub mod redact;

pub use event::{Event, Message, Update, What};
pub use redact::redact_apikey;
