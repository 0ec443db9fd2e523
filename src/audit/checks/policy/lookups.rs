//! Tables in which policies look up the tenant of the session.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    effective::{Effective, Side, expression, protected},
    identity::Identities,
    wording::policy_name,
};
use crate::audit::{
    catalog::{Function, Oid, Policy, Relation},
    expression::{Expr, functions, relations},
    model::Model,
};

/// A policy that looks up the session's tenant in a table.
pub(super) struct Lookup<'m> {
    pub(super) relation: &'m Relation,
    pub(super) policy: &'m Policy,
    /// The table with the tenant.
    pub(super) table: &'m Relation,
    /// The functions that perform the lookup; empty if the policy does so itself.
    pub(super) through: Vec<&'m Function>,
}

impl Lookup<'_> {
    /// Returns the name for a list of policies that trust a table.
    pub(super) fn display(&self) -> String {
        policy_name(self.relation, self.policy)
    }
}

/// Returns the tables that record the tenant of a user, and the column for the user.
pub(super) fn directories(model: &Model, identities: &Identities<'_>) -> BTreeMap<Oid, i16> {
    let memberships = model
        .tenancy
        .memberships
        .iter()
        .map(|one| (one.relation, one.user));
    let mut found: BTreeMap<Oid, i16> = memberships.collect();
    for one in model.meaning.comparisons.iter().filter(|one| one.direct) {
        let keyed = model.tenancy.key(one.relation).is_some();
        if one.table != one.relation && keyed && identities.is_identity(one.relation, one.column) {
            found.entry(one.relation).or_insert(one.column);
        }
    }
    found
}

/// Returns the lookups of the policies that apply to the application.
pub(super) fn lookups<'m>(
    effective: &Effective<'m>,
    directories: &BTreeMap<Oid, i16>,
) -> Vec<Lookup<'m>> {
    let model = effective.model;
    let by_name = names(model, directories);
    let mut found = Vec::new();
    if directories.is_empty() {
        return found;
    }
    for relation in protected(model) {
        for policy in model.catalog.policies_of(relation.oid) {
            let mut roles = model.app_roles.roles.iter();
            if !roles.any(|role| effective.applies(policy, role.oid)) {
                continue;
            }
            let mut tables: BTreeMap<Oid, Vec<&'m Function>> = BTreeMap::new();
            for side in [Side::Reached, Side::Written] {
                let Some(expr) = expression(model, policy, side) else {
                    continue;
                };
                for table in relations(expr) {
                    tables.insert(Oid(table), Vec::new());
                }
                for function in called(model, expr) {
                    for table in read_by(function, &by_name) {
                        let through = tables.entry(table).or_insert_with(|| vec![function]);
                        if !through.is_empty() && !through.iter().any(|one| one.oid == function.oid)
                        {
                            through.push(function);
                        }
                    }
                }
            }
            for (table, through) in tables {
                // A lookup of a table in its own policies only affects that table.
                if table != relation.oid && directories.contains_key(&table) {
                    found.push(Lookup {
                        relation,
                        policy,
                        table: &model.catalog.relations[&table],
                        through,
                    });
                }
            }
        }
    }
    found
}

/// Returns the user-defined functions that an expression calls, and those that their parsed bodies
/// call.
fn called<'m>(model: &'m Model, expr: &Expr) -> Vec<&'m Function> {
    let mut waiting: Vec<u32> = functions(expr).into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(oid) = waiting.pop() {
        let Some(function) = model.catalog.functions.get(&Oid(oid)) else {
            continue;
        };
        if seen.insert(oid) {
            let body = model
                .meaning
                .function(oid)
                .and_then(|facts| facts.body.as_ref());
            waiting.extend(body.into_iter().flat_map(functions));
            found.push(function);
        }
    }
    found
}

/// Returns the directories by the names that the source of a function may use.
fn names<'m>(model: &'m Model, directories: &BTreeMap<Oid, i16>) -> BTreeMap<&'m str, Oid> {
    let relations = directories
        .keys()
        .filter_map(|oid| model.catalog.relations.get(oid));
    relations
        .map(|relation| (relation.name.as_str(), relation.oid))
        .collect()
}

/// Returns the directories that a function names in its parsed body or source.
fn read_by(function: &Function, by_name: &BTreeMap<&str, Oid>) -> BTreeSet<Oid> {
    let parsed = function.body_tree.as_deref();
    let body = parsed.and_then(|tree| crate::audit::expression::body(tree).ok().flatten());
    match body {
        Some(body) => relations(&body).into_iter().map(Oid).collect(),
        None => words(&function.source)
            .filter_map(|word| by_name.get(word))
            .copied()
            .collect(),
    }
}

/// Returns the words of an SQL text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
}
