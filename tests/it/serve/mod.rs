//! `tenantctl serve` as a process, on a real PostgreSQL, with clients that behave and clients that
//! do not.

mod cache;
mod canary;
mod health;
mod hostile;
mod life;
mod public;
mod server;
mod visitor;
mod widget;

pub use server::{Connection, PATIENCE, Serving, parse};
