//! Code of the audited database that does not end, and that goes on when it is canceled.

use std::time::Duration;

use tenantctl::audit::{
    Options,
    checks::probe::ProbeMode,
    report::{ContextKind, Operation, Report, Verdict},
};

use super::lab::Lab;
use crate::common::block_on;

const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";
const TENANT: &str = "nullif(current_setting('app.tenant', true), '')::uuid";

/// Tables of two tenants, protected well, and functions of a superuser that do not end; so no rule
/// about whose code may run keeps them from being called.
fn lab() -> Lab {
    let lab = Lab::new(&format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                             id int PRIMARY KEY, body text);
         CREATE TABLE trap (organization_id uuid NOT NULL REFERENCES organizations,
                            id int PRIMARY KEY, body text);
         INSERT INTO notes VALUES ('{A}', 1, 'of a'), ('{B}', 2, 'of b');
         INSERT INTO trap SELECT * FROM notes;
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         ALTER TABLE trap ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations USING (id = {TENANT});
         CREATE POLICY tenant ON notes USING (organization_id = {TENANT});
         CREATE POLICY tenant ON trap USING (organization_id = {TENANT});
         GRANT SELECT ON organizations TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes, trap TO {{app}};"
    ));
    lab.run(
        "CREATE FUNCTION go_on() RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
           LOOP
             BEGIN
               PERFORM pg_catalog.pg_sleep(600);
             EXCEPTION WHEN query_canceled THEN NULL;
             END;
           END LOOP;
         END $$;
         CREATE FUNCTION go_on_in_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM public.go_on();
           RETURN NEW;
         END $$;
         CREATE FUNCTION go_on_as_text() RETURNS text LANGUAGE plpgsql AS $$
         BEGIN
           RETURN public.go_on()::text;
         END $$;",
    );
    lab
}

/// The attacks alone, with one second for a statement.
fn attack(lab: &Lab, change: impl FnOnce(&mut Options)) -> Report {
    lab.audit_with(|options| {
        options.selection.only = vec!["probe".to_owned()];
        options.limits.statement = Duration::from_secs(1);
        change(options);
    })
}

#[track_caller]
fn verdict(report: &Report, object: &str, operation: Operation) -> Verdict {
    let found = report.matrix.iter().find(|cell| {
        cell.object == object && cell.operation == operation && cell.context == ContextKind::A
    });
    let cell = found.unwrap_or_else(|| panic!("{object} was not tried: {:#?}", report.matrix));
    cell.verdict.clone()
}

#[track_caller]
fn assert_skipped(report: &Report, object: &str, operation: Operation, reason: &str) {
    let found = verdict(report, object, operation);
    let skipped = matches!(&found, Verdict::Skipped(said) if said.contains(reason));
    assert!(skipped, "{object}: {found:?}");
    let listed = report.skipped.iter().any(|one| {
        one.reason.contains(reason) && one.object.as_deref().is_none_or(|one| one == object)
    });
    assert!(listed, "{object}: {:#?}", report.skipped);
}

/// The server processes of the audit in this database: none stays.
#[track_caller]
fn assert_nothing_runs(lab: &Lab) {
    let count = || -> i64 {
        block_on(|| async {
            lab.db
                .scalar(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                      AND (application_name = 'tenantctl audit' OR query LIKE '%tenantctl_audit%')
                      AND pid <> pg_backend_pid()",
                )
                .await
        })
    };
    for _ in 0..100 {
        if count() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{} server processes are left", count());
}

const WENT_ON: &str = "kept running after";

#[test]
fn a_policy_that_goes_on_is_skipped_and_the_rest_is_checked() {
    let lab = lab();
    lab.run("CREATE POLICY hang ON trap USING (go_on())");
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        let report = attack(&lab, |options| options.probe.mode = mode);
        assert_skipped(&report, "public.trap", Operation::Select, WENT_ON);
        let notes = verdict(&report, "public.notes", Operation::Select);
        assert!(matches!(notes, Verdict::Blocked(_)), "{notes:?}");
        assert!(
            report.notes.iter().all(|note| !note.contains("still run")),
            "{:?}",
            report.notes
        );
        assert_nothing_runs(&lab);
    }
}

#[test]
fn a_view_that_goes_on_is_skipped_and_the_rest_is_checked() {
    let lab = lab();
    lab.run(
        "CREATE VIEW trapped AS SELECT * FROM notes WHERE go_on();
         GRANT SELECT ON trapped TO {app};",
    );
    let report = attack(&lab, |_| {});
    assert_skipped(&report, "public.trapped", Operation::Select, WENT_ON);
    let notes = verdict(&report, "public.notes", Operation::Select);
    assert!(matches!(notes, Verdict::Blocked(_)), "{notes:?}");
    assert_nothing_runs(&lab);
}

