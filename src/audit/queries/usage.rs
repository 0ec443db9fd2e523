//! Uses of tenant tables by statements.

use super::schema::TableName;

/// A use of a tenant table in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub table: TableName,
    /// Alias or name of the table in the statement.
    pub alias: String,
    pub access: Access,
    /// The problem; `None` if the statement names the tenant.
    pub problem: Option<Problem>,
}

/// Kind of access to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Insert,
    Update,
    Delete,
}

/// A problem of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// Reads rows of any tenant.
    UnfilteredRead,
    /// Updates rows of any tenant.
    UnfilteredUpdate,
    /// Deletes rows of any tenant.
    UnfilteredDelete,
    /// Inserts rows without the tenant key.
    InsertWithoutKey,
    /// Moves rows to another tenant.
    SetsKey,
    /// Finds rows through a foreign key that does not include the tenant key.
    JoinWithoutKey,
}

impl Access {
    /// Returns the problem of an access without a tenant predicate.
    pub(super) fn unfiltered(self) -> Problem {
        match self {
            Self::Read => Problem::UnfilteredRead,
            Self::Insert => Problem::InsertWithoutKey,
            Self::Update => Problem::UnfilteredUpdate,
            Self::Delete => Problem::UnfilteredDelete,
        }
    }
}
