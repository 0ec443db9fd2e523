//! Starting and stopping.

use std::{
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::{Connection as _, Executor};

use super::{Serving, server::parse};
use crate::common::{Cli, TestDb, unique};

#[test]
fn it_says_where_it_listens_answers_and_ends_in_order() {
    let db = TestDb::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let serving = Serving::start(&db.cli(), &[]);
        assert!(serving.said.starts_with("listening on http://127.0.0.1:"));
        assert_eq!(serving.get("/healthz").0, 200);
        assert_eq!(serving.get("/readyz").0, 200);
        assert_eq!(serving.get("/nothing").0, 404);
        serving.signal(signal);
        let (status, rest, log) = serving.end();
        assert_eq!(status.code(), Some(0), "{signal}\n{log}");
        assert_eq!(rest, "", "stdout has one line");
        for line in log.lines() {
            let event: Value = serde_json::from_str(line).expect(line);
            assert!(event["timestamp"].is_string() && event["level"].is_string());
        }
        assert!(log.contains(r#""message":"stopped""#), "{log}");
    }
}

#[test]
fn a_script_reads_where_it_listens_as_json() {
    let db = TestDb::new();
    let args = ["--metrics-listen", "127.0.0.1:0", "-o", "ndjson"];
    let serving = Serving::start(&db.cli(), &args);
    let said: Value = serde_json::from_str(&serving.said).unwrap();
    assert_eq!(said["requests"], true);
    assert_eq!(said["work"], true);
    let port = |key: &str| {
        let url = url::Url::parse(said[key].as_str().unwrap()).unwrap();
        format!("127.0.0.1:{}", url.port().unwrap())
    };
    let get = |port: &str, path: &str| super::Connection::to(port.parse().unwrap()).get(path).0;
    assert_eq!(get(&port("url"), "/metrics"), 404);
    assert_eq!(get(&port("metrics_url"), "/metrics"), 200);
    assert_eq!(get(&port("metrics_url"), "/readyz"), 200);
}

/// Nothing of what a client sends is in the log but its method.
#[test]
fn the_log_has_routes_and_times_and_nothing_of_what_was_sent() {
    let db = TestDb::new();
    let serving = Serving::start(&db.cli(), &["-v"]);
    let mut connection = serving.connect();
    connection.send(
        "POST /healthz?token=canary1 HTTP/1.1\r\nhost: canary2\r\nx-request-id: canary3\r\n\
         authorization: canary4\r\ncontent-length: 7\r\nconnection: close\r\n\r\ncanary5",
    );
    let answer = connection.read_to_end();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    serving.get("/canary6");
    serving.wait_for_log("unmatched");
    let (_, _, log) = serving.stop();
    assert!(log.contains(r#""route":"/healthz""#), "{log}");
    assert!(log.contains(r#""status":405"#), "{log}");
    assert!(!log.contains("canary"), "{log}");
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "))
        .unwrap();
    assert!(log.contains(id), "{id} not in {log}");
}

/// A request that is under way when the server is told to stop.
#[tokio::test]
async fn what_was_taken_is_finished() {
    let db = TestDb::new();
    let mut serving = Serving::start(&db.cli(), &[]);
    let mut holder = db.raw().await;
    holder
        .execute("BEGIN; LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut connection = serving.connect();
    connection.send("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
    let waiting = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while db.scalar::<i64>(waiting).await == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    serving.signal(Signal::SIGTERM);
    serving.wait_for_log("stopping");
    let refused = std::net::TcpStream::connect(serving.address());
    assert!(!serving.has_ended(), "{refused:?}");
    holder.close().await.unwrap();
    let answer = connection.read_to_end();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (status, _, log) = serving.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// What never ends is cut off, and that is said.
#[tokio::test]
async fn a_stop_takes_no_longer_than_it_may() {
    let db = TestDb::new();
    let serving = Serving::with(&db.cli(), "shutdown_seconds = 1");
    let mut holder = db.raw().await;
    holder
        .execute("BEGIN; LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut connection = serving.connect();
    connection.send("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
    std::thread::sleep(Duration::from_millis(500));
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("requests cut off: 1"), "{log}");
    drop(holder);
}

/// Clients that only keep their connection do not keep the server.
#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let db = TestDb::new();
    let serving = Serving::start(&db.cli(), &[]);
    let mut kept = serving.connect();
    kept.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut first = [0; 12];
    kept.0.read_exact(&mut first).unwrap();
    let silent = serving.connect();
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains(r#""message":"stopped""#), "{log}");
    drop((kept, silent));
}

#[test]
fn an_address_that_is_taken_is_told_plainly() {
    let db = TestDb::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = db.cli().run(&["serve", "--listen", &address]);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    let told = format!("another process listens on {address}");
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    for wrong in ["localhost", "127.0.0.1", "x:1"] {
        db.cli().fails(2, &["serve", "--listen", wrong]);
    }
    db.cli().fails(2, &["serve", "--listen", "none"]);
    db.cli()
        .fails(2, &["serve", "--worker-only", "--no-worker"]);
    db.cli().fails(2, &["serve", "--dry-run"]);
}

#[test]
fn the_unix_socket_is_a_door_and_gone_at_the_end() {
    let db = TestDb::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let socket = path.to_str().unwrap();
    let args = ["--listen", "none", "--unix-socket", socket];
    let serving = Serving::start(&db.cli(), &args);
    assert_eq!(serving.said, format!("listening on {socket}\n"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(parse(&answer).0, 200, "{answer}");

    let mut second = vec!["serve"];
    second.extend(args);
    let told = db.cli().fails(4, &second);
    assert!(told.contains(socket), "{told}");
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!path.exists());

    // A server that was killed leaves its socket behind.
    let mut killed = Serving::start(&db.cli(), &args);
    killed.signal(Signal::SIGKILL);
    while !killed.has_ended() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(path.exists());
    let again = Serving::start(&db.cli(), &args);
    assert_eq!(again.stop().0.code(), Some(0));
}

#[test]
fn a_worker_listens_nowhere() {
    let db = TestDb::new();
    let serving = Serving::start(&db.cli(), &["--worker-only"]);
    assert_eq!(serving.said, "working\n");
    assert_eq!(serving.stop().0.code(), Some(0));
}

#[test]
fn a_database_that_cannot_be_served_is_not() {
    let empty = TestDb::empty();
    let told = empty.cli().fails(7, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(told.contains("tenantctl db migrate"), "{told}");
    let down = Cli::new().env(
        "TENANTCTL_DATABASE_URL",
        "postgres://u:hunter2@127.0.0.1:1/db",
    );
    let told = down.fails(7, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_role_for_which_isolation_would_be_void_is_refused() {
    let db = TestDb::new();
    let role = unique("server");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ))
    .await;
    let url = db.url.replacen("//postgres@", &format!("//{role}@"), 1);
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let told = cli.fails(5, &serve);
    assert!(told.contains("does not own the tables"), "{told}");
    // It owns them now, and cannot become the tenant role.
    db.execute(&format!("ALTER TABLE organizations OWNER TO {role}"))
        .await;
    let told = cli.fails(5, &serve);
    assert!(told.contains("tenant_app"), "{told}");
    db.execute(&format!("GRANT tenant_app TO {role}")).await;
    let serving = Serving::start(&cli, &[]);
    assert_eq!(serving.get("/readyz").0, 200);
}
