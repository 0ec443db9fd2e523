//! Whether an expression confines the rows of a table to the session's tenant.

use std::collections::BTreeSet;

use super::{
    conjunction::Arms,
    expr::Expr,
    facts::Facts,
    session::SessionSource,
    verdict::{Verdict, judge},
};

/// Basis of the expression.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The table of the policy.
    pub table: u32,
    /// The columns of the table that carry the identity of the tenant, or of the user.
    pub key_columns: &'a BTreeSet<i16>,
    pub facts: &'a dyn Facts,
}

/// Effect of an expression on the rows of its table.
#[derive(Clone, Debug, PartialEq)]
pub enum Confinement {
    /// Only rows of the session's tenant, or of its user, pass.
    Confined(BTreeSet<How>),
    /// Rows of other tenants pass.
    Open(Why),
    /// No row passes.
    Closed,
    /// It cannot be told, because of this.
    Unknown(String),
}

/// The confinement of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// A column is equal to what the session says.
    Session {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// Rows of these relations belong to the session, and the row belongs to them.
    Through(BTreeSet<u32>),
    /// A function is asked, which reads the session.
    Function(u32),
}

/// What a session leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unset {
    /// The setting is not there.
    Missing,
    /// The setting is the empty string.
    Empty,
}

/// The reason rows of other tenants pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It is true, or true unless a tenant column is NULL.
    AlwaysTrue,
    /// It looks at these columns and at this of the session, but at no tenant column.
    IgnoresTenantColumn {
        columns: BTreeSet<i16>,
        sources: BTreeSet<SessionSource>,
    },
    /// The session's tenant is compared with a column that does not carry the tenant.
    WrongColumn {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// A column is compared with itself; of a relation other than the policy's table, as a rule
    /// because an unqualified name was captured by the sub-select.
    SelfComparison { relation: u32, column: i16 },
    /// Rows without a tenant pass.
    NullEscape { column: i16 },
    /// All rows pass in a session that has not said who it is.
    OpenWhenUnset {
        sources: BTreeSet<SessionSource>,
        when: Unset,
    },
    /// A sub-select that has nothing to do with the row.
    UncorrelatedSubselect {
        relations: BTreeSet<u32>,
        sources: BTreeSet<SessionSource>,
    },
    /// The key is compared with the session's by an operator that other keys pass as well: an
    /// order, a pattern, or inequality.
    LooseComparison {
        column: i16,
        sources: BTreeSet<SessionSource>,
    },
    /// The key is handed to a function that never looks at it.
    IgnoredArgument { function: u32 },
    /// One arm of an OR or a CASE is open, counted from 0.
    OpenArm { arm: usize, inner: Box<Why> },
}

impl Why {
    /// The reason without the arm that it is in.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::OpenArm { inner, .. } => inner.innermost(),
            other => other,
        }
    }
}

/// Effect of the expression of a policy on the rows of its table.
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

/// Says which arm is open, where that is not plain from the reason.
fn in_arm(why: Why, arm: usize) -> Why {
    match why {
        Why::NullEscape { .. } | Why::OpenWhenUnset { .. } => why,
        inner => Why::OpenArm {
            arm,
            inner: Box::new(inner),
        },
    }
}

/// The parts of which all must hold.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(args) => args.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// The parts of which one must hold.
pub fn disjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Or(args) => args.iter().flat_map(disjuncts).collect(),
        other => vec![other],
    }
}
