//! LOGIN roles with exactly the rights of a tenant or of a server: the statements that create them,
//! and the check that a role is one.
//!
//! Such a role owns nothing and is a member of `tenant_app`; a server's role is also a member of
//! `tenant_server`. Its sessions have no SET ROLE that could be undone:
//! `set_config('role', 'none')` yields the same role, and row-level security confines it. What
//! remains is the setting that names the organization, which any statement can change; therefore
//! statements still filter by `organization_id`, and are never built from input.

use std::fmt;

use serde::Serialize;
use sqlx::{AssertSqlSafe, Executor};

use super::{Database, PlatformConn};
use crate::{
    error::{Error, Result},
    quoting::{identifier, literal},
    run,
};

/// The rights of a role.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// A tenant's rights, and those for the server's queries across tenants: queues, identities,
    /// slugs.
    Server,
    /// Only a tenant's rights: for commands.
    Tenant,
}

impl Rights {
    /// Returns the default name of such a role.
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Server => "tenantctl_server",
            Self::Tenant => "tenantctl_tenant",
        }
    }

    /// Returns the group roles that hold these rights.
    pub const fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["tenant_app", "tenant_server"],
            Self::Tenant => &["tenant_app"],
        }
    }
}

/// The roles that it may be a member of: a server's role may also run commands.
const ALLOWED: &[&str] = Rights::Server.groups();

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Tenant => "tenant",
        })
    }
}

/// The database for which a role is created.
#[derive(Clone, Debug)]
pub struct Site {
    pub database: String,
    pub schema: String,
    /// Like `server_version_num`.
    pub server_version: i32,
    /// `true` if PUBLIC may not connect, so that the role needs its own privilege.
    pub is_closed: bool,
    /// `true` if PUBLIC may create temporary tables.
    pub has_public_temporary: bool,
    /// The current role, which owns the tables.
    pub owner: String,
}

/// Inspects the database for which a role is created.
pub async fn site(conn: &mut PlatformConn) -> Result<Site> {
    let row = sqlx::query!(
        r#"SELECT current_database()::text AS "database!",
                  coalesce(current_schema()::text, 'public') AS "schema!",
                  current_setting('server_version_num')::int AS "server_version!",
                  NOT has_database_privilege('public', current_database(), 'CONNECT') AS "is_closed!",
                  has_database_privilege('public', current_database(), 'TEMPORARY')
                      AS "has_public_temporary!",
                  current_user::text AS "owner!""#
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Site {
        database: row.database,
        schema: row.schema,
        server_version: row.server_version,
        is_closed: row.is_closed,
        has_public_temporary: row.has_public_temporary,
        owner: row.owner,
    })
}

/// A role to create.
#[derive(Clone, Debug)]
pub struct NewRole<'a> {
    pub rights: Rights,
    pub name: &'a str,
    /// The SCRAM verifier of its password; `None` for no password.
    pub verifier: Option<&'a str>,
    /// Maximum number of concurrent sessions; `None` for the server's limit.
    pub connection_limit: Option<u32>,
}

impl NewRole<'_> {
    /// Returns the statements that create it.
    pub fn statements(&self, site: &Site) -> Vec<String> {
        let name = identifier(self.name);
        let database = identifier(&site.database);
        let limit = self
            .connection_limit
            .map(|most| format!(" CONNECTION LIMIT {most}"));
        let password = self
            .verifier
            .map(|verifier| format!(" PASSWORD {}", literal(verifier)));
        let groups = self.rights.groups().join(", ");
        // Since PostgreSQL 16, a membership itself specifies whether its rights are inherited and
        // whether SET ROLE is allowed; before, the member's attribute INHERIT specified the former.
        let options = match site.server_version >= 160_000 {
            true => " WITH INHERIT TRUE, SET FALSE",
            false => "",
        };
        let mut statements = vec![
            format!(
                "CREATE ROLE {name} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION \
                 NOBYPASSRLS{}{};",
                limit.unwrap_or_default(),
                password.unwrap_or_default(),
            ),
            format!("GRANT {groups} TO {name}{options};"),
        ];
        if site.is_closed {
            statements.push(format!("GRANT CONNECT ON DATABASE {database} TO {name};"));
        }
        let default =
            |setting: &str| format!("ALTER ROLE {name} IN DATABASE {database} SET {setting};");
        statements.push(default(&format!(
            "search_path = {}",
            identifier(&site.schema)
        )));
        statements.push(default("idle_in_transaction_session_timeout = '5min'"));
        statements
    }
}

