//! The isolation matrix: every tenant table × every operation × every context, each cell really
//! tried as the application's role, in transactions that are always rolled back. A view, a
//! materialized view or a foreign table with the tenant column is a table here.

mod attack;
mod catalog;

use serde::Serialize;
use sqlx::{Executor, PgConnection};

use crate::error::Result;

/// How the application reaches the database, and how a transaction names its tenant.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// The role that the application runs as.
    pub role: String,
    /// The setting that names the tenant.
    pub setting: String,
    /// The column that carries the tenant in every tenant table.
    pub key: String,
    /// The table of tenants, and its key.
    pub root: (String, String),
}

/// Two tenants, of which neither may reach the other.
#[derive(Clone, Debug)]
pub struct Tenants {
    pub a: String,
    pub b: String,
}

/// What is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Read one's own rows: the control that shows that the door is not simply walled up.
    Own,
    Select,
    Insert,
    Update,
    Delete,
    /// Give a row of one's own to the other tenant.
    Move,
    /// Refer to a row of the other tenant from a row of one's own.
    Reference,
}

impl Operation {
    /// Every operation, in the order of the columns.
    pub const ALL: [Self; 7] = [
        Self::Own,
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Move,
        Self::Reference,
    ];

    /// The name of the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Reference => "reference",
        }
    }
}

/// In whose name it is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    A,
    B,
    /// No tenant is named.
    None,
}

impl Context {
    /// Every context, in the order of the marks.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::None];

    /// The name of the context.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::None => "none",
        }
    }

    /// Whose rows are one's own here, and whose are attacked. Without a context, A's stand for
    /// one's own: nothing of either may be reached.
    fn sides(self, tenants: &Tenants) -> (&str, &str) {
        match self {
            Self::A | Self::None => (&tenants.a, &tenants.b),
            Self::B => (&tenants.b, &tenants.a),
        }
    }
}

/// How a try ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// It worked, and should.
    Allowed,
    /// The database refused, or there was nothing to be reached: how.
    Blocked(String),
    /// It worked, and should not: the statement that got through.
    Leak(String),
    /// There is nothing to try: why.
    NotApplicable(String),
}

/// One cell.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub table: String,
    pub operation: Operation,
    pub context: Context,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Every cell, by table, operation and context.
#[derive(Clone, Debug, Serialize)]
pub struct IsolationMatrix {
    pub tables: Vec<String>,
    pub trials: Vec<Trial>,
}

impl IsolationMatrix {
    /// The cells that got through.
    pub fn leaks(&self) -> impl Iterator<Item = &Trial> {
        self.trials
            .iter()
            .filter(|trial| matches!(trial.verdict, Verdict::Leak(_)))
    }

    /// One cell.
    pub fn verdict(&self, table: &str, operation: Operation, context: Context) -> Option<&Verdict> {
        self.trials
            .iter()
            .find(|trial| {
                trial.table == table && trial.operation == operation && trial.context == context
            })
            .map(|trial| &trial.verdict)
    }
}

/// Tries every cell. The connection may be a superuser's: each try switches to the application's
/// role first. Nothing is changed.
///
/// # Errors
/// `Unavailable` when the connection is lost, `Refused` when it may not switch to the role.
pub async fn probe(
    connection: &mut PgConnection,
    boundary: &Boundary,
    tenants: &Tenants,
) -> Result<IsolationMatrix> {
    let tables = catalog::tenant_tables(connection, boundary).await?;
    let mut trials = Vec::with_capacity(tables.len() * Operation::ALL.len() * Context::ALL.len());
    for context in Context::ALL {
        match attack::in_context(connection, boundary, tenants, context, &tables).await {
            Ok(found) => trials.extend(found),
            Err(error) => {
                // Whatever was open must not outlive the failure; the error matters more.
                let _ = connection.execute("ROLLBACK").await;
                return Err(error);
            }
        }
    }
    Ok(IsolationMatrix {
        tables: tables.into_iter().map(|table| table.name).collect(),
        trials,
    })
}
