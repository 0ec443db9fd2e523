//! Changes of an organization: settings, suspension, deletion.

use chrono::TimeDelta;

use super::snapshot;
use crate::{
    confirm::Confirmed,
    db,
    domain::{
        Locale, Organization, OrganizationId, OrganizationStatus, Permission, Slug, TimeZone,
        channel::identity::Identity,
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change, claims},
};

/// The fields that `org update` changes; `None` keeps the value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrganizationPatch {
    pub name: Option<String>,
    pub slug: Option<Slug>,
    pub time_zone: Option<TimeZone>,
    pub locale: Option<Locale>,
    pub allowed_email_domains: Option<Vec<String>>,
}

/// Result of a change of an organization.
#[derive(Clone, Debug)]
pub struct Changed {
    pub before: Organization,
    pub after: Organization,
}

impl Changed {
    /// `false` if nothing changed and nothing was written.
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }
}

/// Changes an organization's settings. If nothing changes, nothing is written.
///
/// Only the operator may change the slug: a conflict would reveal the other tenants.
///
/// # Errors
/// `Conflict` if the new slug is taken; `Refused` for a user who specifies one.
pub async fn update(
    session: &Session,
    id: OrganizationId,
    patch: OrganizationPatch,
) -> Result<Changed> {
    if patch.slug.is_some() {
        session.require_operator("change the slug of an organization")?;
    }
    change(
        session,
        id,
        Permission::OrganizationUpdate,
        UPDATE,
        |changed| patched(changed, patch),
    )
    .await
}

const UPDATE: &str = "organization.update";

/// Same as [`update`], in an open transaction, which is not committed.
pub(in crate::services) async fn update_in(
    session: &Session,
    scope: &mut Scope,
    patch: OrganizationPatch,
) -> Result<Changed> {
    change_in(session, scope, UPDATE, |changed| patched(changed, patch)).await
}

fn patched(mut changed: Organization, patch: OrganizationPatch) -> Result<Organization> {
    if changed.status == OrganizationStatus::Deleted {
        return Err(
            Error::conflict(format!("organization {} is deleted", changed.slug))
                .hint(run!["org", "restore", changed.slug].labeled("restore it first")),
        );
    }
    if let Some(name) = patch.name {
        changed.name = name;
    }
    if let Some(slug) = patch.slug {
        changed.slug = slug;
    }
    if let Some(time_zone) = patch.time_zone {
        changed.time_zone = time_zone;
    }
    if let Some(locale) = patch.locale {
        changed.locale = locale;
    }
    if let Some(domains) = patch.allowed_email_domains {
        changed.allowed_email_domains = domains;
    }
    Ok(changed)
}

/// Suspends an organization: its users are locked out and its channels disabled.
///
/// # Errors
/// `Refused` for a user; `Conflict` if it is deleted.
pub async fn suspend(
    session: &Session,
    id: OrganizationId,
    _confirmed: Confirmed,
) -> Result<Changed> {
    session.require_operator("suspend an organization")?;
    let now = session.now();
    change(
        session,
        id,
        Permission::OrganizationUpdate,
        "organization.suspend",
        |mut changed| match changed.status {
            OrganizationStatus::Deleted => Err(Error::conflict(format!(
                "organization {} is deleted and cannot be suspended",
                changed.slug
            ))),
            OrganizationStatus::Suspended => Ok(changed),
            OrganizationStatus::Active => {
                changed.status = OrganizationStatus::Suspended;
                changed.suspended_at = Some(now);
                Ok(changed)
            }
        },
    )
    .await
}

/// Ends a suspension.
///
/// # Errors
/// `Refused` for a user; `Conflict` if it is deleted.
pub async fn resume(session: &Session, id: OrganizationId) -> Result<Changed> {
    session.require_operator("resume an organization")?;
    change(
        session,
        id,
        Permission::OrganizationUpdate,
        "organization.resume",
        |mut changed| match changed.status {
            OrganizationStatus::Deleted => Err(Error::conflict(format!(
                "organization {} is deleted",
                changed.slug
            ))
            .hint(run!["org", "restore", changed.slug].labeled("restore it"))),
            OrganizationStatus::Active => Ok(changed),
            OrganizationStatus::Suspended => {
                changed.status = OrganizationStatus::Active;
                changed.suspended_at = None;
                Ok(changed)
            }
        },
    )
    .await
}

/// Time for which the data of a deleted organization is kept before it can be purged.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The platform's standard, in days.
    pub standard_days: u32,
    /// The requested time, in days. Only the operator may request less than the standard.
    pub asked_days: Option<u32>,
}

