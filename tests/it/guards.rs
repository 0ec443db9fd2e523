//! Situations in which a careless tool lies: the wrong role, other schemas and histories, counts
//! of what was rolled back, an answer to a commit that never came.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use sqlx::postgres::PgListener;
use tenantctl::local::EphemeralCluster;

use crate::common::{CLUSTER, Cli, TestDb, block_on, unique};

fn url_as(db: &TestDb, role: &str) -> String {
    db.url.replacen("//postgres@", &format!("//{role}@"), 1)
}

/// Row-level security would answer every question of the platform with "none".
#[tokio::test]
async fn a_role_that_does_not_own_the_tables_is_refused_and_not_lied_to() {
    let db = TestDb::new();
    db.cli().ok(&["org", "create", "Harbor Clinic"]);
    let role = unique("guest");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT tenant_app TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ))
    .await;
    let guest = Cli::new().env("TENANTCTL_DATABASE_URL", &url_as(&db, &role));
    for line in [
        vec!["org", "list"],
        vec!["user", "sign-up", "--email", "a@b.example", "--name", "A"],
    ] {
        let told = guest.fails(5, &line);
        assert!(told.contains("does not own the tables"), "{told}");
    }
    // What the hint says is enough.
    db.execute(&format!("GRANT postgres TO {role}")).await;
    assert!(guest.ok(&["org", "list"]).contains("harbor-clinic"));
}

/// Nor is one lied to that may not even read the history of the schema.
#[tokio::test]
async fn a_role_without_any_right_is_told_who_owns_the_tables() {
    let db = TestDb::new();
    let role = unique("stranger");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT tenant_app TO {role}"
    ))
    .await;
    let stranger = Cli::new().env("TENANTCTL_DATABASE_URL", &url_as(&db, &role));
    for line in [vec!["org", "list"], vec!["db", "status"]] {
        let told = stranger.fails(5, &line);
        assert!(told.contains("GRANT \"postgres\" TO"), "{told}");
    }
}

/// On a cluster of its own: the role `tenant_app` is everybody's.
#[tokio::test]
async fn a_tenant_role_that_bypasses_row_level_security_stops_every_command() {
    let cluster = EphemeralCluster::start().await.unwrap();
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &cluster.admin_url("postgres"));
    cli.ok(&["db", "migrate"]);
    cli.ok(&["org", "create", "Harbor Clinic"]);
    let mut admin =
        <sqlx::PgConnection as sqlx::Connection>::connect(&cluster.admin_url("postgres"))
            .await
            .unwrap();
    let admin: &mut sqlx::PgConnection = &mut admin;
    sqlx::Executor::execute(&mut *admin, "ALTER ROLE tenant_app BYPASSRLS")
        .await
        .unwrap();
    let told = cli.fails(5, &["org", "list"]);
    assert!(told.contains("ALTER ROLE tenant_app"), "{told}");
    sqlx::Executor::execute(admin, "ALTER ROLE tenant_app NOBYPASSRLS")
        .await
        .unwrap();
    cli.ok(&["org", "list"]);
}

/// Roles and their members belong to the cluster, the advisory lock to one database.
#[tokio::test]
async fn databases_of_one_cluster_can_be_migrated_at_once_by_an_ordinary_role() {
    let cluster = EphemeralCluster::start().await.unwrap();
    let mut admin: sqlx::PgConnection =
        <sqlx::PgConnection as sqlx::Connection>::connect(&cluster.admin_url("postgres"))
            .await
            .unwrap();
    sqlx::Executor::execute(&mut admin, "CREATE ROLE ops LOGIN CREATEROLE")
        .await
        .unwrap();
    let names: Vec<String> = (0..6).map(|number| format!("parallel_{number}")).collect();
    for name in &names {
        let sql = format!("CREATE DATABASE {name} OWNER ops");
        sqlx::Executor::execute(&mut admin, sqlx::AssertSqlSafe(sql))
            .await
            .unwrap();
    }
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let url = cluster.admin_url(name).replacen("//postgres@", "//ops@", 1);
            let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
            let child = cli
                .command(&["db", "migrate"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            (cli, child)
        })
        .collect();
    for (_cli, child) in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[tokio::test]
async fn a_schema_other_than_public_works_as_well() {
    let db = TestDb::empty();
    db.execute("CREATE SCHEMA app").await;
    let separator = if db.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-c%20search_path%3Dapp", db.url);
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    cli.ok(&["db", "migrate"]);
    cli.ok(&["org", "create", "Harbor Clinic"]);
    assert_eq!(
        cli.json(&["org", "show", "harbor-clinic"])["name"],
        "Harbor Clinic"
    );
    assert!(
        !db.scalar::<bool>("SELECT to_regclass('public.organizations') IS NOT NULL")
            .await
    );
}

#[tokio::test]
async fn the_history_of_another_application_is_left_alone() {
    let db = TestDb::empty();
    db.execute(
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
             installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL,
             checksum bytea NOT NULL, execution_time bigint NOT NULL);
         INSERT INTO _sqlx_migrations VALUES (20230101000000, 'shop', now(), true, '', 1)",
    )
    .await;
    let told = db.cli().fails(4, &["db", "migrate"]);
    assert!(told.contains("another application"), "{told}");
    // Also where that application has a table of our name.
    db.execute("CREATE TABLE organizations (id int)").await;
    let told = db.cli().fails(7, &["org", "list"]);
    assert!(told.contains("another application"), "{told}");
    db.execute("DROP TABLE organizations").await;
    assert!(
        !db.scalar::<bool>("SELECT to_regclass('organizations') IS NOT NULL")
            .await
    );
}

