//! Sub-selects of expressions.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Visit, Visitor};

use super::{
    graph::{Graph, Kind, NodeId, RelationId},
    names::Scope,
    query::{Analysis, Surroundings},
};

impl<'t> Analysis<'t> {
    /// Analyses a sub-select of an expression, as a relation of its own.
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

    /// A column of a sub-select.
    pub(super) fn output(&mut self, relation: RelationId, place: usize) -> Option<NodeId> {
        let Kind::Derived(body) = self.graph.relations[relation].kind else {
            return None;
        };
        let inner = self.graph.output_at(body, place)?;
        Some(self.graph.export(relation, inner))
    }

    /// The columns that an expression names outside its sub-selects, which are analysed.
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

    /// Analyses the sub-selects of an expression that constrains nothing by itself.
    pub(super) fn visit_sub_selects<V: Visit>(&mut self, what: &V, scope: &Scope<'_>) {
        self.columns_in(what, scope);
    }
}

/// Walks an expression down to its sub-selects.
struct Inside<'a, 't, 's> {
    analysis: &'a mut Analysis<'t>,
    scope: &'a Scope<'s>,
    /// How many sub-selects deep the walk is: the outermost is analysed, and those in it by it.
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
