//! The attack that reads: every exploit is really run.

use std::collections::BTreeSet;

use sqlx::{Connection, Executor, PgConnection};
use tenantctl::{
    audit::{
        checks::probe::ProbeMode,
        report::{Confidence, ContextKind, Finding, Operation, Report, Severity, Verdict},
    },
    error::ErrorKind,
};

use super::lab::Lab;
use crate::common::block_on;

const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";
const TENANT: &str = "nullif(current_setting('app.tenant', true), '')::uuid";

/// Tenants, a table of theirs that is protected well, and what the test adds.
fn schema(more: &str) -> String {
    let base = format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                             id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, body text);
         INSERT INTO notes (organization_id, body) VALUES ('{A}', 'of a'), ('{B}', 'of b');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations USING (id = {TENANT});
         CREATE POLICY tenant ON notes USING (organization_id = {TENANT});
         GRANT SELECT ON organizations, notes TO {{app}};"
    );
    base + more
}

/// The findings of the attack, and no other's.
fn attack(lab: &Lab) -> Report {
    lab.audit_with(|options| options.selection.only = vec!["probe".to_owned()])
}

#[track_caller]
fn only(report: &Report) -> &Finding {
    match report.findings.as_slice() {
        [only] => only,
        others => panic!("one finding was expected: {others:#?}"),
    }
}

#[track_caller]
fn verdict(report: &Report, object: &str, operation: Operation, context: ContextKind) -> Verdict {
    let found = report.matrix.iter().find(|cell| {
        cell.object == object && cell.operation == operation && cell.context == context
    });
    found
        .unwrap_or_else(|| panic!("{object} was not tried: {:#?}", report.matrix))
        .verdict
        .clone()
}

/// Runs the statements of a finding as they would be pasted; gives the rows of the last query.
fn pasted(lab: &Lab, finding: &Finding) -> usize {
    block_on(|| async {
        let mut connection = PgConnection::connect(&lab.db.url).await.unwrap();
        let mut rows = 0;
        for sql in &finding.evidence.statements {
            let sql = sqlx::AssertSqlSafe(sql.clone());
            rows = rows.max(connection.fetch_all(sql).await.unwrap().len());
        }
        rows
    })
}

#[test]
fn an_unprotected_table_is_read() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(
        (finding.check.as_str(), finding.object.as_str()),
        ("probe-read", "public.notes")
    );
    assert_eq!(
        (finding.severity, finding.confidence),
        (Severity::Critical, Confidence::Proven)
    );
    assert_eq!(finding.part, Some(lab.named("{app}")));
    assert!(
        pasted(&lab, finding) > 0,
        "{:#?}",
        finding.evidence.statements
    );
    let row = &finding.evidence.rows[0];
    assert_eq!(
        (&row["organization_id"], &row["id"]),
        (&B.into(), &2.into())
    );
    assert_eq!(row["body"], "…");
    assert_eq!(report.tenant.tenants, [A, B]);
}

#[test]
fn values_are_shown_where_they_are_asked_for() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let report = lab.audit_with(|options| {
        options.selection.only = vec!["probe-read".to_owned()];
        options.probe.show_values = true;
    });
    assert_eq!(only(&report).evidence.rows[0]["body"], "of b");
}

#[test]
fn a_policy_that_lets_every_row_pass() {
    let lab = Lab::new(&schema(
        "CREATE POLICY everyone ON notes FOR SELECT USING (true);",
    ));
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(finding.check, "probe-read");
    assert!(
        finding.message.contains("(none, empty, malformed)"),
        "{}",
        finding.message
    );
    lab.run("DROP POLICY everyone ON notes;");
    assert!(attack(&lab).findings.is_empty());
}

#[test]
fn a_policy_that_is_open_without_a_name() {
    let lab = Lab::new(&schema(
        "CREATE POLICY unset ON notes USING (coalesce(current_setting('app.tenant', true), '') = '');",
    ));
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(finding.check, "probe-read-unnamed");
    assert!(
        finding
            .message
            .ends_with("without naming a tenant (none, empty)"),
        "{}",
        finding.message
    );
    assert!(pasted(&lab, finding) > 0);
    let named = verdict(&report, "public.notes", Operation::Select, ContextKind::A);
    assert!(matches!(named, Verdict::Blocked(_)), "{named:?}");
}

#[test]
fn a_policy_on_the_wrong_column() {
    let lab = Lab::new(&schema(&format!(
        "ALTER TABLE notes ADD shared_with uuid; UPDATE notes SET shared_with = '{A}';
         DROP POLICY tenant ON notes;
         CREATE POLICY tenant ON notes USING (shared_with = {TENANT});"
    )));
    assert_eq!(only(&attack(&lab)).object, "public.notes");
}

