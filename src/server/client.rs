//! The client of a request, and the id of the request.

use std::net::IpAddr;

use uuid::Uuid;

/// The id that ties together the log, the activity entries and the response of a request. Available
/// to handlers as an `Extension`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestId(pub Uuid);

/// The address of the client, or of the nearest hop that no trusted proxy vouches for; `None` if the
/// request came through the Unix socket without a forwarded address. Available to handlers as an
/// `Extension`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress(pub Option<IpAddr>);

/// The peer address of the connection; `None` for the Unix socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) Option<IpAddr>);
