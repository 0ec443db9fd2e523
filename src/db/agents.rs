//! Agent instructions of organizations, and the platform's defaults.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{PlatformConn, TenantTx, channels};
use crate::{
    domain::agent::AgentInstructions,
    error::{Error, Result},
};

/// Stored instructions, with the version that an update has to specify.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAgent {
    pub instructions: AgentInstructions,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

struct AgentRow {
    manual_ai_instructions: Option<String>,
    receptionist_instructions: Option<String>,
    supervisor_instructions: Option<String>,
    whatsapp_instructions: Option<String>,
    use_manual_instructions: bool,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<AgentRow> for StoredAgent {
    fn from(row: AgentRow) -> Self {
        Self {
            instructions: AgentInstructions {
                manual_ai_instructions: row.manual_ai_instructions,
                receptionist_instructions: row.receptionist_instructions,
                supervisor_instructions: row.supervisor_instructions,
                whatsapp_instructions: row.whatsapp_instructions,
                use_manual_instructions: row.use_manual_instructions,
            },
            version: row.version,
            updated_at: row.updated_at,
        }
    }
}

/// Returns the organization's own instructions.
///
/// # Errors
/// `NotFound` if the organization has no row, which happens only if it was purged in the meantime.
pub async fn get(tx: &mut TenantTx) -> Result<StoredAgent> {
    sqlx::query_as!(
        AgentRow,
        "SELECT manual_ai_instructions, receptionist_instructions, supervisor_instructions,
                whatsapp_instructions, use_manual_instructions, version, updated_at
           FROM agent_configurations WHERE organization_id = $1",
        tx.organization_id().as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(StoredAgent::from)
    .ok_or_else(|| Error::not_found("the organization has no agent configuration"))
}

/// Adds the empty row that every organization has.
pub async fn insert_empty(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_configurations (organization_id, id, created_at, updated_at)
         VALUES ($1, $2, $3, $3)",
        tx.organization_id().as_uuid(),
        id,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Replaces the organization's instructions if they still have the version that the change started
/// from, and notifies the running servers. Returns `false` if another session changed them first.
pub async fn update(
    tx: &mut TenantTx,
    instructions: &AgentInstructions,
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE agent_configurations
            SET manual_ai_instructions = $2, receptionist_instructions = $3,
                supervisor_instructions = $4, whatsapp_instructions = $5,
                use_manual_instructions = $6, updated_at = $7, version = $8 + 1
          WHERE organization_id = $1 AND version = $8",
        tx.organization_id().as_uuid(),
        instructions.manual_ai_instructions,
        instructions.receptionist_instructions,
        instructions.supervisor_instructions,
        instructions.whatsapp_instructions,
        instructions.use_manual_instructions,
        now,
        version,
    )
    .execute(tx.connection())
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    channels::notify(tx, "*").await?;
    Ok(true)
}

/// Returns the platform's defaults.
pub async fn get_system(conn: &mut PlatformConn) -> Result<StoredAgent> {
    Ok(sqlx::query_as!(
        AgentRow,
        "SELECT manual_ai_instructions, receptionist_instructions, supervisor_instructions,
                whatsapp_instructions, use_manual_instructions, version, updated_at
           FROM system_agent_configurations WHERE id = 1",
    )
    .fetch_one(conn.connection())
    .await?
    .into())
}

/// Replaces the platform's defaults if they still have the version that the change started from,
/// and notifies the running servers. Returns `false` if another session changed them first.
pub async fn update_system(
    conn: &mut PlatformConn,
    instructions: &AgentInstructions,
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE system_agent_configurations
            SET manual_ai_instructions = $1, receptionist_instructions = $2,
                supervisor_instructions = $3, whatsapp_instructions = $4,
                use_manual_instructions = $5, updated_at = $6, version = $7 + 1
          WHERE id = 1 AND version = $7",
        instructions.manual_ai_instructions,
        instructions.receptionist_instructions,
        instructions.supervisor_instructions,
        instructions.whatsapp_instructions,
        instructions.use_manual_instructions,
        now,
        version,
    )
    .execute(conn.connection())
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    channels::notify_platform(conn, None).await?;
    Ok(true)
}
