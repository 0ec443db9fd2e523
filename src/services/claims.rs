//! Claims to identities. An identity (a number, an agent or an instance) belongs to one
//! organization of the platform.
//!
//! The settings of the channels claim identities. A new claim is granted here or waits for the
//! operator. Tenants cannot learn which organization holds an identity.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    db::{
        self, PlatformConn, TenantTx,
        webhooks::{
            claims::{self, ClaimFilter, ListedClaim, Waiting},
            identities,
        },
    },
    domain::{
        Actor, Organization, OrganizationId, Permission,
        channel::{
            ChannelSettings,
            identity::{self, ClaimPolicy, ClaimStatus, Identity},
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// Status of the claims of an organization.
pub type Standing = Vec<(Identity, ClaimStatus)>;

/// Returns the status of the claims of these settings.
pub(super) async fn standing(tx: &mut TenantTx, settings: &ChannelSettings) -> Result<Standing> {
    let wanted: BTreeSet<Identity> = identity::of(settings).into_iter().collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let held = identities::held(tx).await?.into_iter();
    let granted = held.map(|identity| (identity, ClaimStatus::Granted));
    let claimed = claims::list(tx).await?.into_iter();
    let claimed = claimed.map(|claim| (claim.identity, claim.status));
    let of_these = granted.chain(claimed);
    Ok(of_these
        .filter(|(identity, _)| wanted.contains(identity))
        .collect())
}

/// The new claims of a change of settings. [`New::settle`] ends the transaction.
pub(super) struct New {
    identities: Vec<Identity>,
    /// `true` if they are granted at once.
    at_once: bool,
}

impl New {
    /// Updates the claims to match the settings of the organization's channels, in the transaction
    /// that changed them: identities that no channel names are released, and new ones are claimed.
    pub(super) async fn follow(session: &Session, scope: &mut Scope) -> Result<Self> {
        let tx = &mut scope.tx;
        let channels = db::channels::list(tx).await?;
        let settings = channels
            .iter()
            .map(|channel| &channel.configuration.settings);
        let wanted: BTreeSet<Identity> = settings.flat_map(identity::of).collect();
        let held: BTreeSet<Identity> = identities::held(tx).await?.into_iter().collect();
        let claimed = claims::list(tx).await?.into_iter();
        let claimed: BTreeSet<Identity> = claimed.map(|claim| claim.identity).collect();
        let gone = |known: &BTreeSet<Identity>| -> Vec<Identity> {
            known.difference(&wanted).cloned().collect()
        };
        identities::release(tx, &gone(&held)).await?;
        claims::remove(tx, &gone(&claimed)).await?;
        let is_new = |one: &&Identity| !held.contains(*one) && !claimed.contains(*one);
        // Sorted, so that two sessions that claim the same identities cannot deadlock.
        let new: Vec<Identity> = wanted.iter().filter(is_new).cloned().collect();
        let at_once = match session.actor {
            Actor::Operator { .. } => true,
            Actor::User { .. } => session.claims == ClaimPolicy::Open,
        };
        let (action, status) = match at_once {
            true => ("channel_claim.grant", ClaimStatus::Granted),
            false => ("channel_claim.request", ClaimStatus::Pending),
        };
        if !at_once {
            claims::insert(tx, &new, status, session.now()).await?;
        }
        for identity in &new {
            let change = change(action, identity, None, Some(status));
            db::activity::append(tx, session.entry(change)).await?;
        }
        Ok(Self {
            identities: new,
            at_once,
        })
    }

    /// Returns the status of the claims of these settings after the transaction is settled.
    pub(super) async fn standing(
        &self,
        tx: &mut TenantTx,
        settings: &ChannelSettings,
    ) -> Result<Standing> {
        let mut known = standing(tx, settings).await?;
        if self.at_once {
            let named = identity::of(settings);
            let granted = self.identities.iter().filter(|one| named.contains(one));
            known.extend(granted.map(|one| (one.clone(), ClaimStatus::Granted)));
        }
        Ok(known)
    }

    /// Grants the claims that need no approval, and commits.
    ///
    /// # Errors
    /// `Conflict` if another organization holds one of them. Nothing is changed then.
    pub(super) async fn settle(self, session: &Session, tx: TenantTx) -> Result<()> {
        if self.identities.is_empty() {
            return tx.commit().await;
        }
        let organization = tx.organization_id();
        // The tenant role lacks these privileges, so no statement of the tenant may follow.
        let mut conn = tx.leave().await?;
        if self.at_once {
            for identity in &self.identities {
                grant(session, &mut conn, organization, identity).await?;
            }
        } else {
            let holders = identities::holders(&mut conn, &self.identities).await?;
            if let Some((identity, _)) = holders.first() {
                return Err(unavailable(identity));
            }
        }
        conn.commit().await
    }
}

async fn grant(
    session: &Session,
    conn: &mut PlatformConn,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<()> {
    if identities::grant(conn, organization, identity, session.now()).await? {
        return Ok(());
    }
    match session.actor {
        Actor::Operator { .. } => Err(taken(conn, identity).await?),
        Actor::User { .. } => Err(unavailable(identity)),
    }
}

/// Builds the error for the operator about an identity that another organization holds.
async fn taken(conn: &mut PlatformConn, identity: &Identity) -> Result<Error> {
    let held = identities::holders(conn, std::slice::from_ref(identity)).await?;
    let holder = match held.first() {
        Some((_, holder)) => db::organizations::find(conn, *holder).await?,
        None => None,
    };
    // The identity was released in the meantime: a retry can succeed.
    let Some(holder) = holder else {
        return Ok(Error::conflict(format!(
            "{identity}: claimed by another organization at the same time"
        ))
        .hint("retry the command"));
    };
    let Identity { kind, value } = identity;
    let slug = holder.slug;
    let release = run!["channel", "claim", "release", kind, value, "--org", slug];
    Ok(
        Error::conflict(format!("{identity}: belongs to organization {slug}"))
            .hint(release.labeled("release it from that organization first")),
    )
}

/// Builds the error for a tenant. It is the same for any holder of the identity.
fn unavailable(identity: &Identity) -> Error {
    Error::conflict(format!("{identity}: not available"))
        .hint("check the value or ask the operator of the platform")
}

/// Releases the identities of a deleted organization. [`wake`] claims them again.
pub(super) async fn rest(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<()> {
    let held = identities::held(tx).await?;
    identities::release(tx, &held).await?;
    claims::insert(tx, &held, ClaimStatus::Dormant, now).await
}

/// Claims the identities of a restored organization again, in its transaction, which is committed.
/// Returns those that another organization holds now; their claims wait for the operator.
pub(super) async fn wake(session: &Session, mut tx: TenantTx) -> Result<Vec<Identity>> {
    let organization = tx.organization_id();
    let now = session.now();
    let all = claims::list(&mut tx).await?.into_iter();
    let dormant = all.filter(|claim| claim.status == ClaimStatus::Dormant);
    let dormant: Vec<Identity> = dormant.map(|claim| claim.identity).collect();
    if dormant.is_empty() {
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let mut conn = tx.leave().await?;
    let mut woken = Vec::new();
    for identity in &dormant {
        let granted = identities::grant(&mut conn, organization, identity, now).await?;
        woken.push((identity, granted));
    }
    let mut tx = conn.enter(organization).await?;
    claims::remove(&mut tx, &dormant).await?;
    let waiting = woken.iter().filter(|(_, granted)| !granted);
    let waiting: Vec<Identity> = waiting.map(|(identity, _)| (*identity).clone()).collect();
    claims::insert(&mut tx, &waiting, ClaimStatus::Pending, now).await?;
    for (identity, granted) in woken {
        let (action, status) = match granted {
            true => ("channel_claim.grant", ClaimStatus::Granted),
            false => ("channel_claim.request", ClaimStatus::Pending),
        };
        let change = change(action, identity, Some(ClaimStatus::Dormant), Some(status));
        db::activity::append(&mut tx, session.entry(change)).await?;
    }
    tx.commit().await?;
    Ok(waiting)
}

/// Returns the claims of all organizations.
///
/// # Errors
/// `Refused` for a user.
pub async fn list(session: &Session, filter: &ClaimFilter) -> Result<Vec<ListedClaim>> {
    session.require_operator("see the claims of all organizations")?;
    let mut conn = PlatformConn::open(&session.db)?;
    claims::list_all(&mut conn, filter).await
}

/// Returns the number of waiting claims.
pub async fn waiting(db: &db::Database) -> Result<Waiting> {
    let mut conn = PlatformConn::open(db)?;
    claims::waiting(&mut conn).await
}

/// A claim after a decision of the operator.
#[derive(Clone, Debug)]
pub struct Decided {
    pub organization: Organization,
    pub identity: Identity,
    pub before: ClaimStatus,
    pub after: ClaimStatus,
}

impl Decided {
    /// `false` if the claim had this status already and nothing was written.
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }
}

/// Grants the claim of an organization, if it is waiting, rejected or released.
///
/// # Errors
/// `Refused` for a user; `NotFound` if the organization does not claim the identity; `Conflict` if
/// another organization holds it or the organization is deleted.
pub async fn approve(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<Decided> {
    decide(session, organization, identity, ClaimStatus::Granted).await
}

/// Rejects a waiting claim. It is requested again only after the setting is changed.
///
/// # Errors
/// Same as [`approve`]; `Conflict` if it is not waiting.
pub async fn reject(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<Decided> {
    decide(session, organization, identity, ClaimStatus::Rejected).await
}

/// Releases a granted identity. The channel of the organization stops responding to it.
///
/// # Errors
/// Same as [`approve`]; `Conflict` if it is not granted.
pub async fn release(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<Decided> {
    decide(session, organization, identity, ClaimStatus::Released).await
}

async fn decide(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
    after: ClaimStatus,
) -> Result<Decided> {
    session.require_operator("decide on claims")?;
    let mut scope = session
        .write_and_leave(organization, Permission::ChannelsEdit)
        .await?;
    let before = status_of(&mut scope, identity).await?;
    let decided = Decided {
        organization: scope.organization.clone(),
        identity: identity.clone(),
        before,
        after,
    };
    if !decided.is_change() {
        return Ok(decided);
    }
    let one = std::slice::from_ref(identity);
    let action = match (before, after) {
        (_, ClaimStatus::Granted) => "channel_claim.approve",
        (ClaimStatus::Pending, ClaimStatus::Rejected) => "channel_claim.reject",
        (ClaimStatus::Granted, ClaimStatus::Released) => "channel_claim.release",
        _ => return Err(not_from(&decided)),
    };
    let tx = &mut scope.tx;
    match before {
        ClaimStatus::Granted => {
            identities::release(tx, one).await?;
        }
        _ => claims::remove(tx, one).await?,
    }
    if after != ClaimStatus::Granted {
        claims::insert(tx, one, after, session.now()).await?;
    }
    let change = change(action, identity, Some(before), Some(after));
    db::activity::append(tx, session.entry(change)).await?;
    let mut conn = scope.tx.leave().await?;
    if after == ClaimStatus::Granted {
        grant(session, &mut conn, organization, identity).await?;
    }
    conn.commit().await?;
    Ok(decided)
}

async fn status_of(scope: &mut Scope, identity: &Identity) -> Result<ClaimStatus> {
    if identities::held(&mut scope.tx).await?.contains(identity) {
        return Ok(ClaimStatus::Granted);
    }
    let claims = claims::list(&mut scope.tx).await?;
    let found = claims.iter().find(|claim| claim.identity == *identity);
    found.map(|claim| claim.status).ok_or_else(|| {
        let slug = &scope.organization.slug;
        Error::not_found(format!("{identity}: not claimed by organization {slug}"))
            .hint(run!["channel", "claim", "list", "--of", slug].labeled("list its claims"))
    })
}

fn not_from(decided: &Decided) -> Error {
    let Decided {
        organization,
        identity,
        before,
        after,
    } = decided;
    let slug = &organization.slug;
    let Identity { kind, value } = identity;
    let error = Error::conflict(format!(
        "{identity}: the claim of organization {slug} is {before}"
    ));
    match (before, after) {
        (ClaimStatus::Granted, ClaimStatus::Rejected) => error.hint(
            run!["channel", "claim", "release", kind, value, "--org", slug]
                .labeled("release the identity"),
        ),
        (ClaimStatus::Pending, ClaimStatus::Released) => error.hint(
            run!["channel", "claim", "reject", kind, value, "--org", slug]
                .labeled("reject the claim"),
        ),
        _ => error,
    }
}

fn change(
    action: &'static str,
    identity: &Identity,
    before: Option<ClaimStatus>,
    after: Option<ClaimStatus>,
) -> Change {
    let state =
        |status| json!({ "kind": identity.kind, "value": identity.value, "status": status });
    Change {
        action,
        object_type: "channel_claim",
        object_id: format!("{}:{}", identity.kind, identity.value),
        before: before.map(state),
        after: after.map(state),
    }
}
