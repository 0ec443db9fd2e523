//! Bulk import of members. A row is matched with members and with pending invitations, and becomes
//! either; the rules are those of single members and invitations.
//!
//! Joins of the staged rows with a table use the staged column that has an index, so that they are
//! not slower if the planner takes a newly filled table for an empty one.

mod write;

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Executor as _};

use super::{
    statements::{Difference, difference_of, other_values, reject, reject_repeated, run, run_at},
    targets::Key,
};
use crate::{
    db::{PlatformConn, TenantTx, stored},
    domain::{
        Role,
        import::{Fault, ImportKind, MemberMode, OnConflict},
    },
    error::Result,
};

pub use write::{Invited, Inviter, add, enqueue, invite, invited};

const BY_EMAIL: Key = Key {
    column: "email",
    applies: "true",
    matches: "t.email = s.email",
    columns: "email",
    shown: "s.email",
};

/// Condition for the pending invitation, expired or not, of a valid row `s` without a member.
const WAITING: &str = "i.organization_id = $1 AND i.email = s.email AND i.status = 'pending'";

/// Condition that the existing row with the key of `s` is an invitation.
const IS_INVITED: &str = "EXISTS (SELECT FROM organization_invitations i
                                   WHERE i.organization_id = $1 AND i.id = s.existing)";

/// Settings of a member import: how people become members, and how existing ones are handled.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub mode: MemberMode,
    pub on_conflict: OnConflict,
}

impl Way {
    /// Returns the condition that finds an existing member `t`: people who are added are users, and
    /// are found by user id.
    const fn same_member(self) -> &'static str {
        match self.mode {
            MemberMode::Invite => "t.email = s.email",
            MemberMode::Add => "t.user_id = s.user_id",
        }
    }

    const fn is_update(self) -> bool {
        matches!(self.on_conflict, OnConflict::Update)
    }

    /// Returns the condition for the valid rows that are written.
    const fn written(self) -> &'static str {
        match self.on_conflict {
            OnConflict::Update => "(s.existing IS NULL OR s.differs)",
            _ => "s.existing IS NULL",
        }
    }
}

/// Prepares the staged rows for the way they are matched. People to add are looked up among the
/// users, which no tenant may read.
pub async fn prepare(conn: &mut PlatformConn, mode: MemberMode) -> Result<()> {
    let conn = conn.connection();
    conn.execute("CREATE INDEX ON import_rows (organization_id, email)")
        .await?;
    if mode == MemberMode::Invite {
        return Ok(());
    }
    conn.execute(
        "UPDATE import_rows s SET user_id = u.id, user_name = u.name FROM users u
          WHERE s.faults IS NULL AND u.email = s.email",
    )
    .await?;
    conn.execute("CREATE INDEX ON import_rows (organization_id, user_id)")
        .await?;
    sqlx::query(
        "UPDATE import_rows
            SET faults = jsonb_build_array(jsonb_build_object(
                    'column', 'email', 'value', email, 'rule', $1::text))
          WHERE faults IS NULL AND user_id IS NULL",
    )
    .bind("no user has signed up with this address")
    .execute(conn)
    .await?;
    Ok(())
}

/// Checks the organization's staged rows for faults beyond each row itself, and finds existing
/// members. `domains` are the domains that may be invited; if empty, all may.
pub async fn judge(
    tx: &mut TenantTx,
    way: Way,
    domains: &[String],
    now: DateTime<Utc>,
) -> Result<()> {
    reject_repeated(tx, &BY_EMAIL).await?;
    let same_member = way.same_member();
    run(
        tx,
        format!(
            "UPDATE import_rows s
                SET existing = t.id, differs = s.role IS NOT NULL AND s.role <> t.role
               FROM organization_members t
              WHERE t.organization_id = $1 AND s.organization_id = $1 AND s.faults IS NULL
                AND {same_member}"
        ),
    )
    .await?;
    match way.mode {
        MemberMode::Invite => judge_invitations(tx, way, domains, now).await?,
        MemberMode::Add => reject_taken(tx).await?,
    }
    match way.on_conflict {
        OnConflict::Skip => {}
        OnConflict::Fail => {
            reject(tx, "s.differs", &other_values(ImportKind::Members)).await?;
        }
        OnConflict::Update => reject_without_owner(tx, way).await?,
    }
    Ok(())
}

