//! Common table expressions (PostgreSQL manual, 7.8).

use sqlparser::ast::{Cte, SetExpr, SetOperator, TableAlias, With};

use super::{
    graph::{BodyId, Kind, Output},
    names::folded,
    query::{Analysis, Surroundings},
};

impl<'t> Analysis<'t> {
    pub(super) fn with(&mut self, with: &With, place: Surroundings<'_>) {
        for cte in &with.cte_tables {
            let body = match (&*cte.query.body, with.recursive) {
                (SetExpr::SetOperation { left, right, .. }, true) => {
                    self.recursive(cte, left, right, place.within())
                }
                _ => {
                    let body = self.query(&cte.query, place.within());
                    self.rename(body, &cte.alias);
                    body
                }
            };
            self.ctes
                .push((folded(&cte.alias.name), Kind::Derived(body)));
        }
    }

    /// Analyzes the non-recursive term first: the recursive term refers to it by name.
    fn recursive(
        &mut self,
        cte: &Cte,
        start: &SetExpr,
        step: &SetExpr,
        place: Surroundings<'_>,
    ) -> BodyId {
        let hidden = self.ctes.len();
        if let Some(with) = &cte.query.with {
            self.with(with, place);
        }
        let body = self.graph.body();
        let first = self.set_expr(start, None, place);
        self.graph.set_outputs(body, first.clone());
        self.rename(body, &cte.alias);
        self.ctes
            .push((folded(&cte.alias.name), Kind::Recursive(body)));
        let then = self.set_expr(step, None, place);
        self.ctes.truncate(hidden);
        let outputs = self.combine(SetOperator::Union, first, then);
        self.graph.set_outputs(body, outputs);
        self.rename(body, &cte.alias);
        body
    }

    fn rename(&mut self, body: BodyId, alias: &TableAlias) {
        if alias.columns.is_empty() {
            return;
        }
        let mut outputs = self.graph.outputs(body).to_vec();
        for (output, column) in outputs.iter_mut().zip(&alias.columns) {
            if let Output::Column { name, .. } = output {
                *name = Some(folded(&column.name));
            }
        }
        self.graph.set_outputs(body, outputs);
    }

    /// Returns the common table expression with that name.
    pub(super) fn cte(&self, name: &str) -> Option<Kind<'t>> {
        let found = self.ctes.iter().rev().find(|(one, _)| one == name)?;
        Some(found.1)
    }
}
