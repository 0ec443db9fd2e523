//! Traversal of an expression, including subqueries.

use std::collections::BTreeSet;

use super::expr::{Expr, From, Query, RangeEntry};

/// Calls `visit` for `expr` and everything below it, with the number of enclosing queries.
pub fn walk<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr, u32)) {
    walk_at(expr, 0, visit);
}

/// Returns the columns of the policy's own row at any level.
pub fn row_columns(expr: &Expr) -> BTreeSet<i16> {
    let mut found = BTreeSet::new();
    walk(expr, &mut |one, depth| {
        if let Expr::Column {
            level,
            relation: 1,
            number,
        } = one
            && *level == depth
        {
            found.insert(*number);
        }
    });
    found
}

/// Returns the functions that are called, including those of operators and casts.
pub fn functions(expr: &Expr) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    walk(expr, &mut |one, _| match one {
        Expr::Call { function, .. }
        | Expr::Operator { function, .. }
        | Expr::AnyOf { function, .. }
        | Expr::Distinct { function, .. }
        | Expr::NullIf { function, .. }
        | Expr::Cast {
            function: Some(function),
            ..
        } => {
            found.insert(*function);
        }
        _ => {}
    });
    // The planner fills in the function of an operator; until then it is 0.
    found.remove(&0);
    found
}

/// Returns the relations that subqueries read.
pub fn relations(expr: &Expr) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    walk(expr, &mut |one, _| {
        if let Expr::Sub { query, .. } = one {
            query_relations(query, &mut found);
        }
    });
    found
}

/// Adds the relations that a query itself reads, including subqueries in FROM and WITH.
fn query_relations(query: &Query, found: &mut BTreeSet<u32>) {
    for entry in &query.tables {
        match entry {
            RangeEntry::Relation { oid, .. } => {
                found.insert(*oid);
            }
            RangeEntry::Subquery { query, .. } => query_relations(query, found),
            _ => {}
        }
    }
    for cte in &query.ctes {
        query_relations(&cte.query, found);
    }
}

fn walk_all<'a>(exprs: &'a [Expr], depth: u32, visit: &mut dyn FnMut(&'a Expr, u32)) {
    for one in exprs {
        walk_at(one, depth, visit);
    }
}

fn walk_at<'a>(expr: &'a Expr, depth: u32, visit: &mut dyn FnMut(&'a Expr, u32)) {
    visit(expr, depth);
    each_operand(expr, &mut |one| walk_at(one, depth, visit));
    if let Expr::Sub { query, .. } = expr {
        walk_query(query, depth + 1, visit);
    }
}

/// Returns the direct operands. For a subquery, the test expression but not its query.
pub fn operands(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    each_operand(expr, &mut |one| found.push(one));
    found
}

/// Calls `visit` for each operand without allocating, because every check traverses every policy.
fn each_operand<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match expr {
        Expr::Column { .. } | Expr::Const { .. } | Expr::Param { .. } | Expr::SqlValue(_) => {}
        Expr::Call { args, .. }
        | Expr::Operator { args, .. }
        | Expr::AnyOf { args, .. }
        | Expr::Distinct { args, .. }
        | Expr::NullIf { args, .. }
        | Expr::And(args)
        | Expr::Or(args)
        | Expr::Coalesce(args)
        | Expr::Array(args)
        | Expr::Row(args)
        | Expr::Other { children: args, .. } => args.iter().for_each(visit),
        Expr::Not(arg)
        | Expr::IsNull(arg)
        | Expr::IsNotNull(arg)
        | Expr::BooleanTest { arg, .. }
        | Expr::Cast { arg, .. } => visit(arg),
        Expr::Case {
            subject,
            arms,
            otherwise,
        } => {
            let arms = arms
                .iter()
                .flat_map(|(condition, result)| [condition, result]);
            let others = subject.iter().chain(otherwise).map(AsRef::as_ref);
            others.chain(arms).for_each(visit);
        }
        Expr::Sub { test, .. } => test.iter().map(AsRef::as_ref).for_each(visit),
    }
}

fn walk_query<'a>(query: &'a Query, depth: u32, visit: &mut dyn FnMut(&'a Expr, u32)) {
    for cte in &query.ctes {
        walk_query(&cte.query, depth + 1, visit);
    }
    for entry in &query.tables {
        match entry {
            RangeEntry::Subquery { query, .. } => walk_query(query, depth + 1, visit),
            RangeEntry::Function(args) | RangeEntry::Values(args) | RangeEntry::Group(args) => {
                walk_all(args, depth, visit);
            }
            // The columns of a join are visited where they are used.
            RangeEntry::Join(_)
            | RangeEntry::Relation { .. }
            | RangeEntry::Cte { .. }
            | RangeEntry::Other => {}
        }
    }
    for item in &query.from {
        walk_from(item, depth, visit);
    }
    if let Some(filter) = &query.filter {
        walk_at(filter, depth, visit);
    }
    for target in &query.targets {
        walk_at(&target.expr, depth, visit);
    }
    walk_all(&query.others, depth, visit);
}

fn walk_from<'a>(item: &'a From, depth: u32, visit: &mut dyn FnMut(&'a Expr, u32)) {
    if let From::Join {
        left, right, on, ..
    } = item
    {
        walk_from(left, depth, visit);
        walk_from(right, depth, visit);
        if let Some(on) = on {
            walk_at(on, depth, visit);
        }
    }
}
