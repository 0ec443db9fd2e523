//! The attack at its limits: sessions that were used before, slow reads, missing rights, large
//! rows, foreign servers, and what a dump shows of it afterwards.

use std::{path::Path, process::Command, time::Duration};

use tenantctl::audit::{
    Options,
    checks::probe::ProbeMode,
    report::{Confidence, ContextKind, Finding, Operation, Report, Severity, Verdict},
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
                             id bigserial PRIMARY KEY, body text);
         INSERT INTO notes (organization_id, body) VALUES ('{A}', 'of a'), ('{B}', 'of b');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations USING (id = {TENANT});
         CREATE POLICY tenant ON notes USING (organization_id = {TENANT});
         GRANT SELECT ON organizations TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}};"
    );
    base + more
}

fn attack(lab: &Lab, change: impl FnOnce(&mut Options)) -> Report {
    lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned()];
        change(options);
    })
}

fn in_full(options: &mut Options) {
    options.probe.mode = ProbeMode::Full;
}

#[track_caller]
fn verdict(report: &Report, object: &str, operation: Operation, context: ContextKind) -> Verdict {
    let found = report.matrix.iter().find(|cell| {
        cell.object == object && cell.operation == operation && cell.context == context
    });
    let cell = found.unwrap_or_else(|| panic!("{object} was not tried: {:#?}", report.matrix));
    cell.verdict.clone()
}

fn on<'r>(report: &'r Report, object: &str) -> Vec<&'r Finding> {
    let findings = report.findings.iter();
    findings.filter(|one| one.object == object).collect()
}

/// Once a session has set it, a setting is never NULL again, also after a rollback.
#[test]
fn nothing_was_ever_set_where_no_tenant_is_named() {
    let lab = Lab::new(&schema(
        "DROP POLICY tenant ON notes;
         CREATE POLICY tenant ON notes USING (
             organization_id = current_setting('app.tenant', true)::uuid
             OR current_setting('app.tenant', true) IS NULL);
         GRANT SELECT, UPDATE ON notes TO {other};",
    ));
    let check = |change: fn(&mut Options), operations: &[Operation]| {
        let report = attack(&lab, |options| {
            options.jobs = 1;
            change(options);
        });
        for cell in &report.matrix {
            let (context, operation) = (cell.context, cell.operation);
            if cell.object != "public.notes" || !operations.contains(&operation) {
                continue;
            }
            match context {
                ContextKind::None => {
                    assert!(matches!(cell.verdict, Verdict::Leak(_)), "{cell:#?}");
                }
                _ => assert!(matches!(cell.verdict, Verdict::Blocked(_)), "{cell:#?}"),
            }
        }
        let leaks = report.matrix.iter().filter(|cell| {
            matches!(cell.verdict, Verdict::Leak(_)) && operations.contains(&cell.operation)
        });
        leaks.count()
    };
    assert_eq!(check(|_| {}, &[Operation::Select]), 2, "one for each role");
    let changes = [Operation::Select, Operation::Update];
    assert_eq!(check(in_full, &changes), 4, "two for each role");
    lab.run("DELETE FROM notes");
    assert_eq!(check(in_full, &changes), 4, "on rows that were made up");
}

/// What one role sets when it logs in is not set for another.
#[test]
fn what_a_role_sets_by_itself_stays_with_it() {
    let lab = Lab::new(&schema(
        "DROP POLICY tenant ON notes;
         CREATE POLICY tenant ON notes USING (
             organization_id = nullif(current_setting('app.tenant', true), '')::uuid
             OR current_setting('app.tenant', true) IS NULL);
         GRANT SELECT ON notes TO {other};
         RESET ROLE;
         ALTER ROLE {app} SET app.tenant = ''; ALTER ROLE {other} SET app.theme = 'dark';",
    ));
    let report = attack(&lab, |options| options.jobs = 1);
    let roles: Vec<&str> = report
        .matrix
        .iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Leak(_)))
        .map(|cell| cell.role.as_str())
        .collect();
    assert_eq!(roles, [lab.named("{other}")]);
}

