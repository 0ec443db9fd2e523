//! Standard Webhooks, and what the auth hooks of Supabase say with them.

pub mod auth_hook;
pub(super) mod secret;
pub mod signature;

pub use auth_hook::{AuthEvent, ConfirmedUser, Hook};
