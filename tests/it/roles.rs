//! The roles that connections authenticate as: what they can undo, what they can reach, and what makes
//! them.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tenantctl::local::EphemeralCluster;

use crate::common::{Cli, Fixture, TestDb, as_role, cluster_options, unique};

const ROLES: [&str; 2] = ["tenantctl_server", "tenantctl_tenant"];

async fn value<T>(connection: &mut PgConnection, sql: &str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn code(connection: &mut PgConnection, sql: &str) -> String {
    match connection.execute(AssertSqlSafe(sql.to_owned())).await {
        Ok(_) => "none".to_owned(),
        Err(error) => {
            let database = error.as_database_error().expect("an answer of the server");
            database.code().unwrap_or_default().into_owned()
        }
    }
}

/// What undoes SET ROLE on a connection of the owner does nothing here.
#[tokio::test]
async fn there_is_no_role_to_return_to() {
    let fixture = Fixture::new().await;
    let count = "SELECT count(*) FROM organization_members";
    for role in ROLES {
        for undo in [
            "SELECT set_config('role', 'none', false)",
            "RESET ROLE",
            "SET ROLE NONE",
            "SET SESSION AUTHORIZATION DEFAULT",
            "RESET ALL",
            "DISCARD ALL",
            "SET row_security = off; SET row_security = on",
        ] {
            let mut connection = fixture.db.raw_as(role).await;
            connection.execute(undo).await.unwrap();
            let now: String = value(&mut connection, "SELECT current_user::text").await;
            assert_eq!(now, role, "{undo}");
            assert_eq!(value::<i64>(&mut connection, count).await, 0, "{undo}");
            let bound = "SELECT row_security_active('organization_members')";
            assert!(value::<bool>(&mut connection, bound).await, "{undo}");
        }
        let mut connection = fixture.db.raw_as(role).await;
        for other in ["postgres", "tenantctl"] {
            for sql in [
                format!("SET ROLE {other}"),
                format!("SELECT set_config('role', '{other}', false)"),
                format!("SET SESSION AUTHORIZATION {other}"),
                format!("GRANT {other} TO {role}"),
            ] {
                assert_eq!(code(&mut connection, &sql).await, "42501", "{sql}");
            }
        }
        // Row-level security that is switched off is an error, not a way around it.
        let off = format!("SET row_security = off; {count}");
        assert_eq!(code(&mut connection, &off).await, "42501");
    }
}

#[tokio::test]
async fn what_is_not_a_tenants_is_out_of_reach() {
    let fixture = Fixture::new().await;
    fixture
        .db
        .execute(&format!(
            "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
            fixture.db.name
        ))
        .await;
    for role in ROLES {
        let mut connection = fixture.db.raw_as(role).await;
        for sql in [
            "SELECT * FROM users",
            "SELECT * FROM import_jobs",
            "SELECT * FROM platform_activity_log",
            "SELECT * FROM platform_activity_chain",
            "SELECT email FROM sign_up_events",
            "UPDATE sign_up_events SET status = 'done'",
            "DELETE FROM sign_up_events",
            "DELETE FROM organizations",
            "UPDATE activity_log SET action = 'x'",
            "DELETE FROM activity_log",
            "TRUNCATE patients",
            "INSERT INTO _sqlx_migrations DEFAULT VALUES",
            "UPDATE system_agent_configurations SET version = 9",
            "CREATE TABLE public.mine (a int)",
            "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE SCHEMA mine",
            "ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
            "DROP POLICY tenant ON patients",
            "ALTER ROLE tenant_app BYPASSRLS",
            "CREATE ROLE mine",
            "SELECT * FROM pg_authid",
            "SELECT pg_read_file('PG_VERSION')",
            "SELECT pg_ls_dir('.')",
            "COPY (SELECT 1) TO '/tmp/tenantctl-never'",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_reload_conf()",
            "SELECT lo_import('/etc/hostname')",
        ] {
            let refused = code(&mut connection, sql).await;
            assert!(
                ["42501", "42809"].contains(&refused.as_str()),
                "{role}: {sql}: {refused}"
            );
        }
    }
}

/// In the name of one organization there is nothing of another; in nobody's name there is nothing.
#[tokio::test]
async fn rows_are_those_of_the_organization_that_is_named() {
    let fixture = Fixture::new().await;
    let tables: Vec<String> = {
        let mut admin = fixture.db.raw().await;
        sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_class c
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
              WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
                AND has_table_privilege('tenant_app', c.oid, 'SELECT')",
        )
        .fetch_all(&mut admin)
        .await
        .unwrap()
    };
    assert!(tables.len() > 15, "{tables:?}");
    let across = [
        "channel_identities",
        "organization_slugs",
        "outbox_jobs",
        "webhook_jobs",
    ];
    for role in ROLES {
        let mut connection = fixture.db.raw_as(role).await;
        for table in &tables {
            if role == "tenantctl_server" && across.contains(&table.as_str()) {
                continue;
            }
            let count = format!("SELECT count(*) FROM {table}");
            connection
                .execute("SET app.organization_id = ''")
                .await
                .unwrap();
            assert_eq!(
                value::<i64>(&mut connection, &count).await,
                0,
                "{role}: {table}"
            );
            let named = format!("SET app.organization_id = '{}'", fixture.a.id);
            connection.execute(AssertSqlSafe(named)).await.unwrap();
            let others = format!("{count} WHERE organization_id <> '{}'", fixture.a.id);
            assert_eq!(
                value::<i64>(&mut connection, &others).await,
                0,
                "{role}: {table}"
            );
        }
    }
}

