//! The attack that writes: every exploit is really run, and nothing stays of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sqlx::{Connection, Executor, PgConnection};
use tenantctl::audit::{
    checks::probe::ProbeMode,
    report::{Confidence, ContextKind, Finding, Operation, Report, Severity, Verdict},
};

use super::lab::Lab;
use crate::common::{TestDb, block_on};

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

fn attack(lab: &Lab) -> Report {
    lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned()];
        options.probe.mode = ProbeMode::Full;
    })
}

fn checks(report: &Report) -> Vec<(&str, &str)> {
    let mut checks: Vec<(&str, &str)> = report
        .findings
        .iter()
        .map(|one| (one.check.as_str(), one.object.as_str()))
        .collect();
    checks.sort_unstable();
    checks
}

#[track_caller]
fn finding<'r>(report: &'r Report, check: &str) -> &'r Finding {
    let found = report.findings.iter().find(|one| one.check == check);
    found.unwrap_or_else(|| panic!("{check} was expected: {:#?}", report.findings))
}

#[track_caller]
fn verdict(report: &Report, object: &str, operation: Operation) -> Verdict {
    let found = report.matrix.iter().find(|cell| {
        cell.object == object && cell.operation == operation && cell.context == ContextKind::A
    });
    found
        .unwrap_or_else(|| panic!("{object} was not tried: {:#?}", report.matrix))
        .verdict
        .clone()
}

