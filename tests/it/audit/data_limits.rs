//! What the checks of the rows do where they cannot see everything: locks, limits of time, roles
//! without rights, and rows that come while they look.

use std::{
    sync::{Mutex, mpsc::Sender},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tenantctl::audit::{self, connections::Watch, report::{Class, Report}, Options};
use tokio::runtime::{Builder, Runtime};

use super::{
    data::{A, GONE, NULL, ORPHAN, data, shop},
    lab::Lab,
};
use crate::common::{TestDb, block_on};

/// Notes and refunds, both with a row whose tenant does not exist.
fn orphans() -> Lab {
    shop(&format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid);
         CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid,
                               order_id int REFERENCES orders);
         INSERT INTO notes VALUES (1, '{GONE}');
         INSERT INTO refunds VALUES (1, '{GONE}', NULL);"
    ))
}

/// Locks `notes` when the audit begins to compare rows, until it is dropped.
struct LockNotes<'a> {
    lab: &'a Lab,
    held: Mutex<Option<PgConnection>>,
    runtime: Runtime,
}

impl Watch for LockNotes<'_> {
    fn phase(&self, what: &str, _steps: Option<u64>) {
        if what == "comparing rows" {
            std::thread::scope(|scope| {
                scope.spawn(|| self.runtime.block_on(self.lock()));
            });
        }
    }

    fn advance(&self, _steps: u64) {}
}

impl LockNotes<'_> {
    async fn lock(&self) {
        let mut other = self.lab.db.raw().await;
        other
            .execute("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            .await
            .expect("a lock");
        *self.held.lock().expect("the lock") = Some(other);
    }
}

/// Audits while another session holds `notes`.
fn data_while_locked(lab: &Lab, change: impl FnOnce(&mut Options)) -> Report {
    let watch = LockNotes {
        lab,
        held: Mutex::new(None),
        runtime: Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime"),
    };
    let mut options = Lab::options();
    options.selection.only = vec![Class::Data.as_str().to_owned()];
    change(&mut options);
    let connect = lab.connect_as(None);
    block_on(|| async { audit::run(connect, &options, &watch).await }).expect("an audit")
}

#[test]
fn a_locked_table_is_skipped_and_told_and_the_others_are_not() {
    let lab = orphans();
    let report = data_while_locked(&lab, |_| {});
    let skipped: Vec<(&str, &str)> = report
        .skipped
        .iter()
        .map(|one| (one.check.as_str(), one.reason.as_str()))
        .collect();
    let reason = "public.notes is locked by another session";
    assert_eq!(skipped, [(ORPHAN, reason), (NULL, reason)]);
    let found: Vec<&str> = report
        .findings
        .iter()
        .map(|one| one.object.as_str())
        .collect();
    assert_eq!(found, ["public.refunds"]);
    assert!(data(&lab).skipped.is_empty(), "the lock is gone");
}

#[test]
fn a_comparison_that_takes_too_long_is_skipped_and_told() {
    let lab = orphans();
    let report = data_while_locked(&lab, |options| {
        options.selection.only = vec![ORPHAN.to_owned()];
        options.limits.statement = Duration::from_secs(2);
        options.limits.lock = Duration::from_secs(60);
        options.jobs = 1;
    });
    let [skipped] = report.skipped.as_slice() else {
        panic!("{:?}", report.skipped);
    };
    assert_eq!(skipped.object.as_deref(), Some("public.notes"));
    assert!(
        skipped.reason.contains("statement timeout"),
        "{}",
        skipped.reason
    );
    assert!(
        report
            .findings
            .iter()
            .any(|one| one.object == "public.refunds"),
        "it goes on"
    );
}

#[test]
fn a_role_that_cannot_see_every_row_is_told_so() {
    let schema = format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid, order_id int
             REFERENCES orders, secret text);
         INSERT INTO notes VALUES (1, '{GONE}', 2, 'x'), (2, NULL, 2, 'x');
         GRANT SELECT ON organizations TO {{other}};"
    );
    let lab = shop(&schema);
    let audit = |lab: &Lab| {
        lab.audit_as("{other}", |options| {
            options.selection.only = vec!["data".to_owned()]
        })
    };
    let reasons = |report: &Report| -> Vec<String> {
        report
            .skipped
            .iter()
            .map(|one| one.reason.clone())
            .collect()
    };

    let report = audit(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let hidden = lab.named("role {other} may not read id of public.notes");
    assert!(reasons(&report).contains(&hidden), "{:?}", reasons(&report));

    lab.run("GRANT SELECT (id, organization_id) ON notes TO {other}");
    let found: Vec<String> = audit(&lab)
        .findings
        .into_iter()
        .map(|one| one.check)
        .collect();
    assert_eq!(found, [NULL, ORPHAN], "columns that may be read are enough");

    lab.run("ALTER TABLE notes ENABLE ROW LEVEL SECURITY");
    let report = audit(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let bound = lab.named(
        "role {other} is subject to row-level security on public.notes: some of its rows may \
         be hidden",
    );
    assert!(reasons(&report).contains(&bound), "{:?}", reasons(&report));
}

#[test]
fn rows_that_come_during_the_audit_are_not_seen() {
    let lab = shop(&format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid);
         INSERT INTO notes VALUES (1, '{A}');"
    ));
    let (locked, wait_for_lock) = std::sync::mpsc::channel();
    let report = std::thread::scope(|scope| {
        scope.spawn(|| block_on(|| change_while_another_waits(&lab.db, locked)));
        wait_for_lock.recv().expect("the lock");
        lab.audit_with(|options| {
            options.selection.only = vec!["data".to_owned()];
            options.limits.lock = Duration::from_secs(30);
        })
    });
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert_eq!(data(&lab).findings.len(), 2, "the next audit sees them");
}

/// Locks `notes`, and writes wrong rows into it as soon as somebody waits to read it: the
/// snapshot of whoever waits is older than the rows.
async fn change_while_another_waits(db: &TestDb, locked: Sender<()>) {
    let mut writer = db.raw().await;
    writer
        .execute("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    locked.send(()).expect("the test waits");
    let waits = "SELECT EXISTS (SELECT FROM pg_locks
                                 WHERE NOT granted AND relation = 'notes'::regclass)";
    while !sqlx::query_scalar::<_, bool>(waits)
        .fetch_one(&mut writer)
        .await
        .expect("an answer")
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let change = format!("INSERT INTO notes VALUES (2, '{GONE}'), (3, NULL); COMMIT");
    writer
        .execute(AssertSqlSafe(change))
        .await
        .expect("the change");
}
