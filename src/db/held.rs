//! The connection that a [`Database`](super::Database) holds: its own, or one of a pool's.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

/// A connection, and whether the next one may have it.
///
/// A pool hands the same session to one tenant after another, so nothing of a scope may outlive the
/// handle that opened it. What is not known to be clean is closed instead of returned.
#[derive(Debug)]
pub(super) struct Held {
    connection: Connection,
    /// A transaction was begun of which nobody has seen the end: a handle was dropped while it
    /// waited for BEGIN, COMMIT or ROLLBACK, or one of them failed.
    pub(super) unsettled: bool,
    /// Whose turn it is: over when the connection is back in its pool.
    turn: Option<OwnedSemaphorePermit>,
    /// The session itself has something that no transaction ends, such as an advisory lock.
    pub(super) has_session_state: bool,
}

#[derive(Debug)]
enum Connection {
    Own(PgConnection),
    Pooled(PoolConnection<Postgres>),
}

impl Held {
    /// A connection that ends with the invocation.
    pub(super) fn own(connection: PgConnection) -> Self {
        Self::new(Connection::Own(connection), None)
    }

    /// A connection that goes back to its pool.
    pub(super) fn pooled(
        connection: PoolConnection<Postgres>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self::new(Connection::Pooled(connection), turn)
    }

    const fn new(connection: Connection, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            connection,
            turn,
            unsettled: false,
            has_session_state: false,
        }
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.connection {
            Connection::Own(connection) => connection,
            Connection::Pooled(connection) => connection,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.connection {
            Connection::Own(connection) => connection,
            Connection::Pooled(connection) => connection,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let is_clean = !self.unsettled && !self.has_session_state;
        let Connection::Pooled(connection) = &mut self.connection else {
            return;
        };
        if !is_clean {
            connection.close_on_drop();
        } else if let (Some(turn), Ok(runtime)) = (self.turn.take(), Handle::try_current()) {
            // What the driver does on drop; it may have to wait for a statement that was cut off.
            let returned = connection.return_to_pool();
            runtime.spawn(async move {
                returned.await;
                drop(turn);
            });
        }
    }
}
