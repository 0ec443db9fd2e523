//! A connection lent to a handle, and the transaction on it.

use sqlx::{AssertSqlSafe, Executor, PgConnection, postgres::PgTransactionManager};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::OwnedMutexGuard;

use super::{
    Authority, Database,
    held::Held,
    notice::Notice,
    rehearsal::{self, Counters, Ledger},
};
use crate::error::{Error, ErrorKind, Result};
use crate::run;

/// Ends the scope of an organization inside a transaction: back to the role that connected, which a
/// role of the tenant's own never left.
pub(super) const LEAVE_SCOPE: &str = "SET LOCAL ROLE NONE; SET LOCAL app.organization_id = ''";

/// What both handles stand on. Dropped inside a transaction, it rolls back; the server hears of
/// that with the next statement, when the connection goes back to its pool, or when it closes.
///
/// A handle can also be dropped while it waits for the answer to BEGIN, COMMIT or ROLLBACK: a
/// request is cut off at its time limit. The driver counts a transaction only once it was answered
/// and would leave it open then, scope and all. So the connection is unsettled from before BEGIN
/// until the end was seen, and an unsettled one goes back to no pool.
#[derive(Debug)]
pub(super) struct Lent {
    connection: OwnedMutexGuard<Held>,
    in_transaction: bool,
    rehearsal: Option<(Ledger, Counters)>,
}

impl Lent {
    /// Outside a transaction of its own.
    pub(super) fn outside(db: &Database) -> Result<Self> {
        let mut connection = db.lend()?;
        connection.pending = true;
        Ok(Self {
            connection,
            in_transaction: false,
            rehearsal: None,
        })
    }

    /// In a transaction that starts with `settings`, which travel with BEGIN; in a rehearsal, in a
    /// savepoint of the one that is never committed.
    pub(super) async fn begin(
        db: &Database,
        settings: impl FnOnce(Authority) -> String,
    ) -> Result<Self> {
        db.settle_other().await?;
        let mut lent = Self::outside(db)?;
        let settings = settings(lent.authority());
        let Some(ledger) = db.ledger() else {
            lent.connection.unsettled = true;
            lent.connection.dialed_mut().begin(&settings).await?;
            lent.in_transaction = true;
            return Ok(lent);
        };
        let before = rehearsal::counters(&mut lent.connection).await?;
        lent.rehearsal = Some((ledger.clone(), before));
        PgTransactionManager::begin(&mut lent.connection, None).await?;
        lent.in_transaction = true;
        lent.connection.execute(AssertSqlSafe(settings)).await?;
        Ok(lent)
    }

    /// Makes the changes permanent; in a rehearsal, visible to the next handle.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.in_transaction = false;
        let committed = PgTransactionManager::commit(&mut self.connection).await;
        match self.rehearsal {
            // The release of a savepoint: nothing of a rehearsal is ever kept.
            Some(_) => committed?,
            None => committed.map_err(|error| commit_failed(error.into()))?,
        }
        self.connection.unsettled = false;
        self.connection.pending = false;
        if let Some((ledger, before)) = self.rehearsal.take() {
            // What SET LOCAL set outlives the release of a savepoint.
            self.connection.execute(LEAVE_SCOPE).await?;
            ledger.add(&before, &rehearsal::counters(&mut self.connection).await?);
        }
        Ok(())
    }

    /// Ends the transaction at once, changing nothing.
    pub(super) async fn rollback(mut self) -> Result<()> {
        self.in_transaction = false;
        PgTransactionManager::rollback(&mut self.connection).await?;
        self.connection.unsettled = false;
        self.connection.pending = false;
        Ok(())
    }

    /// Says what is said before the first change, if it was not said yet.
    pub(super) fn about_to_change(&mut self) {
        let notice = self.connection.before_change.take();
        notice.into_iter().for_each(Notice::say);
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// The rights of the role that the connection authenticated as.
    pub(super) fn authority(&self) -> Authority {
        self.connection.dialed().authority
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.in_transaction {
            // The pool sends it before it takes the connection back.
            PgTransactionManager::start_rollback(&mut self.connection);
            self.connection.unsettled = false;
        }
    }
}

/// The one moment at which nobody can know: the server may have committed before the connection
/// broke.
fn commit_failed(error: Error) -> Error {
    if error.kind() != ErrorKind::Unavailable {
        return error;
    }
    Error::unavailable(
        "the connection was lost during the commit: the change may have been made, or not",
    )
    .because(error)
    .hint(
        run!["activity", "list"]
            .labeled("look before you run it again")
            .remark("--org SLUG, or --platform"),
    )
}
