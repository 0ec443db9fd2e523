//! Tenant key, and the table that it refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    names::{self, Likeness},
    overrides::{self, Overrides},
    tenancy::{is_key, single_references},
};
use crate::{
    audit::catalog::{Catalog, Oid},
    error::{Error, Result},
};

/// The tenant key of a database.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// The table of tenants, and the column that the tenant keys refer to.
    pub(super) root: Option<(Oid, i16)>,
    pub(super) specified: bool,
}

/// Evidence for a column name.
#[derive(Clone, Debug, Default)]
struct Evidence {
    tables: BTreeSet<Oid>,
    /// Number of foreign keys of this column, by the column they refer to.
    targets: BTreeMap<(Oid, i16), usize>,
    /// Number of tables with policies that compare it with the session.
    compared: usize,
}

/// Returns the key: the specified one, otherwise the one with the most evidence.
///
/// # Errors
/// `NotFound` if the specified key or table does not exist.
pub(super) fn choose(
    catalog: &Catalog,
    overrides: &Overrides,
    looked_at: &BTreeSet<Oid>,
    compared: &BTreeMap<Oid, BTreeSet<i16>>,
) -> Result<Option<Key>> {
    let evidence = gather(catalog, looked_at, compared);
    let specified_root = match &overrides.tenant_table {
        Some(name) => Some(specified_root(catalog, name)?),
        None => None,
    };
    let name = match (&overrides.tenant_key, specified_root) {
        (Some(name), _) if evidence.contains_key(name) => Some(name.clone()),
        (Some(name), _) => {
            return Err(
                Error::not_found(format!("column {name}: not found in any table"))
                    .hint("specify an existing column with --tenant-key"),
            );
        }
        (None, Some(root)) => most_references(&evidence, root).or_else(|| best(catalog, &evidence)),
        (None, None) => best(catalog, &evidence),
    };
    Ok(name.map(|name| Key {
        root: specified_root.or_else(|| root_of(catalog, looked_at, &name, &evidence[&name])),
        specified: specified_root.is_some() || overrides.tenant_key.is_some(),
        name,
    }))
}

fn specified_root(catalog: &Catalog, name: &str) -> Result<(Oid, i16)> {
    let table = overrides::find(catalog, name)?;
    match catalog.primary_key(table.oid) {
        [key] => Ok((table.oid, *key)),
        _ => Err(Error::usage(format!(
            "table {name}: does not have a primary key of one column"
        ))
        .hint("specify the table that the tenant keys refer to")),
    }
}

fn gather(
    catalog: &Catalog,
    looked_at: &BTreeSet<Oid>,
    compared: &BTreeMap<Oid, BTreeSet<i16>>,
) -> BTreeMap<String, Evidence> {
    let mut evidence: BTreeMap<String, Evidence> = BTreeMap::new();
    for relation in looked_at {
        let known = &catalog.relations[relation];
        if !known.is_table() || !known.parents.is_empty() {
            continue;
        }
        for column in catalog.columns_of(*relation) {
            let entry = evidence.entry(column.name.clone()).or_default();
            entry.tables.insert(*relation);
            let is_compared = compared
                .get(relation)
                .is_some_and(|all| all.contains(&column.number));
            entry.compared += usize::from(is_compared);
        }
        for (here, target, there) in single_references(catalog, *relation) {
            if target != *relation
                && let Some(column) = catalog.column(*relation, here)
            {
                let entry = evidence.entry(column.name.clone()).or_default();
                *entry.targets.entry((target, there)).or_default() += 1;
            }
        }
    }
    evidence
}

fn most_references(evidence: &BTreeMap<String, Evidence>, root: (Oid, i16)) -> Option<String> {
    evidence
        .iter()
        .filter_map(|(name, one)| Some((one.targets.get(&root)?, name)))
        .max()
        .map(|(_, name)| name.clone())
}

/// Returns the best candidate. A table's own primary key is not a tenant key; a user's column is
/// one only if there is no other candidate.
fn best(catalog: &Catalog, evidence: &BTreeMap<String, Evidence>) -> Option<String> {
    let eligible = evidence.iter().filter(|(name, one)| {
        let likeness = names::likeness(name);
        let referred = one.targets.values().sum::<usize>();
        match likeness {
            Likeness::Tenant => true,
            Likeness::Perhaps => referred > 0 || one.compared > 0,
            Likeness::User => one.compared > 0,
            Likeness::None => one.compared > 0 && *name != "id" && refers_or_repeats(one),
        }
    });
    eligible
        .max_by_key(|(name, one)| {
            let likeness = names::likeness(name);
            let is_users = likeness == Likeness::User;
            let nested = is_nested(catalog, name, one, evidence);
            (
                !is_users,
                !nested,
                weight(likeness, one),
                std::cmp::Reverse((*name).clone()),
            )
        })
        .map(|(name, _)| name.clone())
}

fn refers_or_repeats(one: &Evidence) -> bool {
    !one.targets.is_empty() || one.tables.len() > 1
}

fn weight(likeness: Likeness, one: &Evidence) -> usize {
    let referred: usize = one.targets.values().sum();
    let named = match likeness {
        Likeness::Tenant => 4,
        Likeness::Perhaps => 1,
        Likeness::None | Likeness::User => 0,
    };
    one.tables.len() + referred + 3 * one.compared + named
}

/// `true` if the referenced table itself belongs to tenants, such as a team inside an organization.
fn is_nested(
    catalog: &Catalog,
    name: &str,
    one: &Evidence,
    evidence: &BTreeMap<String, Evidence>,
) -> bool {
    one.targets.keys().any(|(target, _)| {
        catalog.columns_of(*target).iter().any(|column| {
            column.name != name
                && names::likeness(&column.name) >= Likeness::Perhaps
                && evidence.get(&column.name).is_some_and(|other| {
                    let refers_on = other.targets.keys().any(|(root, _)| root != target);
                    refers_on && 2 * other.tables.len() >= one.tables.len()
                })
        })
    })
}

/// Returns the target of most foreign keys, otherwise the table named like the column.
fn root_of(
    catalog: &Catalog,
    looked_at: &BTreeSet<Oid>,
    name: &str,
    one: &Evidence,
) -> Option<(Oid, i16)> {
    let by_references = one.targets.iter().max_by_key(|(_, count)| **count);
    if let Some((root, _)) = by_references {
        return Some(*root);
    }
    looked_at.iter().find_map(|relation| {
        let known = &catalog.relations[relation];
        if !known.is_table() || !names::names_table(name, &known.name) {
            return None;
        }
        let constraints = catalog.constraints_of(*relation).iter();
        let mut keys = constraints.filter(|constraint| is_key(constraint));
        keys.find_map(|key| match key.columns.as_slice() {
            [only] => Some((*relation, *only)),
            _ => None,
        })
    })
}
