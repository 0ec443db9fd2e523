//! Tables that a relation reads its rows from.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{
    catalog::{Oid, Relation, RelationKind},
    model::Model,
};

/// Returns the parent of a partition or inheritance child if it is a tenant table too.
pub(super) fn parent_of<'m>(model: &'m Model, relation: &Relation) -> Option<&'m Relation> {
    let mut parents = relation.parents.iter();
    parents
        .find(|parent| model.tenancy.is_tenants(**parent))
        .and_then(|parent| model.catalog.relations.get(parent))
}

/// The tenant tables that each view and materialized view reads, directly or through other views.
pub(super) struct Sources<'m> {
    model: &'m Model,
    tables: BTreeMap<Oid, BTreeSet<Oid>>,
}

impl<'m> Sources<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self {
            model,
            tables: BTreeMap::new(),
        }
    }

    /// Returns the tenant tables that a relation reads; a table is its own source.
    pub(super) fn of(&mut self, relation: Oid) -> BTreeSet<Oid> {
        if let Some(known) = self.tables.get(&relation) {
            return known.clone();
        }
        // Views can form a cycle only if one is replaced; an empty entry ends the search.
        self.tables.insert(relation, BTreeSet::new());
        let mut found = BTreeSet::new();
        match self
            .model
            .catalog
            .relations
            .get(&relation)
            .map(|one| one.kind)
        {
            Some(RelationKind::View | RelationKind::MaterializedView) => {
                let rule = self.model.catalog.view_rule(relation);
                for read in rule.into_iter().flat_map(|rule| &rule.reads) {
                    found.extend(self.of(*read));
                }
            }
            Some(_) if self.model.tenancy.is_tenants(relation) => {
                found.insert(relation);
            }
            _ => {}
        }
        self.tables.insert(relation, found.clone());
        found
    }
}
