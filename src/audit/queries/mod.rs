//! Analysis of application SQL: statements that access a tenant table without a tenant predicate.
//!
//! Row-level security is one line of defense; a predicate on the tenant key in each statement is
//! the other. [`check`] reports for each use of a tenant table in a statement if such a predicate
//! restricts it. It follows equalities through joins, subqueries and common table expressions,
//! accounts for outer joins, and uses a condition below OR only if every arm implies it.

mod finding;
mod flow;
mod from;
mod graph;
mod merge;
mod names;
mod nothing;
mod predicate;
mod prepare;
mod query;
mod schema;
pub mod source;
pub mod split;
mod sub_select;
mod usage;
mod with;
mod write;

#[cfg(test)]
mod tests;

use sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

pub use finding::{CHECKS, check, fingerprint};
pub use schema::{Reference, SharedTable, TableName, TenantKey, TenantTable, TenantTables};
pub use usage::{Access, Problem, Use};

use crate::audit::report::Location;
use query::{Analysis, Surroundings};

/// An application statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub sql: String,
    /// Position in the source files.
    pub location: Option<Location>,
    /// Number of calls.
    pub calls: Option<u64>,
    /// Human-readable origin: `queries.sql:12`, `query 4711`.
    pub label: String,
}

/// Reason why a statement could not be analyzed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

/// Runs `work` with a stack large enough for the deepest tree that [`prepare`] accepts: parsing,
/// walking and freeing it are recursive.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    const ROOM: usize = 256 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(ROOM)
            .spawn_scoped(scope, work)?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Returns every use of a tenant table in `sql`, which may contain several statements. DDL and
/// settings have none. Call it inside [`with_room`].
fn analyse(tables: &TenantTables, sql: &str) -> Result<Vec<Use>, ParseError> {
    let mut uses = Vec::new();
    for piece in split::statements(sql) {
        uses.extend(analyse_one(tables, piece.text)?);
    }
    Ok(uses)
}

fn analyse_one(tables: &TenantTables, sql: &str) -> Result<Vec<Use>, ParseError> {
    let Some(tokens) = prepare::prepare(sql)? else {
        return Ok(Vec::new());
    };
    let parsed = Parser::new(&PostgreSqlDialect {})
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| ParseError(error.to_string()))?;
    let mut uses = Vec::new();
    for statement in &parsed {
        let mut analysis = Analysis::new(tables);
        analysis.write(statement, Surroundings::TOP);
        uses.extend(analysis.finish());
    }
    Ok(uses)
}
