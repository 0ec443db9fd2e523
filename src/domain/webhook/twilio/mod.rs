//! Twilio's voice webhooks, and the TwiML responses to them.

pub mod event;
pub mod signature;
pub mod twiml;

pub use event::{Event, Kind};
