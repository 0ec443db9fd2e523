//! The only SQL of our own schema: one file per resource, with plain functions that take a handle.
//!
//! Tenant data is accessed only through [`TenantTx`]; work across tenants takes a [`PlatformConn`],
//! which a reviewer can grep for.

pub mod access;
pub mod activity;
pub mod agents;
pub mod appointments;
pub mod chains;
pub mod channels;
mod connection;
mod dial;
mod error;
pub mod health;
mod held;
pub mod import;
pub mod invitations;
mod lent;
mod listen;
pub mod members;
pub mod migrate;
mod notice;
pub mod operatories;
pub mod organizations;
pub mod outbox;
pub mod patients;
pub mod platform;
mod pool;
pub mod protection;
pub mod providers;
pub mod public;
pub mod purge;
pub mod rehearsal;
pub mod resources;
pub mod roles;
pub mod schedules;
pub mod table;
pub mod tenant;
mod types;
pub mod users;
pub mod webhooks;

pub use connection::{Authority, ConnectSettings, Database, open_connection};
pub use error::{is_loopback, is_unique_violation, stored};
pub use listen::{CONFIGURATION_CHANNEL, Changed, Listener, Notification};
pub use platform::PlatformConn;
pub use pool::{Pool, PoolSettings, PoolSize};
pub use table::Table;
pub use tenant::TenantTx;
