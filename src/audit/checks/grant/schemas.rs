//! Schemas in which the application may create objects that other statements resolve to instead of
//! the intended ones (CVE-2018-1058; PostgreSQL manual, 5.10.6 "Usage Patterns").

use std::collections::BTreeSet;

use super::{
    check,
    definer::searched_schemas,
    holders::{Holders, named, quoted},
};
use crate::{
    audit::{
        catalog::{Grant, GrantClass, Oid, Schema},
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const CREATE: Rule = Rule {
    check: check(
        "schema-create",
        Severity::Medium,
        "the application may create objects in the schema of tenant tables",
        include_str!("../../../../docs/audit/schema-create.md"),
    ),
    run: create,
};

fn create(model: &Model, check: &Check, findings: &mut Findings) {
    let catalog = &model.catalog;
    let holders = Holders::new(model);
    let of_tables: BTreeSet<&str> = model
        .tenant_tables()
        .map(|table| table.schema.as_str())
        .collect();
    let searched = searched_schemas(model);
    for grant in catalog.grants.iter().filter(|grant| creates(grant)) {
        let Some(schema) = catalog.schemas.get(&grant.object) else {
            continue;
        };
        // A role that acts as the owner of the schema has the privilege without a grant.
        let owner = |oid| catalog.rights.acts_as(oid, schema.owner);
        if holders.of(grant.grantee).iter().all(|role| owner(role.oid)) {
            continue;
        }
        let why = if of_tables.contains(schema.name.as_str()) {
            "which contains the tenant tables"
        } else if searched.contains(&schema.name) {
            "in which functions that run as their owner look up names"
        } else {
            continue;
        };
        let who = named(model, grant.grantee);
        let message = format!(
            "{who} may create objects in schema {}, {why}: its own function or table can be used \
             instead of the intended one",
            schema.name
        );
        let statement = revoke_create(model, schema, grant.grantee);
        let summary = "only let migrations create objects, with a separate role";
        let fix = Fix::mechanical(Phase::Grants, summary, [statement]);
        findings.push(
            Finding::new(check, &schema.name, message, fix).part(catalog.role_name(grant.grantee)),
        );
    }
}

fn creates(grant: &Grant) -> bool {
    grant.class == GrantClass::Schema && grant.privileges.iter().any(|one| one == "CREATE")
}

fn revoke_create(model: &Model, schema: &Schema, grantee: Oid) -> String {
    let (schema, grantee) = (identifier(&schema.name), quoted(model, grantee));
    format!("REVOKE CREATE ON SCHEMA {schema} FROM {grantee}")
}

/// Returns the statements that revoke CREATE on that schema from the application.
pub(super) fn revokes_of_create(model: &Model, schema: &str) -> Vec<String> {
    let holders = Holders::new(model);
    let grants = model.catalog.grants.iter().filter(|grant| creates(grant));
    grants
        .filter(|grant| !holders.of(grant.grantee).is_empty())
        .filter_map(|grant| {
            let schema = model
                .catalog
                .schemas
                .get(&grant.object)
                .filter(|one| one.name == schema)?;
            Some(revoke_create(model, schema, grant.grantee))
        })
        .collect()
}
