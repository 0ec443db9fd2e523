//! Channel configurations: five rows per organization, created together with it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PlatformConn, TenantTx, stored};
use crate::{
    domain::{
        AiBackend, ChannelConfiguration, ChannelKind, ChannelSettings, DataIntegration,
        OrganizationId, agent::AgentInstructions,
    },
    error::{Error, Result},
};

/// A stored configuration, with the version that an update has to specify.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChannel {
    pub configuration: ChannelConfiguration,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

struct ChannelRow {
    channel: String,
    enabled: bool,
    ai_backend: String,
    model: Option<String>,
    instructions: Option<String>,
    data_integrations: Vec<String>,
    settings: Value,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl TryFrom<ChannelRow> for StoredChannel {
    type Error = Error;

    fn try_from(row: ChannelRow) -> Result<Self> {
        let kind: ChannelKind = stored("channel_configurations.channel", row.channel.parse())?;
        let integrations: Result<Vec<DataIntegration>> = row
            .data_integrations
            .iter()
            .map(|name| stored("channel_configurations.data_integrations", name.parse()))
            .collect();
        Ok(Self {
            configuration: ChannelConfiguration {
                kind,
                enabled: row.enabled,
                ai_backend: stored::<AiBackend, _>(
                    "channel_configurations.ai_backend",
                    row.ai_backend.parse(),
                )?,
                model: row.model,
                instructions: row.instructions,
                data_integrations: integrations?,
                settings: stored(
                    "channel_configurations.settings",
                    ChannelSettings::from_json(kind, row.settings),
                )?,
            },
            version: row.version,
            updated_at: row.updated_at,
        })
    }
}

/// Returns the five channels, ordered by name.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<StoredChannel>> {
    sqlx::query_as!(
        ChannelRow,
        "SELECT channel, enabled, ai_backend, model, instructions, data_integrations, settings,
                version, updated_at
           FROM channel_configurations WHERE organization_id = $1 ORDER BY channel",
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(StoredChannel::try_from)
    .collect()
}

/// Returns one channel.
///
/// # Errors
/// `NotFound` if the organization has no row for it, which happens only if it was purged in the
/// meantime.
pub async fn get(tx: &mut TenantTx, kind: ChannelKind) -> Result<StoredChannel> {
    sqlx::query_as!(
        ChannelRow,
        "SELECT channel, enabled, ai_backend, model, instructions, data_integrations, settings,
                version, updated_at
           FROM channel_configurations WHERE organization_id = $1 AND channel = $2",
        tx.organization_id().as_uuid(),
        kind.as_str(),
    )
    .fetch_optional(tx.connection())
    .await?
    .ok_or_else(|| Error::not_found(format!("the organization has no channel {kind}")))?
    .try_into()
}

/// Adds a channel.
pub async fn insert(
    tx: &mut TenantTx,
    id: Uuid,
    channel: &ChannelConfiguration,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO channel_configurations
                (organization_id, id, channel, enabled, ai_backend, model, instructions,
                 data_integrations, settings, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        tx.organization_id().as_uuid(),
        id,
        channel.kind.as_str(),
        channel.enabled,
        channel.ai_backend.as_str(),
        channel.model,
        channel.instructions,
        &integration_names(channel),
        channel.settings.to_json(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Replaces a configuration if it still has the version that the change started from, and notifies
/// the running servers. Returns the new version; `None` if another session changed it first.
pub async fn update(
    tx: &mut TenantTx,
    channel: &ChannelConfiguration,
    version: i64,
    now: DateTime<Utc>,
) -> Result<Option<i64>> {
    let organization = tx.organization_id().as_uuid();
    let new_version = sqlx::query_scalar!(
        "UPDATE channel_configurations
            SET enabled = $3, ai_backend = $4, model = $5, instructions = $6,
                data_integrations = $7, settings = $8, updated_at = $9, version = $10 + 1
          WHERE organization_id = $1 AND channel = $2 AND version = $10
          RETURNING version",
        organization,
        channel.kind.as_str(),
        channel.enabled,
        channel.ai_backend.as_str(),
        channel.model,
        channel.instructions,
        &integration_names(channel),
        channel.settings.to_json(),
        now,
        version,
    )
    .fetch_optional(tx.connection())
    .await?;
    if new_version.is_some() {
        notify(tx, channel.kind.as_str()).await?;
    }
    Ok(new_version)
}

/// Notifies the running servers, when the transaction commits, that the configuration of `subject`
/// (a channel's name, or `*` for all of them) has changed.
pub(super) async fn notify(tx: &mut TenantTx, subject: &str) -> Result<()> {
    let payload = format!("{}:{subject}", tx.organization_id());
    send(tx.connection(), &payload).await
}

/// Notifies the running servers of a change to all channels of an organization, made by the
/// platform; `None` for all organizations.
pub(super) async fn notify_platform(
    conn: &mut PlatformConn,
    organization: Option<OrganizationId>,
) -> Result<()> {
    let payload = match organization {
        Some(organization) => format!("{organization}:*"),
        None => "*:*".to_owned(),
    };
    send(conn.connection(), &payload).await
}

async fn send(connection: &mut PgConnection, payload: &str) -> Result<()> {
    sqlx::query!("SELECT pg_notify('tenantctl_configuration', $1)", payload)
        .execute(connection)
        .await?;
    Ok(())
}

/// A channel with the layers from which its instructions are resolved.
#[derive(Clone, Debug)]
pub struct EffectiveChannel {
    pub channel: StoredChannel,
    /// `true` if the channel is enabled and its organization is active.
    pub live: bool,
    pub organization: AgentInstructions,
    pub platform: AgentInstructions,
}

/// Reads `effective_channel_configurations` for one channel.
///
/// # Errors
/// `NotFound` if the organization has no row for it.
pub async fn effective(tx: &mut TenantTx, kind: ChannelKind) -> Result<EffectiveChannel> {
    let row = sqlx::query!(
        r#"SELECT channel AS "channel!", enabled AS "enabled!", live AS "live!",
                  ai_backend AS "ai_backend!", model, instructions,
                  data_integrations AS "data_integrations!", settings AS "settings!",
                  version AS "version!", updated_at AS "updated_at!",
                  organization_manual_ai_instructions, organization_receptionist_instructions,
                  organization_supervisor_instructions, organization_whatsapp_instructions,
                  organization_use_manual_instructions AS "organization_use_manual_instructions!",
                  platform_manual_ai_instructions, platform_receptionist_instructions,
                  platform_supervisor_instructions, platform_whatsapp_instructions,
                  platform_use_manual_instructions AS "platform_use_manual_instructions!"
             FROM effective_channel_configurations WHERE organization_id = $1 AND channel = $2"#,
        tx.organization_id().as_uuid(),
        kind.as_str(),
    )
    .fetch_optional(tx.connection())
    .await?
    .ok_or_else(|| Error::not_found(format!("the organization has no channel {kind}")))?;
    Ok(EffectiveChannel {
        live: row.live,
        organization: AgentInstructions {
            manual_ai_instructions: row.organization_manual_ai_instructions,
            receptionist_instructions: row.organization_receptionist_instructions,
            supervisor_instructions: row.organization_supervisor_instructions,
            whatsapp_instructions: row.organization_whatsapp_instructions,
            use_manual_instructions: row.organization_use_manual_instructions,
        },
        platform: AgentInstructions {
            manual_ai_instructions: row.platform_manual_ai_instructions,
            receptionist_instructions: row.platform_receptionist_instructions,
            supervisor_instructions: row.platform_supervisor_instructions,
            whatsapp_instructions: row.platform_whatsapp_instructions,
            use_manual_instructions: row.platform_use_manual_instructions,
        },
        channel: ChannelRow {
            channel: row.channel,
            enabled: row.enabled,
            ai_backend: row.ai_backend,
            model: row.model,
            instructions: row.instructions,
            data_integrations: row.data_integrations,
            settings: row.settings,
            version: row.version,
            updated_at: row.updated_at,
        }
        .try_into()?,
    })
}

fn integration_names(channel: &ChannelConfiguration) -> Vec<String> {
    channel
        .data_integrations
        .iter()
        .map(ToString::to_string)
        .collect()
}