/// Both tenants have a row of that name, and each refers to its own.
#[test]
fn a_reference_that_carries_the_key_reaches_ones_own_row() {
    let pages = |key: &str| {
        Lab::new(&schema(&format!(
            "CREATE TABLE pages (organization_id uuid NOT NULL REFERENCES organizations,
                                 slug text NOT NULL, serial int UNIQUE, PRIMARY KEY (organization_id, slug));
             CREATE TABLE links (organization_id uuid NOT NULL REFERENCES organizations,
                                 slug text, serial int, {key});
             INSERT INTO pages VALUES ('{A}', 'about', 1), ('{B}', 'about', 2);
             INSERT INTO links VALUES ('{A}', 'about', 1), ('{B}', 'about', 2);
             ALTER TABLE pages ENABLE ROW LEVEL SECURITY; ALTER TABLE links ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON pages USING (organization_id = {TENANT});
             CREATE POLICY tenant ON links USING (organization_id = {TENANT});
             GRANT SELECT, INSERT ON pages, links TO {{app}};"
        )))
    };
    let safe = pages("FOREIGN KEY (organization_id, slug) REFERENCES pages");
    assert!(attack(&safe, in_full).findings.is_empty());
    let hole = pages("FOREIGN KEY (serial) REFERENCES pages (serial)");
    let report = attack(&hole, in_full);
    assert_eq!(
        on(&report, "public.links").len(),
        1,
        "{:#?}",
        report.findings
    );
}

/// What takes too long is told; everything else is judged.
#[test]
fn a_slow_view_is_skipped_and_no_other() {
    let lab = Lab::new(&schema(
        "CREATE VIEW stuck WITH (security_invoker = true) AS
             SELECT n.* FROM notes n, LATERAL (SELECT pg_sleep(60)) s;
         GRANT SELECT ON stuck TO {app};",
    ));
    let report = attack(&lab, |options| {
        options.limits.statement = Duration::from_secs(1);
        options.jobs = 5;
    });
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let stuck = verdict(&report, "public.stuck", Operation::Select, ContextKind::A);
    assert!(matches!(stuck, Verdict::Skipped(_)), "{stuck:?}");
    let mut told = report.skipped.iter();
    let told = told.find(|one| one.object.as_deref() == Some("public.stuck"));
    let reason = &told.expect("it is told").reason;
    assert!(reason.contains("timeout"), "{reason}");
    for operation in [Operation::Own, Operation::Select] {
        let notes = verdict(&report, "public.notes", operation, ContextKind::A);
        let judged = matches!(notes, Verdict::Allowed | Verdict::Blocked(_));
        assert!(judged, "{operation}: {notes:?}");
    }
}

/// Where everybody else's rows take too long, those of one tenant may not.
#[test]
fn a_slow_read_is_tried_again_with_the_key_of_the_other() {
    let lab = Lab::new(&schema(&format!(
        "CREATE VIEW safe WITH (security_invoker = true) AS
             SELECT '{A}'::uuid AS organization_id, 0::bigint AS id, '' AS body WHERE false
             UNION ALL SELECT organization_id, id, body FROM notes
             UNION ALL SELECT '33333333-3333-3333-3333-333333333333', 0, pg_sleep(60)::text;
         CREATE VIEW leaky AS
             SELECT '33333333-3333-3333-3333-333333333333'::uuid AS organization_id,
                    0::bigint AS id, pg_sleep(60)::text AS body
             UNION ALL SELECT organization_id, id, body FROM notes;
         GRANT SELECT ON safe, leaky TO {{app}};"
    )));
    let report = attack(&lab, |options| {
        options.limits.statement = Duration::from_secs(1);
        options.jobs = 5;
    });
    let safe = verdict(&report, "public.safe", Operation::Select, ContextKind::A);
    assert!(matches!(safe, Verdict::Blocked(_)), "{safe:?}");
    let leaky = verdict(&report, "public.leaky", Operation::Select, ContextKind::A);
    assert!(
        matches!(&leaky, Verdict::Leak(sql) if sql.contains(&format!("OPERATOR(pg_catalog.=) '{B}'"))),
        "{leaky:?}"
    );
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
}

