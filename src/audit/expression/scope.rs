//! Resolution of names in an expression: through joins, subqueries, function arguments and the
//! levels of nested queries, to a column of a row or to another expression.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    expr::{Expr, ParamKind, Query, RangeEntry},
    facts::Facts,
    session::{SessionSource, session_sources},
    visit::{relations, walk},
};

/// Index of the policy's row among the rows of an arm.
pub(super) const POLICY_ROW: usize = 0;

/// Context of an expression.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    parent: Option<Rc<Scope<'a>>>,
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    /// The outermost level. Its only relation is the policy's table.
    Policy,
    Query {
        query: &'a Query,
        sources: Vec<Source<'a>>,
    },
    /// The test expression of a subquery, and the subquery's own scope.
    Test(Rc<Scope<'a>>),
    /// The body of a function that is called with these arguments.
    Body {
        function: u32,
        security_definer: bool,
        args: &'a [Expr],
    },
}

/// Meaning of an entry of a range table.
#[derive(Clone, Debug)]
pub(super) enum Source<'a> {
    Row(usize),
    Query(Rc<Scope<'a>>),
    /// A join or a grouping: expressions of the same query.
    Exprs(&'a [Expr]),
    /// A function. All of its columns have its value.
    Function(&'a [Expr]),
    Opaque,
}

/// An expression with resolved names.
#[derive(Clone, Debug)]
pub(super) enum Term<'a> {
    Column(usize, i16),
    Value(&'a Expr, Rc<Scope<'a>>),
    Opaque,
}

/// Dependencies of an expression.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) columns: BTreeSet<(usize, i16)>,
    pub(super) sources: BTreeSet<SessionSource>,
    /// `true` if a subquery in it reads a table.
    pub(super) reads_tables: bool,
}

impl Reading {
    /// `true` if it only depends on the session.
    pub(super) fn is_session(&self) -> bool {
        !self.sources.is_empty() && self.columns.is_empty() && !self.reads_tables
    }
}

impl<'a> Scope<'a> {
    pub(super) fn policy() -> Rc<Self> {
        Rc::new(Self {
            parent: None,
            kind: Kind::Policy,
        })
    }

    pub(super) fn query(parent: &Rc<Self>, query: &'a Query, sources: Vec<Source<'a>>) -> Rc<Self> {
        Self::below(parent, Kind::Query { query, sources })
    }

    pub(super) fn test(parent: &Rc<Self>, query: Rc<Self>) -> Rc<Self> {
        Self::below(parent, Kind::Test(query))
    }

    pub(super) fn body(
        caller: &Rc<Self>,
        function: u32,
        security_definer: bool,
        args: &'a [Expr],
    ) -> Rc<Self> {
        let kind = Kind::Body {
            function,
            security_definer,
            args,
        };
        Self::below(caller, kind)
    }

    fn below(parent: &Rc<Self>, kind: Kind<'a>) -> Rc<Self> {
        Rc::new(Self {
            parent: Some(Rc::clone(parent)),
            kind,
        })
    }

