//! tenantctl: the operator's tool for multi-tenant platforms on PostgreSQL.
//!
//! # Direction of data
//!
//! ```text
//! main → commands → services → { domain, db } → view → output
//! ```
//!
//! 1. `domain` depends on nothing else in this crate: no I/O, no SQL. Of clap it uses only
//!    the derive for fields that the command line and JSON share.
//! 2. `db` is the only SQL of our own schema and depends on `domain`; `audit` is the only
//!    other module with SQL, knows PostgreSQL and knows nothing of our schema.
//! 3. `services` are the use cases: each opens its transaction, changes state and writes the
//!    activity entry in that same transaction. They depend on `domain` and `db`.
//! 4. `commands` turn arguments into service calls and return a serializable view; only
//!    `output` chooses table or JSON and writes to a stream.
//! 5. Clock, randomness, environment and prompts come from [`system`], so tests control them.
//! 6. `crypto` encrypts secrets that must be recoverable.
//! 7. `csv_file` reads and writes CSV; in this crate it depends only on `error` and `domain`.
//! 8. `files` writes every file; in this crate it depends only on `error`.
//! 9. `server` answers requests through the same services, with connections from `db::Pool`.
//!
//! `tests/it/architecture` enforces these rules.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "unit tests prepare files; the library itself is checked without `cfg(test)`"
    )
)]

#[macro_use]
mod named_enum;

pub mod app;
pub mod audit;
pub mod cli;
pub mod commands;
pub mod config;
pub mod confirm;
pub mod crypto;
pub mod csv_file;
pub mod db;
pub mod domain;
pub mod error;
pub mod files;
pub mod hint;
pub mod local;
pub mod mail;
pub mod output;
pub mod quoting;
pub mod rfc3339;
pub mod server;
pub mod services;
pub mod stop;
pub mod suggest;
pub mod system;
