//! Analysis of whether an expression confines the rows of a table to the session's tenant.

use std::collections::BTreeSet;

use super::{
    conjunction::Arms,
    expr::Expr,
    facts::Facts,
    session::SessionSource,
    verdict::{Verdict, judge},
};

/// Context of the expression.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The table of the policy.
    pub table: u32,
    /// The columns of the table that identify the tenant, or the user.
    pub key_columns: &'a BTreeSet<i16>,
    pub facts: &'a dyn Facts,
}

/// Effect of an expression on the rows of its table.
#[derive(Clone, Debug, PartialEq)]
pub enum Confinement {
    /// Only rows of the session's tenant or user pass.
    Confined(BTreeSet<How>),
    /// Rows of other tenants pass.
    Open(Why),
    /// No row passes.
    Closed,
    /// The effect is unknown for this reason.
    Unknown(String),
}

/// Way in which rows are confined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// A column equals a value of the session.
    Session {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// Rows of these relations belong to the session, and the row belongs to them.
    Through(BTreeSet<u32>),
    /// A function that reads the session decides.
    Function(u32),
}

/// State of a setting without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unset {
    /// The setting does not exist.
    Missing,
    /// The setting is the empty string.
    Empty,
}

/// Reason that rows of other tenants pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The expression is always true, or true unless a tenant column is NULL.
    AlwaysTrue,
    /// It reads these columns and this value of the session, but no tenant column.
    IgnoresTenantColumn {
        columns: BTreeSet<i16>,
        sources: BTreeSet<SessionSource>,
    },
    /// The session's tenant is compared with a column that does not name the tenant.
    WrongColumn {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// A column is compared with itself. In a relation other than the policy's table, usually
    /// because an unqualified name resolved to a column of the subquery.
    SelfComparison { relation: u32, column: i16 },
    /// Rows without a tenant pass.
    NullEscape { column: i16 },
    /// All rows pass in a session without a tenant.
    OpenWhenUnset {
        sources: BTreeSet<SessionSource>,
        when: Unset,
    },
    /// A subquery does not depend on the row.
    UncorrelatedSubselect {
        relations: BTreeSet<u32>,
        sources: BTreeSet<SessionSource>,
    },
    /// The key is compared with the session's by an operator that also accepts other keys: an
    /// order, a pattern, or inequality.
    LooseComparison {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// The key is passed to a function that ignores it.
    IgnoredArgument { function: u32 },
    /// One arm of an OR or a CASE, counted from 0, is open.
    OpenArm { arm: usize, inner: Box<Why> },
}

impl Why {
    /// Returns the reason without the arms around it.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::OpenArm { inner, .. } => inner.innermost(),
            other => other,
        }
    }
}

/// Returns the effect of the expression of a policy on the rows of its table.
pub fn confinement(expr: &Expr, frame: &Frame<'_>) -> Confinement {
    let (arms, list) = Arms::of(expr, frame.table, frame.facts);
    let mut hows = BTreeSet::new();
    let mut unknown = None;
    let mut open: Option<Why> = None;
    for (position, arm) in list.iter().enumerate() {
        match judge(&arms, arm, frame) {
            Verdict::Closed => {}
            Verdict::Confined(how) => {
                hows.insert(how);
            }
            Verdict::Unknown(reason) => {
                unknown.get_or_insert(reason);
            }
            Verdict::Open(Why::AlwaysTrue) => return Confinement::Open(Why::AlwaysTrue),
            Verdict::Open(why) => {
                let why = if list.len() > 1 {
                    in_arm(why, arm.number.unwrap_or(position))
                } else {
                    why
                };
                open.get_or_insert(why);
            }
        }
    }
    if arms.overflow {
        unknown.get_or_insert("it has too many alternatives".to_owned());
    }
    match (open, unknown) {
        (Some(why), _) => Confinement::Open(why),
        (None, Some(reason)) => Confinement::Unknown(reason),
        (None, None) if hows.is_empty() => Confinement::Closed,
        (None, None) => Confinement::Confined(hows),
    }
}

/// Adds the arm that is open, unless the reason already makes it clear.
fn in_arm(why: Why, arm: usize) -> Why {
    match why {
        Why::NullEscape { .. } | Why::OpenWhenUnset { .. } => why,
        inner => Why::OpenArm {
            arm,
            inner: Box::new(inner),
        },
    }
}

/// Splits an expression at AND.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(args) => args.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// Splits an expression at OR.
pub fn disjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Or(args) => args.iter().flat_map(disjuncts).collect(),
        other => vec![other],
    }
}
