//! The isolation matrix: every tenant table × operation × context, as `tenant_app`. The tables
//! come from the catalog, so that a new one is either covered or named here with its reason.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Executor};
use tenantctl::{
    audit::{
        checks::probe::ProbeMode,
        report::{Attempt, ContextKind, Operation, Report, Verdict},
    },
    db,
};

use crate::{
    audit::lab::Lab,
    common::{Fixture, TestDb, unique},
};

/// Tables without a tenant that the tenant role reads.
const READ_BY_TENANTS: &[&str] = &["system_agent_configurations"];

/// Tables without a tenant, and why each may be.
const GLOBAL_TABLES: &[(&str, &str)] = &[
    ("_sqlx_migrations", "the history of the schema"),
    (
        "database_protection",
        "the platform's own: whether destruction asks for --confirm; the tenant role has no right on it",
    ),
    (
        "import_jobs",
        "the platform's own: a file may fill many organizations; the tenant role has no right on it",
    ),
    (
        "mail_deliveries",
        "the platform's own: how often an address was written to by all together; the tenant role has no right on it",
    ),
    (
        "platform_activity_chain",
        "the platform's own log; the tenant role has no right on it",
    ),
    (
        "platform_activity_log",
        "the platform's own log; the tenant role has no right on it",
    ),
    (
        "quarantined_events",
        "the platform's own: it is not certain whose they are; the tenant role has no right on it",
    ),
    (
        "system_agent_configurations",
        "defaults that every tenant reads and none writes",
    ),
    (
        "sign_up_events",
        "the platform's own: which organization comes of a sign-up, the sign-up decides; the tenant role has no right on it",
    ),
    (
        "users",
        "people across organizations; the tenant role has no right on it",
    ),
];

/// Tenant tables on which row-level security is enabled but not forced, and why.
const NOT_FORCED: &[(&str, &str)] = &[
    (
        "channel_claims",
        "the operator decides on the claims of all tenants; holds agents and numbers",
    ),
    (
        "channel_identities",
        "an identity belongs to one organization on the platform; holds agents and numbers",
    ),
    (
        "invitation_lookups",
        "sign-up asks across tenants; holds a hash and ids",
    ),
    (
        "organization_slugs",
        "the public API finds an organization by its slug; holds an id and a slug",
    ),
    ("organizations", "the root: the platform lists its tenants"),
    (
        "outbox_jobs",
        "workers take the jobs of all tenants in turn; holds a hash, ids and times",
    ),
    (
        "user_organizations",
        "sign-up asks across tenants; holds ids only",
    ),
    (
        "webhook_jobs",
        "the queue that workers take from across tenants; holds ids and a time",
    ),
];

/// Views with a tenant in every row. They have no policy: they apply those of their tables, with
/// the rights of the caller.
const VIEWS: &[&str] = &["effective_channel_configurations"];

/// Every cell that the audit tried between the two organizations of a fixture.
struct Matrix {
    cells: Vec<Attempt>,
}

impl Matrix {
    /// Our schema has no table or view outside of `public`.
    fn new(report: Report) -> Self {
        let cells = report.matrix.into_iter().map(|cell| Attempt {
            object: cell
                .object
                .strip_prefix("public.")
                .expect("in public")
                .to_owned(),
            ..cell
        });
        Self {
            cells: cells.collect(),
        }
    }

    fn tables(&self) -> BTreeSet<&str> {
        self.cells.iter().map(|cell| &*cell.object).collect()
    }

    fn without_views(&self) -> BTreeSet<&str> {
        let tables = self.tables().into_iter();
        tables.filter(|name| !VIEWS.contains(name)).collect()
    }

    fn leaks(&self) -> Vec<&Attempt> {
        let cells = self.cells.iter();
        cells
            .filter(|cell| matches!(cell.verdict, Verdict::Leak(_)))
            .collect()
    }

    #[track_caller]
    fn verdict(&self, table: &str, operation: Operation, context: ContextKind) -> &Verdict {
        let found = self.cells.iter().find(|cell| {
            (&*cell.object, cell.operation, cell.context) == (table, operation, context)
        });
        let cell = found.unwrap_or_else(|| panic!("{table} {operation} {context} was not tried"));
        &cell.verdict
    }
}

/// As a superuser who becomes `tenant_app`, or as another role that may.
fn probe_as(role: Option<&str>, fixture: Fixture) -> (Matrix, TestDb) {
    let tenants = [&fixture.a, &fixture.b].map(|side| side.id.to_string());
    let lab = Lab::on(fixture.db);
    let report = lab.try_audit(role, |options| {
        options.selection.only = vec!["probe".to_owned()];
        options.probe.mode = ProbeMode::Full;
        options.overrides.roles = vec!["tenant_app".to_owned()];
        options.overrides.tenants = tenants.to_vec();
    });
    (Matrix::new(report.expect("the matrix is tried")), lab.db)
}