#[test]
fn a_view_runs_with_the_rights_of_its_owner() {
    let lab = Lab::new(&schema(
        "CREATE VIEW recent AS SELECT organization_id, id, body FROM notes; GRANT SELECT ON recent TO {app};",
    ));
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(finding.object, "public.recent");
    lab.run(&finding.fix.sql.join(";"));
    assert!(attack(&lab).findings.is_empty());
}

/// Without the tenant key, the primary key of the row tells.
#[test]
fn a_view_without_the_key() {
    let lab = Lab::new(&schema(
        "CREATE VIEW bodies AS SELECT id, body FROM notes;
         CREATE VIEW counts AS SELECT count(*) AS id FROM notes;
         GRANT SELECT ON bodies, counts TO {app};",
    ));
    let report = attack(&lab);
    let objects: BTreeSet<&str> = report
        .findings
        .iter()
        .map(|finding| finding.object.as_str())
        .collect();
    assert!(objects.contains("public.bodies"), "{objects:?}");
    lab.run("ALTER VIEW bodies SET (security_invoker = true); ALTER VIEW counts SET (security_invoker = true);");
    assert!(attack(&lab).findings.is_empty());
}

#[test]
fn a_materialized_view_has_no_policies() {
    let lab = Lab::new(&schema(
        "CREATE MATERIALIZED VIEW summary AS SELECT organization_id, count(*) FROM notes GROUP BY 1;
         GRANT SELECT ON summary TO {app};",
    ));
    assert_eq!(only(&attack(&lab)).object, "public.summary");
    lab.run("REVOKE SELECT ON summary FROM {app};");
    assert!(attack(&lab).findings.is_empty());
}

#[test]
fn a_partition_is_read_past_its_parent() {
    let lab = Lab::new(&schema(&format!(
        "CREATE TABLE events (organization_id uuid NOT NULL REFERENCES organizations, at date NOT NULL)
             PARTITION BY RANGE (at);
         CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         INSERT INTO events VALUES ('{A}', '2026-05-05'), ('{B}', '2026-05-05');
         ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON events USING (organization_id = {TENANT});
         GRANT SELECT ON events, events_2026 TO {{app}};"
    )));
    assert_eq!(only(&attack(&lab)).object, "public.events_2026");
    lab.run("REVOKE SELECT ON events_2026 FROM {app};");
    assert!(attack(&lab).findings.is_empty());
}

#[test]
fn a_definer_function_returns_every_row() {
    let lab = Lab::new(&schema(
        "CREATE FUNCTION all_notes() RETURNS SETOF notes LANGUAGE sql STABLE SECURITY DEFINER
             AS 'SELECT * FROM public.notes';
         CREATE FUNCTION bodies() RETURNS TABLE (id bigint, said text) LANGUAGE plpgsql SECURITY DEFINER
             AS 'BEGIN RETURN QUERY SELECT n.id, n.body FROM public.notes n; END';
         CREATE FUNCTION document() RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
             AS 'SELECT jsonb_agg(to_jsonb(n)) FROM public.notes n';",
    ));
    let report = attack(&lab);
    let objects: Vec<&str> = report
        .findings
        .iter()
        .map(|one| one.object.as_str())
        .collect();
    assert_eq!(
        objects,
        ["public.all_notes()", "public.bodies()", "public.document()"]
    );
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.check == "probe-function")
    );
    lab.run(
        "ALTER FUNCTION all_notes() SECURITY INVOKER; ALTER FUNCTION bodies() SECURITY INVOKER;
         ALTER FUNCTION document() SECURITY INVOKER;",
    );
    assert!(attack(&lab).findings.is_empty());
}

#[test]
fn a_volatile_function_that_reaches_outside_is_not_called() {
    let lab = Lab::new(&schema(
        "CREATE SEQUENCE calls; GRANT USAGE ON SEQUENCE calls TO {app};
         CREATE FUNCTION numbered() RETURNS SETOF bigint LANGUAGE sql
             AS 'SELECT nextval(''public.calls'')';",
    ));
    let report = attack(&lab);
    let told = report
        .skipped
        .iter()
        .find(|one| one.check == "probe-function")
        .expect("it is told");
    assert_eq!(told.object.as_deref(), Some("public.numbered()"));
    assert!(told.reason.contains("nextval"), "{}", told.reason);
}

#[test]
fn rights_of_everybody_are_the_applications_too() {
    let lab = Lab::new(&schema(&format!(
        "CREATE TABLE drafts (organization_id uuid NOT NULL REFERENCES organizations, id int PRIMARY KEY);
         INSERT INTO drafts VALUES ('{A}', 1), ('{B}', 2); GRANT SELECT ON drafts TO PUBLIC;"
    )));
    assert_eq!(only(&attack(&lab)).object, "public.drafts");
}

