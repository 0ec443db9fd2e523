//! What the expression of a policy, a view, a constraint or a function means.
//!
//! PostgreSQL keeps such expressions parsed, as `pg_node_tree`, with every name resolved to an OID
//! or a column number. Reading that notation is exact where reading SQL text would be a guess:
//! name capture, operators and casts are as the server resolved them.
//!
//! [`tree`] reads the notation, [`read`] turns it into the typed [`expr`], [`session`] tells what
//! an expression reads of the session, and [`confine`] whether it confines rows to a tenant.

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