/// What the roles may, as the catalog has it. A new grant, policy or membership fails until it is in
/// the snapshot, where a reviewer sees it.
#[tokio::test]
async fn the_rights_are_those_that_are_listed() {
    let db = TestDb::new();
    let mut admin = db.raw().await;
    let listed: Vec<String> = sqlx::query_scalar(
        "WITH roles AS (SELECT oid, rolname FROM pg_roles
                         WHERE rolname IN ('tenant_app', 'tenant_server', 'tenantctl_server', 'tenantctl_tenant')),
         rights AS (
             SELECT r.rolname, 'table ' || c.relname AS object, a.privilege_type AS may
               FROM pg_class c, aclexplode(c.relacl) a JOIN roles r ON r.oid = a.grantee
             UNION ALL
             SELECT r.rolname, 'table ' || c.relname,
                    a.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attname) || ')'
               FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid,
                    aclexplode(t.attacl) a JOIN roles r ON r.oid = a.grantee
              GROUP BY r.rolname, c.relname, a.privilege_type
             UNION ALL
             SELECT r.rolname, 'schema ' || n.nspname, a.privilege_type
               FROM pg_namespace n, aclexplode(n.nspacl) a JOIN roles r ON r.oid = a.grantee
             UNION ALL
             SELECT r.rolname, 'function ' || p.proname, a.privilege_type
               FROM pg_proc p, aclexplode(p.proacl) a JOIN roles r ON r.oid = a.grantee
             UNION ALL
             SELECT r.rolname, 'policy ' || p.polname || ' of ' || c.relname,
                    pg_get_expr(p.polqual, p.polrelid)
               FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN roles r ON r.oid = ANY (p.polroles)
             UNION ALL
             SELECT r.rolname, 'role ' || g.rolname, 'MEMBER'
               FROM pg_auth_members m JOIN roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
             UNION ALL
             SELECT r.rolname, 'attributes',
                    concat_ws(' ', CASE WHEN p.rolcanlogin THEN 'LOGIN' END,
                              CASE WHEN p.rolsuper THEN 'SUPERUSER' END,
                              CASE WHEN p.rolbypassrls THEN 'BYPASSRLS' END,
                              CASE WHEN p.rolcreaterole THEN 'CREATEROLE' END,
                              CASE WHEN p.rolcreatedb THEN 'CREATEDB' END,
                              CASE WHEN p.rolreplication THEN 'REPLICATION' END)
               FROM roles r JOIN pg_roles p ON p.oid = r.oid)
         SELECT rolname || ': ' || object || ': ' || string_agg(may, ', ' ORDER BY may)
           FROM rights GROUP BY rolname, object ORDER BY rolname, object",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    insta::assert_snapshot!(listed.join("\n"));
}

