//! A connection lent to a handle, and its transaction.

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

/// Leaves the scope of an organization inside a transaction: returns to the connecting role, which
/// a tenant role never left.
pub(super) const LEAVE_SCOPE: &str = "SET LOCAL ROLE NONE; SET LOCAL app.organization_id = ''";

/// The common part of both handles. Dropped inside a transaction, it rolls back; the server
/// receives the rollback with the next statement, when the connection returns to its pool, or when
/// it closes.
///
/// A handle can also be dropped while it waits for the response to BEGIN, COMMIT or ROLLBACK,
/// because a request is canceled at its timeout. The driver counts a transaction only once the
/// response has arrived, and would leave it open in that case, together with its scope. So the
/// connection is unsettled from before BEGIN until the end is confirmed, and an unsettled
/// connection never returns to a pool.
#[derive(Debug)]
pub(super) struct Lent {
    connection: OwnedMutexGuard<Held>,
    in_transaction: bool,
    rehearsal: Option<(Ledger, Counters)>,
}

impl Lent {
    /// Opens a handle without a transaction.
    pub(super) fn outside(db: &Database) -> Result<Self> {
        let mut connection = db.lend()?;
        connection.pending = true;
        Ok(Self {
            connection,
            in_transaction: false,
            rehearsal: None,
        })
    }

    /// Opens a transaction that starts with `settings`, sent together with BEGIN. In a rehearsal,
    /// opens a savepoint of the transaction that is never committed.
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

    /// Commits the changes. In a rehearsal, makes them visible to the next handle.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.in_transaction = false;
        let committed = PgTransactionManager::commit(&mut self.connection).await;
        match self.rehearsal {
            // Released a savepoint: a rehearsal is never committed.
            Some(_) => committed?,
            None => committed.map_err(|error| commit_failed(error.into()))?,
        }
        self.connection.unsettled = false;
        self.connection.pending = false;
        if let Some((ledger, before)) = self.rehearsal.take() {
            // The effects of SET LOCAL outlast the release of a savepoint.
            self.connection.execute(LEAVE_SCOPE).await?;
            ledger.add(&before, &rehearsal::counters(&mut self.connection).await?);
        }
        Ok(())
    }

    /// Rolls the transaction back immediately.
    pub(super) async fn rollback(mut self) -> Result<()> {
        self.in_transaction = false;
        PgTransactionManager::rollback(&mut self.connection).await?;
        self.connection.unsettled = false;
        self.connection.pending = false;
        Ok(())
    }

    /// Prints the notice that precedes the first change, unless it was already printed.
    pub(super) fn about_to_change(&mut self) {
        let notice = self.connection.before_change.take();
        notice.into_iter().for_each(Notice::say);
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Returns the rights of the role that the connection authenticated as.
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

/// Returns the error of a failed commit. The outcome is unknown: the server may have committed
/// before the connection broke.
fn commit_failed(error: Error) -> Error {
    if error.kind() != ErrorKind::Unavailable {
        return error;
    }
    Error::unavailable(
        "lost the connection during the commit: the change may or may not have been made",
    )
    .because(error)
    .hint(
        run!["activity", "list"]
            .labeled("check before you run it again")
            .remark("--org SLUG, or --platform"),
    )
}
