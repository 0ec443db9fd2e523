//! Copies of tenant tables: a backup before a migration, last year's rows, a scratch schema.
//! `CREATE TABLE AS` and `LIKE` copy neither row-level security nor policies (PostgreSQL manual,
//! CREATE TABLE).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    check,
    protection::{enable, revoke_all, rights_fact},
    reads::parent_of,
    wording::{relation_name, role_names},
};
use crate::audit::{
    catalog::{Catalog, Oid, Relation},
    findings::{Claim, Findings, Rule},
    model::Model,
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const COPY: Rule = Rule {
    check: check(
        "tenant-table-copy",
        (Severity::High, Confidence::Medium),
        "a copy of a tenant table is not protected like the original",
        include_str!("../../../../docs/audit/tenant-table-copy.md"),
    ),
    run: copy,
};

/// Words commonly put before or after a table's name to mark a copy of it.
const MARKS: &[&str] = &[
    "backup",
    "bak",
    "bkp",
    "copy",
    "old",
    "orig",
    "original",
    "tmp",
    "temp",
    "archive",
    "archived",
    "snapshot",
    "dump",
    "save",
    "saved",
    "prev",
    "previous",
    "new",
    "test",
    "staging",
    "legacy",
    "deprecated",
    "unused",
    "restore",
    "restored",
    "migration",
    "migrated",
    "before",
    "pre",
    "v1",
    "v2",
];

/// Minimum number of columns that a copy shares with the original.
const SHARED_COLUMNS: usize = 3;

fn copy(model: &Model, check: &Check, findings: &mut Findings) {
    for (copy, original) in Copies::find(model).originals {
        let Some(relation) = model.catalog.relations.get(&copy) else {
            continue;
        };
        let name = relation.display();
        let original = relation_name(&model.catalog, original);
        let roles = model.roles_on(relation);
        if roles.is_empty() {
            let message = format!(
                "{name} looks like a copy of {original} and has no row-level security; no \
                 application role has privileges on it"
            );
            let fix = Fix::mechanical(
                Phase::Security,
                format!("enable row-level security on {name}, or drop it if it is not needed"),
                enable(relation, false),
            );
            findings.push(Finding::new(check, &name, message, fix).severity(Severity::Low));
            continue;
        }
        let message = format!(
            "{name} looks like a copy of {original}, but without its row-level security: {} can \
             reach the rows of every tenant",
            role_names(&roles)
        );
        let mut sql = revoke_all(model, relation);
        sql.extend(enable(relation, false));
        let fix = Fix::proposal(
            Phase::Grants,
            format!("revoke the application's access to {name}, or drop it if it is not needed"),
            sql,
        );
        let finding = Finding::new(check, &name, message, fix).fact(rights_fact(model, relation));
        findings.suspect(finding, vec![Claim::reads(copy)]);
    }
}

/// The unprotected copies of protected tables.
pub(super) struct Copies {
    originals: BTreeMap<Oid, Oid>,
}

impl Copies {
    pub(super) fn find(model: &Model) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&Relation>> = BTreeMap::new();
        for relation in model.tenant_tables().filter(|relation| relation.rls) {
            by_name.entry(&relation.name).or_default().push(relation);
        }
        let unprotected = model.tenant_tables().filter(|relation| {
            !relation.rls
                && parent_of(model, relation).is_none()
                && model.catalog.policies_of(relation.oid).is_empty()
        });
        let originals = unprotected.filter_map(|relation| {
            let names = copied_names(&relation.name);
            let mut originals = names
                .iter()
                .filter_map(|name| by_name.get(name.as_str()))
                .flatten();
            let original = originals.find(|original| shares_columns(model, relation, original))?;
            Some((relation.oid, original.oid))
        });
        Self {
            originals: originals.collect(),
        }
    }

    /// `true` if the relation is an unprotected copy.
    pub(super) fn contains(&self, relation: Oid) -> bool {
        self.originals.contains_key(&relation)
    }
}

/// `true` if one table has all columns of the other, by name and type, and they share at least
/// `SHARED_COLUMNS`.
fn shares_columns(model: &Model, copy: &Relation, original: &Relation) -> bool {
    let (of_copy, of_original) = (
        signature(&model.catalog, copy.oid),
        signature(&model.catalog, original.oid),
    );
    let key = model
        .tenancy
        .key(original.oid)
        .map(|key| model.column_name(original.oid, key));
    let has_key = key.is_none_or(|key| of_copy.iter().any(|(name, _)| *name == key));
    let shared = of_copy.intersection(&of_original).count();
    has_key && shared >= SHARED_COLUMNS && shared == of_copy.len().min(of_original.len())
}

fn signature(catalog: &Catalog, relation: Oid) -> BTreeSet<(&str, Oid)> {
    let columns = catalog.columns_of(relation).iter();
    columns
        .map(|column| (column.name.as_str(), column.base_type))
        .collect()
}

/// Possible names of the original: the same name in another schema, or the name without the words
/// and digits that mark a copy.
fn copied_names(name: &str) -> Vec<String> {
    let mut words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let is_mark = |word: &str| {
        MARKS.contains(&word.to_lowercase().as_str())
            || word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut names = vec![name.to_owned(), words.join("_")];
    while words.len() > 1 && words.last().is_some_and(|word| is_mark(word)) {
        words.pop();
        names.push(words.join("_"));
    }
    if words.len() > 2 && words[0] == "copy" && words[1] == "of" {
        words.drain(..2);
        names.push(words.join("_"));
    }
    while words.len() > 1 && is_mark(words[0]) {
        words.remove(0);
        names.push(words.join("_"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_is_what_the_marks_leave() {
        for name in [
            "notes_backup",
            "notes_2024_01",
            "tmp_notes",
            "copy_of_notes",
            "old_notes_bak",
            "notes_old_2",
            "_notes",
        ] {
            assert!(copied_names(name).contains(&"notes".to_owned()), "{name}");
        }
        assert!(!copied_names("release_notes").contains(&"notes".to_owned()));
    }
}
