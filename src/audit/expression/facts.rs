//! Facts about the database that are needed to interpret an expression.

use std::collections::BTreeSet;

use super::{expr::Expr, session::SessionSource};

/// How stable a function says it is (`pg_proc.provolatile`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

/// A user's function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionFacts {
    pub name: String,
    pub schema: String,
    pub volatility: Volatility,
    /// Such as `sql` or `plpgsql`.
    pub language: String,
    /// `true` if it runs with the rights of its owner, and so past row-level security.
    pub security_definer: bool,
    /// The parsed body, where the server keeps one: see [`super::read::body`].
    pub body: Option<Expr>,
    /// The body as text (`pg_proc.prosrc`); empty where it is parsed.
    pub source_text: String,
}

/// Looks up a user's function. What is built in need not be known.
pub type Functions<'f> = dyn Fn(u32) -> Option<&'f FunctionFacts> + 'f;

/// The catalog, as far as the meaning of a policy depends on it.
pub trait Facts {
    /// A user's function; none for what is built in.
    fn function(&self, oid: u32) -> Option<&FunctionFacts>;

    /// `true` if the body of a function never looks at its argument at that place, from 0.
    fn ignores_argument(&self, _function: u32, _place: usize) -> bool {
        false
    }

    /// `true` if the operator is an equality: a member of a btree or hash operator class with the
    /// strategy "equal" (`pg_amop`).
    fn is_equality(&self, operator: u32) -> bool;

    /// The columns of a relation that name the tenant of its row; of the table of tenants, its key.
    fn tenant_columns(&self, relation: u32) -> BTreeSet<i16>;

    /// The columns of a relation that name the user a row belongs to.
    fn identity_columns(&self, relation: u32) -> BTreeSet<i16>;

    /// `true` if the relation says which user belongs to which tenant. There, whatever is equal to the
    /// session's user (an address, a login name) names the user.
    fn is_membership(&self, relation: u32) -> bool;

    /// `true` if a foreign key leads from these columns of `child` to those of `parent`, in this
    /// order, or to more columns of it than these.
    fn parent_link(
        &self,
        child: u32,
        child_columns: &[i16],
        parent: u32,
        parent_columns: &[i16],
    ) -> bool;

    /// `true` if row-level security confines the application's reads of the relation.
    fn is_protected(&self, relation: u32) -> bool;

    /// `true` if the value names the session's tenant, not its user or something else.
    fn names_tenant(&self, source: &SessionSource) -> bool;
}