#[test]
fn a_role_that_may_not_use_plpgsql() {
    let lab = Lab::new(&schema(
        "RESET ROLE; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
         CREATE TABLE drafts (organization_id uuid NOT NULL REFERENCES organizations, id int PRIMARY KEY);
         INSERT INTO drafts VALUES ('11111111-1111-1111-1111-111111111111', 1),
                                   ('22222222-2222-2222-2222-222222222222', 2);
         GRANT SELECT, UPDATE, DELETE ON drafts TO {app};",
    ));
    let report = attack(&lab, in_full);
    let mut checks: Vec<&str> = on(&report, "public.drafts")
        .iter()
        .map(|one| one.check.as_str())
        .collect();
    checks.sort_unstable();
    let expected = ["probe-delete", "probe-move", "probe-read", "probe-update"];
    assert_eq!(checks, expected);
    assert_eq!(report.findings.len(), expected.len());
    let insert = verdict(&report, "public.notes", Operation::Insert, ContextKind::A);
    assert!(matches!(insert, Verdict::Blocked(_)), "{insert:?}");
}

/// `ASSERT` raises what `OTHERS` does not catch (PostgreSQL manual, 43.9.2).
#[test]
fn a_function_that_asserts_hides_nothing() {
    let lab = Lab::new(&schema(
        "CREATE FUNCTION asserts() RETURNS SETOF notes LANGUAGE plpgsql STABLE
             AS 'BEGIN ASSERT false; END';
         ALTER TABLE notes DISABLE ROW LEVEL SECURITY;",
    ));
    let report = attack(&lab, |_| {});
    assert_eq!(on(&report, "public.notes").len(), 1);
    let asserts = verdict(
        &report,
        "public.asserts()",
        Operation::Select,
        ContextKind::A,
    );
    assert!(matches!(asserts, Verdict::Skipped(_)), "{asserts:?}");
}

#[test]
fn a_foreign_table_has_no_policies() {
    let lab = Lab::new(&schema(""));
    let available: bool = block_on(|| {
        lab.db.scalar(
            "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw')",
        )
    });
    if !available {
        return;
    }
    lab.run(
        "CREATE EXTENSION postgres_fdw;
         DO $$ BEGIN
             EXECUTE format('CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
                             OPTIONS (host %L, port %L, dbname %L)',
                            split_part(current_setting('unix_socket_directories'), ',', 1),
                            current_setting('port'), current_database());
             EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER loopback
                             OPTIONS (user %L, password_required ''false'')', current_user);
         END $$;
         CREATE FOREIGN TABLE remote_notes (organization_id uuid NOT NULL, id bigint, body text)
             SERVER loopback OPTIONS (table_name 'notes');
         GRANT SELECT ON remote_notes TO {app};",
    );
    let report = attack(&lab, |_| {});
    let checks: Vec<&str> = report
        .findings
        .iter()
        .map(|one| one.check.as_str())
        .collect();
    assert_eq!(checks, ["probe-read"], "{:#?}", report.skipped);
    assert_eq!(report.findings[0].object, "public.remote_notes");
    lab.run("REVOKE SELECT ON remote_notes FROM {app};");
    assert!(attack(&lab, |_| {}).findings.is_empty());
}

