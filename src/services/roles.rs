//! Creation of the LOGIN roles that access tenants' data.

use serde_json::json;

use crate::{
    db::{
        self, Database, PlatformConn,
        roles::{self, NewRole, Site},
    },
    error::{Error, Result},
    run,
    services::{Session, activity::Change},
};

/// Returns the database and server that a role is for, to print the statements that create it.
pub async fn site(db: &Database) -> Result<Site> {
    roles::site(&mut PlatformConn::open(db)?).await
}

/// Creates a role, with its entry in the platform's activity log. `false` if it exists with exactly
/// these privileges and `if_not_exists` is set.
///
/// # Errors
/// `Conflict` if a role of that name exists; `Refused` for users, and if the connecting role may
/// not create it.
pub async fn create(
    session: &Session,
    role: &NewRole<'_>,
    if_not_exists: bool,
    revoke_temporary: bool,
) -> Result<(Site, bool)> {
    session.require_operator("create roles")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let site = roles::site(&mut conn).await?;
    let exists = roles::exists(&mut conn, role.name).await?;
    if exists {
        require_alike(&mut conn, role, if_not_exists).await?;
    }
    let mut statements = match exists {
        true => Vec::new(),
        false => role.statements(&site),
    };
    if revoke_temporary && site.has_public_temporary {
        statements.extend(roles::without_temporary(&site));
    }
    if statements.is_empty() {
        return Ok((site, false));
    }
    roles::execute(&mut conn, &statements)
        .await
        .map_err(|error| {
            let prints = run!["db", "role", role.rights, "--name", role.name];
            error.hint(prints.labeled("print the statements for an administrator to run"))
        })?;
    let change = Change {
        action: "role.create",
        object_type: "database_role",
        object_id: role.name.to_owned(),
        before: None,
        after: Some(json!({
            "rights": role.rights,
            "has_password": role.verifier.is_some(),
            "connection_limit": role.connection_limit,
            "created": !exists,
            "temporary_revoked": revoke_temporary && site.has_public_temporary,
        })),
    };
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    Ok((site, !exists))
}

async fn require_alike(
    conn: &mut PlatformConn,
    role: &NewRole<'_>,
    if_not_exists: bool,
) -> Result<()> {
    let (name, rights) = (role.name, role.rights);
    if !if_not_exists {
        return Err(Error::conflict(format!("role {name} already exists"))
            .hint("use --if-not-exists to accept it, or --name to choose another name"));
    }
    let faults = roles::faults(conn, name, rights).await?;
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "role {name} already exists and is not confined to the rights of a {rights}: {}",
        faults.join("; ")
    ))
    .hint("use --name to choose another name"))
}

/// Creates the missing ones of both roles, without passwords. It is meant for a private PostgreSQL
/// server that requires no password on its socket.
pub async fn create_missing(session: &Session) -> Result<()> {
    for rights in [roles::Rights::Server, roles::Rights::Tenant] {
        let role = NewRole {
            rights,
            name: rights.default_name(),
            verifier: None,
            connection_limit: None,
        };
        create(session, &role, true, true).await?;
    }
    Ok(())
}
