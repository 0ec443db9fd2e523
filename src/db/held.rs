//! The connection that a [`Database`](super::Database) holds: its own, or a pool's.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use deadpool::managed::Object;
use sqlx::{Connection as _, PgConnection};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, time::timeout};

use super::{dial::Dialed, notice::Notice, pool::Connector};

/// Timeout for closing a connection cleanly that must not be reused.
const CLOSING: Duration = Duration::from_secs(5);

/// A connection, and whether it may be reused.
///
/// A pool passes the same session from one tenant to the next, so nothing of a scope may outlive
/// the handle that opened it. A connection that is not known to be clean is closed instead of
/// returned.
#[derive(Debug)]
pub(super) struct Held {
    /// Always set until the drop.
    connection: Option<Connection>,
    /// The permit for this connection, released once it is back in its pool.
    turn: Option<OwnedSemaphorePermit>,
    /// A transaction was started and its end was not confirmed: a handle was dropped while it
    /// waited for BEGIN, COMMIT or ROLLBACK, or one of them failed.
    pub(super) unsettled: bool,
    /// A response may still be outstanding, or a ROLLBACK may not have been sent yet. The end of a
    /// transaction clears this.
    pub(super) pending: bool,
    /// The notice before the first change.
    pub(super) before_change: Option<Notice>,
}

#[derive(Debug)]
enum Connection {
    Own(Dialed),
    Pooled(Object<Connector>),
}

impl Held {
    /// Returns a connection that ends with the invocation.
    pub(super) fn own(connection: Dialed) -> Self {
        Self::new(Connection::Own(connection), None)
    }

    /// Returns a connection that goes back to its pool.
    pub(super) fn pooled(
        connection: Object<Connector>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self::new(Connection::Pooled(connection), turn)
    }

    const fn new(connection: Connection, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            connection: Some(connection),
            turn,
            unsettled: false,
            pending: false,
            before_change: None,
        }
    }
}

const TAKEN: &str = "connection is only taken in Drop";

impl Held {
    pub(super) fn dialed(&self) -> &Dialed {
        match self.connection.as_ref().expect(TAKEN) {
            Connection::Own(dialed) => dialed,
            Connection::Pooled(dialed) => dialed,
        }
    }

    pub(super) fn dialed_mut(&mut self) -> &mut Dialed {
        match self.connection.as_mut().expect(TAKEN) {
            Connection::Own(dialed) => dialed,
            Connection::Pooled(dialed) => dialed,
        }
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.dialed().connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.dialed_mut().connection
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(Connection::Pooled(mut connection)) = self.connection.take() else {
            return;
        };
        let is_clean = !self.unsettled;
        if is_clean && !self.pending {
            // The connection returns to its pool, and then the permit is released.
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            // Dropping the connection closes it.
            let _closed = Object::take(connection);
            return;
        };
        let turn = self.turn.take();
        runtime.spawn(async move {
            // The next user would wait for the outstanding response and read it as its own.
            if !is_clean || connection.connection.ping().await.is_err() {
                let closing = Object::take(connection).connection.close();
                let _closed = timeout(CLOSING, closing).await;
            }
            drop(turn);
        });
    }
}
