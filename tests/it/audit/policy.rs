//! What policies let pass: each mistake, the nearest correct policy, and the remedy.

use tenantctl::audit::{
    checks::probe::ProbeMode,
    report::{Confidence, Finding, Severity, Verdict},
};

use super::lab::Lab;

const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";
const MINE: &str = "organization_id = nullif(current_setting('app.tenant', true), '')::uuid";

/// The checks on what passes: a policy that is correct is silent in all of them.
const OPEN: [&str; 9] = [
    "policy-always-true",
    "policy-ignores-tenant",
    "policy-wrong-column",
    "policy-self-comparison",
    "policy-null-escape",
    "policy-open-when-unset",
    "policy-uncorrelated",
    "policy-undone",
    "policy-weak-write",
];

/// Tenants, memberships and folders with correct policies, and notes with none yet.
fn schema(policies: &str) -> String {
    format!(
        "CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
             AS $$ SELECT nullif(current_setting('app.user', true), '')::uuid $$;
         CREATE TABLE organizations (id uuid PRIMARY KEY, name text);
         CREATE TABLE users (id uuid PRIMARY KEY);
         CREATE TABLE memberships (organization_id uuid REFERENCES organizations,
                                   user_id uuid REFERENCES users, role text,
                                   PRIMARY KEY (organization_id, user_id));
         CREATE TABLE folders (organization_id uuid NOT NULL REFERENCES organizations,
                               id uuid DEFAULT gen_random_uuid(), PRIMARY KEY (organization_id, id));
         CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                             organization_id uuid REFERENCES organizations, author uuid, other uuid,
                             status text NOT NULL DEFAULT 'draft', body text);
         CREATE INDEX ON notes (organization_id);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         INSERT INTO users VALUES ('{A}'), ('{B}');
         INSERT INTO memberships VALUES ('{A}', '{A}', 'owner'), ('{B}', '{B}', 'owner');
         INSERT INTO folders VALUES ('{A}'), ('{B}');
         INSERT INTO notes (organization_id, author) VALUES ('{A}', '{A}'), ('{B}', '{B}');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
         ALTER TABLE folders ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations
             USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
         CREATE POLICY own ON memberships FOR SELECT USING (user_id = app_user());
         CREATE POLICY tenant ON folders USING ({MINE});
         GRANT SELECT ON organizations, memberships TO {{app}};
         GRANT SELECT, INSERT, DELETE ON folders TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}};
         {policies}"
    )
}

#[track_caller]
fn silent(policies: &str) {
    let lab = Lab::new(&schema(policies));
    let report = lab.audit_with(|options| {
        options.selection.only = OPEN.map(str::to_owned).to_vec();
    });
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|one| OPEN.contains(&one.check.as_str()))
        .collect();
    assert!(found.is_empty(), "{policies}: {found:#?}");
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .filter(|one| one.check == "policy")
        .collect();
    assert!(skipped.is_empty(), "{policies}: {skipped:#?}");
}

/// It fires for the one policy, no other check does, and it is mended as it says.
#[track_caller]
fn fires(check: &str, policies: &str) -> Finding {
    let lab = Lab::new(&schema(policies));
    let report = lab.audit_with(|options| {
        options.selection.only = OPEN.map(str::to_owned).to_vec();
    });
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|one| OPEN.contains(&one.check.as_str()))
        .collect();
    let [only] = found.as_slice() else {
        panic!("{policies}: {found:#?}");
    };
    assert_eq!(
        (only.check.as_str(), only.object.as_str()),
        (check, "public.notes")
    );
    lab.apply_fixes(check);
    for check in OPEN {
        lab.assert_silent(check);
    }
    (*only).clone()
}

#[test]
fn every_row() {
    let found = fires(
        "policy-always-true",
        "CREATE POLICY p ON notes USING (true);",
    );
    assert_eq!(found.part.as_deref(), Some("p"));
    assert!(
        found
            .message
            .starts_with("policy p on public.notes lets every row pass"),
        "{found:?}"
    );
    assert_eq!(found.severity, Severity::High);
    fires(
        "policy-always-true",
        "CREATE POLICY p ON notes USING (organization_id IS NOT NULL);",
    );
}

