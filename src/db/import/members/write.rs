//! Writes of a member import: invitations, memberships and roles.

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream::BoxStream};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::{super::statements::run_at, IS_INVITED, WAITING, Way};
use crate::{
    db::{TenantTx, stored},
    domain::{Email, Role, UserId, import::Counts},
    error::{Error, Result},
};

/// Values that all invitations of an import share.
#[derive(Clone, Debug)]
pub struct Inviter {
    pub user: Option<UserId>,
    pub name: String,
    pub expires_at: DateTime<Utc>,
}

/// Invites the people of the organization's valid rows. With [`OnConflict::Update`], also gives
/// existing members their new role. Returns the number of invitations.
///
/// # Errors
/// `Conflict` if another session has invited some of them in the meantime.
pub async fn invite(
    tx: &mut TenantTx,
    way: Way,
    counts: &Counts,
    inviter: &Inviter,
    now: DateTime<Utc>,
) -> Result<u64> {
    let written = way.written();
    let of_members = set_roles(tx, way, counts, now).await?;
    revoke_waiting(tx, way, now).await?;
    // Safe: constants only.
    let invited = sqlx::query(AssertSqlSafe(format!(
        "WITH invited AS (
             INSERT INTO organization_invitations
                    (organization_id, id, email, role, status, token_hash, invited_by_user_id,
                     invited_by, expires_at, created_at, updated_at)
             SELECT $1, s.id, s.email, coalesce(s.role, 'member'), 'pending', s.token_hash, $2, $3,
                    $4, $5, $5
               FROM import_rows s
              WHERE s.organization_id = $1 AND s.faults IS NULL AND {written}
                AND (s.existing IS NULL OR {IS_INVITED})
             ON CONFLICT DO NOTHING
             RETURNING id, email)
         INSERT INTO invitation_lookups (organization_id, invitation_id, email_hash)
         SELECT $1, id, sha256(convert_to(email, 'UTF8')) FROM invited"
    )))
    .bind(tx.organization_id().as_uuid())
    .bind(inviter.user.map(|user| user.as_uuid()))
    .bind(&inviter.name)
    .bind(inviter.expires_at)
    .bind(now)
    .execute(tx.connection())
    .await?
    .rows_affected();
    let meant = counts.new + counts.changed - of_members;
    require_all(invited, meant, "invited")?;
    Ok(invited)
}

/// Writes the messages for the invitations of the organization's rows, and the jobs that send them.
/// Returns their number. A message has the id of its invitation, which is just as new.
pub async fn enqueue(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<u64> {
    run_at(
        tx,
        "WITH queued AS (
             INSERT INTO outbox
                    (organization_id, id, kind, invitation_id, recipient, locale, sealed_token,
                     status, created_at, updated_at)
             SELECT $1, i.id, 'invitation', i.id, i.email, o.locale, s.sealed_token, 'pending',
                    $2, $2
               FROM import_rows s
               JOIN organization_invitations i
                 ON i.organization_id = $1 AND i.id = s.id AND i.email = s.email
               JOIN organizations o ON o.id = $1
              WHERE s.organization_id = $1
             RETURNING id, recipient)
         INSERT INTO outbox_jobs (organization_id, outbox_id, recipient_hash, run_at)
         SELECT $1, id, sha256(convert_to(recipient, 'UTF8')), $2 FROM queued"
            .to_owned(),
        now,
    )
    .await
}

/// Makes the users of the organization's valid rows members. With [`OnConflict::Update`], also
/// gives existing members their new role.
///
/// # Errors
/// `Conflict` if another session has added some of them in the meantime.
pub async fn add(tx: &mut TenantTx, way: Way, counts: &Counts, now: DateTime<Utc>) -> Result<()> {
    set_roles(tx, way, counts, now).await?;
    let added = run_at(
        tx,
        "WITH added AS (
             INSERT INTO organization_members
                    (organization_id, id, user_id, email, name, role, created_at, updated_at)
             SELECT $1, s.id, s.user_id, s.email, s.user_name, coalesce(s.role, 'member'), $2, $2
               FROM import_rows s
              WHERE s.organization_id = $1 AND s.faults IS NULL AND s.existing IS NULL
             ON CONFLICT DO NOTHING
             RETURNING user_id)
         INSERT INTO user_organizations (organization_id, user_id) SELECT $1, user_id FROM added"
            .to_owned(),
        now,
    )
    .await?;
    require_all(added, counts.new, "added")?;
    revoke_waiting(tx, way, now).await
}

fn require_all(done: u64, meant: u64, what: &str) -> Result<()> {
    if done == meant {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "{} people in the file were {what} by another session in the meantime",
        meant.abs_diff(done)
    ))
    .hint("nothing was changed; run the command again"))
}

/// Gives members the role in their row. Returns their number.
async fn set_roles(
    tx: &mut TenantTx,
    way: Way,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<u64> {
    if !way.is_update() || counts.changed == 0 {
        return Ok(0);
    }
    let same_member = way.same_member();
    run_at(
        tx,
        format!(
            "UPDATE organization_members t SET role = s.role, updated_at = $2 FROM import_rows s
              WHERE t.organization_id = $1 AND s.organization_id = $1 AND {same_member}
                AND t.id = s.existing AND s.differs AND s.faults IS NULL"
        ),
        now,
    )
    .await
}

/// Revokes the pending invitations of people that a row invites again or adds: an earlier link
/// would let them join with its earlier role.
async fn revoke_waiting(tx: &mut TenantTx, way: Way, now: DateTime<Utc>) -> Result<()> {
    let written = way.written();
    run_at(
        tx,
        format!(
            "WITH revoked AS (
                 UPDATE organization_invitations i
                    SET status = 'revoked', revoked_at = $2, updated_at = $2
                   FROM import_rows s
                  WHERE {WAITING} AND s.organization_id = $1 AND s.faults IS NULL AND {written}
                    AND (s.existing IS NULL OR s.existing = i.id)
                 RETURNING i.id)
             DELETE FROM invitation_lookups l USING revoked
              WHERE l.organization_id = $1 AND l.invitation_id = revoked.id"
        ),
        now,
    )
    .await?;
    Ok(())
}

/// A person invited by a row.
#[derive(Clone, Debug)]
pub struct Invited {
    pub id: Uuid,
    pub email: Email,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
}

/// Streams the people invited by the organization's rows, in the order of the file.
pub fn invited(tx: &mut TenantTx) -> BoxStream<'_, Result<Invited>> {
    try_stream! {
        let organization = tx.organization_id().as_uuid();
        let mut rows = sqlx::query(
            "SELECT i.id, i.email, i.role, i.expires_at
               FROM import_rows s
               JOIN organization_invitations i
                 ON i.organization_id = $1 AND i.id = s.id AND i.email = s.email
              WHERE s.organization_id = $1 ORDER BY s.record",
        )
        .bind(organization)
        .fetch(tx.connection());
        while let Some(row) = rows.next().await {
            let row = row?;
            let text = |column: &str| row.try_get::<String, _>(column);
            yield Invited {
                id: row.try_get("id")?,
                email: stored("organization_invitations.email", text("email")?.parse())?,
                role: stored("organization_invitations.role", text("role")?.parse())?,
                expires_at: row.try_get("expires_at")?,
            };
        }
    }
    .boxed()
}
