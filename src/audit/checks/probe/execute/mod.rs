//! Execution of the probes: the statements, and the order in which they run.

pub(crate) mod attempts;
pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod locks;
pub(crate) mod read;
pub(crate) mod savepoint;
pub(crate) mod schedule;
pub(crate) mod statement;
pub(crate) mod write;