/// Rows that were made up are in the attack's transaction alone, and functions read them there.
#[test]
fn a_function_hands_out_rows_that_were_made_up() {
    let lab = Lab::new(&schema(
        "DELETE FROM notes; DELETE FROM organizations;
         RESET ROLE; -- an auditor could not make up rows
         CREATE FUNCTION all_notes() RETURNS SETOF notes LANGUAGE sql STABLE SECURITY DEFINER
             AS 'SELECT * FROM public.notes';
         CREATE FUNCTION writes() RETURNS SETOF notes LANGUAGE sql SECURITY DEFINER
             AS 'DELETE FROM public.notes RETURNING *';",
    ));
    let report = attack(&lab, in_full);
    let objects: Vec<&str> = report.findings.iter().map(|one| &*one.object).collect();
    assert_eq!(objects, ["public.all_notes()"], "{:#?}", report.skipped);
    let writes = verdict(
        &report,
        "public.writes()",
        Operation::Select,
        ContextKind::A,
    );
    assert!(
        matches!(&writes, Verdict::Skipped(reason) if reason.contains("read-only")),
        "{writes:?}"
    );
    // Without rows nothing can come back, and that is no pass.
    lab.run(&format!(
        "INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B')"
    ));
    let reading = attack(&lab, |options| {
        options.overrides.tenants = vec![A.to_owned(), B.to_owned()];
    });
    let nothing = verdict(
        &reading,
        "public.all_notes()",
        Operation::Select,
        ContextKind::A,
    );
    assert!(matches!(nothing, Verdict::NotApplicable(_)), "{nothing:?}");
}

/// Nobody wants 100 MB of proof.
#[test]
fn a_large_row_is_cut_by_the_server() {
    let lab = Lab::new(&schema(
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY; ALTER TABLE notes ADD data jsonb;
         UPDATE notes SET body = repeat('x', 20000000),
                          data = jsonb_build_object('a', repeat('y', 2000000));
         CREATE FUNCTION all_notes() RETURNS SETOF notes LANGUAGE sql STABLE SECURITY DEFINER
             AS 'SELECT * FROM public.notes';",
    ));
    let report = attack(&lab, |options| {
        in_full(options);
        options.probe.show_values = true;
    });
    let found = on(&report, "public.notes");
    assert_eq!(found.len(), 5, "{:#?}", report.skipped);
    let rows = report.findings.iter().flat_map(|one| &one.evidence.rows);
    for row in rows {
        assert_eq!(row["organization_id"], B);
        assert!(row.to_string().len() < 10_000, "{}", row.to_string().len());
    }
    assert_eq!(on(&report, "public.all_notes()").len(), 1);
}

/// What stands in a row or in the search path never becomes part of a statement.
#[test]
fn hostile_values_and_operators() {
    let hostile = r"'); ROLLBACK; DROP TABLE notes; -- \' $$ $tenantctl$ ]}";
    let lab = Lab::new(&schema(&format!(
        "RESET ROLE; CREATE SCHEMA hostile; GRANT USAGE ON SCHEMA hostile TO {{app}};
         CREATE FUNCTION hostile.raises(bigint, integer) RETURNS boolean LANGUAGE plpgsql
             AS $f$ BEGIN RAISE 'reached' USING ERRCODE = 'TA000'; END $f$;
         CREATE FUNCTION hostile.raises(text, text) RETURNS boolean LANGUAGE plpgsql
             AS $f$ BEGIN RAISE 'reached' USING ERRCODE = 'TA000'; END $f$;
         CREATE FUNCTION hostile.drops(json[], json) RETURNS json[] LANGUAGE sql AS 'SELECT $1';
         CREATE OPERATOR hostile.> (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = hostile.raises);
         CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.raises);
         CREATE OPERATOR hostile.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.raises);
         CREATE OPERATOR hostile.|| (LEFTARG = json[], RIGHTARG = json, FUNCTION = hostile.drops);
         ALTER ROLE {{app}} SET search_path = hostile, pg_catalog, public;
         CREATE TABLE drafts (organization_id uuid NOT NULL REFERENCES organizations,
                              id text PRIMARY KEY, body text);
         INSERT INTO drafts VALUES ('{A}', $v${hostile}$v$, $v${hostile}$v$),
                                   ('{B}', $v${hostile}2$v$, $v${hostile}$v$);
         GRANT SELECT, INSERT, UPDATE, DELETE ON drafts TO {{app}};"
    )));
    let report = attack(&lab, |options| {
        in_full(options);
        options.probe.show_values = true;
    });
    let mut checks: Vec<&str> = on(&report, "public.drafts")
        .iter()
        .map(|one| one.check.as_str())
        .collect();
    checks.sort_unstable();
    let expected = [
        "probe-delete",
        "probe-insert",
        "probe-move",
        "probe-read",
        "probe-update",
    ];
    assert_eq!(checks, expected, "{:#?}", report.skipped);
    assert_eq!(report.findings.len(), expected.len());
    let mut findings = report.findings.iter();
    let read = findings.find(|one| one.check == "probe-read");
    let row = &read.expect("rows are read").evidence.rows[0];
    assert_eq!(row["body"], hostile);
}

