//! Behind a real PgBouncer in transaction mode, which hands out another session of the server for
//! each transaction.

mod callers;
mod commands;
mod recognized;
mod serving;
