//! The connection that a [`Database`](super::Database) holds: its own, or one of a pool's.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use deadpool::managed::Object;
use sqlx::{Connection as _, PgConnection};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, time::timeout};

use super::{dial::Dialed, notice::Notice, pool::Connector};

/// How long a connection that nobody may have again has to end in order.
const CLOSING: Duration = Duration::from_secs(5);

/// A connection, and whether the next one may have it.
///
/// A pool hands the same session to one tenant after another, so nothing of a scope may outlive the
/// handle that opened it. What is not known to be clean is closed instead of returned.
#[derive(Debug)]
pub(super) struct Held {
    /// Always there, until the drop.
    connection: Option<Connection>,
    /// Whose turn it is: over when the connection is back in its pool.
    turn: Option<OwnedSemaphorePermit>,
    /// A transaction was begun of which nobody has seen the end: a handle was dropped while it
    /// waited for BEGIN, COMMIT or ROLLBACK, or one of them failed.
    pub(super) unsettled: bool,
    /// Something may be under way: an answer that nobody waits for any more, a ROLLBACK that was not
    /// sent yet. The end of a transaction leaves nothing.
    pub(super) pending: bool,
    /// What is said before the first change.
    pub(super) before_change: Option<Notice>,
}

#[derive(Debug)]
enum Connection {
    Own(Dialed),
    Pooled(Object<Connector>),
}

impl Held {
    /// A connection that ends with the invocation.
    pub(super) fn own(connection: Dialed) -> Self {
        Self::new(Connection::Own(connection), None)
    }

    /// A connection that goes back to its pool.
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

const TAKEN: &str = "taken by nobody but the drop";

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
            // Back in its pool, and the turn after it.
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            // Dropped, it is closed.
            let _closed = Object::take(connection);
            return;
        };
        let turn = self.turn.take();
        runtime.spawn(async move {
            // Whoever is next would wait for what is under way, and read an answer that is not theirs.
            if !is_clean || connection.connection.ping().await.is_err() {
                let closing = Object::take(connection).connection.close();
                let _closed = timeout(CLOSING, closing).await;
            }
            drop(turn);
        });
    }
}
