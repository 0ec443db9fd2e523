//! Webhooks: endpoints and their secrets, events, the queue of the workers, and their results.

pub mod calls;
pub mod claims;
pub mod endpoints;
pub mod events;
pub mod identities;
pub mod jobs;
pub mod messages;
pub mod quarantine;
pub mod secrets;
pub mod sign_ups;
pub mod stream_tokens;
pub mod usage;