#[test]
fn a_trigger_and_a_default_that_go_on_are_skipped_and_the_rest_is_checked() {
    let lab = lab();
    lab.run(
        "CREATE TRIGGER hang BEFORE UPDATE OR DELETE ON trap EXECUTE FUNCTION go_on_in_trigger();
         ALTER TABLE notes ALTER COLUMN body SET DEFAULT go_on_as_text();
         REVOKE INSERT ON notes FROM {app};
         GRANT INSERT (organization_id, id) ON notes TO {app};",
    );
    let report = attack(&lab, |options| options.probe.mode = ProbeMode::Full);
    assert_skipped(&report, "public.trap", Operation::Update, WENT_ON);
    assert_skipped(&report, "public.notes", Operation::Insert, WENT_ON);
    let trap = verdict(&report, "public.trap", Operation::Select);
    assert!(matches!(trap, Verdict::Blocked(_)), "{trap:?}");
    assert_nothing_runs(&lab);
}

/// The time of the whole audit is over while one statement still has time.
#[test]
fn after_the_deadline_everything_is_skipped_and_nothing_passes() {
    let lab = lab();
    lab.run("CREATE POLICY hang ON trap USING (go_on())");
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        let report = attack(&lab, |options| {
            options.probe.mode = mode;
            options.limits.statement = Duration::from_secs(60);
            options.limits.deadline = Duration::from_secs(3);
            options.jobs = 1;
        });
        assert_skipped(&report, "public.trap", Operation::Select, "deadline");
        let passes = report.matrix.iter().filter(|cell| {
            matches!(&cell.verdict, Verdict::Blocked(why) if why == "no row is reached")
                && cell.object == "public.trap"
        });
        assert_eq!(passes.count(), 0, "{:#?}", report.matrix);
        assert!(report.summary.skipped > 0);
        assert_nothing_runs(&lab);
    }
}

#[test]
fn a_deadline_that_passed_before_anything_was_attacked_leaves_no_pass() {
    let lab = lab();
    lab.run("CREATE VIEW held AS SELECT n.* FROM notes n, (SELECT go_on()) s;");
    let cli = lab.cli();
    let outcome = cli.run(&[
        "audit",
        "--deadline",
        "8s",
        "--fail-on-skipped",
        "--fail-on",
        "never",
        "-o",
        "json",
    ]);
    assert_eq!(outcome.code, 10, "{outcome:?}");
    assert!(outcome.stdout.contains("deadline"), "{outcome:?}");
    assert_nothing_runs(&lab);
    cli.fails(2, &["audit", "--deadline", "soon"]);
}

/// Not even the connection's end reaches a function that turns the check for it off, and a role
/// may not end a superuser's process.
#[test]
fn what_cannot_be_ended_is_told() {
    let lab = lab();
    lab.run(
        "CREATE FUNCTION deaf() RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM pg_catalog.set_config('client_connection_check_interval', '0', false);
           RETURN public.go_on();
         END $$;
         CREATE POLICY hang ON trap USING (deaf());",
    );
    let report = lab.audit_as("{app}", |options| {
        options.selection.only = vec!["probe".to_owned()];
        options.overrides.tenants = vec![A.to_owned(), B.to_owned()];
        options.limits.statement = Duration::from_secs(1);
        options.jobs = 1;
    });
    let told = report
        .notes
        .iter()
        .find(|note| note.contains("could not be ended"));
    let running: Vec<i32> = block_on(|| async {
        lab.db
            .scalar(
                "SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'tenantctl audit'
                    AND pid <> pg_backend_pid()",
            )
            .await
    });
    assert!(!running.is_empty(), "{report:#?}");
    let told = told.unwrap_or_else(|| panic!("{running:?}: {report:#?}"));
    for pid in &running {
        assert!(told.contains(&pid.to_string()), "{running:?}: {told}");
    }
    lab.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'tenantctl audit'
            AND pid <> pg_backend_pid()",
    );
    assert_nothing_runs(&lab);
}

/// A migration that hangs ends too, and changes nothing.
#[test]
fn a_migration_that_goes_on_is_taken_back() {
    let lab = lab();
    lab.run(
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
         CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM public.go_on(); END $$;
         CREATE EVENT TRIGGER hang ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
             EXECUTE FUNCTION on_ddl();",
    );
    let outcome = lab.cli().run(&[
        "audit",
        "fix",
        "--apply",
        "--yes",
        "--only",
        "policy-dormant",
        "--statement-timeout",
        "1",
    ]);
    assert_eq!(outcome.code, 7, "{outcome:?}");
    assert!(
        outcome.stderr.contains("nothing was changed"),
        "{outcome:?}"
    );
    assert_nothing_runs(&lab);
    let enabled: bool = block_on(|| async {
        lab.db
            .scalar("SELECT relrowsecurity FROM pg_class WHERE relname = 'notes'")
            .await
    });
    assert!(!enabled);
}
