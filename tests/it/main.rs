//! The one integration test binary: one cluster, one template database, a file per subject.

#![allow(clippy::disallowed_methods, reason = "tests prepare files")]
#![allow(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure shows"
)]

mod access;
mod activity;
mod activity_heads;
mod agents;
mod architecture;
mod audit;
mod audit_expression;
mod booking;
mod channels;
mod claims;
mod common;
mod config;
mod crash;
mod csv_fuzz;
mod demo;
mod doctor;
mod drift;
mod exit_codes;
mod files;
mod guards;
mod guides;
mod hints;
mod import;
mod invitations;
mod isolation;
mod json_shapes;
mod language;
mod local;
mod local_commands;
mod members;
mod migrate;
mod organizations;
mod outbox;
mod permissions;
mod pool;
mod pooler;
mod protection;
mod pty;
mod pty_init;
mod roles;
mod serve;
mod statements;
mod tls;
mod users;
mod webhook_fuzz;
mod webhooks;
