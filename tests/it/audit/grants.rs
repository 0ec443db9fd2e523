//! Rights on tables and schemas, given and to come.

use std::collections::BTreeSet;

use super::lab::Lab;
use tenantctl::audit::report::Severity;

/// A root and a table under policies that ask the session.
pub const NOTES: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
    CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                        id uuid NOT NULL DEFAULT gen_random_uuid(), body text, token_hash text,
                        PRIMARY KEY (organization_id, id));
    ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON organizations
        USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
    CREATE POLICY tenant ON notes
        USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'B');
    INSERT INTO notes (organization_id, body) SELECT id, name FROM organizations;";

fn lab(more: &str) -> Lab {
    Lab::new(&format!(
        "{NOTES} GRANT SELECT ON organizations TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}}; {more}"
    ))
}

#[test]
fn the_rights_on_rows_are_no_finding() {
    let lab = lab("");
    let report = lab.audit_with(|options| options.selection.only = vec!["grant".to_owned()]);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn truncate_is_told_for_each_grantee() {
    let lab = lab(
        "CREATE TABLE colours (name text); GRANT ALL ON colours TO {app};
                   GRANT TRUNCATE ON notes TO {app}, PUBLIC;",
    );
    let found = lab.findings("grant-truncate");
    assert!(
        found.iter().all(|one| one.object == "public.notes"),
        "{found:#?}"
    );
    let parts: BTreeSet<_> = found.iter().filter_map(|one| one.part.clone()).collect();
    assert_eq!(
        parts,
        BTreeSet::from([lab.named("{app}"), "public".to_owned()])
    );
    lab.assert_fixable("grant-truncate", "public.notes");
}

#[test]
fn truncate_through_a_group_is_told_and_taken_from_the_group() {
    let lab = lab(
        "RESET ROLE; CREATE ROLE {app}_group; GRANT {app}_group TO {app};
                   GRANT TRUNCATE ON notes TO {app}_group;",
    );
    let finding = lab.assert_fixable("grant-truncate", "public.notes");
    assert_eq!(finding.part, Some(lab.named("{app}_group")));
}

#[test]
fn truncate_of_a_role_that_is_not_the_applications_is_not_told() {
    lab("GRANT TRUNCATE ON notes TO {other};").assert_silent("grant-truncate");
}

#[test]
fn references_are_told_where_a_table_can_be_made() {
    lab("GRANT REFERENCES ON notes TO {app};").assert_silent("grant-references");
    let lab = lab("GRANT REFERENCES (id) ON notes TO {app}; RESET ROLE;
                   CREATE SCHEMA scratch; GRANT CREATE ON SCHEMA scratch TO {app};");
    let finding = lab.assert_fixable("grant-references", "public.notes");
    assert_eq!(finding.column.as_deref(), Some("id"));
}

#[test]
fn a_right_to_attach_triggers_is_told() {
    lab("GRANT TRIGGER ON notes TO {app};").assert_fixable("grant-trigger", "public.notes");
    lab("GRANT TRIGGER ON notes TO {other};").assert_silent("grant-trigger");
}

#[test]
fn a_grant_option_is_told_and_the_right_stays() {
    let lab = lab("GRANT SELECT ON notes TO {app} WITH GRANT OPTION;");
    lab.assert_fixable("grant-grantable", "public.notes");
    let app = lab.named("{app}");
    lab.run(&format!("SET ROLE {app}; SELECT FROM notes"));
}

#[test]
fn rights_of_everybody_are_told_and_the_application_keeps_its_own() {
    let lab = lab("GRANT INSERT, DELETE ON notes TO PUBLIC; REVOKE DELETE ON notes FROM {app};");
    let finding = lab.assert_fixable("grant-public", "public.notes");
    assert_eq!(
        finding.severity,
        Severity::Medium,
        "a policy binds the application there"
    );
    lab.run("SET ROLE {app}; DELETE FROM notes WHERE false");
}

#[test]
fn rights_of_everybody_without_a_policy_are_worse() {
    let lab = lab(
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY; GRANT SELECT (body) ON notes TO PUBLIC;",
    );
    let finding = lab.assert_fixable("grant-public", "public.notes");
    assert_eq!(
        (finding.severity, finding.column.as_deref()),
        (Severity::High, Some("body"))
    );
}

#[test]
fn everybody_may_read_what_is_the_same_for_everyone() {
    lab("CREATE TABLE colours (name text); GRANT SELECT ON colours TO PUBLIC;")
        .assert_silent("grant-public");
}

/// `anon` belongs to the cluster, so the tests that need it share it.
fn with_anon(policy: &str) -> Lab {
    lab(&format!(
        "RESET ROLE;
         DO $$ BEGIN
             CREATE ROLE anon;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
         END $$;
         GRANT USAGE ON SCHEMA public TO anon; GRANT INSERT ON notes TO anon; {policy}"
    ))
}

#[test]
fn visitors_may_write_where_no_policy_asks_who_they_are() {
    let open = "CREATE POLICY contact ON notes FOR INSERT TO anon WITH CHECK (body <> '')";
    let lab = with_anon(open);
    let finding = lab.assert_fixable("grant-anonymous", "public.notes");
    assert_eq!(finding.part.as_deref(), Some("anon"));
    let lab = with_anon(&format!(
        "{open}; CREATE POLICY floor ON notes AS RESTRICTIVE
             USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid)"
    ));
    lab.assert_silent("grant-anonymous");
    with_anon("").assert_silent("grant-anonymous");
    let of_another = "CREATE POLICY contact ON notes FOR INSERT TO {app} WITH CHECK (body <> '')";
    with_anon(of_another).assert_silent("grant-anonymous");
}

#[test]
fn rights_on_the_next_table_are_told() {
    let lab = lab("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {app};");
    let finding = lab.assert_fixable("default-privileges-open", "public");
    assert_eq!(finding.severity, Severity::Low);
}

#[test]
fn rights_of_everybody_on_the_next_table_are_worse() {
    let lab = lab("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;");
    let database = lab.db.name.clone();
    let finding = lab.assert_fixable("default-privileges-open", &database);
    assert_eq!(finding.severity, Severity::Medium);
}

#[test]
fn other_defaults_are_not_told() {
    let lab = lab("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {app};
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {other};
         RESET ROLE; CREATE SCHEMA reports; GRANT USAGE ON SCHEMA reports TO {app};
         ALTER DEFAULT PRIVILEGES IN SCHEMA reports GRANT SELECT ON TABLES TO {app};");
    lab.assert_silent("default-privileges-open");
}

#[test]
fn objects_beside_the_tenant_tables_are_told() {
    for grantee in ["{app}", "PUBLIC"] {
        let lab = lab(&format!(
            "RESET ROLE; GRANT CREATE ON SCHEMA public TO {grantee};"
        ));
        lab.assert_fixable("schema-create", "public");
    }
}

#[test]
fn a_schema_of_the_applications_own_is_not_told() {
    let lab = lab("RESET ROLE; CREATE SCHEMA scratch; GRANT ALL ON SCHEMA scratch TO {app};");
    lab.assert_silent("schema-create");
}
