//! Handlers of the two read endpoints: the organization, and the appearance of its chat.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    cors,
    org_resolver::{Asked, Wanted, count_for, find},
    responses::{Found, Known},
};
use crate::server::{
    problem::{Answer, Problem},
    state::ServerState,
};

/// `GET /api/public/org-lookup`
pub(super) async fn look_up(State(state): State<ServerState>, asked: Asked) -> Response {
    read(&state, &asked, |known| {
        Ok(known.answer(&known.look_up, &asked.held))
    })
    .await
}

/// `GET /api/public/channel-config`
pub(super) async fn channel(State(state): State<ServerState>, asked: Asked) -> Response {
    read(&state, &asked, |known| {
        // No other channel is public, whether it exists or not.
        match &asked.wanted {
            Wanted::Any => Ok(known.answer(&known.configuration, &asked.held)),
            Wanted::Channel(name) if name == "web" => {
                Ok(known.answer(&known.configuration, &asked.held))
            }
            Wanted::Channel(_) => Err(Problem::not_found()),
            Wanted::Several => Err(Problem::bad_input()),
        }
    })
    .await
}

async fn read(
    state: &ServerState,
    asked: &Asked,
    answer: impl FnOnce(&Known) -> Answer<Response>,
) -> Response {
    let origin = asked.origin.as_deref();
    let found = match asked.names.named() {
        Ok(named) => find(state, named.as_ref()).await,
        Err(problem) => Err(problem),
    };
    let found = match found {
        Ok(found) => found,
        Err(problem) => return cors::finish(Err(problem), origin, None),
    };
    let Some(known) = found.as_deref().and_then(Found::known) else {
        return cors::finish(Err(Problem::not_found()), origin, None);
    };
    let within = count_for(state, known.channel.organization);
    let answered = within.and_then(|()| answer(known));
    let is_hidden = matches!(&answered, Err(problem) if problem.status() == StatusCode::NOT_FOUND);
    // The response for a missing organization is the same as for one that is not visible.
    cors::finish(answered, origin, Some(known).filter(|_| !is_hidden))
}
