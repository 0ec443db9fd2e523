//! Clients that would starve others.

use std::{thread, time::Duration};

use super::Serving;
use crate::common::TestDb;

/// More of them than there are places: each loses its place, and others are answered.
#[test]
fn clients_that_send_their_head_byte_by_byte_do_not_starve_others() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "max_connections = 4\nheader_seconds = 1");
    let mut slow: Vec<_> = (0..10).map(|_| serving.connect()).collect();
    let dribbling = thread::spawn(move || {
        for connection in &mut slow {
            connection.send("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ");
        }
        let mut alive = true;
        while alive {
            thread::sleep(Duration::from_millis(100));
            alive = false;
            for connection in &mut slow {
                alive |= connection.send("a");
            }
        }
        // All of them were cut off.
    });
    for _ in 0..5 {
        assert_eq!(serving.get("/healthz").0, 200);
    }
    dribbling.join().unwrap();
    let metrics = serving.metrics();
    let counted = r#"tenantctl_http_refusals_total{reason="head_too_slow"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn clients_that_say_nothing_lose_their_place() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "max_connections = 4\nheader_seconds = 1");
    let mut silent: Vec<_> = (0..8).map(|_| serving.connect()).collect();
    assert_eq!(serving.get("/healthz").0, 200);
    for connection in &mut silent {
        assert_eq!(connection.read_to_end(), "");
    }
}

#[test]
fn an_address_that_is_refused_often_is_told_to_wait() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "webhook_refusals_per_address_per_minute = 2");
    let told = [(); 4].map(|()| serving.get("/webhooks/none").0);
    assert_eq!(told, [404, 404, 429, 429]);
    assert_eq!(serving.get("/healthz").0, 200);
    drop(serving);

    let serving = Serving::with(&db.cli(), "webhooks_per_address_per_minute = 1");
    let told = [(); 2].map(|()| serving.get("/webhooks/none").0);
    assert_eq!(told, [404, 429]);
    assert_eq!(serving.get("/healthz").0, 200);
}

/// Two hosts, or none, are how a request means one thing to a proxy and another to this server.
#[test]
fn a_request_names_exactly_one_host() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "");
    for (version, hosts, status) in [
        ("1.1", "host: a.example\r\n", 200),
        ("1.1", "", 400),
        ("1.1", "host: a.example\r\nhost: a.example\r\n", 400),
        ("1.1", "host: a.example\r\nHOST: b.example\r\n", 400),
        ("1.1", "host: a.example/healthz\r\n", 400),
        ("1.0", "", 200),
        ("1.0", "host: a.example\r\nhost: b.example\r\n", 400),
    ] {
        for target in ["/healthz", "http://a.example/healthz"] {
            let mut connection = serving.connect();
            connection.send(&format!(
                "GET {target} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n"
            ));
            let answer = connection.read_to_end();
            let told = answer.split(' ').nth(1).unwrap_or_default().to_owned();
            assert_eq!(
                told,
                status.to_string(),
                "{version} {target} {hosts:?}: {answer}"
            );
        }
    }
    assert!(serving.metrics().contains(r#"reason="host""#));
}

/// Between two requests a connection may rest, for another time.
#[test]
fn a_connection_that_rests_is_kept_and_then_closed() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "header_seconds = 1\nidle_seconds = 3");
    let mut connection = serving.connect();
    connection.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    thread::sleep(Duration::from_millis(1_500));
    connection.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let answers = connection.read_to_end();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
}

#[test]
fn one_address_cannot_take_all_places() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "max_connections_per_address = 2");
    let mut held = vec![serving.connect(), serving.connect()];
    for connection in &mut held {
        connection.send("GET /healthz HTTP/1.1\r\n");
    }
    let begun = std::time::Instant::now();
    while serving.get("/healthz").0 != 0 {
        assert!(begun.elapsed() < super::server::PATIENCE);
    }
    drop(held);
    serving.wait_for("/healthz", 200);
    let counted = r#"tenantctl_http_refusals_total{reason="connections_per_address"}"#;
    assert!(serving.metrics().contains(counted));
}

#[test]
fn behind_a_trusted_proxy_all_the_world_has_one_address() {
    let db = TestDb::new();
    let section = "max_connections_per_address = 1\ntrusted_proxies = ['127.0.0.0/8']";
    let serving = Serving::with(&db.cli(), section);
    let held: Vec<_> = (0..5).map(|_| serving.connect()).collect();
    assert_eq!(serving.get("/healthz").0, 200);
    drop(held);
    let mut connection = serving.connect();
    let id = "0197a3b0-0000-7000-8000-000000000001";
    connection.send(&format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n"
    ));
    assert!(
        connection.read_to_end().contains(id),
        "its ids are taken over"
    );
}

#[test]
fn heads_that_are_too_large_or_no_heads_are_refused() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "max_header_bytes = 4096");
    let large = "x".repeat(5_000);
    let many: String = (0..100)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect();
    for (request, status) in [
        (
            format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {large}\r\n\r\n"),
            "431",
        ),
        (
            format!("GET /healthz?{large} HTTP/1.1\r\nhost: x\r\n\r\n"),
            "4",
        ),
        (
            format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
            "431",
        ),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "400"),
        (
            "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "4",
        ),
    ] {
        let mut connection = serving.connect();
        connection.send(&request);
        let answer = connection.read_to_end();
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{request:.60}: {answer}");
    }
    let counted = r#"tenantctl_http_refusals_total{reason="head_too_large"}"#;
    assert!(serving.metrics().contains(counted));
    assert_eq!(serving.get("/healthz").0, 200);
}