#[test]
fn every_row_is_proven_by_reading_one() {
    let lab = Lab::new(&schema("CREATE POLICY p ON notes USING (true);"));
    let report = lab.audit_with(|options| options.probe.mode = ProbeMode::Full);
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|one| one.check == "policy-always-true")
        .collect();
    assert_eq!(found.len(), 1, "{:#?}", report.findings);
    assert_eq!(
        (found[0].severity, found[0].confidence),
        (Severity::Critical, Confidence::Proven)
    );
}

#[test]
fn a_restrictive_floor_holds_whatever_else_is_open() {
    silent(&format!(
        "CREATE POLICY floor ON notes AS RESTRICTIVE USING ({MINE});
         CREATE POLICY p ON notes USING (true) WITH CHECK (true);"
    ));
    // For reading only: what is written is not held.
    let lab = Lab::new(&schema(&format!(
        "CREATE POLICY floor ON notes AS RESTRICTIVE FOR SELECT USING ({MINE});
         CREATE POLICY p ON notes USING (true);"
    )));
    let found = lab.assert_fires("policy-always-true", "public.notes");
    assert!(
        found.message.contains("INSERT, UPDATE and DELETE of"),
        "{}",
        found.message
    );
}

#[test]
fn a_restrictive_policy_alone_lets_nothing_pass() {
    silent("CREATE POLICY p ON notes AS RESTRICTIVE USING (true);");
}

/// The server lets nothing pass a permissive policy without an expression: an attack shows it.
#[test]
fn a_policy_without_an_expression_lets_nothing_pass() {
    silent("CREATE POLICY p ON notes;");
    let lab = Lab::new(&schema("CREATE POLICY p ON notes;"));
    let report = lab.audit_with(|options| options.probe.mode = ProbeMode::Full);
    let leak = report
        .matrix
        .iter()
        .find(|cell| matches!(cell.verdict, Verdict::Leak(_)));
    assert!(leak.is_none(), "{leak:#?}");
}

#[test]
fn a_policy_for_somebody_else() {
    silent(&format!(
        "CREATE POLICY p ON notes USING ({MINE}); CREATE POLICY q ON notes TO {{other}} USING (true);"
    ));
}

#[test]
fn a_policy_for_a_group_is_for_its_members() {
    let lab = Lab::new(&schema("CREATE POLICY p ON notes TO {other} USING (true);"));
    lab.assert_silent("policy-always-true");
    lab.run("GRANT {other} TO {app}");
    lab.assert_fires("policy-always-true", "public.notes");
}

#[test]
fn a_command_without_the_right_to_it() {
    silent(&format!(
        "CREATE POLICY p ON notes FOR SELECT USING ({MINE});
         CREATE POLICY q ON notes FOR DELETE USING (true);
         REVOKE INSERT, UPDATE, DELETE ON notes FROM {{app}};"
    ));
}

#[test]
fn the_tenant_is_not_looked_at() {
    let found = fires(
        "policy-ignores-tenant",
        "CREATE POLICY p ON notes USING (status = 'open');",
    );
    assert!(found.message.contains("checks status"), "{}", found.message);
    assert_eq!(found.severity, Severity::Medium);
    let found = fires(
        "policy-ignores-tenant",
        "CREATE POLICY p ON notes USING (app_user() IS NOT NULL);",
    );
    assert_eq!(found.severity, Severity::High);
    let arm = format!("CREATE POLICY p ON notes USING ({MINE} OR status = 'public');");
    let found = fires("policy-ignores-tenant", &arm);
    assert!(
        found.message.contains("alternative, number 2,"),
        "{}",
        found.message
    );
}

#[test]
fn rows_of_ones_own_are_nobody_elses() {
    silent("CREATE POLICY p ON notes USING (author = app_user());");
    silent(&format!(
        "CREATE POLICY p ON notes USING ({MINE} AND (author = app_user() OR status = 'x'));"
    ));
}

#[test]
fn another_column_is_compared() {
    let wrong = "other = nullif(current_setting('app.tenant', true), '')::uuid";
    let found = fires(
        "policy-wrong-column",
        &format!("CREATE POLICY p ON notes USING ({wrong});"),
    );
    assert!(
        found.message.contains("compares other,"),
        "{}",
        found.message
    );
    silent(&format!(
        "CREATE POLICY p ON notes USING ({wrong} AND {MINE});"
    ));
}

