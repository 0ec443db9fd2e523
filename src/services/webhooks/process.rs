//! Effects of an event, in the scope of its organization.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::{
        self, TenantTx,
        webhooks::{
            calls, events, jobs, messages,
            usage::{self, Used},
        },
    },
    domain::{
        ChannelKind, Organization,
        webhook::{Verified, parse},
        webhook_effect::{Effect, WidgetMessage, effects},
        webhook_event::{EventStatus, WebhookEvent},
    },
    error::{Error, Result},
    system::new_id,
};

/// Processes an event and deletes its job. For an event that is not pending, only the job is
/// deleted.
///
/// # Errors
/// `BadInput` if the payload cannot be parsed.
pub(super) async fn process(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let event = events::lock(tx, id).await?;
    if let Some(event) = event.filter(|event| event.status == EventStatus::Pending) {
        let organization = db::organizations::current(tx).await?;
        let organization =
            organization.ok_or_else(|| Error::failure("organization of the event not found"))?;
        for effect in read(tx, &event).await? {
            apply(tx, &organization, &event, &effect, now).await?;
        }
        let attempts = event.attempts + 1;
        events::set_status(tx, id, EventStatus::Done, None, attempts, Some(now)).await?;
    }
    jobs::remove(tx, id).await
}

async fn read(tx: &mut TenantTx, event: &WebhookEvent) -> Result<Vec<Effect>> {
    let (delivery, scheme) = events::delivery(tx, event.id).await?;
    let unread = || Error::bad_input("the payload cannot be parsed");
    let Some(scheme) = scheme else {
        let message: WidgetMessage =
            serde_json::from_slice(&delivery.body).map_err(|_| unread())?;
        return Ok(vec![message.effect(event.received_at)]);
    };
    let verified = Verified::from_store(scheme, &delivery.body);
    let parsed = parse(&verified).map_err(|_| unread())?;
    Ok(effects(&parsed, event.received_at))
}

async fn apply(
    tx: &mut TenantTx,
    organization: &Organization,
    event: &WebhookEvent,
    effect: &Effect,
    now: DateTime<Utc>,
) -> Result<()> {
    let channel = event.channel;
    match effect {
        Effect::Call(call) => {
            calls::record(tx, new_id(), channel, call, event.received_at, now).await?;
            if let Some(ended) = calls::count(tx, channel, &call.external_id).await? {
                let used = Used {
                    calls: 1,
                    call_seconds: ended.seconds,
                    ..Used::default()
                };
                add(tx, organization, channel, ended.at, used).await?;
            }
            Ok(())
        }
        Effect::Message(message) => {
            if messages::insert(tx, new_id(), channel, message).await? {
                let used = Used {
                    messages: 1,
                    ..Used::default()
                };
                add(tx, organization, channel, message.sent_at, used).await?;
            }
            Ok(())
        }
        Effect::MessageStatus(status) => messages::set_status(tx, new_id(), channel, status).await,
    }
}

/// Adds to the usage of the current day in the organization's time zone.
async fn add(
    tx: &mut TenantTx,
    organization: &Organization,
    channel: ChannelKind,
    at: DateTime<Utc>,
    used: Used,
) -> Result<()> {
    let day = at.with_timezone(&organization.time_zone.tz()).date_naive();
    usage::add(tx, channel, day, used).await
}
