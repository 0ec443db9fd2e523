//! `sslmode` against a real PostgreSQL with certificates of every kind.

mod server;

use std::path::Path;

use sqlx::Row as _;
use tenantctl::{db::open_connection, error::Error};

use crate::common::{Cli, settings};
use server::{Authority, Server};

/// Whether the connection is encrypted, where there is one.
async fn connect(server: &Server, parameters: &str) -> Result<bool, Error> {
    let mut connection = open_connection(&settings(&server.url(parameters))).await?;
    let row = sqlx::raw_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    Ok(row.get(0))
}

/// Everything that is told of a refusal.
async fn refusal(server: &Server, parameters: &str) -> String {
    let error = connect(server, parameters).await.expect_err(parameters);
    assert_eq!(error.kind(), tenantctl::error::ErrorKind::Unavailable);
    let causes = error.causes().join(": ");
    let hints: Vec<String> = error.hints().iter().map(ToString::to_string).collect();
    format!("{error}: {causes}\n{}", hints.join("\n"))
}

fn with_root(mode: &str, root: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", root.display())
}

fn without_root(mode: &str) -> String {
    with_root(mode, Path::new("/nonexistent/root.crt"))
}

#[tokio::test]
async fn a_certificate_that_is_right_passes_every_check() {
    let authority = Authority::new("Test authority");
    let server = Server::start(&authority.issue(&["127.0.0.1"]), "");
    let root = server.keep("root.crt", &authority.pem());
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        assert_eq!(
            connect(&server, &with_root(mode, &root)).await.ok(),
            Some(true),
            "{mode}"
        );
    }
    for mode in ["disable", "allow"] {
        assert_eq!(
            connect(&server, &without_root(mode)).await.ok(),
            Some(false),
            "{mode}"
        );
    }
    for mode in ["verify-ca", "verify-full"] {
        let told = refusal(&server, &without_root(mode)).await;
        assert!(told.contains("/nonexistent/root.crt"), "{told}");
    }
    // Another authority. `require` judges as soon as there is a file.
    let other = server.keep("other.crt", &Authority::new("Another authority").pem());
    for mode in ["require", "verify-ca", "verify-full"] {
        let told = refusal(&server, &with_root(mode, &other)).await;
        assert!(
            told.contains("issued by CN=Test authority"),
            "{mode}: {told}"
        );
        assert!(told.contains("sslrootcert=FILE"), "{told}");
        assert!(!told.contains("spelling"), "{told}");
    }
    let prefers = with_root("prefer", &other);
    assert_eq!(connect(&server, &prefers).await.ok(), Some(true));
}

#[tokio::test]
async fn an_expired_certificate_fails_where_it_is_judged() {
    let authority = Authority::new("Test authority");
    let server = Server::start(&authority.issue_expired(&["127.0.0.1"]), "");
    let root = server.keep("root.crt", &authority.pem());
    for mode in ["prefer", "require"] {
        assert_eq!(
            connect(&server, &without_root(mode)).await.ok(),
            Some(true),
            "{mode}"
        );
    }
    for mode in ["verify-ca", "verify-full"] {
        let told = refusal(&server, &with_root(mode, &root)).await;
        assert!(told.contains("expired on 2021-01-01"), "{mode}: {told}");
    }
}

#[tokio::test]
async fn the_name_is_judged_by_verify_full_alone() {
    let authority = Authority::new("Test authority");
    let server = Server::start(&authority.issue(&["db.example.com", "10.0.0.1"]), "");
    let root = server.keep("root.crt", &authority.pem());
    for mode in ["require", "verify-ca"] {
        assert_eq!(
            connect(&server, &with_root(mode, &root)).await.ok(),
            Some(true),
            "{mode}"
        );
    }
    let told = refusal(&server, &with_root("verify-full", &root)).await;
    assert!(
        told.contains("it is valid for db.example.com, 10.0.0.1, not for 127.0.0.1"),
        "{told}"
    );
    assert!(told.contains("sslmode=verify-ca"), "{told}");
}

/// Citus makes such, without extensions, and libpq connects.
#[tokio::test]
async fn a_certificate_of_version_1_encrypts() {
    let pair = (
        include_str!("version1.crt").to_owned(),
        include_str!("version1.key").to_owned(),
    );
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let server = Server::start(&pair, &format!("ssl_max_protocol_version = '{protocol}'"));
        for mode in ["prefer", "require"] {
            let told = connect(&server, &without_root(mode)).await;
            assert_eq!(told.ok(), Some(true), "{mode} {protocol}");
        }
        // In the file of trusted certificates itself it is trusted.
        let itself = server.keep("itself.crt", &pair.0);
        let trusting = with_root("verify-ca", &itself);
        assert_eq!(connect(&server, &trusting).await.ok(), Some(true));
        let told = refusal(&server, &with_root("verify-full", &itself)).await;
        assert!(
            told.contains("it is valid for citus-auto-ssl, not for 127.0.0.1"),
            "{told}"
        );
        let root = server.keep("root.crt", &Authority::new("Test authority").pem());
        let told = refusal(&server, &with_root("verify-ca", &root)).await;
        assert!(told.contains("self-signed (CN=citus-auto-ssl)"), "{told}");
    }
}

#[tokio::test]
async fn what_the_server_wants_decides_where_both_will_do() {
    let authority = Authority::new("Test authority");
    let pair = authority.issue(&["127.0.0.1"]);
    let encrypting = Server::start_with(&pair, "", "hostssl");
    for mode in ["allow", "prefer"] {
        let told = connect(&encrypting, &without_root(mode)).await;
        assert_eq!(told.ok(), Some(true), "{mode}");
    }
    let told = refusal(&encrypting, &without_root("disable")).await;
    assert!(told.contains("no encryption"), "{told}");
    let plain = Server::start_with(&pair, "ssl = off", "host");
    for mode in ["disable", "allow", "prefer"] {
        let told = connect(&plain, &without_root(mode)).await;
        assert_eq!(told.ok(), Some(false), "{mode}");
    }
    let told = refusal(&plain, &without_root("require")).await;
    assert!(told.contains("does not offer TLS"), "{told}");
    let refusing = Server::start_with(&pair, "", "hostnossl");
    let told = connect(&refusing, &without_root("prefer")).await;
    assert_eq!(told.ok(), Some(false));
}

#[test]
fn commands_say_which_check_failed() {
    let authority = Authority::new("Test authority");
    let server = Server::start(&authority.issue(&["db.example.com"]), "");
    let root = server.keep("root.crt", &authority.pem());
    let url = server.url(&with_root("verify-full", &root));
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    let told = cli.fails(7, &["org", "list"]);
    assert!(
        told.contains("db.example.com") && told.contains("sslmode"),
        "{told}"
    );
    assert!(!told.contains("spelling"), "{told}");
}