/// Returns the statements that revoke temporary tables from all roles except the owner of the
/// tables, which stages imports in them. Other applications on the same database may need theirs.
pub fn without_temporary(site: &Site) -> [String; 2] {
    let database = identifier(&site.database);
    [
        format!(
            "GRANT TEMPORARY ON DATABASE {database} TO {};",
            identifier(&site.owner)
        ),
        format!("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;"),
    ]
}

/// Reports whether a role of that name exists.
pub async fn exists(conn: &mut PlatformConn, name: &str) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1) AS "exists!""#,
        name
    );
    Ok(found.fetch_one(conn.connection()).await?)
}

/// Executes statements of this module.
///
/// # Errors
/// `Refused` if the connecting role lacks the privileges.
pub async fn execute(conn: &mut PlatformConn, statements: &[String]) -> Result<()> {
    for statement in statements {
        // Safe: names and values were quoted above.
        let statement = AssertSqlSafe(statement.clone());
        conn.connection().execute(statement).await?;
    }
    Ok(())
}

/// Returns the differences between a role and one with exactly these rights. Empty if there are
/// none.
///
/// # Errors
/// `NotFound` if the role does not exist.
pub async fn faults(conn: &mut PlatformConn, name: &str, rights: Rights) -> Result<Vec<String>> {
    let names =
        |roles: &[&str]| -> Vec<String> { roles.iter().map(|it| (*it).to_owned()).collect() };
    let row = sqlx::query!(
        r#"WITH RECURSIVE me AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = $1),
           reached (oid) AS (
               SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN me ON m.member = me.oid
               UNION
               SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reached r ON m.member = r.oid),
           all_roles AS (
               SELECT r.* FROM pg_catalog.pg_roles r
                WHERE r.oid IN (SELECT oid FROM me UNION ALL SELECT oid FROM reached)),
           dependent AS (
               SELECT d.*, d.refobjid = (SELECT oid FROM me) AS is_direct
                 FROM pg_catalog.pg_shdepend d JOIN all_roles r ON d.refobjid = r.oid
                WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass)
           SELECT EXISTS (SELECT FROM me) AS "exists!",
                  coalesce((SELECT bool_or(rolsuper) FROM all_roles), false) AS "superuser!",
                  coalesce((SELECT bool_or(rolbypassrls) FROM all_roles), false) AS "bypass_rls!",
                  coalesce((SELECT bool_or(rolcreaterole) FROM all_roles), false) AS "create_role!",
                  coalesce((SELECT bool_or(rolcreatedb) FROM all_roles), false) AS "create_db!",
                  coalesce((SELECT bool_or(rolreplication) FROM all_roles), false) AS "replication!",
                  ARRAY(SELECT a.rolname::text FROM all_roles a
                         WHERE a.rolname <> $1 AND a.rolname <> ALL ($2) ORDER BY 1) AS "others!",
                  ARRAY(SELECT w.name FROM unnest($3::text[]) w (name)
                         WHERE NOT EXISTS (
                             SELECT FROM pg_catalog.pg_roles r JOIN me ON true
                              WHERE r.rolname = w.name
                                AND pg_catalog.pg_has_role(me.oid, r.oid, 'USAGE'))) AS "missing!",
                  EXISTS (SELECT FROM dependent WHERE deptype = 'o') AS "owns!",
                  ARRAY(SELECT DISTINCT c.relname::text FROM dependent d
                          JOIN pg_catalog.pg_class c ON c.oid = d.objid
                         WHERE d.is_direct AND d.deptype = 'a'
                           AND d.classid = 'pg_catalog.pg_class'::regclass
                           AND d.dbid = (SELECT oid FROM pg_catalog.pg_database
                                          WHERE datname = current_database())
                         ORDER BY 1) AS "granted!",
                  EXISTS (SELECT FROM dependent WHERE is_direct AND deptype = 'r') AS "has_policy!""#,
        name,
        &names(ALLOWED),
        &names(rights.groups()),
    )
    .fetch_one(conn.connection())
    .await?;
    if !row.exists {
        return Err(Error::not_found(format!("role {name} does not exist")));
    }
    let attributes = [
        (row.superuser, "SUPERUSER"),
        (row.bypass_rls, "BYPASSRLS"),
        (row.create_role, "CREATEROLE"),
        (row.create_db, "CREATEDB"),
        (row.replication, "REPLICATION"),
    ];
    let held = attributes.into_iter().filter(|(is_held, _)| *is_held);
    let mut faults: Vec<String> = held.map(|(_, name)| format!("it has {name}")).collect();
    faults.extend(
        row.others
            .iter()
            .map(|other| format!("it is a member of {other}")),
    );
    if row.owns {
        faults.push("it owns objects".to_owned());
    }
    faults.extend(
        row.granted
            .iter()
            .map(|table| format!("it has direct privileges on {table}")),
    );
    if row.has_policy {
        faults.push("a policy refers to it".to_owned());
    }
    faults.extend(
        row.missing
            .iter()
            .map(|group| format!("it lacks the rights of {group}")),
    );
    Ok(faults)
}

