//! Webhooks: endpoints, receiving requests of providers, and processing events.

pub mod endpoints;
pub mod events;
mod load;
mod process;
pub mod quarantine;
mod receive;
pub mod sign_ups;
mod work;

pub use load::{LoadedEndpoint, load};
pub use receive::{
    Receipt, Reply, foreign_identities, holder, organization_of_stream_token, receive,
    redeem_stream_token,
};
pub use work::{MOST_ATTEMPTS, Worked, backlog, work_once};

/// Purpose for which webhook secrets are sealed.
pub(super) const SEALED_FOR: &str = "webhook secret";
