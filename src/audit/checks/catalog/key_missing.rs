//! Tables that the application writes and that belong to no tenant.

use std::collections::BTreeSet;

use super::{
    check,
    policies::{applying, columns_checked},
    wording::role_names,
};
use crate::audit::{
    catalog::{PolicyCommand, Relation},
    findings::{Findings, Rule},
    model::{AppRole, Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const MISSING: Rule = Rule {
    check: check(
        "tenant-key-missing",
        (Severity::Medium, Confidence::Low),
        "the application writes a table with rows that belong to no tenant",
        include_str!("../../../../docs/audit/tenant-key-missing.md"),
    ),
    run: missing,
};

/// Tables in which migration tools record applied migrations.
const MIGRATIONS: &[&str] = &[
    "schema_migrations",
    "schema_version",
    "_sqlx_migrations",
    "flyway_schema_history",
    "alembic_version",
    "knex_migrations",
    "knex_migrations_lock",
    "django_migrations",
    "ar_internal_metadata",
    "_prisma_migrations",
    "__diesel_schema_migrations",
    "__efmigrationshistory",
    "databasechangelog",
    "databasechangeloglock",
    "goose_db_version",
    "migrations",
    "typeorm_metadata",
    "sequelizemeta",
    "refinery_schema_history",
    "seaql_migrations",
    "__drizzle_migrations",
    "pgmigrations",
    "mikro_orm_migrations",
    "doctrine_migration_versions",
];

fn missing(model: &Model, check: &Check, findings: &mut Findings) {
    let tenant_schemas: BTreeSet<&str> = model
        .tenant_tables()
        .map(|relation| relation.schema.as_str())
        .collect();
    let tables = model.relations().filter(|relation| {
        relation.is_table()
            && relation.parents.is_empty()
            && *model.tenancy.of(relation.oid) == Belonging::Reference
            && tenant_schemas.contains(relation.schema.as_str())
            && !MIGRATIONS.contains(&relation.name.to_lowercase().as_str())
            && !model.overrides.is_specified(relation)
    });
    for relation in tables {
        let roles = model.app_roles.roles.iter();
        let writers: Vec<&AppRole> = roles
            .filter(|role| writes_unconfined(model, role, relation))
            .collect();
        if writers.is_empty() {
            continue;
        }
        let name = relation.display();
        let message = format!(
            "{} can write {name}, but its rows belong to no tenant: it has no tenant key and no \
             foreign key to a table that has one",
            role_names(&writers)
        );
        let fix = Fix::advice(
            Phase::Columns,
            format!(
                "add a tenant key to {name}, or revoke INSERT and UPDATE from the application if \
                 all tenants share its rows; use `--reference-table {name}` if this is intended"
            ),
        );
        findings.push(Finding::new(check, &name, message, fix));
    }
}

/// `true` if a role can write rows to the table that no policy checks.
fn writes_unconfined(model: &Model, role: &AppRole, relation: &Relation) -> bool {
    let may = model.privileges(role.oid, relation);
    let commands = [
        (may.insert, PolicyCommand::Insert),
        (may.update, PolicyCommand::Update),
    ];
    let bound = model.is_bound(role.oid, relation);
    commands
        .into_iter()
        .filter(|(held, _)| *held)
        .any(|(_, command)| {
            !bound
                || applying(model, role.oid, relation).any(|policy| {
                    policy.permissive
                        && policy.command.covers(command)
                        && columns_checked(model, policy).is_empty()
                })
        })
}