/// Finds existing invitations: one that can still be accepted counts as existing, an expired one
/// does not. An invited address has to be in one of the currently allowed domains.
async fn judge_invitations(
    tx: &mut TenantTx,
    way: Way,
    domains: &[String],
    now: DateTime<Utc>,
) -> Result<()> {
    run_at(
        tx,
        format!(
            "UPDATE import_rows s
                SET existing = i.id, differs = s.role IS NOT NULL AND s.role <> i.role
               FROM organization_invitations i
              WHERE {WAITING} AND i.expires_at > $2
                AND s.organization_id = $1 AND s.faults IS NULL AND s.existing IS NULL"
        ),
        now,
    )
    .await?;
    if domains.is_empty() {
        return Ok(());
    }
    let (written, allowed) = (way.written(), domains.join(", "));
    // Safe: constants only.
    sqlx::query(AssertSqlSafe(format!(
        "UPDATE import_rows s
            SET faults = jsonb_build_array(jsonb_build_object(
                    'column', 'email', 'value', s.email, 'rule', $3::text))
          WHERE s.organization_id = $1 AND s.faults IS NULL AND {written}
            AND (s.existing IS NULL OR {IS_INVITED}) AND s.email_domain <> ALL ($2)"
    )))
    .bind(tx.organization_id().as_uuid())
    .bind(domains)
    .bind(format!("its domain is not allowed (allowed: {allowed})"))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Rejects a user with an address that is in use by another member.
async fn reject_taken(tx: &mut TenantTx) -> Result<()> {
    let fault = Fault::new("email", "", "another member has this address");
    let taken = "s.existing IS NULL
                 AND EXISTS (SELECT FROM organization_members t
                              WHERE t.organization_id = $1 AND t.email = s.email)";
    reject(tx, taken, &fault).await?;
    Ok(())
}

/// Rejects rows that together would remove the last owner. The organization is locked, so that no
/// other session removes another owner in the meantime.
async fn reject_without_owner(tx: &mut TenantTx, way: Way) -> Result<()> {
    let same_member = way.same_member();
    let is_added = match way.mode {
        MemberMode::Add => "r.existing IS NULL",
        MemberMode::Invite => "false",
    };
    // `t` are owners that stay, or members that become owners.
    let lost = format!(
        "s.differs
         AND EXISTS (SELECT FROM organization_members t
                      WHERE t.organization_id = $1 AND t.id = s.existing AND {same_member}
                        AND t.role = 'owner')
         AND NOT EXISTS (
             SELECT FROM organization_members t
               LEFT JOIN import_rows s ON s.organization_id = $1 AND {same_member}
                     AND s.existing = t.id AND s.differs AND s.faults IS NULL
              WHERE t.organization_id = $1 AND coalesce(s.role, t.role) = 'owner')
         AND NOT EXISTS (SELECT FROM import_rows r
                          WHERE r.organization_id = $1 AND r.faults IS NULL AND r.role = 'owner'
                            AND {is_added})"
    );
    let rule = "this is the last owner: an organization keeps at least one";
    reject(tx, &lost, &Fault::new("role", "", rule)).await?;
    Ok(())
}

/// Returns the roles that the organization's rows would grant or remove.
pub async fn roles(tx: &mut TenantTx, way: Way) -> Result<Vec<Role>> {
    let (written, same_member) = (way.written(), way.same_member());
    // Safe: constants only.
    let roles: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT DISTINCT r.role FROM import_rows s
          CROSS JOIN LATERAL (
              SELECT coalesce(s.role, 'member') AS role
              UNION ALL
              SELECT i.role FROM organization_invitations i
               WHERE {WAITING} AND (s.existing IS NULL OR s.existing = i.id)
              UNION ALL
              SELECT t.role FROM organization_members t
               WHERE t.organization_id = $1 AND {same_member} AND t.id = s.existing) r
          WHERE s.organization_id = $1 AND s.faults IS NULL AND {written} ORDER BY 1"
    )))
    .bind(tx.organization_id().as_uuid())
    .fetch_all(tx.connection())
    .await?;
    let roles = roles.into_iter().map(|role| role.parse());
    stored("organization_members.role", roles.collect())
}

/// Returns the first rows of the organization with a different role.
pub async fn differences(tx: &mut TenantTx, way: Way, limit: i64) -> Result<Vec<Difference>> {
    let same_member = way.same_member();
    // Safe: constants only.
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT s.line, s.existing AS id,
                jsonb_build_object('role', jsonb_build_array(there.role, s.role)) AS columns
           FROM import_rows s
          CROSS JOIN LATERAL (
              SELECT t.role FROM organization_members t
               WHERE t.organization_id = $1 AND {same_member} AND t.id = s.existing
              UNION ALL
              SELECT i.role FROM organization_invitations i
               WHERE i.organization_id = $1 AND i.id = s.existing) there
          WHERE s.organization_id = $1 AND s.faults IS NULL AND s.differs
          ORDER BY s.record LIMIT $2"
    )))
    .bind(tx.organization_id().as_uuid())
    .bind(limit)
    .fetch_all(tx.connection())
    .await?;
    rows.iter().map(difference_of).collect()
}

/// Rejects all of the organization's rows, for the reason `rule`.
pub async fn reject_all(tx: &mut TenantTx, rule: impl fmt::Display) -> Result<u64> {
    let fault = Fault::new("organization", "", rule.to_string());
    reject(tx, "true", &fault).await
}
