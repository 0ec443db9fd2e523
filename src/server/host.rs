//! The Host header (RFC 9112, section 3.2): a request with two Host headers, or with none, can mean
//! one thing to a proxy and another to the server behind it.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Version, header, uri::Authority},
};

use super::client::Peer;

/// `true` if a request received over a connection has a valid host. A test that calls the router
/// has no connection and needs no host.
pub(super) fn is_valid_host(request: &Request) -> bool {
    request.extensions().get::<Peer>().is_none() || is_valid(request.version(), request.headers())
}

/// HTTP/1.1: exactly one Host header with a valid value, also if the target is an absolute URL.
/// HTTP/1.0: at most one.
fn is_valid(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]`
fn is_host(value: &HeaderValue) -> bool {
    let authority = value.to_str().ok().and_then(|text| text.parse().ok());
    authority.is_some_and(|authority: Authority| {
        let (text, host) = (authority.as_str(), authority.host());
        !text.contains('@') && !host.is_empty() && is_port(&text[host.len()..])
    })
}

/// The rest of an authority after its host: empty, or a port, which may be empty (RFC 3986, section
/// 3.2.3).
fn is_port(rest: &str) -> bool {
    let Some(port) = rest.strip_prefix(':') else {
        return rest.is_empty();
    };
    port.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(version: Version, hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        is_valid(version, &headers)
    }

    #[test]
    fn exactly_one_valid_host() {
        for good in ["a.example", "a.example:8080", "10.0.0.1", "[::1]:80"] {
            assert!(judged(Version::HTTP_11, &[good]), "{good}");
            assert!(judged(Version::HTTP_10, &[good]), "{good}");
        }
        for bad in [
            "",
            "u@a.example",
            "a.example/path",
            "a b",
            "a:port",
            "a,b@c",
        ] {
            assert!(!judged(Version::HTTP_11, &[bad]), "{bad}");
        }
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!judged(version, &["a.example", "a.example"]));
        }
        assert!(!judged(Version::HTTP_11, &[]));
        assert!(judged(Version::HTTP_10, &[]));
    }
}
