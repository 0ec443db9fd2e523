//! Readiness: the database can be used.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::{
    db::Pool,
    error::{Error, Result},
    services::serving,
};

/// Time during which a database check is reused.
const KEPT: Duration = Duration::from_secs(1);

/// The target of log messages, which operators can filter by; it is not the path of this module.
const LOG_TARGET: &str = "tenantctl::server::health";

/// The last result and its time. Requests that arrive during a check wait for its result, so any
/// number of probes causes one query a second.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Returns `true` if the database is ready; `false` if it is unreachable, does not have this
    /// binary's schema, or shows this role no rows.
    pub(super) async fn check(&self, pool: &Pool) -> bool {
        let mut last = self.last.lock().await;
        if let Some((when, is_ready)) = *last
            && when.elapsed() < KEPT
        {
            return is_ready;
        }
        let checked = query(pool).await;
        if let Err(error) = &checked {
            log(error);
        }
        let is_ready = checked.is_ok();
        *last = Some((Instant::now(), is_ready));
        is_ready
    }
}

async fn query(pool: &Pool) -> Result<()> {
    let db = pool.get().await?;
    serving::require_ready(&db).await
}

fn log(error: &Error) {
    let cause = error.causes().join(": ");
    tracing::warn!(target: LOG_TARGET, %error, cause, "not ready");
}
