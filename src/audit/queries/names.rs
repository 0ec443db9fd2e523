//! Name resolution of columns (PostgreSQL manual, 4.2.1 and 7.2): the innermost SELECT first.

use sqlparser::ast::{Ident, ObjectName};

use super::graph::{BodyId, Graph, Kind, NodeId, Output, RelationId};

/// Relations that are visible at a position in a statement.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) relations: &'s [RelationId],
    pub(super) outer: Option<&'s Scope<'s>>,
    /// The nesting depth of the SELECT.
    pub(super) level: usize,
    /// Lowest level at which a predicate here restricts rows. EXISTS restricts the rows of an outer
    /// SELECT; NOT EXISTS, an arm of OR and a scalar value do not.
    pub(super) floor: usize,
}

/// Returns a name as in the catalog: unquoted names are folded to lower case.
pub(super) fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// Returns schema and name of an object.
pub(super) fn qualified(name: &ObjectName) -> (Option<String>, String) {
    let mut parts: Vec<String> = name
        .0
        .iter()
        .filter_map(|part| part.as_ident().map(folded))
        .collect();
    let last = parts.pop().unwrap_or_default();
    (parts.pop(), last)
}

/// Result of resolving a name.
enum Candidate {
    Column(NodeId),
    /// The relation may have such a column: its columns are unknown.
    Possible(NodeId),
}

impl<'t> Graph<'t> {
    /// Returns the column that `parts` name: `column`, `table.column` or `schema.table.column`.
    /// `None` for a parameter or a variable.
    pub(super) fn resolve(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Option<NodeId> {
        let parts: Vec<String> = parts.iter().map(folded).collect();
        match parts.as_slice() {
            [name] => self.unqualified(name, scope),
            [.., schema, table, name] => self
                .qualified(table, name, scope)
                .or_else(|| self.qualified(schema, table, scope)),
            [table, name] => self.qualified(table, name, scope),
            [] => None,
        }
    }

    fn unqualified(&mut self, name: &str, scope: &Scope<'_>) -> Option<NodeId> {
        let mut possible = None;
        let mut at = Some(scope);
        while let Some(scope) = at {
            for relation in scope.relations {
                match self.lookup(*relation, name) {
                    Some(Candidate::Column(node)) => return Some(node),
                    Some(Candidate::Possible(node)) => possible = possible.or(Some(node)),
                    None => {}
                }
            }
            at = scope.outer;
        }
        possible
    }

    fn qualified(&mut self, table: &str, name: &str, scope: &Scope<'_>) -> Option<NodeId> {
        let relation = self.find(table, scope)?;
        match self.lookup(relation, name) {
            Some(Candidate::Column(node) | Candidate::Possible(node)) => Some(node),
            // A system column, or one that was added after the schema was read.
            None => Some(self.unknown()),
        }
    }

    /// Returns the relation with that alias.
    pub(super) fn find(&self, alias: &str, scope: &Scope<'_>) -> Option<RelationId> {
        let mut at = Some(scope);
        while let Some(scope) = at {
            let named = |id: &&RelationId| self.relations[**id].alias == alias;
            if let Some(relation) = scope.relations.iter().find(named) {
                return Some(*relation);
            }
            at = scope.outer;
        }
        None
    }

    /// Returns the column `name` of a relation.
    pub(super) fn column_of(&mut self, relation: RelationId, name: &str) -> Option<NodeId> {
        match self.lookup(relation, name)? {
            Candidate::Column(node) | Candidate::Possible(node) => Some(node),
        }
    }

    fn lookup(&mut self, id: RelationId, name: &str) -> Option<Candidate> {
        let relation = &self.relations[id];
        let place = relation.renamed.iter().position(|column| column == name);
        let (kind, covered) = (relation.kind, relation.renamed.len());
        if let Some(columns) = kind.columns() {
            let original = match place {
                Some(place) => columns.get(place)?,
                None => columns.iter().skip(covered).find(|one| *one == name)?,
            };
            return Some(Candidate::Column(self.column(id, original)));
        }
        match kind {
            Kind::Tenant(_) | Kind::Shared(_) => None,
            Kind::Other => Some(Candidate::Possible(self.column(id, name))),
            Kind::Values if place.is_some() || relation.alias == name => {
                Some(Candidate::Column(self.any_column(id)))
            }
            Kind::Values => Some(Candidate::Possible(self.any_column(id))),
            Kind::Derived(body) | Kind::Recursive(body) => {
                let inner = match place {
                    Some(place) => self.output_at(body, place)?,
                    None => return self.output_named(id, body, name),
                };
                Some(Candidate::Column(self.export(id, inner)))
            }
        }
    }

    /// Returns the column at position `place` of a query.
    pub(super) fn output_at(&self, body: BodyId, place: usize) -> Option<NodeId> {
        match self.outputs(body).get(place)? {
            Output::Column { node, .. } => Some(*node),
            Output::Rest(_) => None,
        }
    }

    fn output_named(&mut self, id: RelationId, body: BodyId, name: &str) -> Option<Candidate> {
        let mut rest = Vec::new();
        let mut found = None;
        for output in self.outputs(body) {
            match output {
                Output::Column {
                    name: Some(one),
                    node,
                } if one == name => {
                    found = Some(*node);
                    break;
                }
                Output::Column { .. } => {}
                Output::Rest(relation) => rest.push(*relation),
            }
        }
        if let Some(inner) = found {
            return Some(Candidate::Column(self.export(id, inner)));
        }
        let inner = rest.into_iter().find_map(|one| self.column_of(one, name))?;
        Some(Candidate::Possible(self.export(id, inner)))
    }

    /// Expands `relation.*` to its columns, as far as they are known.
    pub(super) fn expand(&mut self, id: RelationId) -> Vec<Output> {
        let kind = self.relations[id].kind;
        if let Some(columns) = kind.columns() {
            let renamed = self.relations[id].renamed.clone();
            let columns = columns.iter().enumerate();
            return columns
                .map(|(place, original)| Output::Column {
                    name: Some(renamed.get(place).unwrap_or(original).clone()),
                    node: self.column(id, original),
                })
                .collect();
        }
        let (Kind::Derived(body) | Kind::Recursive(body)) = kind else {
            return vec![Output::Rest(id)];
        };
        let renamed = self.relations[id].renamed.clone();
        let outputs = self.outputs(body).to_vec();
        let outputs = outputs.into_iter().enumerate();
        outputs
            .map(|(place, output)| match output {
                Output::Column { name, node } => Output::Column {
                    name: renamed.get(place).cloned().or(name),
                    node: self.export(id, node),
                },
                rest => rest,
            })
            .collect()
    }
}
