//! Subqueries in expressions.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Visit, Visitor};

use super::{
    graph::{Graph, Kind, NodeId, RelationId},
    names::Scope,
    query::{Analysis, Surroundings},
};

impl<'t> Analysis<'t> {
    /// Analyzes a subquery in an expression as a separate relation.
    pub(super) fn sub_select(
        &mut self,
        query: &Query,
        scope: &Scope<'_>,
        floor: usize,
    ) -> RelationId {
        let level = scope.level + 1;
        let place = Surroundings {
            outer: Some(scope),
            level,
            floor: floor.min(level),
        };
        let body = self.query(query, place);
        let relation = Graph::relation(String::new(), Kind::Derived(body), scope.level, false);
        self.graph.add(relation)
    }

    /// Returns a column of a subquery.
    pub(super) fn output(&mut self, relation: RelationId, place: usize) -> Option<NodeId> {
        let Kind::Derived(body) = self.graph.relations[relation].kind else {
            return None;
        };
        let inner = self.graph.output_at(body, place)?;
        Some(self.graph.export(relation, inner))
    }

    /// Returns the columns that an expression names outside its subqueries, and analyzes those.
    pub(super) fn columns_in<V: Visit>(&mut self, what: &V, scope: &Scope<'_>) -> Vec<NodeId> {
        let mut inside = Inside {
            analysis: self,
            scope,
            depth: 0,
            columns: Vec::new(),
        };
        let _ = what.visit(&mut inside);
        inside.columns
    }

    /// Analyzes the subqueries of an expression that is not itself a constraint.
    pub(super) fn visit_sub_selects<V: Visit>(&mut self, what: &V, scope: &Scope<'_>) {
        self.columns_in(what, scope);
    }
}

/// Walks an expression down to its subqueries.
struct Inside<'a, 't, 's> {
    analysis: &'a mut Analysis<'t>,
    scope: &'a Scope<'s>,
    /// Subquery nesting depth of the walk. Only the outermost subquery is analyzed here; its
    /// analysis includes the nested ones.
    depth: usize,
    columns: Vec<NodeId>,
}

impl Visitor for Inside<'_, '_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.analysis.sub_select(query, self.scope, usize::MAX);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.depth == 0 {
            let column = match expr {
                Expr::Identifier(name) => {
                    let parts = std::slice::from_ref(name);
                    self.analysis.graph.resolve(parts, self.scope)
                }
                Expr::CompoundIdentifier(parts) => self.analysis.graph.resolve(parts, self.scope),
                _ => None,
            };
            self.columns.extend(column);
        }
        ControlFlow::Continue(())
    }
}
