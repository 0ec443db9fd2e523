//! Users, and sign-ups to the platform.

use futures_util::stream::BoxStream;
use serde_json::json;

use crate::{
    db::{self, PlatformConn, users::ListedUser},
    domain::{
        Email, Locale, OrganizationId, Permission, Role, Slug, TimeZone, UserId, actor::Actor,
        lookalike, organization::Organization, user::User,
    },
    error::{Error, Result},
    run,
    services::{
        Session, access,
        activity::Change,
        invitations::{self, Joined, Refusal},
        members::lookalikes,
        organizations::{self, FirstOwner, NewOrganization},
    },
    system::new_id,
};

/// A user with an email address confirmed by the identity provider.
#[derive(Clone, Debug)]
pub struct SignUp {
    pub email: Email,
    pub name: String,
    /// The identity provider's id, used as the user id.
    pub id: Option<UserId>,
    /// Time zone and locale of the organization that may be created for the user.
    pub time_zone: TimeZone,
    pub locale: Locale,
}

/// Result of a sign-up.
#[derive(Clone, Debug)]
pub struct SignedUp {
    pub user: User,
    /// `false` if the address was registered already.
    pub created: bool,
    pub joined: Vec<Joined>,
    /// Pending invitations that were not accepted.
    pub passed_over: Vec<PassedOver>,
    pub own_organization: Option<Organization>,
    /// Warnings about an address that resembles another address of a joined organization.
    pub warnings: Vec<String>,
}

/// An invitation that a sign-up did not accept.
#[derive(Clone, Debug)]
pub struct PassedOver {
    /// Slug of the organization.
    pub organization: String,
    pub reason: String,
}

/// Signs up a user. The user joins every organization with an invitation for the address, with the
/// invited role. A user without any membership then gets an organization of their own, as its
/// owner.
///
/// Each step is a separate transaction and can be repeated: an interrupted sign-up is completed by
/// signing up again.
///
/// # Errors
/// `Refused` for an acting user; `Conflict` if id and address belong to different users.
pub async fn sign_up(session: &Session, new: &SignUp) -> Result<SignedUp> {
    session.require_operator("sign up a user")?;
    let (user, created) = ensure_user(session, new).await?;
    let as_user = session.acting_as(&user);
    let mut signed_up = SignedUp {
        user,
        created,
        joined: Vec::new(),
        passed_over: Vec::new(),
        own_organization: None,
        warnings: lookalike::warnings(std::slice::from_ref(&new.email), std::iter::empty()),
    };
    let waiting = {
        let mut conn = PlatformConn::open(&session.db)?;
        db::invitations::waiting_for(&mut conn, &signed_up.user.email).await?
    };
    for (organization, invitation) in waiting {
        match invitations::accept_waiting(&as_user, organization, invitation, &signed_up.user)
            .await?
        {
            Ok(joined) => signed_up.joined.push(joined),
            // It expired, or a concurrent sign-up accepted it.
            Err(Refusal::Over) => {}
            Err(Refusal::Barred(why)) => signed_up.passed_over.push(PassedOver {
                organization: name_of(session, organization).await?,
                reason: why.to_string(),
            }),
        }
    }
    for joined in &signed_up.joined {
        let mut scope = session
            .read(joined.organization.id, Permission::MembersRead)
            .await?;
        let addresses = std::slice::from_ref(&new.email);
        let alike = lookalikes(session, &mut scope, addresses).await?;
        signed_up.warnings.extend(alike);
    }
    signed_up.warnings.sort();
    signed_up.warnings.dedup();
    if signed_up.joined.is_empty() {
        signed_up.own_organization = own_organization(&as_user, &signed_up.user, new).await?;
    }
    Ok(signed_up)
}

/// Returns the slug, or the id if the organization no longer exists.
async fn name_of(session: &Session, id: OrganizationId) -> Result<String> {
    let mut conn = PlatformConn::open(&session.db)?;
    let found = db::organizations::find(&mut conn, id).await?;
    Ok(found.map_or_else(|| id.to_string(), |found| found.slug.to_string()))
}

