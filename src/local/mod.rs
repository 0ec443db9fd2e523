//! The private local PostgreSQL: a cluster of our own that `demo`, `local start` and the tests
//! use, so that nothing has to be installed or configured by hand.
//!
//! ```text
//! <data folder>/
//!   data/         the PostgreSQL data directory
//!   run/          the Unix socket (under /tmp where the path would be too long for one)
//!   log/          server.log
//!   server.conf   our settings, rewritten at each start
//!   pg_hba.conf   access: the socket without a password, loopback with the password
//!   pgpass        the password of the loopback listener, in libpq's format
//!   port          the port of the last start
//!   lock          held while a cluster is started, stopped or destroyed
//! ```
//!
//! The socket needs no password because only the owner can enter its folder.

mod account;
mod binaries;
mod cluster;
mod control;
#[cfg(feature = "download")]
mod download;
mod ephemeral;
mod files;
mod layout;
mod lock;
mod obtain;
mod pidfile;
mod provision;
mod settings;
mod status;

pub use cluster::{LocalCluster, LocalOptions, Started};
pub use ephemeral::{EphemeralCluster, EphemeralOptions};
pub use status::{LocalState, LocalStatus};

/// The oldest supported major version of PostgreSQL for a private cluster.
pub const OLDEST_MAJOR: u32 = 15;

/// The bootstrap superuser of a private cluster.
const SUPERUSER: &str = "postgres";

/// The role that the tool connects as; it may create roles and databases but is not a superuser.
const ROLE: &str = "tenantctl";

/// The database of [`ROLE`].
const DATABASE: &str = "tenantctl";

/// The address of the TCP listener.
const LOOPBACK: &str = "127.0.0.1";
