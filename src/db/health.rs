//! Checks of a server for `doctor` and `db migrate`: versions, privileges, and whether row-level
//! security is in force for the connecting role.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Database, PlatformConn, TenantTx};
use crate::{error::Result, quoting::identifier};

/// A privilege that a role lacks, and the statement that grants it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lack {
    pub what: String,
    pub remedy: String,
}

/// The privileges of the connecting role that are relevant for `db migrate`.
#[derive(Clone, Debug)]
pub struct Rights {
    pub role: String,
    pub database: String,
    /// `None` if no schema of the search path exists.
    pub schema: Option<String>,
    pub superuser: bool,
    pub bypass_rls: bool,
    pub create_role: bool,
    pub create_in_schema: bool,
    pub extension: Extension,
    pub tenant_role: Option<TenantRole>,
    /// `tenant_server`; the connecting role need not be a member of it.
    pub server_role: Option<GroupRole>,
    pub server_version: i32,
}

/// The extension `btree_gist`, which the exclusion constraints on appointments need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extension {
    Installed,
    /// The connecting role may install it, because it is a trusted extension.
    Installable,
    /// Only an administrator may install it.
    NotAllowed,
    /// The server does not have its files.
    Unavailable,
}

/// A role that policies and grants refer to, which may have been created for another database of
/// the cluster. LOGIN is harmless: a Citus cluster needs it, and it does not extend the role's
/// access.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GroupRole {
    /// Attributes that extend its access beyond its grants, such as `BYPASSRLS`.
    pub attributes: Vec<String>,
    /// The connecting role, if this role is a member of it.
    pub member_of: Option<String>,
}

