//! Retell's webhooks: signature, events, whose they are, and the answer to an incoming call.

pub mod answer;
pub mod event;
pub mod route;
pub mod signature;

pub use answer::InboundAnswer;
pub use event::{Direction, Event, Kind};
pub use route::{Conflict, Evidence, Hint, Route, route};