/// Everything that is stored, sequences too.
fn dump(lab: &Lab) -> BTreeMap<String, String> {
    let sql = "SELECT jsonb_object_agg(c.oid::regclass::text,
                   query_to_xml(format('SELECT * FROM %s', c.oid::regclass), true, true, '')::text)
                 FROM pg_class c WHERE c.relkind IN ('r', 'S') AND c.relnamespace = 'public'::regnamespace";
    let value: serde_json::Value = block_on(|| lab.db.scalar(sql));
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_protected_table_takes_no_change() {
    let lab = Lab::new(&schema(""));
    let report = attack(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    for operation in [
        Operation::Insert,
        Operation::Update,
        Operation::Delete,
        Operation::Move,
    ] {
        let verdict = verdict(&report, "public.notes", operation);
        assert!(
            matches!(verdict, Verdict::Blocked(_)),
            "{operation}: {verdict:?}"
        );
    }
}

#[test]
fn an_unprotected_table_takes_every_change() {
    let lab = Lab::new(&schema("ALTER TABLE notes DISABLE ROW LEVEL SECURITY;"));
    let before = dump(&lab);
    let report = attack(&lab);
    let expected = [
        "probe-delete",
        "probe-insert",
        "probe-move",
        "probe-read",
        "probe-update",
    ];
    assert_eq!(
        checks(&report),
        expected.map(|check| (check, "public.notes"))
    );
    for finding in &report.findings {
        assert_eq!(
            (finding.severity, finding.confidence),
            (Severity::Critical, Confidence::Proven)
        );
        let statements = &finding.evidence.statements;
        assert_eq!(
            (
                statements[0].as_str(),
                statements[statements.len() - 1].as_str()
            ),
            ("BEGIN", "ROLLBACK")
        );
    }
    assert_eq!(dump(&lab), before);
}

#[test]
fn a_write_side_weaker_than_the_read_side() {
    let lab = Lab::new(&schema("ALTER POLICY tenant ON notes WITH CHECK (true);"));
    let report = attack(&lab);
    assert!(
        checks(&report).contains(&("probe-insert", "public.notes")),
        "{:?}",
        checks(&report)
    );
    assert!(
        finding(&report, "probe-insert")
            .fix
            .summary
            .contains("WITH CHECK")
    );
    lab.run(&format!(
        "ALTER POLICY tenant ON notes WITH CHECK (organization_id = {TENANT});"
    ));
    assert!(attack(&lab).findings.is_empty());
}

/// Policies for SELECT guard what a condition can name; a statement without one goes past them.
#[test]
fn changes_without_a_condition_reach_what_cannot_be_read() {
    let lab = Lab::new(&schema(&format!(
        "DROP POLICY tenant ON notes;
         CREATE POLICY readers ON notes FOR SELECT USING (organization_id = {TENANT});
         CREATE POLICY writers ON notes FOR UPDATE USING (true);
         CREATE POLICY cleaners ON notes FOR DELETE USING (true);"
    )));
    let report = attack(&lab);
    let expected = ["probe-delete", "probe-move", "probe-update"];
    assert_eq!(
        checks(&report),
        expected.map(|check| (check, "public.notes"))
    );
}

/// Row-level security had let it pass; the next row may not meet the constraint.
#[test]
fn a_constraint_is_no_defence() {
    let lab = Lab::new(&schema(
        "ALTER POLICY tenant ON notes WITH CHECK (true);
         ALTER TABLE notes ADD CHECK (id < 1000);",
    ));
    let report = attack(&lab);
    let finding = finding(&report, "probe-insert");
    assert_eq!(finding.confidence, Confidence::High);
    assert!(
        finding.message.contains("notes_id_check"),
        "{}",
        finding.message
    );
}

#[test]
fn a_trigger_that_puts_the_row_where_it_belongs() {
    let lab = Lab::new(&schema(&format!(
        "ALTER POLICY tenant ON notes WITH CHECK (true);
         RESET ROLE; -- an auditor could not see where the row went
         CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN NEW.organization_id := {TENANT}; RETURN NEW; END $$;
         CREATE TRIGGER own BEFORE INSERT OR UPDATE ON notes FOR EACH ROW
             WHEN (coalesce(current_setting('app.tenant', true), '') <> '') EXECUTE FUNCTION own();"
    )));
    let verdict = verdict(&attack(&lab), "public.notes", Operation::Insert);
    assert!(matches!(verdict, Verdict::Blocked(_)), "{verdict:?}");
}

#[test]
fn a_reference_to_another_tenants_row() {
    let visits = |key: &str| {
        format!(
            "ALTER TABLE notes ADD UNIQUE (organization_id, id);
             CREATE TABLE visits (organization_id uuid NOT NULL REFERENCES organizations,
                                  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note_id bigint NOT NULL, {key});
             INSERT INTO visits (organization_id, note_id) VALUES ('{A}', 1), ('{B}', 2);
             ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON visits USING (organization_id = {TENANT});
             GRANT SELECT, INSERT ON visits TO {{app}};"
        )
    };
    let lab = Lab::new(&schema(&visits(
        "FOREIGN KEY (note_id) REFERENCES notes (id)",
    )));
    let report = attack(&lab);
    assert_eq!(checks(&report), [("probe-reference", "public.visits")]);
    assert_eq!(finding(&report, "probe-reference").severity, Severity::High);
    let lab = Lab::new(&schema(&visits(
        "FOREIGN KEY (organization_id, note_id) REFERENCES notes (organization_id, id)",
    )));
    let report = attack(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let tried = verdict(&report, "public.visits", Operation::Reference);
    assert!(matches!(tried, Verdict::Blocked(_)), "{tried:?}");
}

/// A copy of such a row is refused for the sake of its original, or for pointing at two things: that
/// must not hide whether the other tenant's row can be referred to.
#[test]
fn a_reference_where_a_copy_would_be_refused_anyway() {
    let visits = |key: &str, more: &str| {
        format!(
            "ALTER TABLE notes ADD UNIQUE (organization_id, id);
             CREATE TABLE visits (organization_id uuid NOT NULL REFERENCES organizations,
                                  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note_id bigint,
                                  other_id bigint, {key}, {more});
             INSERT INTO visits (organization_id, note_id) VALUES ('{A}', 1), ('{B}', 2);
             ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON visits USING (organization_id = {TENANT});
             GRANT SELECT, INSERT, UPDATE ON visits TO {{app}};"
        )
    };
    let bare = "FOREIGN KEY (note_id) REFERENCES notes (id),
                FOREIGN KEY (other_id) REFERENCES notes (id)";
    let with_tenant = "FOREIGN KEY (organization_id, note_id) REFERENCES notes (organization_id, id),
                       FOREIGN KEY (organization_id, other_id) REFERENCES notes (organization_id, id)";
    for more in [
        "EXCLUDE (md5(organization_id::text) WITH =)",
        "CHECK (num_nonnulls(note_id, other_id) = 1)",
    ] {
        let report = attack(&Lab::new(&schema(&visits(bare, more))));
        assert_eq!(
            checks(&report),
            [("probe-reference", "public.visits")],
            "{more}"
        );
        let report = attack(&Lab::new(&schema(&visits(with_tenant, more))));
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
        let tried = verdict(&report, "public.visits", Operation::Reference);
        assert!(matches!(tried, Verdict::Blocked(_)), "{more}: {tried:?}");
    }
}

/// An empty database: tenants and rows are made up, attacked, and gone.
#[test]
fn rows_are_made_up_where_there_are_none() {
    let lab = Lab::new(&schema(
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
         CREATE TYPE mood AS ENUM ('good', 'bad');
         CREATE TABLE users (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, email text NOT NULL UNIQUE);
         CREATE TABLE visits (organization_id uuid NOT NULL REFERENCES organizations, note_id bigint NOT NULL REFERENCES notes,
                              by_user bigint NOT NULL REFERENCES users, id serial PRIMARY KEY, mood mood NOT NULL,
                              state text NOT NULL CHECK (state IN ('open', 'shut')), code varchar(3) NOT NULL,
                              tags text[] NOT NULL, at timestamptz NOT NULL, data jsonb NOT NULL, ok boolean NOT NULL);
         CREATE TABLE lines (visit_id int NOT NULL REFERENCES visits, id uuid PRIMARY KEY DEFAULT gen_random_uuid());
         GRANT SELECT, INSERT, UPDATE, DELETE ON visits, lines TO {app};
         DELETE FROM notes; DELETE FROM organizations;",
    ));
    let before = dump(&lab);
    let report = attack(&lab);
    let found = checks(&report);
    for object in ["public.notes", "public.visits", "public.lines"] {
        assert!(
            found.contains(&("probe-read", object)),
            "{found:?} {:#?}",
            report.skipped
        );
        assert!(found.contains(&("probe-delete", object)), "{found:?}");
    }
    assert!(
        !report
            .skipped
            .iter()
            .any(|one| one.reason.contains("could not invent")),
        "{:#?}",
        report.skipped
    );
    assert_eq!(dump(&lab), before);
}

#[test]
fn what_outlives_a_rollback_is_skipped_and_told() {
    let lab = Lab::new(&schema(
        "CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO {app};
         CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN PERFORM nextval('public.numbers'); RETURN NEW; END $$;
         CREATE TRIGGER number BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION number();",
    ));
    let before = dump(&lab);
    let report = attack(&lab);
    let insert = verdict(&report, "public.notes", Operation::Insert);
    assert!(matches!(insert, Verdict::Skipped(_)), "{insert:?}");
    let update = verdict(&report, "public.notes", Operation::Update);
    assert!(matches!(update, Verdict::Blocked(_)), "{update:?}");
    assert!(
        report.notes.iter().any(|note| note.contains("nextval")),
        "{:?}",
        report.notes
    );
    assert!(
        report.skipped.iter().any(|one| one.check == "probe-insert"),
        "{:#?}",
        report.skipped
    );
    assert_eq!(dump(&lab), before);
    let forced = lab.audit_with(|options| {
        options.probe.mode = ProbeMode::Full;
        options.probe.force = true;
    });
    let insert = verdict(&forced, "public.notes", Operation::Insert);
    assert!(matches!(insert, Verdict::Blocked(_)), "{insert:?}");
}

/// What the server evaluates for a change by itself draws from a sequence, too.
#[test]
fn what_a_change_evaluates_may_outlive_a_rollback() {
    let draws = "SET check_function_bodies = off; CREATE SEQUENCE numbers;
         GRANT USAGE ON SEQUENCE numbers TO {app};
         CREATE FUNCTION draws() RETURNS boolean LANGUAGE plpgsql
             AS 'BEGIN RETURN nextval(''public.numbers'') > 0; END';
         CREATE FUNCTION parsed() RETURNS boolean LANGUAGE sql RETURN draws();
         CREATE FUNCTION liar(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
             AS 'BEGIN PERFORM nextval(''public.numbers''); RETURN $1; END';
         CREATE FUNCTION differs(text, text) RETURNS boolean LANGUAGE sql
             RETURN draws() AND $1 IS DISTINCT FROM $2;
         CREATE OPERATOR <<>> (LEFTARG = text, RIGHTARG = text, FUNCTION = differs);
         INSERT INTO notes (organization_id, body) SELECT organization_id, 'more' FROM notes;";
    let all = [Operation::Insert, Operation::Update, Operation::Delete];
    for (what, lasting) in [
        (
            "CREATE POLICY drawn ON notes AS RESTRICTIVE FOR INSERT WITH CHECK (draws())",
            &all[..1],
        ),
        (
            "CREATE POLICY drawn ON notes AS RESTRICTIVE FOR SELECT USING (parsed())",
            &all[1..],
        ),
        (
            "CREATE POLICY drawn ON notes AS RESTRICTIVE USING (body <<>> 'x')",
            &all[..],
        ),
        (
            "CREATE POLICY drawn ON organizations AS RESTRICTIVE FOR SELECT USING (draws());
             CREATE POLICY looked_up ON notes AS RESTRICTIVE FOR DELETE
                 USING (EXISTS (SELECT FROM organizations o WHERE o.id = organization_id))",
            &all[2..],
        ),
        ("ALTER TABLE notes ADD CHECK (draws())", &all[..2]),
        (
            "ALTER TABLE notes ADD CHECK (nextval('numbers') > 0)",
            &all[..2],
        ),
        (
            "ALTER TABLE notes ADD shout text GENERATED ALWAYS AS (liar(body)) STORED",
            &all[..2],
        ),
        (
            "CREATE TABLE told (id serial, what text);
             CREATE RULE told AS ON DELETE TO notes DO ALSO INSERT INTO told (what) VALUES ('gone')",
            &all[2..],
        ),
    ] {
        let lab = Lab::new(&schema(&format!("{draws} {what};")));
        let before = dump(&lab);
        let report = attack(&lab);
        assert_eq!(dump(&lab), before, "{what}");
        for operation in all {
            let verdict = verdict(&report, "public.notes", operation);
            let skipped = matches!(&verdict, Verdict::Skipped(why) if why.contains("rollback"));
            assert_eq!(
                skipped,
                lasting.contains(&operation),
                "{what}: {operation}: {verdict:?}"
            );
        }
        assert!(
            report.notes.iter().any(|note| note.contains("rollback")),
            "{what}: {:?}",
            report.notes
        );
    }
    // What is there and draws nothing hinders nothing.
    let lab = Lab::new(&schema(&format!(
        "{draws} CREATE FUNCTION calm(text) RETURNS boolean LANGUAGE plpgsql
             AS 'BEGIN RETURN $1 IS NOT NULL; END';
         ALTER TABLE notes ADD CHECK (calm(body));
         CREATE POLICY drawn ON notes AS RESTRICTIVE TO {{other}} USING (draws());
         CREATE POLICY calm ON notes AS RESTRICTIVE USING (calm(body));"
    )));
    let report = attack(&lab);
    for operation in all {
        let verdict = verdict(&report, "public.notes", operation);
        assert!(
            matches!(verdict, Verdict::Blocked(_)),
            "{operation}: {verdict:?}"
        );
    }
}

/// A view that filters by the session shows the auditor nothing, and the tenants their own: what
/// is written through it is not what it shows.
#[test]
fn a_view_that_filters_without_a_check_option() {
    let view = |option: &str| {
        Lab::new(&schema(&format!(
            "CREATE VIEW mine WITH (security_barrier) AS
                 SELECT * FROM notes WHERE organization_id = {TENANT} {option};
             REVOKE ALL ON notes FROM {{app}}; GRANT SELECT, INSERT, UPDATE, DELETE ON mine TO {{app}};"
        )))
    };
    let report = attack(&view(""));
    assert_eq!(
        checks(&report),
        [
            ("probe-insert", "public.mine"),
            ("probe-move", "public.mine")
        ]
    );
    let report = attack(&view("WITH CHECK OPTION"));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    for operation in [
        Operation::Select,
        Operation::Insert,
        Operation::Update,
        Operation::Move,
    ] {
        let verdict = verdict(&report, "public.mine", operation);
        assert!(
            matches!(verdict, Verdict::Blocked(_)),
            "{operation}: {verdict:?}"
        );
    }
    let own = verdict(&report, "public.mine", Operation::Own);
    assert_eq!(own, Verdict::Allowed);
}

/// Nothing is changed by either mode, in a database with rows in every table.
#[test]
fn nothing_is_changed() {
    let lab = Lab::ours();
    let before = dump(&lab);
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        lab.audit_with(|options| options.probe.mode = mode);
        assert_eq!(dump(&lab), before, "{mode:?}");
    }
}

/// Our own schema without rows: they are made up, and nothing gets through.
#[test]
fn our_own_schema_is_attacked_without_rows() {
    let lab = Lab::on(TestDb::new());
    let report = attack(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert!(report.summary.blocked > 0, "{:#?}", report.skipped);
}

/// What a row holds, apart from its keys, is shown where it is asked for and nowhere else: not in
/// statements, and not in what the application's own code raises.
#[test]
fn values_are_in_no_statement_and_no_message() {
    let table = |name: &str| {
        format!(
            "CREATE TABLE {name} (organization_id uuid NOT NULL REFERENCES organizations,
                 id bigint PRIMARY KEY, body text NOT NULL, mail text UNIQUE, data jsonb NOT NULL,
                 note_id bigint REFERENCES notes);
             INSERT INTO {name} VALUES ('{A}', 1, 'secret-1', 'secret-2', '{{\"a\": \"secret-3\"}}', 1),
                                       ('{B}', 2, 'secret-4', 'secret-5', '{{\"a\": \"secret-6\"}}', 2);
             GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {{app}};"
        )
    };
    let lab = Lab::new(&schema(&format!(
        "{open} {guarded} {cast}
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'not for %', coalesce(NEW.body, OLD.body); END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON guarded
             FOR EACH ROW EXECUTE FUNCTION refuse();
         ALTER TABLE casts ENABLE ROW LEVEL SECURITY;
         CREATE POLICY cast_it ON casts USING (body::int = 1);",
        open = table("open"),
        guarded = table("guarded"),
        cast = table("casts"),
    )));
    let report = attack(&lab);
    let found = checks(&report);
    for check in ["insert", "update", "delete", "move", "read", "reference"] {
        let check = format!("probe-{check}");
        assert!(
            found.contains(&(&check, "public.open")),
            "{check}: {found:?}"
        );
    }
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(
        text.contains("values of other columns are omitted"),
        "{text}"
    );
    assert!(
        text.contains("refused: P0001 (raised by a trigger"),
        "{text}"
    );
    assert!(text.contains("refused: 22P02"), "{text}");
    for finding in &report.findings {
        let statements: Vec<&str> = finding
            .evidence
            .statements
            .iter()
            .map(String::as_str)
            .collect();
        lab.rows_of(&statements);
    }
    let shown = lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned()];
        options.probe.mode = ProbeMode::Full;
        options.probe.show_values = true;
    });
    let text = serde_json::to_string(&shown).unwrap();
    for said in [
        "secret-4",
        "secret-5",
        "secret-6",
        "not for secret",
        "integer: \\\"secret",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(
        !text.contains("values of other columns are omitted"),
        "{text}"
    );
}

