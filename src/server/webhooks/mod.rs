//! `/webhooks/…`: requests from the providers of the channels.
//!
//! Always in this order: size → raw body → signature → stored under a unique key, in one transaction
//! → response → processing by a worker. No value of a body is used for a lookup before its signature
//! is verified.

pub(super) mod receivers;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{
    client::{ClientAddress, RequestId},
    connection_limiter::EntryPoint,
    limits::read_body,
    problem::{Answer, Problem},
    state::ServerState,
};
use crate::{
    domain::{
        OrganizationId,
        channel::identity::Identity,
        webhook::{Incoming, Refusal, Scheme, meta, parse, verify},
        webhook_endpoint::{EndpointAddress, SecretPurpose},
    },
    error::Result,
    services::webhooks::{self, Reply},
};
use receivers::{Found, Holder};

/// Maximum bytes of a request of Meta, which sends batches (Meta, Webhooks for WhatsApp: up to 3 MB).
const META_BODY: usize = 3 * 1024 * 1024;
/// Maximum number of holders looked up one by one for a request. A call names an agent and a number or two;
/// a batch of Meta can name thousands.
const MOST_LOOKUPS: usize = 4;

pub(super) fn routes() -> Router<ServerState> {
    Router::new()
        .route("/webhooks/sign-up", post(sign_up))
        .route("/webhooks/{endpoint}", get(receive).post(receive))
        .route("/api/stream-tokens/redeem", post(redeem))
}

/// Answers a request within the rate limits of its address.
///
/// A refusal beyond its limit is 429. A valid request is not delayed by invalid ones from the same
/// address: a stranger can cause a provider to send those.
async fn limited(
    state: &ServerState,
    client: ClientAddress,
    answering: impl Future<Output = Answer<Response>>,
) -> Answer<Response> {
    let receivers = &state.receivers;
    receivers.requests.check_address(&state.metrics, client)?;
    let answered = answering.await;
    if answered
        .as_ref()
        .is_err_and(|problem| problem.status().is_client_error())
    {
        receivers.refusals.check_address(&state.metrics, client)?;
    }
    answered
}

async fn receive(
    State(state): State<ServerState>,
    Extension(client): Extension<ClientAddress>,
    Path(endpoint): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let request = (method, query, headers, body);
    limited(&state, client, take(&state, &endpoint, request)).await
}

async fn take(
    state: &ServerState,
    endpoint: &str,
    (method, query, headers, body): (Method, Option<String>, HeaderMap, Body),
) -> Answer<Response> {
    let Some(address) = EndpointAddress::parse(endpoint) else {
        return Err(unknown_endpoint(state));
    };
    let found = find(state, &address).await?;
    let Some(loaded) = &found.0 else {
        return Err(unknown_endpoint(state));
    };
    let scheme = loaded.endpoint.scheme;
    let most = match scheme {
        Scheme::Meta => META_BODY,
        _ => state.settings.limits.body,
    };
    let body = read_body(state, &headers, body, most).await?;
    let now = state.clock.now();
    let url = public_url(state, &address, scheme)?;
    let headers = pairs(&headers);
    let request = Incoming {
        is_get: method == Method::GET || method == Method::HEAD,
        url: &url,
        query: query.as_deref(),
        headers: &headers,
        body: &body,
    };
    if request.is_get && scheme == Scheme::Meta {
        let tokens = loaded.secrets(SecretPurpose::VerifyToken, now);
        let challenge = meta::challenge(request.query, &tokens);
        return challenge
            .map(IntoResponse::into_response)
            .map_err(|refusal| refused(state, refusal, scheme));
    }
    if request.is_get && scheme != Scheme::Twilio {
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
        ));
    }
    let secrets = loaded.secrets(SecretPurpose::Signing, now);
    let refuse = |refusal| refused(state, refusal, scheme);
    let verified = verify(scheme, &request, &secrets, now).map_err(refuse)?;
    let parsed = parse(&verified).map_err(refuse)?;
    let own = loaded.organization.id;
    let mut foreign = webhooks::foreign_identities(loaded, &parsed, &verified);
    if foreign.len() > MOST_LOOKUPS {
        // One query in the transaction of the events answers for all of them.
        foreign.clear();
    }
    let mut holders = Vec::new();
    for identity in foreign {
        let holder = holder(state, own, &identity).await?;
        holders.push((identity, holder));
    }
    let db = state.connection_for(own).await?;
    let event = (&parsed, &verified);
    let unnamed = state.settings.unnamed_identities;
    let receipt = webhooks::receive(&db, loaded, &request, event, &holders, unnamed, now).await?;
    state.metrics.received(loaded.endpoint.channel, &receipt);
    if receipt.stored > 0 {
        state.work.notify_one();
    }
    Ok(match receipt.reply {
        Reply::Empty => StatusCode::OK.into_response(),
        Reply::Json(value) => Json(value).into_response(),
        Reply::Xml(text) => {
            let xml = HeaderValue::from_static("text/xml; charset=utf-8");
            ([(header::CONTENT_TYPE, xml)], text).into_response()
        }
    })
}

