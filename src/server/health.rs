//! Handlers of liveness and readiness.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{problem::Problem, state::ServerState};

/// `GET /healthz`: the process responds.
pub(super) async fn live() -> Response {
    status_response("ok")
}

/// `GET /readyz`: the database is reachable and migrated, and the server is not stopping.
pub(super) async fn ready(State(state): State<ServerState>) -> Response {
    if state.stop.is_asked() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response();
    }
    match state.readiness.check(&state.pool).await {
        true => status_response("ready"),
        false => Problem::unavailable().into_response(),
    }
}

fn status_response(status: &str) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, Json(json!({ "status": status }))).into_response()
}
