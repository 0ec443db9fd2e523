//! What a dry run would have changed, told by PostgreSQL itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sqlx::PgConnection;

use super::Database;
use crate::{
    domain::TableChange,
    error::{Error, Result},
};

/// Rows inserted, updated and deleted so far in the running transaction, by table.
pub(super) type Counters = BTreeMap<String, [i64; 3]>;

/// What the handles of a rehearsal committed, added up. What they rolled back is not in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Counters>>);

impl Ledger {
    /// Adds what happened between two readings.
    pub(super) fn add(&self, before: &Counters, after: &Counters) {
        let mut total = self.lock();
        for (table, counts) in after {
            let earlier = before.get(table).copied().unwrap_or_default();
            let sum = total.entry(table.clone()).or_default();
            for (place, count) in counts.iter().enumerate() {
                sum[place] += count - earlier[place];
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the counters of the running transaction.
///
/// Source: `pg_stat_xact_user_tables` (PostgreSQL manual, "Viewing Statistics"). It counts what
/// savepoints rolled back too, which is why only differences between two readings are used.
/// Temporary tables are nobody's data.
pub(super) async fn counters(connection: &mut PgConnection) -> Result<Counters> {
    let rows = sqlx::query!(
        r#"SELECT relname::text AS "table!", n_tup_ins AS "inserted!", n_tup_upd AS "updated!",
                  n_tup_del AS "deleted!"
             FROM pg_stat_xact_user_tables
            WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
              AND schemaname NOT LIKE 'pg\_temp%'"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.table, [row.inserted, row.updated, row.deleted]))
        .collect())
}

/// Refuses a server that does not count: a dry run on it would say that nothing changes.
pub(super) async fn require_counters(connection: &mut PgConnection) -> Result<()> {
    let counts = sqlx::query_scalar!(r#"SELECT current_setting('track_counts')::boolean AS "on!""#)
        .fetch_one(connection)
        .await?;
    if counts {
        return Ok(());
    }
    Err(Error::failure(
        "this server counts no changes (track_counts is off): a dry run cannot tell them",
    )
    .hint("as an administrator: ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();"))
}

/// The changes of the running rehearsal, by table; `None` where nothing is rehearsed.
pub fn changes(db: &Database) -> Option<Vec<TableChange>> {
    let total = db.ledger()?.lock();
    let changes = total
        .iter()
        .filter(|(_, counts)| counts.iter().any(|count| *count != 0))
        .map(|(table, [inserted, updated, deleted])| TableChange {
            table: table.clone(),
            inserted: *inserted,
            updated: *updated,
            deleted: *deleted,
        });
    Some(changes.collect())
}
