//! Facts about the database that are needed to interpret an expression.

use std::collections::BTreeSet;

use super::{expr::Expr, session::SessionSource};

/// Declared volatility of a function (`pg_proc.provolatile`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

/// A user-defined function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionFacts {
    pub name: String,
    pub schema: String,
    pub volatility: Volatility,
    /// The language, such as `sql` or `plpgsql`.
    pub language: String,
    /// `true` if it runs with the privileges of its owner, and may bypass row-level security.
    pub security_definer: bool,
    /// The parsed body, if the server stores one: see [`super::read::body`].
    pub body: Option<Expr>,
    /// The body as text (`pg_proc.prosrc`); empty if it is stored parsed.
    pub source_text: String,
}

/// Looks up a user-defined function. Built-in functions are not needed.
pub type Functions<'f> = dyn Fn(u32) -> Option<&'f FunctionFacts> + 'f;

/// Parts of the catalog that affect the meaning of a policy.
pub trait Facts {
    /// Returns a user-defined function; `None` for a built-in one.
    fn function(&self, oid: u32) -> Option<&FunctionFacts>;

    /// `true` if the body of a function ignores its argument at that position, from 0.
    fn ignores_argument(&self, _function: u32, _place: usize) -> bool {
        false
    }

    /// `true` if the operator is an equality: a member of a btree or hash operator class with the
    /// strategy "equal" (`pg_amop`).
    fn is_equality(&self, operator: u32) -> bool;

    /// Returns the columns of a relation that name the tenant of its row. For the table of tenants,
    /// its key.
    fn tenant_columns(&self, relation: u32) -> BTreeSet<i16>;

    /// Returns the columns of a relation that name the user of its row.
    fn identity_columns(&self, relation: u32) -> BTreeSet<i16>;

    /// `true` if the relation records which user belongs to which tenant. In it, any column that
    /// equals the session's user (an address, a login name) identifies the user.
    fn is_membership(&self, relation: u32) -> bool;

    /// `true` if a foreign key refers from these columns of `child` to those of `parent`, in this
    /// order, possibly with further columns.
    fn parent_link(
        &self,
        child: u32,
        child_columns: &[i16],
        parent: u32,
        parent_columns: &[i16],
    ) -> bool;

    /// `true` if row-level security applies to the application's reads of the relation.
    fn is_protected(&self, relation: u32) -> bool;

    /// `true` if the value identifies the session's tenant.
    fn names_tenant(&self, source: &SessionSource) -> bool;
}
