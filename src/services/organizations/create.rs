//! Creation of an organization with its initial data.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{member_of, snapshot};
use crate::{
    db::{self, PlatformConn, TenantTx},
    domain::{
        ChannelConfiguration, ChannelKind, Email, Locale, Organization, OrganizationId,
        OrganizationStatus, Role, Slug, TimeZone, User, UserId,
    },
    error::{Error, Result},
    run,
    services::{
        Session,
        activity::Change,
        invitations::{self, Issued, Terms},
    },
    system::new_id,
};

/// Properties of a new organization.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    /// A slug chosen by the caller, which must not be taken. `None` derives it from the name and
    /// appends a number if it is taken.
    pub slug: Option<Slug>,
    pub time_zone: TimeZone,
    pub locale: Locale,
    pub owner: Option<FirstOwner>,
}

/// The owner of a new organization.
#[derive(Clone, Debug)]
pub enum FirstOwner {
    /// An existing user, who becomes the owner immediately.
    Member(User),
    /// Another person, who becomes the owner by accepting an invitation.
    Invited { email: Email, expires_days: u32 },
}

impl FirstOwner {
    /// Returns the owner's address.
    pub fn email(&self) -> &Email {
        match self {
            Self::Member(user) => &user.email,
            Self::Invited { email, .. } => email,
        }
    }
}

/// A new organization, with the invitation of its owner if there is one.
#[derive(Debug)]
pub struct CreatedOrganization {
    pub organization: Organization,
    pub invitation: Option<Issued>,
}

/// Maximum number of slugs tried for a name.
const SLUG_ATTEMPTS: u32 = 100;

/// Creates an organization with its five channels, its agent configuration, its activity chain and,
/// if specified, its owner, in one transaction.
///
/// # Errors
/// `Conflict` if the slug is taken.
pub async fn create(session: &Session, new: &NewOrganization) -> Result<CreatedOrganization> {
    if let Some(slug) = &new.slug {
        let tx = TenantTx::begin(&session.db, new_id().into()).await?;
        return create_with_slug(session, tx, new, slug.clone())
            .await?
            .ok_or_else(|| slug_taken(slug));
    }
    for slug in slugs_from_name(&new.name)? {
        let tx = TenantTx::begin(&session.db, new_id().into()).await?;
        if let Some(created) = create_with_slug(session, tx, new, slug).await? {
            return Ok(created);
        }
    }
    Err(slug_taken(&Slug::from_name(&new.name)?))
}

/// Same as [`create`], for a user without any membership; `None` if the user has one. A lock
/// serializes concurrent sign-ups of one user, so that only the first creates an organization.
///
/// # Errors
/// `Conflict` if no slug is free or `lock_timeout` is exceeded.
pub(in crate::services) async fn create_where_none(
    session: &Session,
    user: UserId,
    new: &NewOrganization,
) -> Result<Option<CreatedOrganization>> {
    for slug in slugs_from_name(&new.name)? {
        // The lock belongs to the transaction: with a connection pooler, a session lock would pass
        // to the next client of the session.
        let mut conn = PlatformConn::begin(&session.db).await?;
        db::users::lock_sign_up(&mut conn, user).await?;
        if db::users::belongs_somewhere(&mut conn, user).await? {
            conn.rollback().await?;
            return Ok(None);
        }
        let tx = conn.enter(new_id().into()).await?;
        if let Some(created) = create_with_slug(session, tx, new, slug).await? {
            return Ok(Some(created));
        }
    }
    Err(slug_taken(&Slug::from_name(&new.name)?))
}

/// Returns the slugs to try for a name.
fn slugs_from_name(name: &str) -> Result<impl Iterator<Item = Slug>> {
    let wanted = Slug::from_name(name)?;
    Ok((1..=SLUG_ATTEMPTS).map(move |attempt| match attempt {
        1 => wanted.clone(),
        number => wanted.with_suffix(number),
    }))
}

fn slug_taken(slug: &Slug) -> Error {
    Error::conflict(format!("organization {slug} already exists"))
        .hint(run!["org", "show", slug].labeled("show the organization"))
        .hint("use --slug to choose another slug, or --if-not-exists to ignore this")
}

/// Creates the organization in its scope `tx` and commits. `None` if the slug is taken.
async fn create_with_slug(
    session: &Session,
    mut tx: TenantTx,
    new: &NewOrganization,
    slug: Slug,
) -> Result<Option<CreatedOrganization>> {
    let organization = fresh(
        tx.organization_id(),
        slug,
        new.name.clone(),
        new.time_zone,
        new.locale.clone(),
        session.now(),
    );
    let created = create_in(session, &mut tx, organization, new.owner.as_ref()).await?;
    if created.is_some() {
        tx.commit().await?;
    }
    Ok(created)
}

/// Builds an organization in its initial state.
pub(in crate::services) fn fresh(
    id: OrganizationId,
    slug: Slug,
    name: String,
    time_zone: TimeZone,
    locale: Locale,
    now: DateTime<Utc>,
) -> Organization {
    Organization {
        id,
        slug,
        name,
        status: OrganizationStatus::Active,
        time_zone,
        locale,
        allowed_email_domains: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        suspended_at: None,
        deleted_at: None,
        purge_after: None,
    }
}

/// Creates an organization in an open transaction in its scope, which is not committed. `None` if
/// the slug is taken.
pub(in crate::services) async fn create_in(
    session: &Session,
    tx: &mut TenantTx,
    organization: Organization,
    owner: Option<&FirstOwner>,
) -> Result<Option<CreatedOrganization>> {
    let now = organization.created_at;
    if !db::organizations::insert(tx, &organization).await? {
        return Ok(None);
    }
    db::chains::start(tx).await?;
    for kind in ChannelKind::ALL {
        let channel = ChannelConfiguration::default_for(*kind);
        db::channels::insert(tx, new_id(), &channel, now).await?;
    }
    db::agents::insert_empty(tx, new_id(), now).await?;
    if let Some(FirstOwner::Member(owner)) = owner {
        db::members::insert(tx, &member_of(owner, Role::Owner, now)).await?;
    }
    let mut after = snapshot(&organization);
    after["owner"] = json!(owner.map(FirstOwner::email));
    let change = Change {
        action: "organization.create",
        object_type: "organization",
        object_id: organization.id.to_string(),
        before: None,
        after: Some(after),
    };
    db::activity::append(tx, session.entry(change)).await?;
    let invitation = match owner {
        Some(FirstOwner::Invited {
            email,
            expires_days,
        }) => {
            let terms = Terms::new(now, Role::Owner, *expires_days)?;
            invitations::issue(session, tx, email, &terms).await?
        }
        _ => None,
    };
    Ok(Some(CreatedOrganization {
        organization,
        invitation,
    }))
}