/// One wait is enough to know; the other tables are attacked as ever.
#[test]
fn a_lock_is_waited_for_once() {
    let lab = Lab::new(&schema(
        "CREATE TABLE other (organization_id uuid, id bigint PRIMARY KEY);
         GRANT SELECT, INSERT, UPDATE, DELETE ON other TO {app};",
    ));
    lab.run(&format!("INSERT INTO other VALUES ('{A}', 1), ('{B}', 2)"));
    let wait = Duration::from_millis(1500);
    let (report, took) = block_on(|| async {
        let mut holder = PgConnection::connect(&lab.db.url).await.unwrap();
        let lock = "BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE";
        holder.execute(lock).await.unwrap();
        let began = Instant::now();
        let report = lab.audit_with(|options| {
            options.selection.only = vec!["probe".to_owned()];
            options.probe.mode = ProbeMode::Full;
            options.limits.lock = wait;
        });
        (report, began.elapsed())
    });
    let cells = report.matrix.iter();
    for cell in cells.filter(|one| one.object == "public.notes") {
        let Verdict::Skipped(reason) = &cell.verdict else {
            panic!("{cell:#?}");
        };
        assert!(reason.contains("lock timeout"), "{reason}");
    }
    assert!(checks(&report).contains(&("probe-delete", "public.other")));
    assert!(took < wait * 4, "{took:?}");
}
