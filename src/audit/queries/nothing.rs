//! Statements that never access a row. Drivers send them to determine column types, and query
//! builders if a list of values is empty.

use sqlparser::ast::{BinaryOperator, Expr, LimitClause, Query, SetExpr, Value};

use super::predicate::{bare, operands};

/// Returns `true` if a query reads and returns no row: LIMIT 0, FETCH FIRST 0 ROWS. Data-modifying
/// statements in WITH are executed nevertheless (PostgreSQL manual, 7.8.4).
pub(super) fn is_empty(query: &Query) -> bool {
    let writes = |query: &Query| {
        !matches!(
            *query.body,
            SetExpr::Select(_)
                | SetExpr::Query(_)
                | SetExpr::SetOperation { .. }
                | SetExpr::Values(_)
        )
    };
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    if with.into_iter().any(|cte| writes(&cte.query)) {
        return false;
    }
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
        _ => None,
    };
    let fetch = query
        .fetch
        .as_ref()
        .and_then(|fetch| fetch.quantity.as_ref());
    limit.or(fetch).and_then(number) == Some(0)
}

/// Returns `true` if no row passes a filter: `false`, or two different numbers, such as `1 = 0`.
pub(super) fn never_holds(filter: &Expr) -> bool {
    let conjuncts = operands(filter, &BinaryOperator::And);
    conjuncts.into_iter().any(|conjunct| match bare(conjunct) {
        Expr::Value(value) => value.value == Value::Boolean(false),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => matches!((number(left), number(right)), (Some(one), Some(other)) if one != other),
        _ => false,
    })
}

fn number(expr: &Expr) -> Option<u64> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