impl Retention {
    fn granted_to(self, session: &Session) -> Result<TimeDelta> {
        let days = self.asked_days.unwrap_or(self.standard_days);
        if days < self.standard_days {
            let standard = self.standard_days;
            session
                .require_operator(&format!("have data kept for less than {standard} days"))
                .map_err(|error| error.hint("or omit --keep-days"))?;
        }
        Ok(TimeDelta::days(days.into()))
    }
}

/// Returns the data for the confirmation prompt of a deletion. A caller who may not delete is
/// rejected before the prompt.
pub async fn before_delete(
    session: &Session,
    id: OrganizationId,
    retention: Retention,
) -> Result<Organization> {
    let scope = session.read(id, Permission::OrganizationDelete).await?;
    retention.granted_to(session)?;
    // Rolled back now: dropping the transaction would defer the rollback to the next statement, and
    // answering a prompt takes time.
    scope.tx.rollback().await?;
    Ok(scope.organization)
}

/// Marks an organization as deleted. The data is kept until [`crate::services::purge::purge`],
/// which is possible after `retention`.
///
/// # Errors
/// `Refused` for a user who is not an owner, or who requests less than the standard retention.
pub async fn delete(
    session: &Session,
    id: OrganizationId,
    retention: Retention,
    _confirmed: Confirmed,
) -> Result<Changed> {
    let keep = retention.granted_to(session)?;
    let now = session.now();
    change(
        session,
        id,
        Permission::OrganizationDelete,
        "organization.delete",
        |mut changed| {
            if changed.status != OrganizationStatus::Deleted {
                changed.status = OrganizationStatus::Deleted;
                changed.deleted_at = Some(now);
                changed.purge_after = Some(now + keep);
                return Ok(changed);
            }
            let as_asked = changed.deleted_at.map(|deleted_at| deleted_at + keep);
            if retention.asked_days.is_some() && changed.purge_after != as_asked {
                let slug = &changed.slug;
                return Err(Error::conflict(format!(
                    "organization {slug} is already deleted, with a different retention"
                ))
                .hint(run!["org", "restore", slug].labeled("restore it first")));
            }
            Ok(changed)
        },
    )
    .await
}

/// A restored organization.
#[derive(Debug)]
pub struct Restored {
    pub changed: Changed,
    /// Identities that another organization holds now. Their claims wait for the operator.
    pub waiting: Vec<Identity>,
}

/// Restores a deleted organization. It is suspended if it was suspended before the deletion. It
/// gets back the identities that it held, unless another organization holds them now.
///
/// # Errors
/// `NotFound` if it was purged.
pub async fn restore(session: &Session, id: OrganizationId) -> Result<Restored> {
    session.require_operator("restore an organization")?;
    let mut scope = session
        .write_and_leave_any_status(id, Permission::OrganizationDelete)
        .await?;
    let action = "organization.restore";
    let changed = change_in(session, &mut scope, action, |mut changed| {
        if changed.status == OrganizationStatus::Deleted {
            changed.status = match changed.suspended_at {
                Some(_) => OrganizationStatus::Suspended,
                None => OrganizationStatus::Active,
            };
            changed.deleted_at = None;
            changed.purge_after = None;
        }
        Ok(changed)
    })
    .await?;
    let waiting = match changed.is_change() {
        true => claims::wake(session, scope.tx).await?,
        false => Vec::new(),
    };
    Ok(Restored { changed, waiting })
}

/// Runs a change: locks the organization, computes and compares the new state, and writes it with
/// the activity entry.
async fn change(
    session: &Session,
    id: OrganizationId,
    permission: Permission,
    action: &'static str,
    compute: impl FnOnce(Organization) -> Result<Organization>,
) -> Result<Changed> {
    let mut scope = session.write_any_status(id, permission).await?;
    let changed = change_in(session, &mut scope, action, compute).await?;
    if changed.is_change() {
        if changed.after.status == OrganizationStatus::Deleted {
            claims::rest(&mut scope.tx, session.now()).await?;
        }
        scope.tx.commit().await?;
    }
    Ok(changed)
}

async fn change_in(
    session: &Session,
    scope: &mut Scope,
    action: &'static str,
    compute: impl FnOnce(Organization) -> Result<Organization>,
) -> Result<Changed> {
    let before = scope.organization.clone();
    let mut after = compute(before.clone())?;
    if after == before {
        return Ok(Changed { before, after });
    }
    after.updated_at = session.now();
    db::organizations::update(&mut scope.tx, &after).await?;
    after.version += 1;
    let change = Change {
        action,
        object_type: "organization",
        object_id: before.id.to_string(),
        before: Some(snapshot(&before)),
        after: Some(snapshot(&after)),
    };
    db::activity::append(&mut scope.tx, session.entry(change)).await?;
    Ok(Changed { before, after })
}
