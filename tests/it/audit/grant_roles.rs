//! Roles: what they are, what they may become, and in which tenant their sessions start.

use super::{grants::NOTES, lab::Lab};
use crate::common::block_on;
use tenantctl::audit::report::{Confidence, Severity};

fn lab(more: &str) -> Lab {
    Lab::new(&format!(
        "{NOTES} GRANT SELECT ON organizations, notes TO {{app}}; RESET ROLE; {more}"
    ))
}

#[test]
fn a_role_with_bypassrls_is_told_where_nobody_else_is_the_application() {
    let lab = lab("ALTER ROLE {app} BYPASSRLS;");
    let finding = lab.assert_fixable("role-bypass-rls", "{app}");
    assert_eq!(finding.severity, Severity::Critical);
}

#[test]
fn a_role_with_bypassrls_beside_the_application_is_an_administrator() {
    let lab = lab("ALTER ROLE {other} BYPASSRLS; GRANT SELECT ON organizations, notes TO {other};");
    lab.assert_silent("role-bypass-rls");
}

#[test]
fn a_superuser_is_told_where_it_was_named() {
    let lab = lab("ALTER ROLE {app} SUPERUSER;");
    let role = lab.named("{app}");
    let audit = || {
        lab.audit_with(|options| {
            options.selection.only = vec!["role-superuser".to_owned()];
            options.overrides.roles = vec![role.clone()];
        })
    };
    let findings = audit().findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].object, role);
    // A role that was named and owns nothing is no guess.
    assert_ne!(findings[0].confidence, Confidence::Medium);
    lab.run(&findings[0].fix.sql.join(";"));
    assert!(audit().findings.is_empty());
}

#[test]
fn a_superuser_that_owns_everything_is_no_mechanical_matter() {
    let lab = Lab::new(&format!("RESET ROLE; {NOTES}"));
    let found = lab.findings("role-superuser");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].fix.sql.is_empty() && !found[0].fix.mechanical);
}

#[test]
fn the_way_to_the_owner_is_shown_and_closed() {
    let lab = lab(
        "CREATE ROLE {app}_deploy; GRANT {owner} TO {app}_deploy; GRANT {app}_deploy TO {app};",
    );
    let finding = lab.assert_fixable("role-may-become", "{app}");
    let path = lab.named("membership: {app} → {app}_deploy → {owner}");
    assert_eq!(finding.evidence.facts, [path]);
}

#[test]
fn a_predefined_role_may_be_as_good_as_a_superuser() {
    lab("GRANT pg_execute_server_program TO {app};").assert_fixable("role-may-become", "{app}");
    lab("GRANT pg_monitor TO {app};").assert_silent("role-may-become");
}

#[test]
fn createrole_reaches_every_role_before_postgresql_16() {
    let lab = lab("ALTER ROLE {app} CREATEROLE;");
    let version = "SELECT current_setting('server_version_num')::int";
    let version: i32 = block_on(|| async { lab.db.scalar(version).await });
    assert_eq!(
        lab.findings("role-may-become").len(),
        usize::from(version < 160_000)
    );
}

#[test]
fn who_may_become_the_application_is_not_told() {
    let lab = lab(
        "GRANT {app} TO {owner}; GRANT {app} TO {other}; CREATE ROLE {app}_group; GRANT {app}_group TO {app};",
    );
    lab.assert_silent("role-may-become");
}

#[test]
fn a_tenant_that_a_role_starts_in_is_told() {
    let lab = lab("ALTER ROLE {app} SET app.tenant = '11111111-1111-1111-1111-111111111111';");
    let finding = lab.assert_fixable("role-setting-tenant", "{app}");
    assert_eq!(finding.part.as_deref(), Some("app.tenant"));
}

#[test]
fn a_login_that_becomes_the_application_starts_in_a_tenant_too() {
    let lab = lab("GRANT {app} TO {other};
         DO $$ BEGIN EXECUTE format('ALTER ROLE {other} IN DATABASE %I SET app.tenant = %L',
                                    current_database(), 'x'); END $$;");
    lab.assert_fixable("role-setting-tenant", "{other}");
}

#[test]
fn other_settings_of_a_role_are_its_own_matter() {
    let lab = lab(
        "ALTER ROLE {app} SET app.tenant = ''; ALTER ROLE {app} SET statement_timeout = '5s';
         ALTER ROLE {app} SET app.colour = 'red'; ALTER ROLE {other} SET app.tenant = 'x';",
    );
    lab.assert_silent("role-setting-tenant");
}