/// What `pg_dump` of the server's own version writes: rows, definitions, and where sequences are.
pub fn dump(lab: &Lab) -> String {
    // Where the server itself is: what stands in PATH may be a link to it alone.
    let bindir: String = block_on(|| {
        lab.db
            .scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    });
    let program = Path::new(&bindir).join("pg_dump");
    let output = Command::new(&program).arg(&lab.db.url).output();
    let output = output.unwrap_or_else(|error| panic!("{error}: {program:?}"));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    // Newer versions guard the dump with a random word.
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dump_shows_no_difference() {
    let lab = Lab::new(&schema(&format!(
        "CREATE TABLE visits (organization_id uuid NOT NULL REFERENCES organizations,
                              id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
                              number serial, note_id bigint REFERENCES notes, changes int DEFAULT 0);
         CREATE TABLE empty (organization_id uuid NOT NULL REFERENCES organizations,
                             id bigserial PRIMARY KEY, visit_id bigint NOT NULL REFERENCES visits);
         CREATE TABLE history (organization_id uuid, what text, at timestamptz DEFAULT now());
         CREATE SEQUENCE numbers; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {{app}};
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             INSERT INTO public.history VALUES (coalesce(NEW.organization_id, OLD.organization_id), TG_OP);
             RETURN coalesce(NEW, OLD); END $$;
         CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON visits
             FOR EACH ROW EXECUTE FUNCTION note();
         CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.changes := nextval('public.numbers'); RETURN NEW; END $$;
         CREATE TRIGGER number BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION number();
         INSERT INTO visits (organization_id, note_id) VALUES ('{A}', 1), ('{B}', 2);
         GRANT SELECT, INSERT, UPDATE, DELETE ON visits, empty, history TO {{app}};"
    )));
    let before = dump(&lab);
    assert!(
        before.contains("setval('public.notes_id_seq', 2"),
        "{before}"
    );
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        let report = attack(&lab, |options| options.probe.mode = mode);
        assert!(report.summary.leaks > 0, "{:#?}", report.skipped);
        assert!(dump(&lab) == before, "{mode:?} changed something");
    }
}

/// Visitors see what is meant for everybody. That is a decision, which the audit cannot know.
#[test]
fn what_visitors_are_shown_on_purpose() {
    let lab = Lab::new(&schema(
        "RESET ROLE;
         DO $$ BEGIN
             CREATE ROLE anon;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
         END $$;
         ALTER TABLE notes ADD published boolean NOT NULL DEFAULT true;
         INSERT INTO notes (organization_id, published)
             SELECT id, false FROM organizations;
         GRANT USAGE ON SCHEMA public TO anon; GRANT SELECT ON notes TO anon;
         CREATE POLICY published ON notes FOR SELECT TO anon USING (published);",
    ));
    let found = || {
        let report = attack(&lab, |_| {});
        let seen: Vec<_> = report
            .findings
            .iter()
            .map(|one| (one.check.clone(), one.severity, one.confidence))
            .collect();
        seen
    };
    let read = |severity, confidence| vec![("probe-read".to_owned(), severity, confidence)];
    assert_eq!(found(), read(Severity::High, Confidence::Medium));
    // Another policy shows the rest, too.
    lab.run("CREATE POLICY all_of_it ON notes FOR SELECT TO anon USING (true)");
    assert_eq!(found(), read(Severity::Critical, Confidence::Proven));
    // For everybody who has logged in, it is a hole.
    lab.run(
        "DROP POLICY all_of_it ON notes; DROP POLICY published ON notes;
         CREATE POLICY published ON notes FOR SELECT TO {app} USING (published)",
    );
    assert_eq!(found(), read(Severity::Critical, Confidence::Proven));
}