#[tokio::test]
async fn a_role_is_printed_created_accepted_and_not_replaced() {
    let db = TestDb::new();
    let cli = db.cli();
    let name = unique("served");
    let printed = cli.json(&["db", "role", "server", "--name", &name]);
    assert_eq!(printed["created"], serde_json::Value::Null);
    let statements = printed["statements"].as_array().unwrap();
    assert!(statements[0].as_str().unwrap().contains("NOBYPASSRLS"));
    let exists = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{name}'");
    assert_eq!(
        db.scalar::<i64>(&exists).await,
        0,
        "printing creates nothing"
    );

    let create = ["db", "role", "server", "--create", "--name", &name];
    cli.ok(&[&create[..], &["--dry-run"]].concat());
    assert_eq!(db.scalar::<i64>(&exists).await, 0, "nor does a dry run");

    let file = cli.home().join("password");
    std::fs::write(&file, "correct horse\n").unwrap();
    let file = file.to_str().unwrap().to_owned();
    let created = cli.run(&[&create[..], &["--password-file", &file]].concat());
    assert_eq!(created.code, 0, "{}", created.stderr);
    let told = format!("{}{}", created.stdout, created.stderr);
    assert!(!told.contains("correct horse"), "{told}");
    assert!(told.contains("tenant_url"), "{told}");
    let kept: String = db
        .scalar(&format!(
            "SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'"
        ))
        .await;
    assert!(kept.starts_with("SCRAM-SHA-256$4096:"), "{kept}");
    let entry: String = db
        .scalar("SELECT after::text FROM platform_activity_log WHERE action = 'role.create'")
        .await;
    assert!(
        !entry.contains("SCRAM") && entry.contains("server"),
        "{entry}"
    );

    // It is one, and the statements that were printed make the same.
    cli.fails(4, &create);
    let again = cli.json(&[&create[..], &["--if-not-exists"]].concat());
    assert_eq!(again["created"], false);
    let other = unique("served");
    let printed = cli.json(&["db", "role", "server", "--name", &other]);
    for statement in printed["statements"].as_array().unwrap() {
        db.execute(statement.as_str().unwrap()).await;
    }
    let create = [
        "db",
        "role",
        "server",
        "--create",
        "--if-not-exists",
        "--name",
    ];
    cli.ok(&[&create[..], &[&other]].concat());

    // A role that has more is not taken for one.
    db.execute(&format!("ALTER ROLE {other} CREATEDB")).await;
    let told = cli.fails(4, &[&create[..], &[&other]].concat());
    assert!(told.contains("CREATEDB"), "{told}");
    let told = cli.fails(5, &["db", "role", "tenant", "--as", "ada@alpha.example"]);
    assert!(told.contains("operator"), "{told}");
}

/// The program cannot be talked into serving as a role that is stronger than its name.
#[tokio::test]
async fn a_server_refuses_a_role_that_is_not_confined() {
    let db = TestDb::new();
    let other_database = TestDb::new();
    let serve = |url: &str| {
        let cli = db.cli().env("TENANTCTL_TENANT_URL", url);
        cli.fails(5, &["serve", "--listen", "127.0.0.1:0"])
    };
    let told = serve(&db.url);
    assert!(told.contains("SUPERUSER"), "{told}");
    let told = serve(&as_role(&db.url, "tenantctl_tenant"));
    assert!(told.contains("tenant_server"), "{told}");
    let told = serve(&as_role(&other_database.url, "tenantctl_server"));
    assert!(told.contains("another database"), "{told}");
    for (excess, named) in [
        ("ALTER ROLE @ BYPASSRLS", "BYPASSRLS"),
        ("ALTER ROLE @ CREATEROLE", "CREATEROLE"),
        ("GRANT pg_read_all_data TO @", "pg_read_all_data"),
        (
            "CREATE ROLE @_between; GRANT @_between TO @; GRANT postgres TO @_between",
            "postgres",
        ),
        ("GRANT SELECT ON users TO @", "users"),
        ("CREATE SCHEMA @_own AUTHORIZATION @", "owns"),
        (
            "CREATE POLICY all_of_them ON patients TO @ USING (true)",
            "a policy",
        ),
        (
            "REVOKE tenant_server FROM @",
            "lacks the rights of tenant_server",
        ),
    ] {
        let role = unique("strong");
        let url = as_role(&db.url, &role);
        db.execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT tenant_app, tenant_server TO {role};"
        ))
        .await;
        db.execute(&excess.replace('@', &role)).await;
        let told = serve(&url);
        assert!(told.contains(named), "{excess}: {told}");
        assert!(told.contains("db role server"), "{excess}: {told}");
        db.execute(&format!("DROP OWNED BY {role} CASCADE")).await;
        db.execute("DROP POLICY IF EXISTS all_of_them ON patients")
            .await;
    }
}

