//! What a statement does with a tenant table.

use super::schema::TableName;

/// One use of a tenant table in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub table: TableName,
    /// The name that the table goes by in the statement.
    pub alias: String,
    pub access: Access,
    /// What is wrong; nothing if the statement names the tenant.
    pub problem: Option<Problem>,
}

/// How a table is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Insert,
    Update,
    Delete,
}

/// What may be wrong with a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It reads rows of any tenant.
    UnfilteredRead,
    /// It changes rows of any tenant.
    UnfilteredUpdate,
    /// It removes rows of any tenant.
    UnfilteredDelete,
    /// It adds rows without saying whose they are.
    InsertWithoutKey,
    /// It gives rows to another tenant.
    SetsKey,
    /// It finds rows through a foreign key that does not carry the tenant key.
    JoinWithoutKey,
}

impl Access {
    /// What is wrong where no predicate names the tenant.
    pub(super) fn unfiltered(self) -> Problem {
        match self {
            Self::Read => Problem::UnfilteredRead,
            Self::Insert => Problem::InsertWithoutKey,
            Self::Update => Problem::UnfilteredUpdate,
            Self::Delete => Problem::UnfilteredDelete,
        }
    }
}
