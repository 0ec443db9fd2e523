//! The HTTP server: the webhooks of the channels, the public API, and the work behind them.
//!
//! ```text
//! listen → middleware (id, log, metrics; time; panics) → routes → services → db
//! cache ←─ NOTIFY                        worker ───────────────→ services → db
//! ```
//!
//! A request holds a database connection only while it needs it ([`ServerState::session`]). A
//! handler returns errors as a [`Problem`].

pub mod cache;
mod client;
mod connection_limiter;
mod health;
mod host;
mod inputs;
mod limits;
mod listen;
mod metrics;
mod middleware;
mod observe;
mod panics;
pub mod problem;
mod public;
mod rates;
mod readiness;
mod routes;
mod run;
mod settings;
mod signals;
mod state;
mod throttled_log;
mod webhooks;
mod worker;

pub use client::{ClientAddress, RequestId};
pub use connection_limiter::{ConnectionLimiter, EntryPoint};
pub use inputs::{Listening, Roles, Server};
pub use limits::read_body;
pub use metrics::Metrics;
pub use problem::{Answer, Problem};
pub use rates::{Quota, RateLimits};
pub use routes::router;
pub use run::run;
pub use settings::{Limits, Settings, UnixSocket};
pub use state::{ServerState, Shared};
