//! Columns that refer to a table by name, without a foreign key.

use std::collections::BTreeMap;

use super::{
    naming::tables_named_by,
    question::Plan,
    references::{Identity, Reference},
};
use crate::audit::{
    catalog::{Oid, Relation},
    model::{Belonging, MembershipTable, Model},
};

/// Tables by name.
pub(super) struct Soft<'m> {
    model: &'m Model,
    tables: BTreeMap<String, Vec<&'m Relation>>,
}

/// Plans a question for every column that is named after a tenant table, has the type of its key,
/// and is in no foreign key.
pub(super) fn plan(model: &Model, plan: &mut Plan) {
    let soft = Soft::new(model);
    for child in model.tenant_tables().filter(|table| !table.partition) {
        for column in model.catalog.columns_of(child.oid) {
            let Some((parent, key)) = soft.target(child, column.number) else {
                continue;
            };
            let leads_to_row = matches!(
                model.tenancy.of(parent.oid),
                Belonging::Keyed(_) | Belonging::Child(_)
            );
            let membership = model.tenancy.membership(child.oid);
            let says_membership = membership.is_some_and(|one| one.user == column.number);
            let reference = Reference {
                child,
                parent,
                pairs: vec![(column.number, key)],
                constraint: None,
            };
            // Without a constraint, numbers may refer to any table.
            let is_meant = reference.identity(model) != Identity::WithinTenant;
            if leads_to_row && !says_membership && is_meant {
                plan.questions.extend(reference.question(model, &soft));
            }
        }
    }
}

impl<'m> Soft<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut tables: BTreeMap<String, Vec<&Relation>> = BTreeMap::new();
        for table in model
            .relations()
            .filter(|one| one.is_table() && !one.partition)
        {
            tables
                .entry(table.name.to_lowercase())
                .or_default()
                .push(table);
        }
        Self { model, tables }
    }

    /// Returns the table and the column that a column refers to by its name and type: in the same
    /// schema, or in the only schema with such a table. The tenant key is skipped because it refers
    /// to the tenant.
    pub(super) fn target(&self, relation: &Relation, number: i16) -> Option<(&'m Relation, i16)> {
        let catalog = &self.model.catalog;
        let column = catalog.column(relation.oid, number)?;
        let mut foreign_keys = catalog.foreign_keys(relation.oid);
        let is_key = self.model.tenancy.key(relation.oid) == Some(number);
        if is_key || foreign_keys.any(|one| one.columns.contains(&number)) {
            return None;
        }
        let names = tables_named_by(&column.name);
        let named: Vec<&Relation> = names
            .iter()
            .filter_map(|name| self.tables.get(name))
            .flatten()
            .copied()
            .collect();
        let target =
            named
                .iter()
                .find(|one| one.schema == relation.schema)
                .or(match named.as_slice() {
                    [only] => Some(only),
                    _ => None,
                })?;
        let tenant = self.model.tenancy.key(target.oid);
        let key = catalog.primary_key(target.oid);
        let own: Vec<i16> = key
            .iter()
            .copied()
            .filter(|one| key.len() == 1 || Some(*one) != tenant)
            .collect();
        let [own] = own.as_slice() else {
            return None;
        };
        let alike = catalog.column(target.oid, *own)?.base_type == column.base_type;
        (alike && target.oid != relation.oid).then_some((*target, *own))
    }

    /// Returns the membership tables of the users identified by that column.
    pub(super) fn memberships_of(
        &self,
        (users, key): (Oid, i16),
    ) -> impl Iterator<Item = &'m MembershipTable> {
        self.model
            .tenancy
            .memberships
            .iter()
            .filter(move |membership| {
                let referred = self
                    .model
                    .catalog
                    .foreign_keys(membership.relation)
                    .any(|one| one.target == users && one.pairs().eq([(membership.user, key)]));
                let relation = self.model.catalog.relations.get(&membership.relation);
                let target = || self.target(relation?, membership.user);
                referred
                    || target().is_some_and(|(table, column)| (table.oid, column) == (users, key))
            })
    }
}
