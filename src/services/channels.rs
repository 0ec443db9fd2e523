//! Configuration of the five channels.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    db::{
        self,
        channels::{EffectiveChannel, StoredChannel},
        webhooks::usage::{self, DayOfUse},
    },
    domain::{
        ChannelConfiguration, ChannelKind, OrganizationId, Permission, ResolvedInstruction,
        instructions, organization::Organization,
    },
    error::{Error, Result},
    run,
    services::{
        Session,
        activity::Change,
        claims::{self, Standing},
    },
};

/// Returns the five channels of an organization.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
) -> Result<(Organization, Vec<StoredChannel>)> {
    let mut scope = session.read(organization, Permission::ChannelsRead).await?;
    let channels = db::channels::list(&mut scope.tx).await?;
    Ok((scope.organization, channels))
}

/// Returns the usage of the channels by day, in the organization's time zone. Both dates are
/// included.
pub async fn usage(
    session: &Session,
    organization: OrganizationId,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<DayOfUse>> {
    let mut scope = session.read(organization, Permission::ChannelsRead).await?;
    usage::list(&mut scope.tx, from, to).await
}

/// A channel with its resolved instructions.
#[derive(Clone, Debug)]
pub struct ChannelDetails {
    pub organization: Organization,
    pub effective: EffectiveChannel,
    pub instructions: Vec<ResolvedInstruction>,
    /// Status of the claims to the identities in its settings.
    pub claims: Standing,
}

/// Returns a channel.
pub async fn show(
    session: &Session,
    organization: OrganizationId,
    kind: ChannelKind,
) -> Result<ChannelDetails> {
    let mut scope = session.read(organization, Permission::ChannelsRead).await?;
    let effective = db::channels::effective(&mut scope.tx, kind).await?;
    let instructions = instructions::resolve(
        &effective.channel.configuration,
        &effective.organization,
        &effective.platform,
    );
    let settings = &effective.channel.configuration.settings;
    let claims = claims::standing(&mut scope.tx, settings).await?;
    Ok(ChannelDetails {
        claims,
        organization: scope.organization,
        effective,
        instructions,
    })
}

/// Returns the current state of a channel that is about to be edited. The permission is checked
/// before the editing begins. Nothing is locked; [`change`] compares the version.
pub async fn before_edit(
    session: &Session,
    organization: OrganizationId,
    kind: ChannelKind,
) -> Result<(Organization, StoredChannel)> {
    let mut scope = session.read(organization, Permission::ChannelsEdit).await?;
    scope.refuse_deleted()?;
    let channel = db::channels::get(&mut scope.tx, kind).await?;
    // Rolled back now: dropping the transaction would defer the rollback to the next statement, and
    // editing may take hours.
    scope.tx.rollback().await?;
    Ok((scope.organization, channel))
}

/// Result of a change of a channel. The versions are equal if nothing changed.
#[derive(Clone, Debug)]
pub struct ChannelChange {
    pub organization: Organization,
    pub before: StoredChannel,
    pub after: StoredChannel,
    /// Status of the claims to the identities in its settings.
    pub claims: Standing,
}

impl ChannelChange {
    /// `false` if nothing changed and nothing was written.
    pub fn is_change(&self) -> bool {
        self.before.version != self.after.version
    }
}

/// Changes a channel. `compute` receives the current configuration and the organization. Nothing is
/// written if the configuration stays the same.
///
/// With `expected_version`, the change is rejected if the channel has changed since that version.
///
/// New identities in the settings are claimed: see [`claims`].
///
/// # Errors
/// `Conflict` for an outdated version, and if another organization holds a claimed identity; the
/// errors of `compute`.
pub async fn change(
    session: &Session,
    organization: OrganizationId,
    kind: ChannelKind,
    expected_version: Option<i64>,
    compute: impl FnOnce(&ChannelConfiguration, &Organization) -> Result<ChannelConfiguration>,
) -> Result<ChannelChange> {
    let mut scope = session
        .write_and_leave(organization, Permission::ChannelsEdit)
        .await?;
    let before = db::channels::get(&mut scope.tx, kind).await?;
    if expected_version.is_some_and(|expected| expected != before.version) {
        return Err(stale(kind, &scope.organization));
    }
    let configuration = compute(&before.configuration, &scope.organization)?;
    configuration.validate()?;
    let organization = scope.organization.clone();
    if configuration == before.configuration {
        let claims = claims::standing(&mut scope.tx, &configuration.settings).await?;
        return Ok(ChannelChange {
            claims,
            organization,
            after: before.clone(),
            before,
        });
    }
    let now = session.now();
    let version = db::channels::update(&mut scope.tx, &configuration, before.version, now)
        .await?
        .ok_or_else(|| stale(kind, &organization))?;
    let after = StoredChannel {
        configuration,
        version,
        updated_at: now,
    };
    let change = Change {
        action: "channel.update",
        object_type: "channel",
        object_id: kind.to_string(),
        before: Some(snapshot(&before)),
        after: Some(snapshot(&after)),
    };
    db::activity::append(&mut scope.tx, session.entry(change)).await?;
    let new = claims::New::follow(session, &mut scope).await?;
    let claims = new.standing(&mut scope.tx, &after.configuration.settings);
    let claims = claims.await?;
    new.settle(session, scope.tx).await?;
    Ok(ChannelChange {
        organization,
        before,
        after,
        claims,
    })
}

fn stale(kind: ChannelKind, organization: &Organization) -> Error {
    Error::conflict(format!(
        "channel {kind}: changed by another session in the meantime"
    ))
    .hint(
        run!["channel", "show", kind, "--org", organization.slug]
            .labeled("nothing was changed; show the current version"),
    )
}

fn snapshot(channel: &StoredChannel) -> Value {
    let configuration = &channel.configuration;
    json!({
        "version": channel.version,
        "enabled": configuration.enabled,
        "ai_backend": configuration.ai_backend,
        "model": configuration.model,
        "instructions": configuration.instructions,
        "data_integrations": configuration.data_integrations,
        "settings": configuration.settings.to_json(),
    })
}