/// The database and the role of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The identifier of the cluster; `None` if this role may not read it.
    system: Option<i64>,
    database: i64,
    name: String,
    session_role: String,
    current_role: String,
}

impl Place {
    fn is_same_database(&self, other: &Self) -> bool {
        let systems = (self.system, other.system);
        let same_system = match systems {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        same_system && self.database == other.database && self.name == other.name
    }
}

/// Returns the database and the role of a connection.
pub async fn place(conn: &mut PlatformConn) -> Result<Place> {
    let row = sqlx::query!(
        r#"SELECT CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
                       THEN (SELECT system_identifier FROM pg_catalog.pg_control_system()) END AS system,
                  d.oid::bigint AS "database!", d.datname::text AS "name!",
                  session_user::text AS "session_role!", current_user::text AS "current_role!"
             FROM pg_catalog.pg_database d WHERE d.datname = current_database()"#
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Place {
        system: row.system,
        database: row.database,
        name: row.name,
        session_role: row.session_role,
        current_role: row.current_role,
    })
}

/// Fails for a connection with a role that has other rights than `rights`, or that leads to a different
/// database than the owner's. `named` is the source of its URL. Returns the name of the role.
///
/// # Errors
/// `Refused`, with the reason.
pub async fn require_confined(
    tenant: &Database,
    owner: Option<&Database>,
    rights: Rights,
    named: &str,
) -> Result<String> {
    let owners = match owner {
        Some(owner) => Some(place(&mut PlatformConn::open(owner)?).await?),
        None => None,
    };
    let mut conn = PlatformConn::open(tenant)?;
    let place = place(&mut conn).await?;
    if let Some(owners) = owners
        && !owners.is_same_database(&place)
    {
        return Err(Error::refused(format!(
            "{named}: refers to another database than the owner's URL"
        ))
        .hint("both URLs must refer to the same database on the same server"));
    }
    let role = place.session_role;
    let mut faults = faults(&mut conn, &role, rights).await?;
    if place.current_role != role {
        faults.push(format!(
            "its settings switch to role {}",
            place.current_role
        ));
    }
    if faults.is_empty() {
        return Ok(role);
    }
    Err(Error::refused(format!(
        "{named}: role {role} is not confined to the rights of a {rights}: {}",
        faults.join("; ")
    ))
    .hint(run!["db", "role", rights, "--create"].labeled("create a suitable role")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(server_version: i32) -> Site {
        Site {
            database: "app".into(),
            schema: "public".into(),
            server_version,
            is_closed: false,
            has_public_temporary: true,
            owner: "ops".into(),
        }
    }

    #[test]
    fn names_are_quoted_and_memberships_fit_the_release() {
        let role = NewRole {
            rights: Rights::Server,
            name: "a\"; DROP TABLE x; --",
            verifier: None,
            connection_limit: Some(20),
        };
        let old = role.statements(&site(150_004));
        assert!(old[0].starts_with("CREATE ROLE \"a\"\"; DROP TABLE x; --\" LOGIN"));
        assert!(
            old[0].ends_with("NOBYPASSRLS CONNECTION LIMIT 20;"),
            "{}",
            old[0]
        );
        assert!(
            old[1].starts_with("GRANT tenant_app, tenant_server TO"),
            "{}",
            old[1]
        );
        assert!(!old[1].contains("INHERIT"));
        let new = role.statements(&site(160_001));
        assert!(
            new[1].ends_with(" WITH INHERIT TRUE, SET FALSE;"),
            "{}",
            new[1]
        );
    }

    #[test]
    fn another_cluster_or_database_is_another_place() {
        let place = Place {
            system: Some(1),
            database: 5,
            name: "app".into(),
            session_role: "a".into(),
            current_role: "a".into(),
        };
        let other = |change: fn(&mut Place)| {
            let mut other = place.clone();
            change(&mut other);
            place.is_same_database(&other)
        };
        assert!(other(|it| it.session_role = "b".into()));
        assert!(other(|it| it.system = None));
        assert!(!other(|it| it.system = Some(2)));
        assert!(!other(|it| it.database = 6));
        assert!(!other(|it| it.name = "b".into()));
    }
}