    /// Returns this scope and the enclosing ones, from the inside out.
    fn chain(self: &Rc<Self>) -> impl Iterator<Item = Rc<Self>> + use<'a> {
        std::iter::successors(Some(Rc::clone(self)), |scope| scope.parent.clone())
    }

    /// `true` if the body of the function is being analyzed.
    pub(super) fn is_inside(self: &Rc<Self>, oid: u32) -> bool {
        self.chain()
            .any(|scope| matches!(&scope.kind, Kind::Body { function, .. } if *function == oid))
    }

    /// `true` if expressions of this scope run with the privileges of the owner of a function.
    pub(super) fn is_definer(self: &Rc<Self>) -> bool {
        self.chain().any(|scope| {
            matches!(
                &scope.kind,
                Kind::Body {
                    security_definer: true,
                    ..
                }
            )
        })
    }

    /// Returns the query `level` levels up. A test expression belongs to the query that contains
    /// it.
    pub(super) fn outwards(self: &Rc<Self>, level: u32) -> Option<Rc<Self>> {
        let mut left = level;
        for scope in self.chain() {
            match &scope.kind {
                Kind::Test(_) => continue,
                _ if left == 0 => return Some(scope),
                // A body can refer to its arguments, but not to the query that calls it.
                Kind::Body { .. } => return None,
                _ => left -= 1,
            }
        }
        None
    }

    /// Returns the query, if the scope is one.
    pub(super) fn as_query(&self) -> Option<&'a Query> {
        match &self.kind {
            Kind::Query { query, .. } => Some(query),
            _ => None,
        }
    }

    /// Returns the output column `number` (from 1), if the scope is a query.
    pub(super) fn target(self: &Rc<Self>, number: usize) -> Option<(&'a Expr, Rc<Self>)> {
        let target = self.as_query()?.targets.get(number.checked_sub(1)?)?;
        Some((&target.expr, Rc::clone(self)))
    }

    fn column(self: &Rc<Self>, relation: u32, number: i16) -> Term<'a> {
        let sources = match &self.kind {
            Kind::Policy if relation == 1 => return Term::Column(POLICY_ROW, number),
            Kind::Query { sources, .. } => sources,
            _ => return Term::Opaque,
        };
        let entry = usize::try_from(relation)
            .ok()
            .and_then(|one| one.checked_sub(1));
        let Some(source) = entry.and_then(|entry| sources.get(entry)) else {
            return Term::Opaque;
        };
        let place = usize::try_from(number).unwrap_or_default();
        let found = match source {
            Source::Row(row) => return Term::Column(*row, number),
            Source::Query(inner) => inner.target(place),
            Source::Exprs(exprs) => {
                let expr = place.checked_sub(1).and_then(|at| exprs.get(at));
                expr.map(|expr| (expr, Rc::clone(self)))
            }
            Source::Function([function]) => Some((function, Rc::clone(self))),
            Source::Function(_) | Source::Opaque => None,
        };
        found.map_or(Term::Opaque, |(expr, scope)| term(expr, &scope))
    }

    fn parameter(self: &Rc<Self>, kind: ParamKind, number: u32) -> Option<(&'a Expr, Rc<Self>)> {
        let number = usize::try_from(number).ok()?;
        self.chain().find_map(|scope| match (&scope.kind, kind) {
            (Kind::Test(query), ParamKind::SubColumn) => query.target(number),
            (Kind::Body { args, .. }, ParamKind::Argument) => {
                Some((args.get(number.checked_sub(1)?)?, scope.parent.clone()?))
            }
            _ => None,
        })
    }
}

/// Classifies an expression, ignoring casts.
pub(super) fn term<'a>(expr: &'a Expr, scope: &Rc<Scope<'a>>) -> Term<'a> {
    match expr.uncast() {
        Expr::Column {
            level,
            relation,
            number,
        } => match scope.outwards(*level) {
            Some(outer) => outer.column(*relation, *number),
            None => Term::Opaque,
        },
        Expr::Param { kind, number } => match scope.parameter(*kind, *number) {
            Some((expr, scope)) => term(expr, &scope),
            None => Term::Opaque,
        },
        Expr::Sub { query, .. } if query.only_expression().is_some() => {
            let inner = Scope::query(scope, query, Vec::new());
            match inner.target(1) {
                Some((expr, scope)) => term(expr, &scope),
                None => Term::Opaque,
            }
        }
        other => Term::Value(other, Rc::clone(scope)),
    }
}

/// Returns the dependencies of the expression: columns of rows outside it, and the session.
pub(super) fn reading<'a>(expr: &'a Expr, scope: &Rc<Scope<'a>>, facts: &dyn Facts) -> Reading {
    let mut found = Reading {
        sources: session_sources(expr, &|oid| facts.function(oid)),
        reads_tables: !relations(expr).is_empty() || reads_ctes(expr),
        ..Reading::default()
    };
    walk(expr, &mut |one, depth| {
        let outside = match one {
            Expr::Column {
                level,
                relation,
                number,
            } if *level >= depth => scope
                .outwards(level - depth)
                .map_or(Term::Opaque, |outer| outer.column(*relation, *number)),
            Expr::Param {
                kind: ParamKind::Argument,
                ..
            } => term(one, scope),
            Expr::Param {
                kind: ParamKind::SubColumn,
                ..
            } if depth == 0 => term(one, scope),
            _ => return,
        };
        match outside {
            Term::Column(row, number) => {
                found.columns.insert((row, number));
            }
            Term::Value(expr, scope) if !std::ptr::eq(expr, one) => {
                let inner = reading(expr, &scope, facts);
                found.columns.extend(inner.columns);
                found.sources.extend(inner.sources);
                found.reads_tables |= inner.reads_tables;
            }
            Term::Value(..) | Term::Opaque => {}
        }
    });
    found
}

fn reads_ctes(expr: &Expr) -> bool {
    let mut found = false;
    walk(expr, &mut |one, _| {
        if let Expr::Sub { query, .. } = one {
            let is_cte = |entry: &RangeEntry| matches!(entry, RangeEntry::Cte { .. });
            found |= query.tables.iter().any(is_cte);
        }
    });
    found
}