#[test]
fn a_name_is_captured_by_the_sub_select() {
    let found = fires(
        "policy-self-comparison",
        "CREATE POLICY p ON notes USING (EXISTS (SELECT FROM memberships m
             WHERE m.user_id = app_user() AND m.organization_id = organization_id));",
    );
    assert!(
        found
            .message
            .contains("organization_id of public.memberships with itself"),
        "{found:?}"
    );
    silent(
        "CREATE POLICY p ON notes USING (EXISTS (SELECT FROM memberships m
             WHERE m.user_id = app_user() AND m.organization_id = notes.organization_id));",
    );
}

#[test]
fn rows_without_a_tenant() {
    let open = format!("CREATE POLICY p ON notes USING ({MINE} OR organization_id IS NULL);");
    let found = fires("policy-null-escape", &open);
    assert_eq!(found.severity, Severity::Medium);
    silent(&format!(
        "{open} ALTER TABLE notes ALTER organization_id SET NOT NULL;"
    ));
}

#[test]
fn a_session_without_a_tenant() {
    let found = fires(
        "policy-open-when-unset",
        &format!(
            "CREATE POLICY p ON notes USING ({MINE} OR current_setting('app.tenant', true) IS NULL);"
        ),
    );
    assert!(
        found.message.contains("app.tenant is not set"),
        "{}",
        found.message
    );
    let found = fires(
        "policy-open-when-unset",
        &format!(
            "CREATE POLICY p ON notes USING (current_setting('app.tenant', true) = '' OR {MINE});"
        ),
    );
    assert!(
        found.message.contains("app.tenant is empty"),
        "{}",
        found.message
    );
}

/// An attack from a session that had named a tenant before is blocked, and proves nothing.
#[test]
fn a_fresh_session_is_not_judged_by_a_used_one() {
    let open = format!("{MINE} OR current_setting('app.tenant', true) IS NULL");
    let lab = Lab::new(&schema(&format!(
        "CREATE POLICY p ON notes USING ({open});"
    )));
    let report = lab.audit();
    let mut findings = report.findings.iter();
    let found = findings.find(|one| one.check == "policy-open-when-unset");
    let severity = found.map(|one| one.severity);
    assert!(
        severity.is_some_and(|one| one.at_least(Severity::High)),
        "{found:#?}"
    );
}

#[test]
fn a_sub_select_that_is_not_tied() {
    let untied = "EXISTS (SELECT FROM memberships m WHERE m.user_id = app_user())";
    let found = fires(
        "policy-uncorrelated",
        &format!("CREATE POLICY p ON notes USING ({untied});"),
    );
    assert!(
        found.message.contains("from public.memberships"),
        "{}",
        found.message
    );
    silent(&format!(
        "CREATE POLICY p ON notes USING ({MINE} AND {untied});"
    ));
    silent(
        "CREATE POLICY p ON notes USING (organization_id IN (
             SELECT m.organization_id FROM memberships m WHERE m.user_id = app_user()));",
    );
}

#[test]
fn one_policy_undoes_another() {
    let found = fires(
        "policy-undone",
        &format!(
            "CREATE POLICY tenant ON notes USING ({MINE}); CREATE POLICY more ON notes USING (status = 'x');"
        ),
    );
    assert_eq!(found.part.as_deref(), Some("more"));
    assert!(
        found.message.contains("overrides policy tenant"),
        "{}",
        found.message
    );
    silent(&format!(
        "CREATE POLICY tenant ON notes USING ({MINE});
         CREATE POLICY more ON notes AS RESTRICTIVE USING (status = 'x');"
    ));
    // For different commands, neither undoes the other.
    let lab = Lab::new(&schema(&format!(
        "CREATE POLICY tenant ON notes FOR SELECT USING ({MINE});
         CREATE POLICY more ON notes FOR DELETE USING (true);"
    )));
    lab.assert_silent("policy-undone");
    lab.assert_fires("policy-always-true", "public.notes");
}

