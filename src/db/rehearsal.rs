//! The changes that a dry run would have made, as counted by PostgreSQL.

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

/// The sum of the changes committed by the handles of a rehearsal, without those rolled back.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Counters>>);

impl Ledger {
    /// Adds the changes between two readings.
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
/// Source: `pg_stat_xact_user_tables` (PostgreSQL manual, "Viewing Statistics"). It also counts
/// what savepoints rolled back, which is why only differences between two readings are used.
/// Temporary tables are ignored.
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

/// Fails on a server that does not track counts: a dry run on it would report no changes.
pub(super) async fn require_counters(connection: &mut PgConnection) -> Result<()> {
    let counts = sqlx::query_scalar!(r#"SELECT current_setting('track_counts')::boolean AS "on!""#)
        .fetch_one(connection)
        .await?;
    if counts {
        return Ok(());
    }
    Err(
        Error::failure("track_counts is off on this server: a dry run cannot report changes").hint(
            "as an administrator: ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();",
        ),
    )
}

/// Returns the changes of the running rehearsal, by table; `None` outside of a rehearsal.
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