#[test]
fn a_child_is_read_past_its_parent() {
    let lab = Lab::new(&schema(
        "CREATE TABLE lines (note_id bigint NOT NULL REFERENCES notes, number int, PRIMARY KEY (note_id, number));
         INSERT INTO lines VALUES (1, 1), (2, 1); GRANT SELECT ON lines TO {app};",
    ));
    assert_eq!(only(&attack(&lab)).object, "public.lines");
    lab.run(
        "ALTER TABLE lines ENABLE ROW LEVEL SECURITY;
         CREATE POLICY parent ON lines USING (EXISTS (SELECT FROM notes n WHERE n.id = note_id));",
    );
    let report = attack(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let own = verdict(&report, "public.lines", Operation::Own, ContextKind::A);
    assert_eq!(own, Verdict::Allowed);
}

/// A role that may read neither the key nor the tenant has to be asked for what it may read.
#[test]
fn rights_on_single_columns_are_enough_to_read() {
    let lab = Lab::new(&schema(
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
         REVOKE SELECT ON notes FROM {app}; GRANT SELECT (id, body) ON notes TO {app};",
    ));
    let report = attack(&lab);
    let row = &only(&report).evidence.rows[0];
    assert_eq!(row, &serde_json::json!({"id": 2, "body": "…"}));
}

#[test]
fn names_that_need_quoting() {
    let lab = Lab::new(&schema(&format!(
        "RESET ROLE; CREATE SCHEMA \"My $tenantctl$ 'Schema'\"; GRANT USAGE ON SCHEMA \"My $tenantctl$ 'Schema'\" TO {{app}};
         CREATE TABLE \"My $tenantctl$ 'Schema'\".\"a \"\"b\\\" (
             organization_id uuid NOT NULL REFERENCES organizations, \"the 'id'\" int PRIMARY KEY, body text);
         INSERT INTO \"My $tenantctl$ 'Schema'\".\"a \"\"b\\\" VALUES ('{A}', 1, 'x'), ('{B}', 2, 'y');
         GRANT SELECT ON \"My $tenantctl$ 'Schema'\".\"a \"\"b\\\" TO {{app}};"
    )));
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(finding.object, "My $tenantctl$ 'Schema'.a \"b\\");
    assert!(pasted(&lab, finding) > 0);
}

/// A history of changes has no tenant key, and the rows of every tenant.
#[test]
fn documents_that_are_copies_of_rows() {
    let lab = Lab::new(&schema(
        "CREATE TABLE history (id bigint PRIMARY KEY, at timestamptz, old_row jsonb);
         INSERT INTO history SELECT n.id, now(), to_jsonb(n) FROM notes n;
         CREATE TABLE switches (name text PRIMARY KEY, rules jsonb);
         INSERT INTO switches SELECT 'new', jsonb_agg(jsonb_build_object('organization_id', id))
             FROM organizations;
         GRANT SELECT ON history, switches TO {app};",
    ));
    // What only mentions a tenant is no row of its.
    let report = attack(&lab);
    let finding = only(&report);
    assert_eq!(finding.object, "public.history");
    assert!(pasted(&lab, finding) > 0);
    let told = lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned()];
        options.overrides.reference_tables = vec!["history".to_owned()];
    });
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
    lab.run(
        "ALTER TABLE history ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON history USING (old_row->>'organization_id'
             = nullif(current_setting('app.tenant', true), ''));",
    );
    assert!(attack(&lab).findings.is_empty());
}

