//! Facts about columns that follow from a boolean expression if it is true.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr};

use super::{graph::NodeId, names::Scope, query::Analysis};

/// Equalities that hold if a predicate is true.
#[derive(Clone, Default)]
pub(super) struct Facts {
    /// Two columns are equal.
    pub(super) equal: BTreeSet<(NodeId, NodeId)>,
    /// The value of a column is determined by these columns, or by an outside value if there are
    /// none.
    pub(super) fixed: BTreeSet<(NodeId, Vec<NodeId>)>,
}

/// One side of a comparison.
pub(super) enum Value {
    Column(NodeId),
    /// Computed from these columns; a parameter, literal or session function if there are none.
    Computed(Vec<NodeId>),
}

impl Facts {
    fn both(&mut self, other: Self) {
        self.equal.extend(other.equal);
        self.fixed.extend(other.fixed);
    }

    /// Returns the facts that hold in both cases.
    pub(super) fn either(mut self, mut other: Self) -> Self {
        self.close();
        other.close();
        self.equal.retain(|pair| other.equal.contains(pair));
        self.fixed.retain(|fact| other.fixed.contains(fact));
        self
    }

    /// Adds the columns that are fixed because they are equal to a fixed column.
    pub(super) fn close(&mut self) {
        let mut open: Vec<NodeId> = self.outside().collect();
        while let Some(node) = open.pop() {
            for (one, other) in self.equal.clone() {
                for (from, to) in [(one, other), (other, one)] {
                    if from == node && self.fixed.insert((to, Vec::new())) {
                        open.push(to);
                    }
                }
            }
        }
    }

    fn outside(&self) -> impl Iterator<Item = NodeId> + '_ {
        let outside = self.fixed.iter().filter(|(_, inputs)| inputs.is_empty());
        outside.map(|(node, _)| *node)
    }

    fn compare(&mut self, one: Value, other: Value) {
        match (one, other) {
            (Value::Column(one), Value::Column(other)) if one != other => {
                self.equal.insert((one.min(other), one.max(other)));
            }
            (Value::Column(node), Value::Computed(inputs))
            | (Value::Computed(inputs), Value::Column(node)) => {
                self.fixed.insert((node, inputs));
            }
            _ => {}
        }
    }
}

/// Removes parentheses, casts and collations, which do not change the value.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    loop {
        expr = match expr {
            Expr::Nested(inner) => inner,
            Expr::Cast { expr: inner, .. } | Expr::Collate { expr: inner, .. } => inner,
            other => return other,
        }
    }
}

/// Returns the operands of a chain of the same operator. Not recursive, because chains can be long.
pub(super) fn operands<'e>(expr: &'e Expr, wanted: &BinaryOperator) -> Vec<&'e Expr> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Nested(inner) => open.push(inner),
            Expr::BinaryOp { left, op, right } if op == wanted => open.extend([&**left, &**right]),
            other => found.push(other),
        }
    }
    found
}

impl<'t> Analysis<'t> {
    /// Returns the facts that follow from `expr`. Analyzes each subquery in it exactly once.
    pub(super) fn facts(&mut self, expr: &Expr, scope: &Scope<'_>) -> Facts {
        let mut facts = Facts::default();
        for conjunct in operands(expr, &BinaryOperator::And) {
            let more = self.conjunct(conjunct, scope);
            facts.both(more);
        }
        facts
    }

