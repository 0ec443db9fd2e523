//! Retrieval of organizations.

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use crate::{
    db::{
        self, PlatformConn,
        activity::{ActivityFilter, StoredEntry},
        channels::StoredChannel,
        invitations::InvitationFilter,
        members::MemberFilter,
        organizations::OrganizationFilter,
    },
    domain::{
        Actor, Invitation, Member, Organization, OrganizationId, OrganizationStatus, Permission,
        slug,
    },
    error::{Error, Result},
    run,
    services::Session,
};

/// Returns the organization that `reference` (a slug or an id) refers to. Users find only
/// organizations of which they are a member, and no deleted ones.
///
/// # Errors
/// `NotFound`, with similar slugs.
pub async fn resolve(session: &Session, reference: &str) -> Result<Organization> {
    let mut conn = PlatformConn::open(&session.db)?;
    let found = match reference.parse::<OrganizationId>() {
        Ok(id) => db::organizations::find(&mut conn, id).await?,
        Err(_) => db::organizations::find_by_slug(&mut conn, reference).await?,
    };
    let visible = match (&found, &session.actor) {
        (Some(organization), Actor::User { id, .. }) => {
            organization.status != OrganizationStatus::Deleted
                && db::users::organizations(&mut conn, *id)
                    .await?
                    .contains(&organization.id)
        }
        (Some(_), Actor::Operator { .. }) => true,
        (None, _) => false,
    };
    match found {
        Some(organization) if visible => Ok(organization),
        _ => Err(unknown(session, &mut conn, reference).await?),
    }
}

/// Returns the matching organizations; for a user, only those of which they are a member.
pub fn list(
    session: &Session,
    filter: OrganizationFilter,
) -> BoxStream<'static, Result<Organization>> {
    let filter = OrganizationFilter {
        member: session.actor.user_id(),
        ..filter
    };
    db::organizations::stream(&session.db, filter)
}

/// Returns up to `limit` slugs that start with `prefix`; for a user, only of organizations of which
/// they are a member.
pub async fn slugs(session: &Session, prefix: &str, limit: i64) -> Result<Vec<String>> {
    if session.actor.user_id().is_none() {
        let mut conn = PlatformConn::open(&session.db)?;
        return db::organizations::slugs(&mut conn, prefix, limit).await;
    }
    let own: Vec<_> = list(session, OrganizationFilter::default())
        .try_collect()
        .await?;
    let slugs = own.into_iter().map(|found| found.slug.to_string());
    let matching = slugs.filter(|slug| slug.starts_with(prefix));
    Ok(matching.take(usize::try_from(limit).unwrap_or(0)).collect())
}

/// Maximum number of slugs searched for similar ones.
const NEAR_SLUGS: i64 = 2000;

async fn unknown(session: &Session, conn: &mut PlatformConn, reference: &str) -> Result<Error> {
    let error = Error::not_found(format!("organization {reference} not found"));
    if let Actor::User { email, .. } = &session.actor {
        return Ok(error.hint(
            run!["org", "list", "--as", email]
                .labeled(format!("list the organizations of {email}")),
        ));
    }
    let first = reference
        .chars()
        .next()
        .map(String::from)
        .unwrap_or_default();
    let slugs = db::organizations::slugs(conn, &first, NEAR_SLUGS).await?;
    let near = slug::nearest(reference, slugs.iter().map(String::as_str));
    Ok(if near.is_empty() {
        error.hint(run!["org", "list"].labeled("list the organizations"))
    } else {
        error.hint(format!("did you mean {}?", near.join(", ")))
    })
}

/// An organization with its related data.
#[derive(Clone, Debug)]
pub struct Details {
    pub organization: Organization,
    pub members: Vec<Member>,
    pub invitations: Vec<Invitation>,
    pub channels: Vec<StoredChannel>,
    pub last_activity: Option<StoredEntry>,
}

/// Returns an organization with its related data.
///
/// # Errors
/// The errors of [`Session::read`].
pub async fn show(session: &Session, id: OrganizationId) -> Result<Details> {
    let mut scope = session.read(id, Permission::OrganizationRead).await?;
    let tx = &mut scope.tx;
    let members = db::members::list(tx, &MemberFilter::default()).await?;
    let pending = InvitationFilter::default();
    let invitations = db::invitations::list(tx, &pending, session.now()).await?;
    let channels = db::channels::list(tx).await?;
    let may_read_activity = scope
        .role
        .is_none_or(|role| role.holds(Permission::ActivityRead));
    let last_activity = if may_read_activity {
        let newest = ActivityFilter {
            limit: Some(1),
            ..ActivityFilter::default()
        };
        db::activity::stream(scope.tx, newest)
            .next()
            .await
            .transpose()?
    } else {
        None
    };
    Ok(Details {
        organization: scope.organization,
        members,
        invitations,
        channels,
        last_activity,
    })
}
