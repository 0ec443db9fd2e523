//! The application's own SQL: statements that touch a tenant table without naming the tenant.
//!
//! Row-level security is one line of defence; a predicate on the tenant key in each statement is
//! the other. [`check`] says of each use of a tenant table in a statement whether such a
//! predicate confines it: it follows equalities through joins, sub-selects and common table
//! expressions, knows what an outer join does to them, and takes from OR only what every arm says.

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

use crate::domain::audit::Location;
use query::{Analysis, Surroundings};

/// A statement of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub sql: String,
    /// Where in the sources it begins.
    pub location: Option<Location>,
    /// How often it ran.
    pub calls: Option<u64>,
    /// Where it was found, for people: `queries.sql:12`, `query 4711`.
    pub label: String,
}

/// Why a statement could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

/// Runs `work` with a stack that holds the deepest tree that [`prepare`] lets pass: parsing,
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

/// Every use of a tenant table in `sql`, which may be several statements. DDL and settings have
/// none. It wants [`with_room`] around it.
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