/// Commands reach tenants' data over the connection of the role, and what spans both stays possible.
#[tokio::test]
async fn commands_work_over_two_connections() {
    let db = TestDb::new();
    let url = as_role(&db.url, "tenantctl_tenant");
    let cli = db.cli().env("TENANTCTL_TENANT_URL", &url);
    cli.ok(&["org", "create", "Harbor Clinic"]);
    cli.ok(&[
        "user",
        "sign-up",
        "--email",
        "ada@alpha.example",
        "--name",
        "Ada",
    ]);
    cli.ok(&[
        "member",
        "add",
        "--org",
        "harbor-clinic",
        "--role",
        "owner",
        "ada@alpha.example",
    ]);
    cli.ok(&["org", "update", "harbor-clinic", "--slug", "harbor"]);
    let differ = "SELECT count(*) FROM organizations o FULL JOIN organization_slugs s
                     ON s.organization_id = o.id AND s.slug = o.slug
                   WHERE o.id IS NULL OR s.slug IS NULL";
    assert_eq!(
        db.scalar::<i64>(differ).await,
        0,
        "the look-up follows the slug"
    );
    cli.ok(&[
        "patient",
        "create",
        "--org",
        "harbor",
        "--first-name",
        "Eve",
        "--last-name",
        "Adams",
        "--dry-run",
    ]);
    cli.ok(&["activity", "verify", "--org", "harbor"]);
    cli.ok(&["org", "delete", "harbor", "--yes"]);

    // The wrong database is refused before anything is read from it.
    let elsewhere = TestDb::new();
    let mixed = db.cli().env(
        "TENANTCTL_TENANT_URL",
        &as_role(&elsewhere.url, "tenantctl_tenant"),
    );
    let told = mixed.fails(5, &["org", "list"]);
    assert!(told.contains("another database"), "{told}");
    let strong = db.cli().env("TENANTCTL_TENANT_URL", &db.url);
    let told = strong.fails(5, &["org", "list"]);
    assert!(told.contains("not confined"), "{told}");
}

/// On a cluster of its own: the role `tenant_app` is everybody's. A Citus cluster needs LOGIN.
#[tokio::test]
async fn login_of_tenant_app_is_no_fault_and_faults_are_named() {
    let cluster = EphemeralCluster::start_with(cluster_options())
        .await
        .unwrap();
    let url = cluster.admin_url("postgres");
    let mut admin = PgConnection::connect(&url).await.unwrap();
    admin.execute("CREATE ROLE tenant_app LOGIN").await.unwrap();
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    cli.ok(&["db", "migrate"]);
    let report = |code| {
        let report = cli.run(&["doctor", "-o", "json"]);
        assert_eq!(report.code, code, "{}", report.stderr);
        let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "tenant_app");
        check.unwrap().clone()
    };
    assert_eq!(report(0)["state"], "ok");
    admin
        .execute("ALTER ROLE tenant_app CREATEROLE")
        .await
        .unwrap();
    let check = report(7);
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("CREATEROLE"), "{message}");
    for absent in ["SUPERUSER", "BYPASSRLS", "LOGIN"] {
        assert!(!message.contains(absent), "{message}");
    }
    let remedy = check["remedy"].as_str().unwrap();
    assert!(
        remedy.ends_with("ALTER ROLE \"tenant_app\" NOCREATEROLE;"),
        "{remedy}"
    );
}
