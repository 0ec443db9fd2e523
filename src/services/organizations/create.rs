//! Creating an organization with everything it has from the start.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{member_of, snapshot};
use crate::{
    context::new_id,
    db::{self, TenantTx},
    domain::{
        ChannelConfiguration, ChannelKind, Email, Locale, Organization, OrganizationId,
        OrganizationStatus, Role, Slug, TimeZone, User,
    },
    error::{Error, Result},
    run,
    services::{
        Session,
        activity::Change,
        invitations::{self, Issued, Terms},
    },
};

/// What a new organization is made from.
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
        return create_with_slug(session, new, slug.clone())
            .await?
            .ok_or_else(|| slug_taken(slug));
    }
    let wanted = Slug::from_name(&new.name)?;
    for attempt in 1..=SLUG_ATTEMPTS {
        let slug = match attempt {
            1 => wanted.clone(),
            number => wanted.with_suffix(number),
        };
        if let Some(created) = create_with_slug(session, new, slug).await? {
            return Ok(created);
        }
    }
    Err(slug_taken(&wanted))
}

fn slug_taken(slug: &Slug) -> Error {
    Error::conflict(format!(
        "there is an organization with the slug {slug} already"
    ))
    .hint(run!["org", "show", slug].labeled("look at it"))
    .hint("or choose another with --slug; --if-not-exists makes this no error")
}

/// `None`: the slug is taken.
async fn create_with_slug(
    session: &Session,
    new: &NewOrganization,
    slug: Slug,
) -> Result<Option<CreatedOrganization>> {
    let organization = fresh(
        new_id().into(),
        slug,
        new.name.clone(),
        new.time_zone,
        new.locale.clone(),
        session.now(),
    );
    let mut tx = TenantTx::begin(&session.db, organization.id).await?;
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
///
/// # Errors
/// `Unavailable` when the connection is lost.
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