impl GroupRole {
    /// Describes the attributes and memberships that extend the role's access beyond its grants;
    /// `None` if it has none of these.
    pub fn excess(&self) -> Option<String> {
        let attributes = self.attributes.iter().cloned();
        let memberships = self.member_of.iter();
        let memberships = memberships.map(|role| format!("membership in {role}"));
        let all: Vec<String> = attributes.chain(memberships).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    /// Returns the statements that remove exactly these from the role called `name`.
    pub fn remedy(&self, name: &str) -> String {
        let name = identifier(name);
        let attributes: Vec<String> = self.attributes.iter().map(|it| format!("NO{it}")).collect();
        let altered = (!attributes.is_empty())
            .then(|| format!("ALTER ROLE {name} {};", attributes.join(" ")));
        let member_of = self.member_of.iter();
        let revoked = member_of.map(|role| format!("REVOKE {} FROM {name};", identifier(role)));
        let statements: Vec<String> = altered.into_iter().chain(revoked).collect();
        statements.join(" ")
    }
}

/// The role `tenant_app`.
#[derive(Clone, Debug)]
pub struct TenantRole {
    pub role: GroupRole,
    /// `true` if the connecting role can switch to it.
    pub member: bool,
    /// `true` if the connecting role may grant it to itself.
    pub grantable: bool,
}

impl Rights {
    /// Returns the privileges that are missing for `db migrate`.
    pub fn lacking(&self) -> Vec<Lack> {
        let mut lacking = Vec::new();
        let role = identifier(&self.role);
        if !self.create_in_schema {
            let schema = identifier(self.schema.as_deref().unwrap_or("public"));
            lacking.push(Lack {
                what: format!("CREATE on schema {schema}"),
                remedy: format!("GRANT CREATE, USAGE ON SCHEMA {schema} TO {role};"),
            });
        }
        match self.extension {
            Extension::Installed | Extension::Installable => {}
            Extension::NotAllowed => lacking.push(Lack {
                what: "the extension btree_gist, or CREATE on the database to add it".into(),
                remedy: "CREATE EXTENSION btree_gist;".into(),
            }),
            Extension::Unavailable => lacking.push(Lack {
                what: "the extension btree_gist, which this server does not have".into(),
                remedy: "install PostgreSQL's contrib modules (the package postgresql-contrib)"
                    .into(),
            }),
        }
        match &self.tenant_role {
            None if !(self.create_role || self.superuser) => lacking.push(Lack {
                what: "CREATEROLE, to create the role tenant_app".into(),
                remedy: format!("CREATE ROLE tenant_app NOLOGIN; GRANT tenant_app TO {role};"),
            }),
            Some(tenant) if !tenant.member && !tenant.grantable => lacking.push(Lack {
                what: "membership in tenant_app".into(),
                remedy: format!("GRANT tenant_app TO {role};"),
            }),
            _ => {}
        }
        if self.server_role.is_none() && !(self.create_role || self.superuser) {
            lacking.push(Lack {
                what: "CREATEROLE, to create the role tenant_server".into(),
                remedy: "CREATE ROLE tenant_server NOLOGIN;".into(),
            });
        }
        let groups = [
            ("tenant_app", self.tenant_role.as_ref().map(|it| &it.role)),
            ("tenant_server", self.server_role.as_ref()),
        ];
        for (name, group) in groups {
            if let Some(group) = group
                && let Some(excess) = group.excess()
            {
                lacking.push(Lack {
                    what: format!("a role {name} without {excess}"),
                    remedy: group.remedy(name),
                });
            }
        }
        lacking
    }
}

/// Returns the privileges of the connecting role.
pub(super) async fn rights(connection: &mut PgConnection) -> Result<Rights> {
    let row = sqlx::query!(
        r#"SELECT me.rolname::text AS "role!", current_database()::text AS "database!",
                  current_schema()::text AS schema, me.rolsuper AS "superuser!",
                  me.rolbypassrls AS "bypass_rls!", me.rolcreaterole AS "create_role!",
                  coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "create_in_schema!",
                  EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist') AS "has_extension!",
                  EXISTS (SELECT FROM pg_available_extensions WHERE name = 'btree_gist')
                      AS "extension_available!",
                  has_database_privilege(current_database(), 'CREATE') AS "create_in_database!",
                  app.oid IS NOT NULL AS "has_tenant_role!",
                  server.oid IS NOT NULL AS "has_server_role!",
                  array_remove(ARRAY[
                      CASE WHEN app.rolsuper THEN 'SUPERUSER' END,
                      CASE WHEN app.rolbypassrls THEN 'BYPASSRLS' END,
                      CASE WHEN app.rolcreaterole THEN 'CREATEROLE' END], NULL) AS "tenant_attributes!",
                  array_remove(ARRAY[
                      CASE WHEN server.rolsuper THEN 'SUPERUSER' END,
                      CASE WHEN server.rolbypassrls THEN 'BYPASSRLS' END,
                      CASE WHEN server.rolcreaterole THEN 'CREATEROLE' END], NULL) AS "server_attributes!",
                  -- A superuser is a member of every role, by attribute and not by grant.
                  coalesce(NOT app.rolsuper AND pg_has_role(app.oid, me.oid, 'MEMBER'), false)
                      AS "tenant_is_member!",
                  coalesce(NOT server.rolsuper AND pg_has_role(server.oid, me.oid, 'MEMBER'), false)
                      AS "server_is_member!",
                  CASE WHEN app.oid IS NULL THEN false ELSE pg_has_role(app.oid, 'MEMBER') END AS "member!",
                  CASE WHEN app.oid IS NULL THEN false
                       ELSE me.rolsuper OR pg_has_role(app.oid, 'MEMBER WITH ADMIN OPTION')
                            OR (me.rolcreaterole AND current_setting('server_version_num')::int < 160000)
                  END AS "grantable!",
                  current_setting('server_version_num')::int AS "server_version!"
             FROM pg_catalog.pg_roles me
             LEFT JOIN pg_catalog.pg_roles app ON app.rolname = 'tenant_app'
             LEFT JOIN pg_catalog.pg_roles server ON server.rolname = 'tenant_server'
            WHERE me.rolname = current_user"#
    )
    .fetch_one(connection)
    .await?;
    let group = |attributes, is_member: bool| GroupRole {
        attributes,
        member_of: is_member.then(|| row.role.clone()),
    };
    let tenant_role = group(row.tenant_attributes, row.tenant_is_member);
    let server_role = group(row.server_attributes, row.server_is_member);
    Ok(Rights {
        tenant_role: row.has_tenant_role.then_some(TenantRole {
            role: tenant_role,
            member: row.member,
            grantable: row.grantable,
        }),
        server_role: row.has_server_role.then_some(server_role),
        role: row.role,
        database: row.database,
        schema: row.schema,
        superuser: row.superuser,
        bypass_rls: row.bypass_rls,
        create_role: row.create_role,
        create_in_schema: row.create_in_schema,
        extension: match (row.has_extension, row.extension_available) {
            (true, _) => Extension::Installed,
            (false, false) => Extension::Unavailable,
            (false, true) if row.create_in_database => Extension::Installable,
            (false, true) => Extension::NotAllowed,
        },
        server_version: row.server_version,
    })
}

/// The findings of `doctor` about the server.
#[derive(Clone, Debug)]
pub struct Health {
    pub rights: Rights,
    /// The version text of the server, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub server: String,
    pub server_time: DateTime<Utc>,
    pub encrypted: bool,
    pub unix_socket: bool,
    pub in_recovery: bool,
    /// `true` if the role owns the tables or is a member of their owner; `None` before the first
    /// migration.
    pub owns_tables: Option<bool>,
    /// `true` if a tenant's statement may create temporary tables; `false` before the first
    /// migration.
    pub tenant_has_temporary: bool,
    /// `true` if that privilege comes from PUBLIC.
    pub public_has_temporary: bool,
    /// Tenant tables with row-level security disabled.
    pub tables_without_rls: Vec<String>,
}

/// Inspects the server and the connecting role.
pub async fn examine(db: &Database) -> Result<Health> {
    let mut conn = PlatformConn::open(db)?;
    let rights = rights(conn.connection()).await?;
    let row = sqlx::query!(
        r#"SELECT current_setting('server_version') AS "server!", clock_timestamp() AS "server_time!",
                  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS "encrypted!",
                  inet_client_addr() IS NULL AS "unix_socket!", pg_is_in_recovery() AS "in_recovery!",
                  (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c
                    WHERE c.oid = to_regclass('organizations')) AS owns_tables,
                  coalesce((SELECT has_database_privilege(r.oid, current_database(), 'TEMPORARY')
                              FROM pg_roles r WHERE r.rolname = 'tenant_app'), false)
                      AS "tenant_has_temporary!",
                  has_database_privilege('public', current_database(), 'TEMPORARY')
                      AS "public_has_temporary!",
                  ARRAY(SELECT c.relname::text
                          FROM pg_class c
                          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
                                             AND NOT a.attisdropped
                         WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind = 'r'
                           AND NOT c.relrowsecurity
                         ORDER BY c.relname) AS "tables_without_rls!""#
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Health {
        rights,
        server: row.server,
        server_time: row.server_time,
        encrypted: row.encrypted,
        unix_socket: row.unix_socket,
        in_recovery: row.in_recovery,
        owns_tables: row.owns_tables,
        tenant_has_temporary: row.tenant_has_temporary,
        public_has_temporary: row.public_has_temporary,
        tables_without_rls: row.tables_without_rls,
    })
}

/// Reports whether a scope is confined: row-level security is in force for its role, which owns
/// none of our tables.
pub async fn is_confined(tx: &mut TenantTx) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT row_security_active('organizations')
                  AND row_security_active('organization_members')
                  AND NOT pg_has_role((SELECT relowner FROM pg_class
                                        WHERE oid = 'organizations'::regclass), 'USAGE')
                  AS "confined!""#
    )
    .fetch_one(tx.connection())
    .await?)
}

#[cfg(test)]
impl Health {
    /// Returns a healthy server before the first migration.
    pub(crate) fn sample() -> Self {
        Self {
            rights: Rights {
                role: "ops".into(),
                database: "app".into(),
                schema: Some("public".into()),
                superuser: false,
                bypass_rls: false,
                create_role: true,
                create_in_schema: true,
                extension: Extension::Installable,
                tenant_role: None,
                server_role: None,
                server_version: 150_004,
            },
            server: "15.4".into(),
            server_time: DateTime::UNIX_EPOCH,
            encrypted: false,
            unix_socket: false,
            in_recovery: false,
            owns_tables: None,
            tenant_has_temporary: false,
            public_has_temporary: false,
            tables_without_rls: Vec::new(),
        }
    }
}
