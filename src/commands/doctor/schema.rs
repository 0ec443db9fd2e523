//! Checks of the tenantctl schema and of tenant isolation.

use futures_util::TryStreamExt as _;

use super::report::{Area, Check};
use crate::{
    commands::db::SchemaState,
    db::{
        self, Database, TenantTx,
        health::Health,
        migrate::{CHANGED_REMEDY, FOREIGN_REMEDY, MigrationState, Status},
        organizations::OrganizationFilter,
    },
    domain::{Organization, OrganizationId, Slug},
    error::Result,
    quoting::identifier,
    run,
    services::protection,
    system::new_id,
};

const AREA: Area = Area::Database;

/// Checks that all migrations are applied.
pub(super) fn migrations(status: &Status) -> Check {
    const NAME: &str = "migrations";
    if let Some(foreign) = &status.foreign {
        return Check::failed(NAME, AREA, foreign.to_string()).remedy(FOREIGN_REMEDY);
    }
    let migrations = &status.migrations;
    let pending = migrations
        .iter()
        .filter(|migration| migration.state == MigrationState::Pending)
        .count();
    match SchemaState::of(status) {
        SchemaState::Current => Check::ok(
            NAME,
            AREA,
            format!("all {} migrations are applied", migrations.len()),
        ),
        SchemaState::Empty | SchemaState::Foreign => {
            Check::failed(NAME, AREA, "the database is not migrated").remedy(run!["db", "migrate"])
        }
        SchemaState::Behind => Check::failed(
            NAME,
            AREA,
            format!("{pending} of {} migrations are pending", migrations.len()),
        )
        .remedy(run!["db", "migrate"]),
        SchemaState::Newer => Check::failed(
            NAME,
            AREA,
            "the schema is newer than this version of tenantctl",
        )
        .remedy("install the tenantctl release that migrated it"),
        SchemaState::Changed => Check::failed(
            NAME,
            AREA,
            "an applied migration has other contents than in this version of tenantctl",
        )
        .remedy(CHANGED_REMEDY),
    }
}

/// Checks that the role can apply later migrations, which change tables.
pub(super) fn ownership(health: &Health) -> Check {
    const NAME: &str = "table_owner";
    let role = &health.rights.role;
    match health.owns_tables {
        None => Check::skipped(NAME, AREA, "there are no tables yet"),
        Some(true) => Check::ok(NAME, AREA, format!("{role} can change the tables")),
        Some(false) => Check::warning(
            NAME,
            AREA,
            format!("{role} does not own the tables, so it cannot apply later migrations"),
        )
        .remedy("migrate as the role that owns them, or grant that role to it"),
    }
}

/// Checks that row-level security applies to `tenant_app`.
pub(super) fn tenant_role(health: &Health) -> Check {
    const NAME: &str = "tenant_app";
    let Some(tenant) = &health.rights.tenant_role else {
        return Check::skipped(NAME, AREA, "`db migrate` creates the role tenant_app");
    };
    let groups = [
        (NAME, Some(&tenant.role)),
        ("tenant_server", health.rights.server_role.as_ref()),
    ];
    for (name, group) in groups {
        let Some(group) = group else { continue };
        let Some(excess) = group.excess() else {
            continue;
        };
        let message = format!("{name} has {excess}: tenants are not isolated");
        return Check::failed(NAME, AREA, message)
            .remedy(format!("as an administrator: {}", group.remedy(name)));
    }
    Check::ok(NAME, AREA, "row-level security applies to tenant_app")
}

/// Checks that tenant data is accessible the way all commands access it: as `tenant_app`.
pub(super) async fn tenant_scope(db: &Database, health: &Health) -> Check {
    const NAME: &str = "tenant_scope";
    // No organization has this id; the transaction is rolled back.
    match TenantTx::begin(db, OrganizationId::from(new_id())).await {
        Ok(_) => Check::ok(NAME, AREA, "switching to tenant_app works"),
        Err(error) => Check::failed(NAME, AREA, error.to_string()).remedy(format!(
            "as an administrator: GRANT tenant_app TO {};",
            identifier(&health.rights.role)
        )),
    }
}

/// Checks that a tenant's statement cannot create temporary tables, which tenantctl never needs.
pub(super) fn temporary_tables(health: &Health) -> Check {
    const NAME: &str = "temporary_tables";
    if !health.tenant_has_temporary {
        return Check::ok(NAME, AREA, "tenant_app cannot create temporary tables");
    }
    let database = identifier(&health.rights.database);
    let role = identifier(&health.rights.role);
    let from = match health.public_has_temporary {
        true => "PUBLIC",
        false => "tenant_app",
    };
    Check::warning(
        NAME,
        AREA,
        format!("tenant_app can create temporary tables: {from} has TEMPORARY on the database"),
    )
    .remedy(format!(
        "unless another application on this database needs it: GRANT TEMPORARY ON DATABASE {database} \
         TO {role}; REVOKE TEMPORARY ON DATABASE {database} FROM {from};"
    ))
}

/// Checks that row-level security is enabled on every table with tenant data.
pub(super) fn row_level_security(health: &Health) -> Check {
    const NAME: &str = "row_level_security";
    let off = &health.tables_without_rls;
    if off.is_empty() {
        return Check::ok(NAME, AREA, "enabled on all tables with an organization_id");
    }
    let statements: Vec<String> = off
        .iter()
        .map(|table| {
            let table = identifier(table);
            format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;")
        })
        .collect();
    Check::failed(
        NAME,
        AREA,
        format!("disabled on {}: every tenant can read it", off.join(", ")),
    )
    .remedy(statements.join("\n"))
}

