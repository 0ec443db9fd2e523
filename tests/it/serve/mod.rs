//! `tenantctl serve` as a process, on a real PostgreSQL, with clients that behave and clients that
//! do not.

mod cache;
mod health;
mod hostile;
mod life;
mod server;

pub use server::{Connection, PATIENCE, Serving, parse};
