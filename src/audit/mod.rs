//! Proofs of isolation. This module knows PostgreSQL and nothing of our own schema: it reads the
//! catalog of whatever database it is given, and attacks it as the application would.

pub mod catalog;
pub mod connections;
pub mod expression;
pub mod findings;
pub mod matrix;
pub mod model;
pub mod statements;