/// Reports whether destructive commands on this database require `--confirm`.
pub(super) async fn protection(db: &Database) -> Check {
    const NAME: &str = "protection";
    match protection::find(db).await {
        Ok(Some(found)) => {
            let message = format!("destructive commands require --confirm ({})", found.label);
            Check::ok(NAME, AREA, message)
        }
        Ok(None) => Check::ok(
            NAME,
            AREA,
            "not protected: --yes confirms destructive commands (see `db protect --help`)",
        ),
        Err(error) => Check::skipped(NAME, AREA, format!("cannot read the protection: {error}")),
    }
}

/// Checks that no active providers or operatories share a name from before names were unique.
/// Commands cannot refer to them by name.
pub(super) async fn unique_names(db: &Database) -> Check {
    const NAME: &str = "unique_names";
    match shared_names(db).await {
        Err(error) => Check::broken(NAME, AREA, &error),
        Ok(shared) => match shared.first() {
            None => Check::ok(
                NAME,
                AREA,
                "active providers and operatories have unique names",
            ),
            Some((slug, what, name)) => {
                let count = shared.len();
                let first = format!("the first is {what} {name:?} in {slug}");
                let said = format!("{count} active providers or operatories share a name; {first}");
                Check::warning(NAME, AREA, said).remedy(
                    run![what, "list", "--org", slug].labeled("rename or archive one by ID"),
                )
            }
        },
    }
}

async fn shared_names(db: &Database) -> Result<Vec<(Slug, String, String)>> {
    let organizations: Vec<Organization> =
        db::organizations::stream(db, OrganizationFilter::default())
            .try_collect()
            .await?;
    let mut shared = Vec::new();
    for organization in organizations {
        let mut tx = TenantTx::begin(db, organization.id).await?;
        let found = db::resources::shared_names(&mut tx).await?;
        tx.rollback().await?;
        let of_it = |(what, name)| (organization.slug.clone(), what, name);
        shared.extend(found.into_iter().map(of_it));
    }
    Ok(shared)
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;
    use crate::db::{
        health::{GroupRole, TenantRole},
        migrate::{Foreign, Migration},
    };

    fn health(tenant_role: Option<TenantRole>) -> Health {
        let mut health = Health::sample();
        health.rights.tenant_role = tenant_role;
        health
    }

    #[test]
    fn a_tenant_app_that_row_level_security_does_not_bind_fails() {
        let check = |role: GroupRole| {
            let tenant = TenantRole {
                role,
                member: true,
                grantable: true,
            };
            tenant_role(&health(Some(tenant)))
        };
        assert_eq!(check(GroupRole::default()).state, State::Ok);
        assert_eq!(tenant_role(&health(None)).state, State::Skipped);

        // Only the attributes that are wrong are named.
        let bypasses = check(GroupRole {
            attributes: vec!["BYPASSRLS".to_owned()],
            member_of: None,
        });
        assert_eq!(bypasses.state, State::Failed);
        assert!(!bypasses.message.contains("SUPERUSER"), "{bypasses:?}");
        let remedy = bypasses.remedy.unwrap().to_string();
        assert!(
            remedy.ends_with("ALTER ROLE \"tenant_app\" NOBYPASSRLS;"),
            "{remedy}"
        );
        let member = check(GroupRole {
            attributes: Vec::new(),
            member_of: Some("ops".to_owned()),
        });
        assert_eq!(member.state, State::Failed);
        assert!(
            member.message.contains("has membership in ops"),
            "{member:?}"
        );
        assert_eq!(
            member.remedy.unwrap().to_string(),
            "as an administrator: REVOKE \"ops\" FROM \"tenant_app\";"
        );
    }

    #[test]
    fn a_schema_is_judged_by_what_is_missing_and_what_is_too_much() {
        let judge = |states: &[MigrationState]| {
            let known = states.iter().zip(1..).map(|(state, version)| Migration {
                version,
                description: String::new(),
                state: *state,
            });
            let check = migrations(&Status {
                migrations: known.collect(),
                foreign: None,
            });
            (check.state, check.message)
        };
        use MigrationState::{Applied, Changed, Pending, Unknown};
        assert_eq!(judge(&[Applied, Applied]).0, State::Ok);
        assert_eq!(
            judge(&[Applied, Pending]),
            (State::Failed, "1 of 2 migrations are pending".to_owned())
        );
        assert_eq!(judge(&[Pending, Pending]).1, "the database is not migrated");
        assert!(judge(&[Applied, Unknown]).1.contains("newer"));
        assert!(judge(&[Applied, Changed]).1.contains("other contents"));
    }

    #[test]
    fn a_database_of_somebody_else_is_not_sent_to_db_migrate() {
        let check = migrations(&Status {
            migrations: Vec::new(),
            foreign: Some(Foreign::Tables(vec!["users".to_owned()])),
        });
        assert_eq!(check.state, State::Failed);
        assert!(check.message.contains("users"), "{}", check.message);
        assert_eq!(check.remedy.unwrap(), FOREIGN_REMEDY);
    }
}