/// Attempts that were rolled back inside the rehearsal are not changes.
#[test]
fn a_dry_run_counts_what_would_be_kept_and_nothing_else() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Alpha Clinic"]);
    cli.ok(&["org", "create", "Alpha Clinic"]);
    let rehearsed = cli.json(&["org", "create", "Alpha Clinic", "--dry-run"]);
    assert_eq!(rehearsed["slug"], "alpha-clinic-3");
    let organizations = rehearsed["dry_run"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["table"] == "organizations")
        .unwrap();
    assert_eq!(organizations["inserted"], 1);
}

/// Several handles, one after another: each change is counted once.
#[test]
fn a_dry_run_of_several_steps_counts_each_change_once() {
    let db = TestDb::new();
    let sign_up = [
        "user",
        "sign-up",
        "--email",
        "fay@f.example",
        "--name",
        "Fay",
        "--dry-run",
    ];
    let rehearsed = db.cli().json(&sign_up);
    let inserted = |table: &str| {
        let changes = rehearsed["dry_run"].as_array().unwrap();
        let change = changes.iter().find(|change| change["table"] == table);
        change.unwrap()["inserted"].clone()
    };
    assert_eq!(inserted("users"), 1);
    assert_eq!(inserted("platform_activity_log"), 1);
    assert_eq!(inserted("organizations"), 1);
    assert_eq!(inserted("channel_configurations"), 5);
}

/// A running server caches whether a channel is live, which depends on the organization.
#[tokio::test]
async fn a_change_of_status_reaches_the_running_servers() {
    let db = TestDb::new();
    let cli = db.cli();
    let id = cli.json(&["org", "create", "Harbor Clinic"])["id"].clone();
    let mut listener = PgListener::connect(&db.url).await.unwrap();
    listener.listen("tenantctl_configuration").await.unwrap();
    let everything = format!("{}:*", id.as_str().unwrap());
    for line in [
        "org suspend harbor-clinic --yes",
        "org resume harbor-clinic",
        "org delete harbor-clinic --yes",
        "org purge harbor-clinic --now --yes",
    ] {
        cli.ok(&line.split(' ').collect::<Vec<_>>());
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), listener.recv())
            .await
            .unwrap_or_else(|_| panic!("{line}: nothing was sent"))
            .unwrap();
        assert_eq!(told.payload(), everything, "{line}");
    }
}

/// The server commits, and the connection breaks before it can say so.
#[test]
fn a_lost_answer_to_a_commit_is_not_called_a_failure() {
    let db = TestDb::new();
    db.cli().ok(&["org", "create", "Harbor Clinic"]);
    let folder = tempfile::tempdir().unwrap();
    let port = 5433;
    let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}"))).unwrap();
    let server = server_socket();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let upstream = UnixStream::connect(&server).unwrap();
            relay_until_commit(client, upstream);
        }
    });
    let url = format!(
        "postgres://postgres@localhost/{}?host={}&port={port}",
        db.name,
        folder.path().display()
    );
    let cut = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    let told = cut.fails(7, &["org", "update", "harbor-clinic", "--name", "Renamed"]);
    assert!(told.contains("may or may not have been made"), "{told}");
    assert!(
        !told.contains("the last transaction was rolled back"),
        "{told}"
    );
    let name: String = block_on(|| db.scalar("SELECT name FROM organizations"));
    assert_eq!(name, "Renamed", "this time it was");
}

/// The socket of the test cluster, from its URL.
fn server_socket() -> std::path::PathBuf {
    let url = url::Url::parse(&CLUSTER.admin_url("postgres")).unwrap();
    let value = |wanted: &str| {
        url.query_pairs()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .unwrap()
    };
    format!("{}/.s.PGSQL.{}", value("host"), value("port")).into()
}

/// Passes everything on, up to and including the COMMIT; its answer is swallowed.
fn relay_until_commit(client: UnixStream, upstream: UnixStream) {
    let mut answers = upstream.try_clone().unwrap();
    let mut back = client.try_clone().unwrap();
    let committed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&committed);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            if seen.load(std::sync::atomic::Ordering::SeqCst) {
                let _ = back.shutdown(std::net::Shutdown::Both);
                return;
            }
            if back.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    });
    let (mut client, mut upstream) = (client, upstream);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let bytes = &buffer[..length];
            if bytes.windows(7).any(|window| window == b"COMMIT\0") {
                committed.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            if upstream.write_all(bytes).is_err() {
                return;
            }
        }
    });
}