/// The organization that holds what a verified event of `own` names.
async fn holder(
    state: &ServerState,
    own: OrganizationId,
    identity: &Identity,
) -> Result<Option<OrganizationId>> {
    let load = || async {
        let db = state.connection_for(own).await?;
        webhooks::holder(&db, identity).await.map(Holder)
    };
    let holders = &state.receivers.holders;
    let found = holders.get_or(&state.metrics, identity, load).await?;
    Ok(found.0)
}

async fn find(state: &ServerState, address: &EndpointAddress) -> Result<Arc<Found>> {
    let load = || async {
        let db = state.connection_for_look_up(EntryPoint::Webhooks).await?;
        let loaded = webhooks::load(&db, state.require_keys()?, address, state.clock.now()).await?;
        Ok(Found(loaded))
    };
    let endpoints = &state.receivers.endpoints;
    endpoints.get_or(&state.metrics, address, load).await
}

/// The URL configured at the provider, which Twilio signs.
fn public_url(state: &ServerState, address: &EndpointAddress, scheme: Scheme) -> Answer<Url> {
    let base = match (&state.settings.public_url, scheme) {
        (Some(base), _) => base.as_str(),
        (None, Scheme::Twilio) => {
            tracing::warn!("cannot verify a call: public_url in [server] is not set");
            return Err(Problem::unavailable());
        }
        (None, _) => "http://localhost",
    };
    let url = format!("{base}{}", address.path());
    Url::parse(&url).map_err(|_| Problem::internal())
}

fn pairs(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// The response for an endpoint that is unknown or disabled; it does not reveal which.
fn unknown_endpoint(state: &ServerState) -> Problem {
    state.metrics.refused("webhook_unknown_endpoint");
    Problem::not_found()
}

fn refused(state: &ServerState, refusal: Refusal, scheme: Scheme) -> Problem {
    state.metrics.refused(match refusal {
        Refusal::Missing => "webhook_missing",
        Refusal::Malformed => "webhook_malformed",
        Refusal::Wrong => "webhook_wrong",
        Refusal::Stale => "webhook_stale",
    });
    let status = StatusCode::from_u16(refusal.status(scheme));
    Problem::new(status.unwrap_or(StatusCode::BAD_REQUEST), refusal.reason())
}

/// Receives confirmed users from the identity provider (Standard Webhooks).
async fn sign_up(
    State(state): State<ServerState>,
    Extension(client): Extension<ClientAddress>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let taking = take_sign_up(&state, request_id, headers, body);
    limited(&state, client, taking).await
}

async fn take_sign_up(
    state: &ServerState,
    request_id: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let secrets = &state.receivers.sign_up_secrets;
    if secrets.is_empty() {
        return Err(unknown_endpoint(state));
    }
    let body = read_body(state, &headers, body, state.settings.limits.body).await?;
    let headers = pairs(&headers);
    let url = Url::parse("http://localhost/webhooks/sign-up").map_err(|_| Problem::internal())?;
    let request = Incoming {
        is_get: false,
        url: &url,
        query: None,
        headers: &headers,
        body: &body,
    };
    let now = state.clock.now();
    let refuse = |refusal| refused(state, refusal, Scheme::Standard);
    let verified = verify(Scheme::Standard, &request, secrets, now).map_err(refuse)?;
    let parsed = parse(&verified).map_err(refuse)?;
    let session = state.session(request_id.0).await?;
    if webhooks::sign_ups::receive(&session, &parsed, &verified).await? {
        state.work.notify_one();
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redeem {
    token: String,
    call_sid: String,
}

/// Redeems the token of a call, once, for a media stream; returns the organization and channel.
async fn redeem(
    State(state): State<ServerState>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    const MOST: usize = 4 * 1024;
    let body = read_body(&state, &headers, body, MOST).await?;
    let asked: Redeem = serde_json::from_slice(&body).map_err(|_| Problem::bad_input())?;
    let refuse = || {
        state.metrics.refused("stream_token");
        Problem::refused()
    };
    // Before a connection is used: an invalid token costs none.
    let organization = webhooks::organization_of_stream_token(&asked.token).ok_or_else(refuse)?;
    let db = state.connection_for_look_up(EntryPoint::Webhooks).await?;
    let now = state.clock.now();
    let shown = (asked.token.as_str(), asked.call_sid.as_str());
    let redeemed = webhooks::redeem_stream_token(&db, organization, shown, now).await?;
    let channel = redeemed.ok_or_else(refuse)?;
    Ok(Json(json!({ "organization_id": organization, "channel": channel })).into_response())
}
