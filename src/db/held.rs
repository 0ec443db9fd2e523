//! The connection that a [`Database`](super::Database) holds: its own, or one of a pool's.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};

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
        Self::new(Connection::Own(connection))
    }

    /// A connection that goes back to its pool.
    pub(super) fn pooled(connection: PoolConnection<Postgres>) -> Self {
        Self::new(Connection::Pooled(connection))
    }

    const fn new(connection: Connection) -> Self {
        Self {
            connection,
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
        if let Connection::Pooled(connection) = &mut self.connection
            && !is_clean
        {
            connection.close_on_drop();
        }
    }
}
