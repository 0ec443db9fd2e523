//! Observability of every request: its id, client, result and duration.
//!
//! The log contains method, route, status and duration. It never contains a path, a query, a header
//! or a body: each of them can contain a secret or a patient's words.

use std::{net::IpAddr, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    response::Response,
};
use uuid::Uuid;

use super::{
    client::{ClientAddress, Peer, RequestId},
    metrics::{Counted, method_label},
    problem::{self, Problem},
    state::ServerState,
};
use crate::{domain::Network, system::new_id};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The route label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// nginx's status for a client that disconnected before the response. It is only logged, never sent.
const CLIENT_WENT_AWAY: u16 = 499;

/// `true` if forwarded addresses from this peer are trusted. Access to the Unix socket is controlled
/// by file permissions.
fn is_trusted(peer: Option<IpAddr>, trusted: &[Network]) -> bool {
    peer.is_none_or(|address| trusted.iter().any(|network| network.contains(address)))
}

fn sent_id(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(REQUEST_ID)?.to_str().ok()?.parse().ok()
}

/// Each proxy appends the address that called it, so the list is read from its end, as far as
/// trusted proxies wrote it.
fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    is_trusted: impl Fn(Option<IpAddr>) -> bool,
) -> Option<IpAddr> {
    let mut client = peer;
    let hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = Some(address.to_canonical()),
            Err(_) => break,
        }
    }
    client
}

/// A request in progress, with its id; its result is logged. If it is dropped without a response,
/// the client disconnected or the server stopped.
pub(super) struct Seen {
    state: ServerState,
    id: Uuid,
    method: Method,
    route: Option<MatchedPath>,
    begun: Instant,
    ended: bool,
    _in_flight: Counted,
}

impl Seen {
    /// Assigns an id to the request and passes the client address to its handler.
    pub(super) fn begin(state: &ServerState, request: &mut Request) -> Self {
        // A request without a connection (a test that calls the router) is not trusted.
        let peer = request.extensions().get::<Peer>().copied();
        let trusted = &state.settings.trusted_proxies;
        let is_trusted = peer.is_some_and(|peer| is_trusted(peer.0, trusted));
        let id = sent_id(request.headers())
            .filter(|_| is_trusted)
            .unwrap_or_else(new_id);
        let client = client_address(peer.and_then(|peer| peer.0), request.headers(), |peer| {
            is_trusted && peer.is_none_or(|address| self::is_trusted(Some(address), trusted))
        });
        let extensions = request.extensions_mut();
        extensions.insert(RequestId(id));
        extensions.insert(ClientAddress(client));
        Self {
            state: state.clone(),
            id,
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            begun: Instant::now(),
            ended: false,
            _in_flight: Counted::one(&state.metrics.in_flight),
        }
    }

    /// Logs and counts the response as it is sent.
    pub(super) fn answered(mut self, response: Response) -> Response {
        let (mut response, problem) = problem::finish(response, self.id);
        let mut text = Uuid::encode_buffer();
        let id = HeaderValue::from_str(self.id.hyphenated().encode_lower(&mut text));
        if let Ok(value) = id {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        self.ended = true;
        let request_id = self.id;
        let status = response.status();
        match problem.as_ref().and_then(Problem::cause) {
            Some(cause) if status == StatusCode::SERVICE_UNAVAILABLE => {
                tracing::warn!(%request_id, cause, "not available");
            }
            Some(cause) if status.is_server_error() => {
                tracing::error!(%request_id, cause, "failed");
            }
            _ => {}
        }
        self.record(status.as_u16());
        response
    }

    fn record(&self, status: u16) {
        let taken = self.begun.elapsed();
        let route = self.route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        let metrics = &self.state.metrics;
        metrics.answered(&self.method, route, status, taken.as_secs_f64());
        tracing::info!(
            request_id = self
                .id
                .hyphenated()
                .encode_lower(&mut Uuid::encode_buffer()),
            method = method_label(&self.method),
            route,
            status,
            ms = taken.as_micros() as f64 / 1000.0,
            "request"
        );
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if !self.ended {
            self.record(CLIENT_WENT_AWAY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: Option<&str>, forwarded: &[&str], trusted: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let peer = peer.map(|text| text.parse().unwrap());
        client_address(peer, &headers, |address| is_trusted(address, &trusted))
            .map(|address| address.to_string())
    }

    #[test]
    fn a_stranger_cannot_say_that_it_is_somebody_else() {
        let address = client(Some("9.9.9.9"), &["1.2.3.4"], &["10.0.0.0/8"]);
        assert_eq!(address.as_deref(), Some("9.9.9.9"));
    }

    #[test]
    fn the_list_is_believed_as_far_as_trusted_proxies_wrote_it() {
        let trusted = ["10.0.0.0/8"];
        for (forwarded, expected) in [
            (&["1.2.3.4"][..], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            (&["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            (&["6.6.6.6, nonsense"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let address = client(Some("10.0.0.1"), forwarded, &trusted);
            assert_eq!(address.as_deref(), Some(expected), "{forwarded:?}");
        }
    }

    #[test]
    fn the_unix_socket_is_a_proxy() {
        assert_eq!(client(None, &["1.2.3.4"], &[]).as_deref(), Some("1.2.3.4"));
        assert_eq!(client(None, &[], &[]), None);
    }
}
