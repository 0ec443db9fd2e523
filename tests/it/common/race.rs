//! Commands that really race.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{
    Cli, Outcome, TestDb, block_on,
    clinic::{args, words},
};

/// How long contenders have to arrive at the gate.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs command lines at once. `gate` is a statement whose lock all of them need: it is held
/// until every one of them waits for it, and then they are let go together.
pub fn race(db: &TestDb, cli: &Cli, gate: &str, lines: &[&str]) -> Vec<Outcome> {
    let (closed, is_closed) = mpsc::channel();
    thread::scope(|scope| {
        let gatekeeper = scope.spawn(move || {
            block_on(|| async {
                let mut holder = db.raw().await;
                holder.execute("BEGIN").await.expect("a transaction");
                holder
                    .execute(AssertSqlSafe(gate.to_owned()))
                    .await
                    .expect("the gate closes");
                closed.send(()).expect("somebody listens");
                all_wait(&mut db.raw().await, lines.len()).await;
                holder.execute("ROLLBACK").await.expect("the gate opens");
            });
        });
        is_closed.recv().expect("the gate closed");
        let contenders: Vec<_> = lines
            .iter()
            .map(|line| scope.spawn(move || cli.run(&args(&words(line)))))
            .collect();
        gatekeeper.join().expect("everybody arrived at the gate");
        contenders
            .into_iter()
            .map(|contender| contender.join().expect("the contender ran"))
            .collect()
    })
}

async fn all_wait(watcher: &mut PgConnection, expected: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut *watcher)
        .await
        .expect("a count");
        if waiting == i64::try_from(expected).expect("a few") {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "only {waiting} of {expected} arrived"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
