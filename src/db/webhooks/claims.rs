//! Claims to identities that are not granted, and the operator's list of claims and granted
//! identities.

use chrono::{DateTime, Utc};

use super::identities::{columns, identity};
use crate::{
    db::{PlatformConn, TenantTx, stored},
    domain::{
        OrganizationId, OrganizationStatus, Slug,
        channel::identity::{ClaimStatus, Identity, IdentityKind},
    },
    error::Result,
};

/// A claim of the organization that is not granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    pub identity: Identity,
    pub status: ClaimStatus,
    pub claimed_at: DateTime<Utc>,
}

/// Returns the claims of the organization.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<Claim>> {
    sqlx::query!(
        "SELECT kind, value, status, claimed_at FROM channel_claims
          WHERE organization_id = $1 ORDER BY kind, value",
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(|row| {
        Ok(Claim {
            identity: identity(&row.kind, row.value)?,
            status: stored("channel_claims.status", row.status.parse())?,
            claimed_at: row.claimed_at,
        })
    })
    .collect()
}

/// Adds claims with that status.
pub async fn insert(
    tx: &mut TenantTx,
    identities: &[Identity],
    status: ClaimStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    let (kinds, values) = columns(identities);
    sqlx::query!(
        "INSERT INTO channel_claims (organization_id, kind, value, status, claimed_at)
         SELECT $1, new.kind, new.value, $4, $5 FROM unnest($2::text[], $3::text[]) AS new (kind, value)",
        tx.organization_id().as_uuid(),
        &kinds,
        &values,
        status.as_str(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes claims.
pub async fn remove(tx: &mut TenantTx, identities: &[Identity]) -> Result<()> {
    let (kinds, values) = columns(identities);
    sqlx::query!(
        "DELETE FROM channel_claims c USING unnest($2::text[], $3::text[]) AS gone (kind, value)
          WHERE c.organization_id = $1 AND c.kind = gone.kind AND c.value = gone.value",
        tx.organization_id().as_uuid(),
        &kinds,
        &values,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Filter for [`list_all`].
#[derive(Clone, Debug, Default)]
pub struct ClaimFilter {
    pub status: Option<ClaimStatus>,
    pub kind: Option<IdentityKind>,
    pub organization: Option<OrganizationId>,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// A claim of any organization.
#[derive(Clone, Debug)]
pub struct ListedClaim {
    pub identity: Identity,
    pub organization: Slug,
    pub organization_status: OrganizationStatus,
    pub status: ClaimStatus,
    /// Time of the grant or of the request.
    pub since: DateTime<Utc>,
    /// The current holder of the identity, for a claim that is not granted.
    pub holder: Option<Slug>,
}

/// Returns the claims of all organizations, pending ones first.
pub async fn list_all(conn: &mut PlatformConn, filter: &ClaimFilter) -> Result<Vec<ListedClaim>> {
    sqlx::query!(
        r#"SELECT c.kind AS "kind!", c.value AS "value!", c.status AS "status!", c.since AS "since!",
                  o.slug, o.status AS organization_status, h.slug AS "holder?"
             FROM (SELECT organization_id, kind, value, 'granted' AS status, granted_at AS since
                     FROM channel_identities
                   UNION ALL
                   SELECT organization_id, kind, value, status, claimed_at FROM channel_claims) c
             JOIN organizations o ON o.id = c.organization_id
             LEFT JOIN channel_identities i
                    ON c.status <> 'granted' AND i.kind = c.kind AND i.value = c.value
             LEFT JOIN organizations h ON h.id = i.organization_id
            WHERE ($1::text IS NULL OR c.status = $1)
              AND ($2::text IS NULL OR c.kind = $2)
              AND ($3::uuid IS NULL OR c.organization_id = $3)
            ORDER BY c.status = 'pending' DESC, c.kind, c.value, c.since, o.slug LIMIT $4"#,
        filter.status.map(ClaimStatus::as_str),
        filter.kind.map(IdentityKind::as_str),
        filter.organization.map(OrganizationId::as_uuid),
        filter.limit,
    )
    .fetch_all(conn.connection())
    .await?
    .into_iter()
    .map(|row| {
        let slug = |slug: String| stored("organizations.slug", slug.parse());
        Ok(ListedClaim {
            identity: identity(&row.kind, row.value)?,
            organization: slug(row.slug)?,
            organization_status: stored("organizations.status", row.organization_status.parse())?,
            status: stored("channel_claims.status", row.status.parse())?,
            since: row.since,
            holder: row.holder.map(slug).transpose()?,
        })
    })
    .collect()
}

/// Number of pending claims of organizations that are not deleted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    pub pending: i64,
    /// Number of these for an identity that another organization holds.
    pub conflicting: i64,
}

/// Counts the pending claims.
pub async fn waiting(conn: &mut PlatformConn) -> Result<Waiting> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "pending!", count(i.value) AS "conflicting!"
             FROM channel_claims c
             JOIN organizations o ON o.id = c.organization_id AND o.status <> 'deleted'
             LEFT JOIN channel_identities i ON i.kind = c.kind AND i.value = c.value
            WHERE c.status = 'pending'"#,
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Waiting {
        pending: row.pending,
        conflicting: row.conflicting,
    })
}
