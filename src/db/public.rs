//! Publicly visible data. The statement lists each column explicitly, and only public ones.

use serde_json::Value;

use super::{TenantTx, stored};
use crate::{
    domain::{ChannelKind, ChannelSettings, Locale, widget::PublicChannel},
    error::{Error, Result},
};

/// Returns the web chat of the organization that scopes the transaction. `None`, the same
/// result for all of these: the organization does not exist or is not active, its web chat is
/// disabled, or no website may show the chat (the chat of a new organization, never configured).
pub async fn web_channel(tx: &mut TenantTx) -> Result<Option<PublicChannel>> {
    let organization = tx.organization_id();
    let row = sqlx::query!(
        r#"SELECT o.name, o.locale, c.version, c.settings AS "settings: Value"
             FROM organizations o
             JOIN channel_configurations c ON c.organization_id = o.id
            WHERE o.id = $1 AND o.status = 'active' AND c.organization_id = $1 AND c.channel = 'web'
                AND c.enabled"#,
        organization.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let settings = ChannelSettings::from_json(ChannelKind::Web, row.settings);
    let ChannelSettings::Web(settings) = stored("channel_configurations.settings", settings)?
    else {
        return Err(Error::failure(
            "the web chat has settings of another channel",
        ));
    };
    if settings.allowed_origins.is_empty() {
        return Ok(None);
    }
    Ok(Some(PublicChannel {
        organization,
        name: row.name,
        language: stored("organizations.locale", row.locale.parse::<Locale>())?,
        greeting: settings.greeting,
        allowed_origins: settings.allowed_origins,
        version: row.version,
    }))
}