fn probe(fixture: Fixture) -> (Matrix, TestDb) {
    let (matrix, db) = probe_as(None, fixture);
    let mut cells = matrix.cells.iter();
    let skipped = cells.find(|cell| matches!(cell.verdict, Verdict::Skipped(_)));
    assert!(skipped.is_none(), "{skipped:?}");
    (matrix, db)
}

/// Nobody has rows of their own where no tenant is named, so nothing can be done with them.
fn is_tried(operation: Operation, context: ContextKind) -> bool {
    let of_own_rows = matches!(
        operation,
        Operation::Own | Operation::Move | Operation::Reference
    );
    !of_own_rows || matches!(context, ContextKind::A | ContextKind::B)
}

#[tokio::test]
async fn no_cell_of_the_matrix_leaks() {
    let (matrix, _db) = probe(Fixture::new().await);
    assert!(matrix.leaks().is_empty(), "{:#?}", matrix.leaks());
    for table in matrix.tables() {
        for operation in Operation::ALL.iter().copied() {
            let contexts = ContextKind::ALL.iter();
            for context in contexts.filter(|context| is_tried(operation, **context)) {
                let verdict = matrix.verdict(table, operation, *context);
                // A row of the root is a tenant: there is no tenant to write it into.
                let takes_none = VIEWS.contains(&table)
                    || (table == "organizations"
                        && matches!(operation, Operation::Insert | Operation::Move));
                let is_right = match operation {
                    Operation::Own => *verdict == Verdict::Allowed,
                    Operation::Select => matches!(verdict, Verdict::Blocked(_)),
                    Operation::Reference => {
                        matches!(verdict, Verdict::Blocked(_) | Verdict::NotApplicable(_))
                    }
                    _ if takes_none => matches!(verdict, Verdict::NotApplicable(_)),
                    _ => matches!(verdict, Verdict::Blocked(_)),
                };
                assert!(is_right, "{table} {operation} {context}: {verdict:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_table_is_in_the_matrix_or_exempt() {
    let (matrix, db) = probe(Fixture::new().await);
    let all: Vec<String> = strings(
        &db,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname",
    )
    .await;
    for table in &all {
        let exempt = GLOBAL_TABLES.iter().any(|(name, _)| name == table);
        let covered = matrix.tables().contains(table.as_str());
        assert!(
            exempt != covered,
            "{table}: cover it with the matrix or exempt it with a reason (not both)"
        );
    }
    for (name, _) in GLOBAL_TABLES {
        assert!(
            all.iter().any(|table| table == name),
            "{name} is exempt but gone"
        );
    }
}

#[tokio::test]
async fn row_level_security_is_on_and_forced_with_one_policy_a_table() {
    let (matrix, db) = probe(Fixture::new().await);
    for table in matrix.without_views() {
        let state: String = db
            .scalar(&format!(
                "SELECT relrowsecurity::text || ' ' || relforcerowsecurity::text || ' '
                        || (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid
                             AND polcmd = '*' AND polqual IS NOT NULL AND polwithcheck IS NOT NULL)
                   FROM pg_class c WHERE oid = '{table}'::regclass"
            ))
            .await;
        let forced = !NOT_FORCED.iter().any(|(name, _)| *name == table);
        assert_eq!(state, format!("true {forced} 1"), "{table}");
    }
}

#[tokio::test]
async fn the_policy_becomes_an_index_condition() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.db.raw().await;
    connection
        .execute(AssertSqlSafe(format!(
            "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL ROLE tenant_app;
             SET LOCAL app.organization_id = '{}'",
            fixture.a.id
        )))
        .await
        .unwrap();
    let plan: Vec<String> =
        sqlx::query_scalar("EXPLAIN (COSTS off) SELECT * FROM organization_members")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Cond: (organization_id = (NULLIF(current_setting("),
        "the function is not inlined:\n{plan}"
    );
}

#[tokio::test]
async fn a_malformed_context_reads_nothing() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.db.raw().await;
    connection
        .execute("BEGIN; SET LOCAL ROLE tenant_app; SET LOCAL app.organization_id = 'x'' OR true'")
        .await
        .unwrap();
    let read = connection
        .execute("SELECT * FROM organization_members")
        .await;
    assert!(
        read.unwrap_err()
            .to_string()
            .contains("invalid input syntax")
    );
}

/// A matrix that cannot find a leak proves nothing: each hole is really cut, and must show.
#[tokio::test]
async fn the_matrix_sees_every_kind_of_leak() {
    let cases = [
        (
            "ALTER TABLE organization_members DISABLE ROW LEVEL SECURITY",
            "organization_members",
            vec![Operation::Select, Operation::Update, Operation::Delete],
        ),
        (
            "ALTER POLICY tenant ON organization_invitations WITH CHECK (true)",
            "organization_invitations",
            vec![Operation::Insert],
        ),
        (
            "GRANT UPDATE ON channel_configurations TO tenant_app;
             ALTER POLICY tenant ON channel_configurations WITH CHECK (true)",
            "channel_configurations",
            vec![Operation::Insert],
        ),
        (
            "ALTER POLICY tenant ON agent_configurations USING
                (organization_id = app_organization_id() OR app_organization_id() IS NULL)",
            "agent_configurations",
            vec![Operation::Select],
        ),
        (
            "ALTER TABLE user_organizations
               DROP CONSTRAINT user_organizations_organization_id_user_id_fkey",
            "user_organizations",
            vec![],
        ),
        (
            "ALTER TABLE organization_invitations ADD UNIQUE (id);
             ALTER TABLE invitation_lookups
               DROP CONSTRAINT invitation_lookups_organization_id_invitation_id_fkey,
               ADD FOREIGN KEY (invitation_id) REFERENCES organization_invitations (id)",
            "invitation_lookups",
            vec![Operation::Reference],
        ),
        (
            // Without security_invoker: read with the rights of its owner, a superuser here.
            "CREATE VIEW directory AS SELECT organization_id, email FROM organization_members;
             GRANT SELECT ON directory TO tenant_app",
            "directory",
            vec![Operation::Select],
        ),
        (
            "CREATE VIEW directory AS SELECT organization_id, email FROM organization_members;
             GRANT SELECT, INSERT, UPDATE, DELETE ON directory TO tenant_app",
            "directory",
            vec![
                Operation::Select,
                Operation::Insert,
                Operation::Update,
                Operation::Delete,
                Operation::Move,
            ],
        ),
        (
            "CREATE MATERIALIZED VIEW directory AS
                SELECT organization_id, email FROM organization_members;
             GRANT SELECT ON directory TO tenant_app",
            "directory",
            vec![Operation::Select],
        ),
    ];
    for (hole, table, expected) in cases {
        let fixture = Fixture::new().await;
        fixture.db.execute(hole).await;
        let (matrix, _db) = probe(fixture);
        let leaks = matrix.leaks();
        for operation in expected {
            let is_seen = leaks
                .iter()
                .any(|leak| leak.object == table && leak.operation == operation);
            assert!(
                is_seen,
                "{hole}: {operation} on {table} was not seen: {:#?}",
                matrix.cells
            );
        }
        let elsewhere = leaks.iter().find(|leak| leak.object != table);
        assert!(elsewhere.is_none(), "{hole}: {elsewhere:?}");
    }
}

/// What a server reads across tenants, and why. It reads them in whatever organization's name.
const READ_BY_SERVERS: &[(&str, &str)] = &[
    ("channel_identities", "whose an agent or a number is"),
    ("organization_slugs", "whose a slug is"),
    ("outbox_jobs", "whose messages are due"),
    ("webhook_jobs", "whose events are due"),
];

fn probe_roles(roles: &[&str], fixture: Fixture) -> Matrix {
    let tenants = [&fixture.a, &fixture.b].map(|side| side.id.to_string());
    let report = Lab::on(fixture.db).try_audit(None, |options| {
        options.selection.only = vec!["probe".to_owned()];
        options.probe.mode = ProbeMode::Full;
        options.overrides.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        options.overrides.tenants = tenants.to_vec();
    });
    Matrix::new(report.expect("the matrix is tried"))
}

/// The roles that connections authenticate as hold what `tenant_app` holds, and a server's reads the
/// queues and look-up tables: nothing else gets through, and nothing is written across tenants.
#[tokio::test]
async fn the_matrix_holds_for_the_roles_that_serve() {
    let tenant = probe_roles(&["tenantctl_tenant"], Fixture::new().await);
    assert!(tenant.leaks().is_empty(), "{:#?}", tenant.leaks());
    let own = tenant.verdict("patients", Operation::Own, ContextKind::A);
    assert_eq!(*own, Verdict::Allowed);

    let server = probe_roles(&["tenantctl_server"], Fixture::new().await);
    let read: BTreeSet<&str> = server
        .leaks()
        .into_iter()
        .map(|leak| &*leak.object)
        .collect();
    let listed: BTreeSet<&str> = READ_BY_SERVERS.iter().map(|(table, _)| *table).collect();
    assert_eq!(read, listed);
    let written = server.leaks().into_iter();
    let written: Vec<_> = written
        .filter(|leak| leak.operation != Operation::Select)
        .collect();
    assert!(written.is_empty(), "{written:#?}");
    let own = server.verdict("patients", Operation::Own, ContextKind::A);
    assert_eq!(*own, Verdict::Allowed);
}

/// The catalog's tenant tables are what `purge` empties.
#[tokio::test]
async fn purge_knows_every_tenant_table() {
    let (matrix, _db) = probe(Fixture::new().await);
    let known = db::purge::TABLES.iter().copied().chain(["organizations"]);
    assert_eq!(matrix.without_views(), known.collect());
}

/// An operator who is no superuser: owner of the tables, subject to forced row-level security.
#[tokio::test]
async fn the_matrix_holds_for_an_owner_who_is_no_superuser() {
    let fixture = Fixture::new().await;
    let role = unique("owner");
    fixture
        .db
        .execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT tenant_app TO {role};
             DO $$ DECLARE t regclass; BEGIN
                 FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
                             AND relkind IN ('r', 'v') LOOP
                     EXECUTE format('ALTER TABLE %s OWNER TO {role}', t);
                 END LOOP;
             END $$"
        ))
        .await;
    let mut connection = fixture.db.raw().await;
    connection
        .execute(AssertSqlSafe(format!("SET SESSION AUTHORIZATION {role}")))
        .await
        .unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM organization_members")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(seen, 0, "forced row-level security binds the owner too");
    let (matrix, _db) = probe_as(Some(&role), fixture);
    let own = matrix.verdict("organization_members", Operation::Own, ContextKind::A);
    assert_eq!(*own, Verdict::Allowed);
    assert!(matrix.leaks().is_empty(), "{:#?}", matrix.leaks());
}

async fn strings(db: &TestDb, sql: &str) -> Vec<String> {
    let mut connection = db.raw().await;
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(&mut connection)
        .await
        .expect("rows")
}

#[tokio::test]
async fn a_view_with_the_rights_of_the_caller_is_covered_and_does_not_leak() {
    let fixture = Fixture::new().await;
    let views = "CREATE VIEW directory WITH (security_invoker) AS
                    SELECT organization_id, email FROM organization_members;
                 CREATE VIEW sizes WITH (security_invoker) AS
                    SELECT organization_id, count(*) FROM organization_members GROUP BY 1;
                 CREATE VIEW unread WITH (security_invoker) AS SELECT * FROM directory;
                 GRANT SELECT, INSERT, UPDATE, DELETE ON directory, sizes TO tenant_app";
    fixture.db.execute(views).await;
    let (matrix, _db) = probe(fixture);
    assert!(matrix.leaks().is_empty(), "{:#?}", matrix.leaks());
    let verdict = |view: &str, operation| matrix.verdict(view, operation, ContextKind::A);
    for view in ["directory", "sizes"] {
        assert_eq!(*verdict(view, Operation::Own), Verdict::Allowed, "{view}");
        let select = verdict(view, Operation::Select);
        assert!(matches!(select, Verdict::Blocked(_)), "{view}: {select:?}");
    }
    let insert = verdict("directory", Operation::Insert);
    assert!(matches!(insert, Verdict::Blocked(_)), "{insert:?}");
    // An aggregate cannot be changed through.
    let insert = verdict("sizes", Operation::Insert);
    assert!(matches!(insert, Verdict::NotApplicable(_)), "{insert:?}");
    let select = verdict("unread", Operation::Select);
    assert!(matches!(select, Verdict::Blocked(_)), "{select:?}");
}

#[tokio::test]
async fn the_tenant_role_reads_no_global_table_but_the_named_and_writes_none() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.db.raw().await;
    for (table, _) in GLOBAL_TABLES {
        let column: String = fixture
            .db
            .scalar(&format!(
                "SELECT attname::text FROM pg_attribute
                  WHERE attrelid = '{table}'::regclass AND attnum = 1"
            ))
            .await;
        let read = format!("SELECT FROM {table}");
        let writes = [
            format!("INSERT INTO {table} DEFAULT VALUES"),
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
        ];
        let reading = (read, READ_BY_TENANTS.contains(table));
        for (sql, allowed) in writes.map(|sql| (sql, false)).into_iter().chain([reading]) {
            let scope = format!(
                "BEGIN; SET LOCAL ROLE tenant_app; SET LOCAL app.organization_id = '{}'",
                fixture.a.id
            );
            connection.execute(AssertSqlSafe(scope)).await.unwrap();
            let tried = connection.execute(AssertSqlSafe(sql.clone())).await;
            connection.execute("ROLLBACK").await.unwrap();
            let refused = tried.as_ref().err().and_then(|error| {
                let error = error.as_database_error()?;
                Some(error.code()?.into_owned())
            });
            match allowed {
                true => assert!(tried.is_ok(), "{sql}: {tried:?}"),
                false => assert_eq!(refused.as_deref(), Some("42501"), "{sql}: {tried:?}"),
            }
        }
    }
}
