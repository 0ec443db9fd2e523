//! Creating an organization with everything it has from the start.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{member_of, snapshot};
use crate::{
    context::new_id,
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
};

/// Properties of a new organization.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    /// Chosen by the caller: a taken one is an error. `None`: made from the name, with a number
    /// behind it where that is taken.
    pub slug: Option<Slug>,
    pub time_zone: TimeZone,
    pub locale: Locale,
    pub owner: Option<FirstOwner>,
}

/// Who is to own a new organization.
#[derive(Clone, Debug)]
pub enum FirstOwner {
    /// Somebody who signed up: owner at once.
    Member(User),
    /// Somebody who did not yet: owner once they accept.
    Invited { email: Email, expires_days: u32 },
}

impl FirstOwner {
    /// Their address.
    pub fn email(&self) -> &Email {
        match self {
            Self::Member(user) => &user.email,
            Self::Invited { email, .. } => email,
        }
    }
}

/// A new organization, and the invitation of its owner where they did not sign up yet.
#[derive(Debug)]
pub struct CreatedOrganization {
    pub organization: Organization,
    pub invitation: Option<Issued>,
}

/// Numbers tried behind a slug made from a name, before giving up.
const SLUG_ATTEMPTS: u32 = 100;

/// Creates an organization with its five channels, its agent configuration, its activity chain
/// and, where given, its owner, in one transaction.
///
/// # Errors
/// `Conflict` when the slug is taken.
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

/// The same for a user who belongs nowhere; `None`: they belong somewhere. Two sign-ups of one user
/// would make one each, so they take turns, and the second sees what the first has made.
///
/// # Errors
/// `Conflict` when no slug is free, or `lock_timeout` is over.
pub(in crate::services) async fn create_where_none(
    session: &Session,
    user: UserId,
    new: &NewOrganization,
) -> Result<Option<CreatedOrganization>> {
    for slug in slugs_from_name(&new.name)? {
        // The lock is the transaction's: behind a pooler a session's would stay with a session
        // that is somebody else's next.
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

/// The slugs that are tried for a name.
fn slugs_from_name(name: &str) -> Result<impl Iterator<Item = Slug>> {
    let wanted = Slug::from_name(name)?;
    Ok((1..=SLUG_ATTEMPTS).map(move |attempt| match attempt {
        1 => wanted.clone(),
        number => wanted.with_suffix(number),
    }))
}

fn slug_taken(slug: &Slug) -> Error {
    Error::conflict(format!(
        "there is an organization with the slug {slug} already"
    ))
    .hint(run!["org", "show", slug].labeled("look at it"))
    .hint("or choose another with --slug; use --if-not-exists to ignore this")
}

/// Creates the organization whose scope `tx` is. `None`: the slug is taken.
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

/// An organization as it is when it is made.
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

/// Creates an organization in a transaction that runs in its scope already, and goes on. `None`: the
/// slug is taken.
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
