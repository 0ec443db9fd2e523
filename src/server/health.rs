//! Liveness and readiness.

use std::time::{Duration, Instant};

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::sync::Mutex;

use super::{ServerState, problem::Problem};
use crate::{
    error::{Error, Result},
    services::serving,
};

/// Time during which a database check is reused.
const KEPT: Duration = Duration::from_secs(1);

/// The last result and its time. Requests that arrive during a check wait for its result, so any
/// number of probes causes one query a second.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    last: Mutex<Option<(Instant, Verdict)>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Ready,
    /// The database is unreachable, does not have this binary's schema, or shows this role no rows.
    NotReady,
}

/// `GET /healthz`: the process responds.
pub(super) async fn live() -> Response {
    told("ok")
}

/// `GET /readyz`: the database is reachable and migrated, and the server is not stopping.
pub(super) async fn ready(State(state): State<ServerState>) -> Response {
    if state.stop.is_asked() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response();
    }
    let mut last = state.readiness.last.lock().await;
    let verdict = match *last {
        Some((when, verdict)) if when.elapsed() < KEPT => verdict,
        _ => {
            let asked = ask(&state).await;
            if let Err(error) = &asked {
                tell(error);
            }
            let verdict = match asked {
                Ok(()) => Verdict::Ready,
                Err(_) => Verdict::NotReady,
            };
            *last = Some((Instant::now(), verdict));
            verdict
        }
    };
    drop(last);
    match verdict {
        Verdict::Ready => told("ready"),
        Verdict::NotReady => Problem::unavailable().into_response(),
    }
}

async fn ask(state: &ServerState) -> Result<()> {
    let db = state.pool.get().await?;
    serving::require_ready(&db).await
}

fn tell(error: &Error) {
    let cause = error.causes().join(": ");
    tracing::warn!(%error, cause, "not ready");
}

fn told(status: &str) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, Json(json!({ "status": status }))).into_response()
}
