//! Rows that a query inside an expression adds to an arm, and the conditions on them.

use std::rc::Rc;

use super::{
    conjunction::{Arms, List, MAX_ARMS, Place, Polarity, Row},
    expr::{Command, From, Grouping, JoinKind, Query, RangeEntry, SetOperation},
    scope::{Scope, Source},
};

impl<'a> Arms<'a> {
    /// Adds a row of the query in each possible way.
    pub(super) fn each_row(
        &mut self,
        query: &'a Query,
        parent: &Place<'a>,
        list: List<'a>,
        mut go: impl FnMut(&mut Self, &Place<'a>, List<'a>) -> List<'a>,
    ) -> List<'a> {
        let branches = branches(query);
        self.fork(branches, list, |arms, branch, list| {
            let entered = match branch {
                Branch::Whole(query) => arms.enter(query, parent, list),
                // A branch of a union is a subquery of the query with the set operation.
                Branch::Part(query, part) => {
                    let outer = Scope::query(parent, query, Vec::new());
                    arms.enter(part, &outer, list)
                }
            };
            entered
                .into_iter()
                .flat_map(|(inner, list)| go(arms, &inner, list))
                .collect()
        })
    }

    /// Adds the rows and conditions of a query without set operations. A query that reads from a
    /// union adds one list per branch.
    fn enter(
        &mut self,
        query: &'a Query,
        parent: &Place<'a>,
        list: List<'a>,
    ) -> Vec<(Place<'a>, List<'a>)> {
        // Subqueries can refer to the enclosing queries, but only with LATERAL to rows of this one.
        let outer = Scope::query(parent, query, Vec::new());
        let mut ways: Vec<(Vec<Source<'a>>, List<'a>)> = vec![(Vec::new(), list)];
        for (index, entry) in query.tables.iter().enumerate() {
            let is_read = query.from.iter().any(|item| must_be_there(item, index + 1));
            let mut next = Vec::new();
            for (sources, list) in ways {
                for (source, list) in self.source(entry, is_read, &outer, list) {
                    let mut sources = sources.clone();
                    sources.push(source);
                    next.push((sources, list));
                }
            }
            if next.len() > MAX_ARMS {
                self.overflow = true;
                next.truncate(MAX_ARMS);
            }
            ways = next;
        }
        ways.into_iter()
            .map(|(sources, list)| {
                let scope = Scope::query(parent, query, sources);
                let list = query
                    .from
                    .iter()
                    .fold(list, |list, item| self.join_conditions(item, &scope, list));
                let list = match &query.filter {
                    Some(filter) => self.holds(filter, Polarity::True, &scope, list),
                    None => list,
                };
                (scope, list)
            })
            .collect()
    }

    fn source(
        &mut self,
        entry: &'a RangeEntry,
        is_read: bool,
        outer: &Place<'a>,
        mut list: List<'a>,
    ) -> Vec<(Source<'a>, List<'a>)> {
        match entry {
            RangeEntry::Relation { oid, .. } => {
                let row = self.rows.len();
                self.rows.push(Row {
                    relation: *oid,
                    by_definer: outer.is_definer(),
                });
                if is_read {
                    for arm in &mut list {
                        arm.rows.insert(row);
                    }
                }
                vec![(Source::Row(row), list)]
            }
            RangeEntry::Subquery { query, .. } if is_read => self.derived(query, outer, list),
            RangeEntry::Cte { name, level } if is_read => match defined(outer, name, *level) {
                Some((query, place)) => self.derived(query, &place, list),
                None => vec![(Source::Opaque, list)],
            },
            RangeEntry::Join(exprs) | RangeEntry::Group(exprs) => {
                vec![(Source::Exprs(exprs), list)]
            }
            RangeEntry::Function(exprs) => vec![(Source::Function(exprs), list)],
            _ => vec![(Source::Opaque, list)],
        }
    }

    /// Adds a subquery in FROM or WITH.
    fn derived(
        &mut self,
        query: &'a Query,
        parent: &Place<'a>,
        list: List<'a>,
    ) -> Vec<(Source<'a>, List<'a>)> {
        if query.grouping != Grouping::Rows || query.command != Command::Select {
            return vec![(Source::Opaque, list)];
        }
        let mut found = Vec::new();
        self.each_row(query, parent, list, |_, inner, list| {
            found.push((Source::Query(Rc::clone(inner)), list));
            Vec::new()
        });
        found
    }

    /// Adds the conditions of inner joins. Those of outer joins do not restrict the result.
    fn join_conditions(&mut self, item: &'a From, scope: &Place<'a>, list: List<'a>) -> List<'a> {
        let From::Join {
            kind,
            left,
            right,
            on,
        } = item
        else {
            return list;
        };
        let mut list = list;
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            list = self.join_conditions(left, scope, list);
        }
        if matches!(kind, JoinKind::Inner | JoinKind::Right) {
            list = self.join_conditions(right, scope, list);
        }
        match on {
            Some(on) if *kind == JoinKind::Inner => self.holds(on, Polarity::True, scope, list),
            _ => list,
        }
    }
}

/// `true` if the join only returns rows that contain a row of the entry.
fn must_be_there(item: &From, entry: usize) -> bool {
    match item {
        From::Table(index) => usize::try_from(*index) == Ok(entry),
        From::Join {
            kind, left, right, ..
        } => {
            let in_left = matches!(kind, JoinKind::Inner | JoinKind::Left);
            let in_right = matches!(kind, JoinKind::Inner | JoinKind::Right);
            in_left && must_be_there(left, entry) || in_right && must_be_there(right, entry)
        }
    }
}

enum Branch<'a> {
    Whole(&'a Query),
    Part(&'a Query, &'a Query),
}

/// Returns the queries of a union. For INTERSECT and EXCEPT, only the left side: it contains every
/// row of the result.
fn branches(query: &Query) -> Vec<Branch<'_>> {
    fn collect<'q>(query: &'q Query, operation: &'q SetOperation, found: &mut Vec<Branch<'q>>) {
        match operation {
            SetOperation::Table(index) => {
                let at = usize::try_from(*index)
                    .ok()
                    .and_then(|one| one.checked_sub(1));
                match at.and_then(|at| query.tables.get(at)) {
                    Some(RangeEntry::Subquery { query: part, .. }) => {
                        found.push(Branch::Part(query, part));
                    }
                    _ => found.push(Branch::Whole(query)),
                }
            }
            SetOperation::Union(left, right) => {
                collect(query, left, found);
                collect(query, right, found);
            }
            SetOperation::Intersect(left, _) | SetOperation::Except(left, _) => {
                collect(query, left, found);
            }
        }
    }
    let mut found = Vec::new();
    match &query.set_operation {
        Some(operation) => collect(query, operation, &mut found),
        None => found.push(Branch::Whole(query)),
    }
    found
}

/// Returns the query with that name in WITH, and the scope that it is defined in.
fn defined<'a>(scope: &Place<'a>, name: &str, level: u32) -> Option<(&'a Query, Place<'a>)> {
    let place = scope.outwards(level)?;
    let cte = place.as_query()?.ctes.iter().find(|cte| cte.name == name)?;
    (!cte.recursive).then_some((&cte.query, place))
}
