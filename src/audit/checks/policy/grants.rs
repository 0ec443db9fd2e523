//! Statements that revoke privileges from the application.

use std::collections::BTreeSet;

use crate::{
    audit::{
        catalog::{Grant, GrantClass, Oid, Relation},
        model::{AppRole, Model},
    },
    quoting::identifier,
};

/// Revokes privileges from every role that grants them to this one. On a table this includes column
/// privileges (PostgreSQL manual, REVOKE).
pub(super) fn revoke(
    model: &Model,
    role: &AppRole,
    relation: &Relation,
    commands: &[&str],
) -> Vec<String> {
    let mut statements = BTreeSet::new();
    for grant in serving(model, role, relation) {
        let held = commands
            .iter()
            .filter(|one| grant.privileges.iter().any(|held| held == *one));
        let held: Vec<&str> = held.copied().collect();
        if !held.is_empty() {
            let (held, table) = (held.join(", "), relation.quoted());
            let grantee = grantee(model, grant.grantee);
            statements.insert(format!("REVOKE {held} ON {table} FROM {grantee}"));
        }
    }
    statements.into_iter().collect()
}

/// Revokes UPDATE of one column, and keeps it on the others.
pub(super) fn revoke_update_of(
    model: &Model,
    role: &AppRole,
    relation: &Relation,
    column: i16,
) -> Vec<String> {
    let mut statements = revoke(model, role, relation, &["UPDATE"]);
    let rights = &model.catalog.rights;
    let grantees: BTreeSet<Oid> = serving(model, role, relation)
        .map(|grant| grant.grantee)
        .collect();
    for grantee in grantees.into_iter().filter(|one| *one != Oid::PUBLIC) {
        let others = model
            .catalog
            .columns_of(relation.oid)
            .iter()
            .filter(|other| {
                other.number != column
                    && rights.on_column(grantee, relation.oid, other.number, "UPDATE")
            });
        let others: Vec<String> = others.map(|other| identifier(&other.name)).collect();
        if !others.is_empty() {
            statements.push(format!(
                "GRANT UPDATE ({}) ON {} TO {}",
                others.join(", "),
                relation.quoted(),
                self::grantee(model, grantee)
            ));
        }
    }
    statements
}

/// Returns the grants on a table and its columns that a role can use.
fn serving<'m>(
    model: &'m Model,
    role: &AppRole,
    relation: &Relation,
) -> impl Iterator<Item = &'m Grant> + use<'m> {
    let inherited: BTreeSet<Oid> = model.catalog.rights.inherited(role.oid).collect();
    let object = relation.oid;
    model.catalog.grants.iter().filter(move |grant| {
        matches!(grant.class, GrantClass::Relation | GrantClass::Column)
            && grant.object == object
            && (grant.grantee == Oid::PUBLIC || inherited.contains(&grant.grantee))
    })
}

/// Returns the grantee for statements. `PUBLIC` is a keyword there, not a name.
fn grantee(model: &Model, role: Oid) -> String {
    match role {
        Oid::PUBLIC => "PUBLIC".to_owned(),
        other => identifier(model.catalog.role_name(other)),
    }
}
