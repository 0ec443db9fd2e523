//! The effects of an event. Each effect is idempotent.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::webhook::{
    Parsed, evolution, meta,
    retell::{self, Direction},
    twilio::{self, Kind},
};

/// The current state of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallUpdate {
    /// The provider's id.
    pub external_id: String,
    pub direction: Direction,
    pub from_number: Option<String>,
    pub to_number: Option<String>,
    /// The provider's name for the status.
    pub status: String,
    pub duration_seconds: Option<i32>,
    pub started_at: Option<DateTime<Utc>>,
    /// `None` if the call is still in progress, as far as is known.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A message to the organization.
#[derive(Clone, Eq, PartialEq)]
pub struct NewMessage {
    pub external_id: String,
    pub sender: Option<String>,
    pub kind: String,
    pub text: Option<String>,
    pub sent_at: DateTime<Utc>,
}

/// The delivery status of a message from the organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageStatus {
    pub external_id: String,
    pub recipient: Option<String>,
    pub status: String,
    pub at: DateTime<Utc>,
}

/// An effect of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    Call(CallUpdate),
    Message(NewMessage),
    MessageStatus(MessageStatus),
}

/// Messages are private, and never reach a log.
impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage")
            .field("external_id", &self.external_id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A message from the web chat's widget, as stored.
#[derive(Deserialize, Serialize)]
pub struct WidgetMessage {
    /// The session of the token sent with it.
    pub session: String,
    /// The widget's id, unique in the session.
    pub id: String,
    pub text: String,
}

impl WidgetMessage {
    /// The effect of the message.
    pub fn effect(self, received_at: DateTime<Utc>) -> Effect {
        Effect::Message(NewMessage {
            external_id: format!("{}/{}", self.session, self.id),
            sender: Some(self.session),
            kind: "text".to_owned(),
            text: Some(self.text),
            sent_at: received_at,
        })
    }
}

/// The effects of an event; none for purely informational ones.
pub fn effects(parsed: &Parsed, received_at: DateTime<Utc>) -> Vec<Effect> {
    match parsed {
        Parsed::Twilio(event) => of_twilio(event, received_at).into_iter().collect(),
        Parsed::Retell(event) => of_retell(event, received_at).into_iter().collect(),
        Parsed::Meta(events) => {
            let one = |event| of_meta(event, received_at);
            events.iter().filter_map(one).collect()
        }
        Parsed::Evolution(events) => {
            let one = |event| of_evolution(event, received_at);
            events.iter().filter_map(one).collect()
        }
        // Sign-ups are handled by the platform's queue.
        Parsed::Standard(_) => Vec::new(),
    }
}

fn of_twilio(event: &twilio::Event, received_at: DateTime<Utc>) -> Option<Effect> {
    if event.kind == Kind::Other {
        return None;
    }
    let is_over = event.is_over();
    Some(Effect::Call(CallUpdate {
        external_id: event.call_sid.clone()?,
        direction: match event.direction.as_deref() {
            Some("inbound") => Direction::Inbound,
            _ => Direction::Outbound,
        },
        from_number: event.from.clone(),
        to_number: event.to.clone(),
        status: event.call_status.clone()?,
        duration_seconds: event
            .call_duration
            .and_then(|seconds| seconds.try_into().ok()),
        started_at: event
            .call_duration
            .filter(|_| is_over)
            .map(|seconds| received_at - TimeDelta::seconds(seconds.into())),
        ended_at: is_over.then_some(received_at),
    }))
}

fn of_retell(event: &retell::Event, received_at: DateTime<Utc>) -> Option<Effect> {
    use retell::Kind as K;
    let is_over = matches!(event.kind, K::CallEnded | K::CallAnalyzed);
    if !is_over && event.kind != K::CallStarted {
        return None;
    }
    let seconds = event.duration_ms.map(|ms| ms.div_ceil(1000));
    let between = || {
        let between = event.ended_at?.signed_duration_since(event.started_at?);
        i32::try_from(between.num_seconds()).ok()
    };
    Some(Effect::Call(CallUpdate {
        external_id: event.call_id.clone()?,
        direction: event.direction.unwrap_or(Direction::Inbound),
        from_number: event.from_number.clone(),
        to_number: event.to_number.clone(),
        status: event.name.clone(),
        duration_seconds: seconds
            .and_then(|seconds| seconds.try_into().ok())
            .or_else(between)
            .filter(|seconds| *seconds >= 0),
        started_at: event.started_at,
        ended_at: is_over.then(|| event.ended_at.unwrap_or(received_at)),
    }))
}

fn of_meta(event: &meta::Event, received_at: DateTime<Utc>) -> Option<Effect> {
    let phone = event.phone_number_id.as_deref().unwrap_or_default();
    match &event.what {
        meta::What::Message(message) => Some(Effect::Message(NewMessage {
            external_id: format!("{phone}/{}", message.id),
            sender: message.from.clone(),
            kind: message.kind.clone(),
            text: message.text.clone(),
            sent_at: message.sent_at.unwrap_or(received_at),
        })),
        meta::What::Status(status) => Some(Effect::MessageStatus(MessageStatus {
            external_id: format!("{phone}/{}", status.id),
            recipient: status.recipient.clone(),
            status: status.status.clone(),
            at: status.at.unwrap_or(received_at),
        })),
        meta::What::Other(_) => None,
    }
}

fn of_evolution(event: &evolution::Event, received_at: DateTime<Utc>) -> Option<Effect> {
    let instance = event.instance.as_deref().unwrap_or_default();
    match &event.what {
        evolution::What::Message(message) => Some(Effect::Message(NewMessage {
            external_id: format!("{instance}/{}/{}", message.remote_jid, message.id),
            sender: Some(
                message
                    .participant
                    .as_ref()
                    .unwrap_or(&message.remote_jid)
                    .clone(),
            ),
            kind: match message.text {
                Some(_) => "text",
                None => "other",
            }
            .to_owned(),
            text: message.text.clone(),
            sent_at: message.sent_at.unwrap_or(received_at),
        })),
        evolution::What::Update(update) => {
            let jid = update.remote_jid.as_deref().unwrap_or_default();
            Some(Effect::MessageStatus(MessageStatus {
                external_id: format!("{instance}/{jid}/{}", update.id),
                recipient: update.remote_jid.clone(),
                status: update.status.clone(),
                at: received_at,
            }))
        }
        evolution::What::Own | evolution::What::Other => None,
    }
}
