//! Standard Webhooks, and the auth hooks of Supabase that use them.

pub mod auth_hook;
pub(super) mod secret;
pub mod signature;

pub use auth_hook::{AuthEvent, ConfirmedUser, Hook};
