//! Permissions of a user in an organization, with the reason.

use crate::{
    db::{self, PlatformConn},
    domain::{
        Email, OrganizationId, Permission, Role, UserId, actor::Actor,
        organization::OrganizationStatus, user::User,
    },
    error::{Error, Result},
    run,
    services::Session,
};

/// The decision on a permission, with its reason.
#[derive(Clone, Debug)]
pub struct Decision {
    pub allowed: bool,
    pub role: Option<Role>,
    pub reason: String,
}

/// Decides if `email` holds `permission`, by the same rules as the services.
///
/// # Errors
/// `NotFound` if there is no such organization; `Refused` if the caller may not see members.
pub async fn check(
    session: &Session,
    organization: OrganizationId,
    email: &Email,
    permission: Permission,
) -> Result<Decision> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    let slug = &scope.organization.slug;
    let Some(member) = db::members::find_by_email(&mut scope.tx, email).await? else {
        return Ok(Decision {
            allowed: false,
            role: None,
            reason: format!("{email} is not a member of {slug}"),
        });
    };
    let role = member.role;
    let (allowed, reason) = if scope.organization.status != OrganizationStatus::Active {
        (false, format!("{slug} is {}", scope.organization.status))
    } else if role.holds(permission) {
        (
            true,
            format!("{email} is {role} of {slug}, and {role} holds {permission}"),
        )
    } else {
        (
            false,
            format!("{email} is {role} of {slug}, and {role} does not hold {permission}"),
        )
    };
    Ok(Decision {
        allowed,
        role: Some(role),
        reason,
    })
}

/// Returns the user of `--as` as an actor, on behalf of the operator.
///
/// # Errors
/// `NotFound` if no user has that address.
pub async fn act_as(db: &db::Database, operator: &Actor, email: &Email) -> Result<Actor> {
    let mut conn = PlatformConn::open(db)?;
    let user = require_user(&mut conn, email).await?;
    Ok(operator.acting_as(&user))
}

/// Returns a user by address or id.
///
/// # Errors
/// `NotFound`; `BadInput` if the text is neither.
pub(super) async fn find_user(conn: &mut PlatformConn, text: &str) -> Result<User> {
    if let Ok(id) = text.parse::<UserId>() {
        return db::users::find(conn, id)
            .await?
            .ok_or_else(|| unknown_user(text));
    }
    require_user(conn, &text.parse()?).await
}

/// Returns a user by address.
///
/// # Errors
/// `NotFound`.
pub async fn known_user(session: &Session, email: &Email) -> Result<User> {
    let mut conn = PlatformConn::open(&session.db)?;
    require_user(&mut conn, email).await
}

/// Returns a user by address, on an open connection.
///
/// # Errors
/// `NotFound`.
pub(super) async fn require_user(conn: &mut PlatformConn, email: &Email) -> Result<User> {
    db::users::find_by_email(conn, email)
        .await?
        .ok_or_else(|| unknown_user(email.as_str()))
}

fn unknown_user(who: &str) -> Error {
    Error::not_found(format!("user {who} not found"))
        .hint(run!["user", "list"].by_operator().labeled("list the users"))
}