#[test]
fn what_is_written_is_asked_less_than_what_is_read() {
    let found = fires(
        "policy-weak-write",
        &format!("CREATE POLICY p ON notes USING ({MINE}) WITH CHECK (true);"),
    );
    assert!(found.fix.mechanical, "{:?}", found.fix);
    let found = fires(
        "policy-weak-write",
        &format!("CREATE POLICY p ON notes USING ({MINE}) WITH CHECK (body IS NOT NULL);"),
    );
    assert!(!found.fix.mechanical, "{:?}", found.fix);
    let insert = "CREATE POLICY p ON notes FOR SELECT USING (author = app_user());
                  CREATE POLICY q ON notes FOR INSERT WITH CHECK (true);";
    assert_eq!(
        fires("policy-weak-write", insert).part.as_deref(),
        Some("q")
    );
}

#[test]
fn without_with_check_using_stands_for_it() {
    silent(&format!("CREATE POLICY p ON notes USING ({MINE});"));
    silent(&format!(
        "CREATE POLICY p ON notes FOR UPDATE USING ({MINE});"
    ));
}

/// Nothing can be written into another tenant by who cannot write the tenant's column.
#[test]
fn a_weak_check_on_columns_that_do_not_matter() {
    silent(&format!(
        "CREATE POLICY p ON notes USING ({MINE}) WITH CHECK (true);
         REVOKE INSERT, UPDATE ON notes FROM {{app}}; GRANT UPDATE (body) ON notes TO {{app}};"
    ));
}

#[test]
fn signing_up_makes_a_tenant() {
    silent(
        "CREATE POLICY sign_up ON organizations FOR INSERT WITH CHECK (app_user() IS NOT NULL);
         GRANT INSERT ON organizations TO {app};",
    );
}

#[test]
fn what_is_not_understood_is_skipped_and_not_found() {
    let lab = Lab::new(&schema(
        "CREATE FUNCTION opaque(uuid) RETURNS boolean LANGUAGE plpgsql STABLE
             AS $$ BEGIN RETURN $1 IS NOT NULL; END $$;
         CREATE POLICY p ON notes USING (opaque(organization_id));",
    ));
    let report = lab.audit_with(|options| options.selection.only = vec!["policy".to_owned()]);
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .filter(|one| one.check == "policy")
        .collect();
    assert_eq!(skipped.len(), 1, "{skipped:#?}");
    assert_eq!(skipped[0].object.as_deref(), Some("public.notes (p)"));
    for check in OPEN {
        assert!(
            report.findings.iter().all(|one| one.check != check),
            "{:#?}",
            report.findings
        );
    }
}

#[test]
fn a_command_that_no_policy_allows() {
    let lab = Lab::new(&schema(&format!(
        "CREATE POLICY p ON notes FOR SELECT USING ({MINE});"
    )));
    let found = lab.assert_fixable("policy-commands-uncovered", "public.notes");
    assert!(
        found.message.contains("INSERT, UPDATE and DELETE on"),
        "{}",
        found.message
    );
    assert_eq!(found.severity, Severity::Low);
}

#[test]
fn rights_that_come_by_default_are_not_counted() {
    let lab = Lab::new(
        &("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {app};".to_owned()
            + &schema(&format!(
                "CREATE POLICY p ON notes FOR SELECT USING ({MINE});"
            ))),
    );
    lab.assert_silent("policy-commands-uncovered");
}

#[test]
fn a_child_is_confined_through_its_parent() {
    let child = "CREATE TABLE lines (id uuid PRIMARY KEY, note_id uuid NOT NULL REFERENCES notes);
                 ALTER TABLE lines ENABLE ROW LEVEL SECURITY;
                 GRANT SELECT, INSERT ON lines TO {app};";
    let parent = format!("CREATE POLICY p ON notes USING ({MINE}); {child}");
    silent(&format!(
        "{parent} CREATE POLICY p ON lines USING (EXISTS (SELECT FROM notes n WHERE n.id = lines.note_id));"
    ));
    let lab = Lab::new(&schema(&format!(
        "{parent} CREATE POLICY p ON lines USING (true);"
    )));
    lab.assert_fixable("policy-always-true", "public.lines");
}
