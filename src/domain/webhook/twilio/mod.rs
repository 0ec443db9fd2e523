//! Twilio's voice webhooks, and the TwiML that answers them.

pub mod event;
pub mod signature;
pub mod twiml;

pub use event::{Event, Kind};
