//! The use cases. Each opens its transaction, checks the caller's permission, changes state and
//! writes the activity entry in the same transaction.

pub mod access;
pub mod activity;
pub mod agents;
pub mod booking;
pub mod channels;
pub mod claims;
pub mod import;
pub mod invitations;
pub mod members;
pub mod organizations;
pub mod outbox;
pub mod protection;
pub mod purge;
pub mod reseal;
pub mod roles;
pub mod serving;
mod session;
pub mod users;
pub mod webhooks;
pub mod widget;

pub use session::{Scope, Session};
