//! The role that attacks, and the connection of its own.

use super::lab::Lab;
use crate::common::{TestDb, block_on, unique};

const SCHEMA: &str = "
    CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE notes (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, body text);
    INSERT INTO tenants VALUES (1, 'a'), (2, 'b');
    INSERT INTO notes VALUES (1, 1, 'a'), (2, 2, 'b');
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION tenant() RETURNS int LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('app.tenant', true), '')::int $$;
    CREATE POLICY own ON notes USING (tenant_id = tenant());
    GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {app};
    GRANT SELECT ON tenants TO {app}";

fn exists(db: &TestDb, role: &str) -> bool {
    let sql = format!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')");
    block_on(|| async { db.scalar(&sql).await })
}

fn url_of(db: &TestDb, role: &str) -> String {
    let mut url = url::Url::parse(&db.url).expect("a URL");
    url.set_username(role).expect("a role in the URL");
    url.into()
}

#[test]
fn an_auditor_is_printed_rehearsed_created_and_completed() {
    let lab = Lab::new(SCHEMA);
    let (cli, name) = (lab.cli(), unique("auditor"));
    let app = lab.named("{app}");

    let printed = cli.ok(&["audit", "role", "--name", &name]);
    assert!(
        printed.starts_with(&format!("CREATE ROLE \"{name}\" LOGIN NOSUPERUSER")),
        "{printed}"
    );
    assert!(printed.contains(&format!("GRANT \"{app}\" TO \"{name}\"")));
    assert!(!exists(&lab.db, &name));

    let create = ["audit", "role", "--name", &name, "--create"];
    cli.ok(&[&create[..], &["--dry-run"]].concat());
    assert!(!exists(&lab.db, &name));

    let secret = "correct horse battery staple";
    let with_password = lab.cli().stdin(&format!("{secret}\n"));
    let done = with_password.run(&[&create[..], &["--password-stdin", "-vv"]].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret));
    assert!(
        done.stderr.contains("tenantctl audit --attack-url"),
        "{}",
        done.stderr
    );
    let stored: String = block_on(|| async {
        let sql = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'");
        lab.db.scalar(&sql).await
    });
    assert!(stored.starts_with("SCRAM-SHA-256$4096:"), "{stored}");

    let conflict = cli.fails(4, &create);
    assert!(conflict.contains("--if-not-exists"), "{conflict}");
    lab.run(&format!("REVOKE {app} FROM {name}"));
    cli.ok(&[&create[..], &["--if-not-exists"]].concat());
    let member: bool = block_on(|| async {
        let sql = format!("SELECT pg_has_role('{name}', '{app}', 'MEMBER')");
        lab.db.scalar(&sql).await
    });
    assert!(member);

    lab.run(&format!("ALTER ROLE {name} CREATEROLE"));
    let refused = cli.fails(5, &[&create[..], &["--if-not-exists"]].concat());
    assert!(refused.contains("more privileges"), "{refused}");
}

#[test]
fn who_may_not_create_roles_is_refused() {
    let lab = Lab::new(SCHEMA);
    let name = unique("auditor");
    let url = url_of(&lab.db, &lab.named("{owner}"));
    let cli = lab.cli().env("TENANTCTL_DATABASE_URL", &url);
    let refused = cli.fails(5, &["audit", "role", "--name", &name, "--create"]);
    assert!(refused.contains("CREATEROLE"), "{refused}");
    assert!(!exists(&lab.db, &name));
}

#[test]
fn a_superuser_of_the_application_makes_no_auditor() {
    let lab = Lab::new(SCHEMA);
    lab.run("ALTER ROLE {app} CREATEROLE");
    let refused = lab
        .cli()
        .fails(5, &["audit", "role", "--app-role", &lab.named("{app}")]);
    lab.run("ALTER ROLE {app} NOCREATEROLE");
    assert!(refused.contains("CREATEROLE"), "{refused}");
}

/// The superuser leaves the policy's function alone; with the auditor nothing is skipped.
#[test]
fn the_attacks_have_a_connection_of_their_own() {
    let lab = Lab::new(SCHEMA);
    let name = unique("auditor");
    lab.cli()
        .ok(&["audit", "role", "--name", &name, "--create"]);
    let alone = lab.cli().run(&["audit", "-o", "json"]);
    assert!(
        alone.stdout.contains("audit role, then --attack-url"),
        "{}",
        alone.stdout
    );

    let url = url_of(&lab.db, &name);
    let cli = lab.cli().env("TENANTCTL_ATTACK_URL", &url);
    let report = cli.run(&["audit", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report.stdout).expect("a report");
    assert_eq!(report["skipped"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["database"]["attack_role"], name.as_str());
    assert!(report["summary"]["blocked"].as_u64() > Some(0));

    let other = TestDb::empty();
    let elsewhere = url_of(&other, &name);
    let refused = lab.cli().fails(6, &["audit", "--attack-url", &elsewhere]);
    assert!(refused.contains("another database"), "{refused}");
}