async fn ensure_user(session: &Session, new: &SignUp) -> Result<(User, bool)> {
    let now = session.now();
    let user = User {
        id: new.id.unwrap_or_else(|| new_id().into()),
        email: new.email.clone(),
        name: new.name.clone(),
        created_at: now,
        updated_at: now,
    };
    let mut conn = PlatformConn::begin(&session.db).await?;
    if db::users::insert(&mut conn, &user).await? {
        let change = Change {
            action: "user.sign_up",
            object_type: "user",
            object_id: user.id.to_string(),
            before: None,
            after: Some(json!({ "email": user.email, "name": user.name })),
        };
        db::activity::append_platform(&mut conn, session.entry(change)).await?;
        conn.commit().await?;
        return Ok((user, true));
    }
    let Some(known) = db::users::find_by_email(&mut conn, &new.email).await? else {
        return Err(
            Error::conflict(format!("user id {}: belongs to another address", user.id))
                .hint(run!["user", "show", user.id].labeled("show the user")),
        );
    };
    match new.id {
        Some(id) if id != known.id => Err(Error::conflict(format!(
            "{} is already signed up with the id {}",
            known.email, known.id
        ))
        .hint("omit --id or specify that id")),
        _ => Ok((known, false)),
    }
}

/// Creates an organization for a user without any membership. `None` if the user has one.
async fn own_organization(
    session: &Session,
    user: &User,
    new: &SignUp,
) -> Result<Option<Organization>> {
    let own = NewOrganization {
        name: own_organization_name(user),
        slug: None,
        time_zone: new.time_zone,
        locale: new.locale.clone(),
        owner: Some(FirstOwner::Member(user.clone())),
    };
    let created = organizations::create_where_none(session, user.id, &own).await?;
    Ok(created.map(|created| created.organization))
}

/// Returns the user's name, or a fallback from which a slug can be derived.
fn own_organization_name(user: &User) -> String {
    let local_part = user.email.as_str().split('@').next().unwrap_or_default();
    [
        user.name.clone(),
        local_part.to_owned(),
        format!("{local_part} organization"),
    ]
    .into_iter()
    .find(|name| Slug::from_name(name).is_ok())
    .unwrap_or_else(|| "New organization".to_owned())
}

/// Returns the users with `text` in their address or name, ordered by address.
///
/// # Errors
/// `Refused` for an acting user: tenants may not learn which users are on the platform.
pub fn list(
    session: &Session,
    text: Option<String>,
    limit: Option<i64>,
) -> Result<BoxStream<'static, Result<ListedUser>>> {
    session.require_operator("list the users of the platform")?;
    Ok(db::users::stream(&session.db, text, limit))
}

/// A user, with their memberships.
#[derive(Clone, Debug)]
pub struct UserDetails {
    pub user: User,
    pub memberships: Vec<(Organization, Role)>,
}

/// Returns a user and their memberships. Users can see only themselves.
///
/// # Errors
/// `NotFound`; `Refused` for a user who requests another one.
pub async fn show(session: &Session, who: &str) -> Result<UserDetails> {
    let (user, organizations) = {
        let mut conn = PlatformConn::open(&session.db)?;
        let user = match &session.actor {
            Actor::Operator { .. } => access::find_user(&mut conn, who).await?,
            Actor::User { id, email, .. } if names(who, *id, email) => {
                access::require_user(&mut conn, email).await?
            }
            Actor::User { email, .. } => {
                return Err(
                    Error::refused(format!("{email} may see only their own user"))
                        .hint("run the command without --as"),
                );
            }
        };
        let organizations = db::users::organizations(&mut conn, user.id).await?;
        (user, organizations)
    };
    let mut memberships = Vec::with_capacity(organizations.len());
    for id in organizations {
        let operator = Session {
            actor: Actor::Operator {
                name: String::new(),
            },
            ..session.clone()
        };
        let mut scope = operator.read(id, Permission::MembersRead).await?;
        if let Some(member) = db::members::find(&mut scope.tx, user.id).await? {
            memberships.push((scope.organization, member.role));
        }
    }
    Ok(UserDetails { user, memberships })
}

/// Returns `true` if `who` is this user's id or address, in any spelling.
fn names(who: &str, id: UserId, email: &Email) -> bool {
    match who.parse::<UserId>() {
        Ok(named) => named == id,
        Err(_) => Email::parse(who).is_ok_and(|named| named == *email),
    }
}
