//! Claims to identities: a number, an agent or an instance belongs to one organization on the platform.
//!
//! The settings of the channels claim; what an organization claims anew is granted to it here, or waits
//! for the operator. Tenants are never told who holds an identity.

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

/// Status of the claims of these settings.
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

/// What a change of settings claims anew; [`New::settle`] ends the transaction.
pub(super) struct New {
    identities: Vec<Identity>,
    /// `true` if they are granted at once.
    at_once: bool,
}

impl New {
    /// Keeps the claims in step with the settings of the organization's channels, in the transaction that
    /// changed them: what no channel names any more is given up, what is named anew is claimed.
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
        // Sorted, so that two who claim the same wait for each other in no circle.
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

    /// Status of the claims of these settings when the transaction is settled.
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

    /// Grants what is granted at once, and commits.
    ///
    /// # Errors
    /// `Conflict` where another organization holds one of them: nothing is kept then.
    pub(super) async fn settle(self, session: &Session, tx: TenantTx) -> Result<()> {
        if self.identities.is_empty() {
            return tx.commit().await;
        }
        let organization = tx.organization_id();
        // The rights that a tenant does not have come last: no statement of a tenant follows.
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

/// Message to the operator about an identity that another organization holds.
async fn taken(conn: &mut PlatformConn, identity: &Identity) -> Result<Error> {
    let held = identities::holders(conn, std::slice::from_ref(identity)).await?;
    let holder = match held.first() {
        Some((_, holder)) => db::organizations::find(conn, *holder).await?,
        None => None,
    };
    // Given up in between: a second try finds it free.
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
            .hint(release.labeled("take it away from that organization first")),
    )
}

/// All that a tenant is told, whoever holds the identity and whatever became of that organization.
fn unavailable(identity: &Identity) -> Error {
    Error::conflict(format!("{identity}: not available"))
        .hint("check the value, or ask the operator of the platform")
}

/// Gives up what a deleted organization holds; [`wake`] claims it again.
pub(super) async fn rest(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<()> {
    let held = identities::held(tx).await?;
    identities::release(tx, &held).await?;
    claims::insert(tx, &held, ClaimStatus::Dormant, now).await
}

/// Claims again what an organization held that is restored, in its transaction, which it ends. What
/// another organization holds meanwhile waits for the operator: that is returned.
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

/// The claims of all organizations.
///
/// # Errors
/// `Refused` for a user.
pub async fn list(session: &Session, filter: &ClaimFilter) -> Result<Vec<ListedClaim>> {
    session.require_operator("see the claims of all organizations")?;
    let mut conn = PlatformConn::open(&session.db)?;
    claims::list_all(&mut conn, filter).await
}

/// Number of waiting claims.
pub async fn waiting(db: &db::Database) -> Result<Waiting> {
    let mut conn = PlatformConn::open(db)?;
    claims::waiting(&mut conn).await
}

/// A claim after the operator decided.
#[derive(Clone, Debug)]
pub struct Decided {
    pub organization: Organization,
    pub identity: Identity,
    pub before: ClaimStatus,
    pub after: ClaimStatus,
}

impl Decided {
    /// `false`: it was so already, and nothing was written.
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }
}

/// Grants what an organization claims, whether it waits, was rejected or was released.
///
/// # Errors
/// `Refused` for a user; `NotFound` where the organization claims no such thing; `Conflict` where
/// another organization holds it, or the organization is deleted.
pub async fn approve(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<Decided> {
    decide(session, organization, identity, ClaimStatus::Granted).await
}

/// Says no to a claim that waits. It is not asked for again until the setting is made anew.
///
/// # Errors
/// Same as [`approve`]; `Conflict` where it does not wait.
pub async fn reject(
    session: &Session,
    organization: OrganizationId,
    identity: &Identity,
) -> Result<Decided> {
    decide(session, organization, identity, ClaimStatus::Rejected).await
}

/// Takes a granted identity away: it is free, and the organization's channel answers for it no more.
///
/// # Errors
/// Same as [`approve`]; `Conflict` where it is not granted.
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
                .labeled("take the identity away"),
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
