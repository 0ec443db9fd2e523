//! Retell's webhooks: signature, events, and the answer to an incoming call.

pub mod answer;
pub mod event;
pub mod signature;

pub use answer::InboundAnswer;
pub use event::{Direction, Event, Kind};