/// A user of two tenants reads both, and should.
#[test]
fn a_member_of_both_is_no_attacker() {
    let lab = Lab::new(&schema(&format!(
        "CREATE TABLE users (id uuid PRIMARY KEY);
         CREATE TABLE members (organization_id uuid REFERENCES organizations, user_id uuid REFERENCES users,
                               PRIMARY KEY (organization_id, user_id));
         INSERT INTO users SELECT ('0000000' || n || '-0000-0000-0000-000000000000')::uuid
             FROM generate_series(1, 3) n;
         INSERT INTO members SELECT '{A}', id FROM users WHERE id::text < '00000003';
         INSERT INTO members SELECT '{B}', id FROM users WHERE id::text > '00000002';
         ALTER TABLE members ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON members USING (user_id = nullif(current_setting('app.user', true), '')::uuid);
         DROP POLICY tenant ON organizations; DROP POLICY tenant ON notes;
         CREATE POLICY member ON organizations USING (id IN (SELECT organization_id FROM members));
         CREATE POLICY member ON notes USING (organization_id IN (
             SELECT m.organization_id FROM members m
              WHERE m.user_id = nullif(current_setting('app.user', true), '')::uuid));
         GRANT SELECT ON members TO {{app}};"
    )));
    let report = attack(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert_eq!(
        verdict(&report, "public.notes", Operation::Own, ContextKind::A),
        Verdict::Allowed
    );
    assert_eq!(
        verdict(&report, "public.notes", Operation::Own, ContextKind::B),
        Verdict::Allowed
    );
}

#[test]
fn an_auditor_who_may_not_become_the_role_skips_it() {
    let lab = Lab::new(&schema("GRANT SELECT ON organizations, notes TO {other};"));
    let report = lab.audit_as("{other}", |options| {
        options.overrides.roles = vec![lab.named("{app}")];
        options.selection.only = vec!["probe".to_owned()];
    });
    assert!(
        report.matrix.is_empty() && report.findings.is_empty(),
        "{report:#?}"
    );
    let told = &report.skipped[0];
    assert_eq!(told.object, Some(lab.named("{app}")));
    assert!(told.reason.contains("may not become"), "{}", told.reason);
}

/// The application's own role sees no other tenant, and can tell all the same.
#[test]
fn an_auditor_without_sight() {
    let lab = Lab::new(&schema(""));
    let audit = || {
        lab.audit_as("{app}", |options| {
            options.overrides.tenants = vec![A.to_owned(), B.to_owned()];
            options.selection.only = vec!["probe".to_owned()];
        })
    };
    let report = audit();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let blocked = verdict(&report, "public.notes", Operation::Select, ContextKind::A);
    assert!(matches!(blocked, Verdict::Blocked(_)), "{blocked:?}");
    lab.run("CREATE POLICY everyone ON notes USING (true);");
    assert_eq!(only(&audit()).object, "public.notes");
}

#[test]
fn a_table_that_somebody_locks_is_skipped() {
    let lab = Lab::new(&schema(
        "CREATE TABLE other (organization_id uuid); GRANT SELECT ON other TO {app};",
    ));
    let report = block_on(|| async {
        let mut holder = PgConnection::connect(&lab.db.url).await.unwrap();
        holder
            .execute("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        attack(&lab)
    });
    let told: Vec<_> = report
        .skipped
        .iter()
        .filter(|one| one.object.as_deref() == Some("public.notes"))
        .collect();
    assert!(!told.is_empty(), "{:#?}", report.skipped);
    assert!(told[0].reason.contains("lock"), "{}", told[0].reason);
    let cell = verdict(&report, "public.notes", Operation::Select, ContextKind::A);
    assert!(matches!(cell, Verdict::Skipped(_)), "{cell:?}");
}

#[test]
fn the_attack_can_be_left_out() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let report = lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned(), "role-superuser".to_owned()];
        options.probe.mode = ProbeMode::Off;
    });
    assert!(report.matrix.is_empty() && report.findings.is_empty());
    // With nothing left to look for, no finding is no pass.
    let nothing = lab.try_audit(None, |options| {
        options.selection.only = vec!["probe".to_owned()];
        options.probe.mode = ProbeMode::Off;
    });
    let error = nothing.expect_err("nothing is left to run");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

/// With a tenant that is not there, every door would look shut.
#[test]
fn tenants_that_are_told_must_be_there() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let told = |tenants: &[&str]| {
        lab.try_audit(None, |options| {
            options.selection.only = vec!["probe".to_owned()];
            options.overrides.tenants = tenants.iter().map(|one| (*one).to_owned()).collect();
        })
    };
    let nobody = "99999999-9999-9999-9999-999999999999";
    let error = told(&[A, nobody]).expect_err("there is no such tenant");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        format!("tenant {nobody} not found in public.organizations")
    );
    let error = told(&["acme", B]).expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(
        error.to_string().contains("acme is not a valid tenant key"),
        "{error}"
    );
    let report = told(&[B, A]).expect("an audit");
    assert_eq!(only(&report).object, "public.notes");
}

#[test]
fn a_session_that_the_server_refuses() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let told = |template: &str| {
        lab.try_audit(None, |options| {
            options.selection.only = vec!["probe".to_owned()];
            options.overrides.session = Some(template.to_owned());
        })
    };
    for (template, message) in [
        ("SET LOCAL app.tenant TO TO {tenant}", "syntax error"),
        (
            "SET LOCAL tenant = {tenant}",
            "unrecognized configuration parameter",
        ),
    ] {
        let error = told(template).expect_err(template);
        assert_eq!(error.kind(), ErrorKind::BadInput);
        let text = error.to_string();
        assert!(
            text.contains(message) && text.contains("SET LOCAL"),
            "{text}"
        );
    }
    told("SET LOCAL app.tenant = {tenant}").expect("an audit");
}
