//! Meaning of the expression of a policy, a view, a constraint or a function.
//!
//! PostgreSQL stores such expressions parsed, as `pg_node_tree`, with each name resolved to an OID
//! or a column number. Parsing SQL text would be a guess, while this notation is exact: names,
//! operators and casts are as the server resolved them.
//!
//! [`tree`] parses the notation, [`read`] converts it to the typed [`expr`], [`session`] finds the
//! parts of the session that an expression reads, and [`confine`] decides if it confines rows to a
//! tenant.

pub mod confine;
mod conjunction;
mod datum;
pub mod expr;
pub mod facts;
mod logic;
pub mod read;
mod rows;
mod scan;
mod scope;
pub mod session;
pub mod tree;
mod verdict;
pub mod visit;

pub use confine::{Confinement, Frame, How, Unset, Why, confinement, conjuncts, disjuncts};
pub use expr::{ConstValue, Expr, Query, RangeEntry};
pub use facts::{Facts, FunctionFacts, Functions, Volatility};
pub use read::{body, expression, queries};
pub use session::{SessionSource, reads_user_metadata, session_sources, settings_read};
pub use visit::{functions, operands, relations, row_columns, walk};
