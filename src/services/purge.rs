//! Permanent removal of a deleted organization.

use serde_json::{Map, Value};

use crate::{
    confirm::Confirmed,
    db::{self, PlatformConn},
    domain::{Organization, OrganizationStatus, TableChange},
    error::{Error, Result},
    run,
    services::{Session, activity::Change, organizations::snapshot},
};

/// Returns the number of rows that a purge would remove, by table.
///
/// # Errors
/// `Refused` for a user; `Conflict` if the organization is not deleted, or if it is before its
/// purge date and `early` is not set.
pub async fn preview(
    session: &Session,
    organization: &Organization,
    early: bool,
) -> Result<Vec<TableChange>> {
    session.require_operator("purge an organization")?;
    require_purgeable(session, organization, early)?;
    let mut conn = PlatformConn::begin_for(&session.db, organization.id).await?;
    let counts = db::purge::count(&mut conn, organization.id).await?;
    // The caller prompts for confirmation next: no transaction may stay open.
    conn.rollback().await?;
    Ok(counts)
}

/// Removes the organization and all of its rows, including its activity log. The platform's
/// activity log keeps an entry with the counts.
///
/// # Errors
/// The errors of [`preview`]; `NotFound` if it was purged already.
pub async fn purge(
    session: &Session,
    organization: &Organization,
    early: bool,
    confirmed: Confirmed,
) -> Result<Vec<TableChange>> {
    session.require_operator("purge an organization")?;
    let mut conn = PlatformConn::begin_for(&session.db, organization.id).await?;
    let locked = db::purge::lock(&mut conn, organization.id)
        .await?
        .ok_or_else(|| {
            Error::not_found(format!(
                "organization {} was purged already",
                organization.slug
            ))
        })?;
    require_purgeable(session, &locked, early)?;
    let gone = db::purge::delete_all(&mut conn, organization.id, confirmed).await?;
    let counts: Map<String, Value> = gone
        .iter()
        .map(|table| (table.table.clone(), table.deleted.into()))
        .collect();
    let change = Change {
        action: "organization.purge",
        object_type: "organization",
        object_id: organization.id.to_string(),
        before: Some(snapshot(&locked)),
        after: Some(serde_json::json!({ "rows_removed": counts })),
    };
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    Ok(gone)
}

fn require_purgeable(session: &Session, organization: &Organization, early: bool) -> Result<()> {
    let slug = &organization.slug;
    if organization.status != OrganizationStatus::Deleted {
        return Err(Error::conflict(format!(
            "organization {slug} is {}: only a deleted organization can be purged",
            organization.status
        ))
        .hint(run!["org", "delete", slug].labeled("delete it first")));
    }
    match organization.purge_after {
        Some(date) if date > session.now() && !early => Err(Error::conflict(format!(
            "organization {slug} may be purged from {}",
            date.with_timezone(&organization.time_zone.tz())
                .format("%Y-%m-%d %H:%M %Z")
        ))
        .hint(run!["org", "purge", slug, "--now"].labeled("purge it now"))),
        _ => Ok(()),
    }
}
