//! A private cluster per test run, a template database migrated once, a fresh database per test.
//! Server and databases vanish with the test process, however it ends.

mod bouncer;
mod cli;
mod clinic;
mod fixtures;
pub mod fuzz;
mod race;
mod smtp;

pub use bouncer::Bouncer;
pub use cli::{Cli, Outcome};
pub use clinic::{Clinic, token_of};
pub use fixtures::{
    Fixture, LINK_TEMPLATE, Practice, SECRET_KEYS, practice, sealing_keys, token_seal, user,
};
pub use race::race;
pub use smtp::{Act, Gate, Security, SmtpServer, Stage, USER as SMTP_USER};

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tenantctl::{
    db::{self, Authority, ConnectSettings, Database, roles::Rights},
    domain::{Actor, channel::identity::ClaimPolicy},
    local::{EphemeralCluster, EphemeralOptions},
    services::{Session, roles},
    system::{Clock, Environment, new_id},
};

/// The cluster of this test run.
pub static CLUSTER: LazyLock<EphemeralCluster> = LazyLock::new(|| {
    block_on(|| async {
        EphemeralCluster::start_with(cluster_options())
            .await
            .expect("a private PostgreSQL for the tests")
    })
});

/// How the clusters of the tests are made.
pub fn cluster_options() -> EphemeralOptions {
    let environment = Environment::from_process();
    EphemeralOptions {
        bindir: environment.path("TENANTCTL_PG_BINDIR").map(Into::into),
        path: environment.get_os("PATH").map(Into::into),
        downloads: None,
        settings: Vec::new(),
    }
}

/// A migrated database that tests are cloned from.
static TEMPLATE: LazyLock<&str> = LazyLock::new(|| {
    block_on(|| async {
        create_database("tenantctl_template", None).await;
        let db = connect(&CLUSTER.admin_url("tenantctl_template")).await;
        db::migrate::run(&db).await.expect("the migrations apply");
        roles::create_missing(&session_on(db))
            .await
            .expect("the roles of servers and tenants");
    });
    "tenantctl_template"
});

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A name that no other test has.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a future on a thread of its own, so that it works inside a test's runtime too.
pub fn block_on<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(work())
            })
            .join()
            .expect("the set-up does not panic")
    })
}

async fn create_database(name: &str, template: Option<&str>) {
    let mut admin = raw(&CLUSTER.admin_url("postgres")).await;
    let sql = match template {
        Some(template) => format!("CREATE DATABASE {name} TEMPLATE {template}"),
        None => format!("CREATE DATABASE {name}"),
    };
    admin.execute(AssertSqlSafe(sql)).await.expect("a database");
}

async fn raw(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection")
}

async fn connect(url: &str) -> Database {
    Database::connect(&settings(url))
        .await
        .expect("a connection")
}

/// How tests connect.
pub fn settings(url: &str) -> ConnectSettings {
    ConnectSettings {
        url: url.to_owned().into(),
        authority: Authority::Owner,
        connect_timeout: Duration::from_secs(20),
        statement_timeout: None,
        pooled: None,
    }
}

/// How a server connects whose role owns nothing.
pub fn server_settings(url: &str) -> ConnectSettings {
    ConnectSettings {
        authority: Authority::Tenant,
        ..settings(&as_role(url, Rights::Server.default_name()))
    }
}

/// The URL of another role.
pub fn as_role(url: &str, role: &str) -> String {
    url.replacen("//postgres@", &format!("//{role}@"), 1)
}

fn session_on(db: Database) -> Session {
    Session {
        db,
        actor: Actor::Operator {
            name: "test".to_owned(),
        },
        clock: Clock::System,
        request_id: new_id(),
        mail: None,
        claims: ClaimPolicy::default(),
    }
}

/// A database of its own for one test.
#[derive(Debug)]
pub struct TestDb {
    pub name: String,
    /// As the superuser: row-level security has to hold even so.
    pub url: String,
}

impl TestDb {
    /// A migrated database.
    pub fn new() -> Self {
        let template = *TEMPLATE;
        Self::create(Some(template))
    }

    /// A database without our schema.
    pub fn empty() -> Self {
        Self::create(None)
    }

    fn create(template: Option<&str>) -> Self {
        let name = unique("it");
        block_on(|| create_database(&name, template));
        let url = CLUSTER.admin_url(&name);
        Self { name, url }
    }

    /// A connection of its own, without our handles: to prepare, to tamper, to look.
    pub async fn raw(&self) -> PgConnection {
        raw(&self.url).await
    }

    /// A connection of its own.
    pub async fn database(&self) -> Database {
        connect(&self.url).await
    }

    /// A session of the operator, on a connection of its own.
    pub async fn session(&self) -> Session {
        session_on(self.database().await)
    }

    /// A connection that authenticated as `role`.
    pub async fn raw_as(&self, role: &str) -> PgConnection {
        raw(&as_role(&self.url, role)).await
    }

    /// A single value.
    pub async fn scalar<T>(&self, sql: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let mut connection = self.raw().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut connection)
            .await
            .expect("a value")
    }

    /// Statements, as the superuser.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.raw().await;
        connection
            .execute(AssertSqlSafe(sql.to_owned()))
            .await
            .expect("the statement runs");
    }

    /// Everything that an organization has in the booking data, as text.
    pub async fn dump_of(&self, organization: &str) -> String {
        let mut dump = String::new();
        for table in [
            "patients",
            "providers",
            "operatories",
            "schedules",
            "appointments",
        ] {
            let rows: String = self
                .scalar(&format!(
                    "SELECT coalesce(string_agg(t::text, E'\n' ORDER BY id), '') FROM {table} t
                      WHERE organization_id = '{organization}'"
                ))
                .await;
            dump.push_str(&rows);
        }
        dump
    }

    /// The binary, on this database.
    pub fn cli(&self) -> Cli {
        Cli::new().env("TENANTCTL_DATABASE_URL", &self.url)
    }
}