    fn conjunct(&mut self, expr: &Expr, scope: &Scope<'_>) -> Facts {
        let mut facts = Facts::default();
        match expr {
            Expr::BinaryOp {
                op: BinaryOperator::Or,
                ..
            } => return self.disjunction(expr, scope),
            Expr::IsTrue(inner) => return self.facts(inner, scope),
            Expr::BinaryOp { left, op, right } if is_equality(op) => {
                self.equality(left, right, scope, &mut facts);
            }
            Expr::IsNotDistinctFrom(left, right) => self.equality(left, right, scope, &mut facts),
            Expr::InList {
                expr,
                list,
                negated: false,
            } => self.in_list(expr, list, scope, &mut facts),
            Expr::InSubquery {
                expr,
                subquery,
                negated: false,
            } => self.in_query(expr, subquery, scope, &mut facts),
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            } if is_equality(compare_op) => match bare(right) {
                Expr::Subquery(query) => self.in_query(left, query, scope, &mut facts),
                array => self.in_array(left, array, scope, &mut facts),
            },
            Expr::Exists {
                subquery,
                negated: false,
            } => {
                self.sub_select(subquery, scope, scope.floor);
            }
            other => self.visit_sub_selects(other, scope),
        }
        facts
    }

    fn disjunction(&mut self, expr: &Expr, scope: &Scope<'_>) -> Facts {
        // Facts of one arm may not hold: another arm may have let the row pass.
        let scope = Scope {
            floor: usize::MAX,
            ..*scope
        };
        let arms = operands(expr, &BinaryOperator::Or);
        let facts = arms.into_iter().map(|arm| self.facts(arm, &scope));
        facts
            .collect::<Vec<_>>()
            .into_iter()
            .reduce(Facts::either)
            .unwrap_or_default()
    }

    fn equality(&mut self, left: &Expr, right: &Expr, scope: &Scope<'_>, facts: &mut Facts) {
        match (bare(left), bare(right)) {
            (Expr::Tuple(left), Expr::Tuple(right)) => {
                for (left, right) in left.iter().zip(right) {
                    self.equality(left, right, scope, facts);
                }
            }
            (Expr::Tuple(items), Expr::Subquery(query))
            | (Expr::Subquery(query), Expr::Tuple(items)) => {
                self.rows(items, query, scope, facts);
            }
            (left, right) => {
                let (left, right) = (self.value(left, scope), self.value(right, scope));
                facts.compare(left, right);
            }
        }
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], scope: &Scope<'_>, facts: &mut Facts) {
        let Expr::Tuple(items) = bare(expr) else {
            let inputs = list
                .iter()
                .flat_map(|item| self.inputs(item, scope))
                .collect();
            let left = self.value(expr, scope);
            return facts.compare(left, Value::Computed(inputs));
        };
        for (place, item) in items.iter().enumerate() {
            let mut inputs = Vec::new();
            for row in list {
                match bare(row) {
                    Expr::Tuple(row) if place < row.len() => {
                        inputs.extend(self.inputs(&row[place], scope));
                    }
                    row => inputs.extend(self.inputs(row, scope)),
                }
            }
            let left = self.value(item, scope);
            facts.compare(left, Value::Computed(inputs));
        }
    }

    fn in_array(&mut self, expr: &Expr, array: &Expr, scope: &Scope<'_>, facts: &mut Facts) {
        let inputs = self.inputs(array, scope);
        let left = self.value(expr, scope);
        facts.compare(left, Value::Computed(inputs));
    }

    fn in_query(&mut self, expr: &Expr, query: &Query, scope: &Scope<'_>, facts: &mut Facts) {
        match bare(expr) {
            Expr::Tuple(items) => self.rows(items, query, scope, facts),
            item => self.rows(std::slice::from_ref(item), query, scope, facts),
        }
    }

    /// Returns the facts of `items` being equal to a row of `query`.
    fn rows(&mut self, items: &[Expr], query: &Query, scope: &Scope<'_>, facts: &mut Facts) {
        let relation = self.sub_select(query, scope, scope.floor);
        for (place, item) in items.iter().enumerate() {
            let left = self.value(item, scope);
            if let Some(output) = self.output(relation, place) {
                facts.compare(left, Value::Column(output));
            }
        }
    }

    /// Returns one side of a comparison.
    pub(super) fn value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let column = match bare(expr) {
            Expr::Identifier(name) => self.graph.resolve(std::slice::from_ref(name), scope),
            Expr::CompoundIdentifier(parts) => self.graph.resolve(parts, scope),
            Expr::Subquery(query) if !matches!(&*query.body, SetExpr::Values(_)) => {
                let relation = self.sub_select(query, scope, usize::MAX);
                self.output(relation, 0)
            }
            other => return Value::Computed(self.columns_in(other, scope)),
        };
        column.map_or_else(|| Value::Computed(Vec::new()), Value::Column)
    }

    /// Returns the columns that a value depends on.
    pub(super) fn inputs(&mut self, expr: &Expr, scope: &Scope<'_>) -> Vec<NodeId> {
        match self.value(expr, scope) {
            Value::Column(node) => vec![node],
            Value::Computed(nodes) => nodes,
        }
    }
}

fn is_equality(operator: &BinaryOperator) -> bool {
    match operator {
        BinaryOperator::Eq => true,
        // OPERATOR(pg_catalog.=)
        BinaryOperator::PGCustomBinaryOperator(parts) => {
            parts.last().is_some_and(|name| name == "=")
        }
        _ => false,
    }
}
