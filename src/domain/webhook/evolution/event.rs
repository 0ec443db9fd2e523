//! Events of Evolution API about its instances and their messages.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::redact_apikey;
use crate::domain::webhook::{Refusal, Scheme, Verified, dedup, fields};

/// Maximum nesting of messages, such as a disappearing message that contains a document.
const DEEPEST: usize = 4;
/// Message types that contain another message.
const WRAPPERS: &[&str] = &[
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
];

/// One event of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The name of the instance.
    pub instance: Option<String>,
    /// The event name in the spelling of the configuration: `MESSAGES_UPSERT`.
    pub name: String,
    pub what: What,
    /// The event's part of the request, without API keys.
    pub payload: Value,
    /// The time of the event as sent by Evolution API: the same for every retry.
    date_time: Option<String>,
}

/// The parsed event.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A message to the organization.
    Message(Message),
    /// A message from the organization: nothing to do.
    Own,
    /// A status update of a message.
    Update(Update),
    /// Other events, such as `CONNECTION_UPDATE`.
    Other,
}

/// A message to the organization.
#[derive(Clone, PartialEq)]
pub struct Message {
    pub id: String,
    /// The chat: `41443643532@s.whatsapp.net`, or a group's `…@g.us`.
    pub remote_jid: String,
    /// The author, in a group.
    pub participant: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
    pub text: Option<String>,
}

/// A status update of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The id of the message.
    pub id: String,
    pub remote_jid: Option<String>,
    /// `DELIVERY_ACK`, `READ`, …
    pub status: String,
}

impl Event {
    /// Splits a request: its `data` is one item or a list of items. API keys are redacted first, so
    /// that no payload contains one.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the body is not a JSON object with an event name.
    pub fn split(verified: &Verified<'_>) -> Result<Vec<Self>, Refusal> {
        let body = redact_apikey(verified.body_of(Scheme::Evolution)?)?;
        let mut body = fields::json(&body)?;
        let name = fields::id(&body["event"])
            .ok_or(Refusal::Malformed)?
            .to_uppercase()
            .replace(['.', '-'], "_");
        let instance =
            fields::id(&body["instance"]).or_else(|| fields::id(&body["instance"]["instanceName"]));
        let data = match body.get_mut("data").map(Value::take) {
            Some(Value::Array(items)) if !items.is_empty() => items,
            Some(other) => vec![other],
            None => vec![Value::Null],
        };
        let date_time = fields::id(&body["date_time"]);
        let event = |payload| Self {
            instance: instance.clone(),
            date_time: date_time.clone(),
            what: What::read(&name, &payload),
            name: name.clone(),
            payload,
        };
        Ok(data.into_iter().map(event).collect())
    }

    /// Returns a request body of this event alone, without API keys, that [`Event::split`] reads back.
    pub fn to_body(&self) -> Vec<u8> {
        let body = json!({"event": self.name, "instance": self.instance, "data": self.payload});
        body.to_string().into_bytes()
    }

    /// Returns a key that is equal for all copies of a message or an update.
    pub fn dedup_key(&self) -> String {
        let instance = self.instance.as_deref().unwrap_or_default();
        match &self.what {
            What::Message(message) => {
                dedup::key(&["message", instance, &message.remote_jid, &message.id])
            }
            What::Update(update) => {
                let jid = update.remote_jid.as_deref().unwrap_or_default();
                dedup::key(&["update", instance, jid, &update.id, &update.status])
            }
            What::Own | What::Other => {
                let contents = dedup::contents("", self.payload.to_string().as_bytes());
                // An instance can connect more than once.
                let time = self.date_time.as_deref().unwrap_or_default();
                dedup::key(&["evolution", instance, &self.name, time, &contents])
            }
        }
    }
}

impl What {
    fn read(name: &str, data: &Value) -> Self {
        match name {
            "MESSAGES_UPSERT" if data["key"]["fromMe"] == true => Self::Own,
            "MESSAGES_UPSERT" => Message::read(data).map_or(Self::Other, Self::Message),
            "MESSAGES_UPDATE" => Update::read(data).map_or(Self::Other, Self::Update),
            "SEND_MESSAGE" => Self::Own,
            _ => Self::Other,
        }
    }
}

impl Message {
    fn read(data: &Value) -> Option<Self> {
        let remote_jid = fields::id(&data["key"]["remoteJid"])?;
        // Not a chat: broadcasts to all contacts.
        if remote_jid == "status@broadcast" || remote_jid.ends_with("@newsletter") {
            return None;
        }
        Some(Self {
            id: fields::id(&data["key"]["id"])?,
            remote_jid,
            participant: fields::id(&data["key"]["participant"]),
            sent_at: fields::seconds(&data["messageTimestamp"]),
            text: text(&data["message"]),
        })
    }
}

/// Omits the text of the message.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Update {
    /// Version 2 has the message id at the top level, version 1 in `key`.
    fn read(data: &Value) -> Option<Self> {
        Some(Self {
            id: fields::id(&data["keyId"]).or_else(|| fields::id(&data["key"]["id"]))?,
            remote_jid: fields::id(&data["remoteJid"])
                .or_else(|| fields::id(&data["key"]["remoteJid"])),
            status: fields::id(&data["status"])
                .or_else(|| fields::id(&data["update"]["status"]))
                .or_else(|| fields::number(&data["update"]["status"]).map(|n| n.to_string()))?,
        })
    }
}

/// The text that was written or chosen, or a caption.
fn text(message: &Value) -> Option<String> {
    let mut message = message;
    for _ in 0..DEEPEST {
        let inner = WRAPPERS
            .iter()
            .map(|wrapper| &message[*wrapper]["message"])
            .find(|inner| inner.is_object());
        match inner {
            Some(inner) => message = inner,
            None => break,
        }
    }
    [
        &message["conversation"],
        &message["extendedTextMessage"]["text"],
        &message["imageMessage"]["caption"],
        &message["videoMessage"]["caption"],
        &message["documentMessage"]["caption"],
        &message["buttonsResponseMessage"]["selectedDisplayText"],
        &message["templateButtonReplyMessage"]["selectedDisplayText"],
        &message["listResponseMessage"]["title"],
    ]
    .into_iter()
    .find_map(fields::text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn split(body: &Value) -> Vec<Event> {
        let body = body.to_string();
        Event::split(&Verified::from_store(Scheme::Evolution, body.as_bytes())).unwrap()
    }

    fn upsert(data: &Value) -> Value {
        json!({"event": "messages.upsert", "instance": "clinic", "data": data,
            "server_url": "https://evolution.example.com", "apikey": "SECRET"})
    }

    fn data(id: &str, message: &Value) -> Value {
        json!({"key": {"remoteJid": "41443643532@s.whatsapp.net", "fromMe": false, "id": id},
            "pushName": "Ann", "message": message, "messageTimestamp": 1_717_775_575,
            "apikey": "SECRET"})
    }

    #[test]
    fn a_message_is_read_and_no_key_stays() {
        let body = upsert(&data("3EB0", &json!({"conversation": "my tooth"})));
        let events = split(&body);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].name, "MESSAGES_UPSERT");
        assert_eq!(events[0].instance.as_deref(), Some("clinic"));
        assert_eq!(
            events[0].dedup_key(),
            "message:clinic:41443643532@s.whatsapp.net:3EB0"
        );
        let What::Message(message) = &events[0].what else {
            panic!("{:?}", events[0].what);
        };
        assert_eq!(message.text.as_deref(), Some("my tooth"));
        assert!(message.sent_at.is_some());
        assert!(!format!("{message:?}").contains("tooth"));
        assert!(!events[0].payload.to_string().contains("SECRET"));
    }

    #[test]
    fn texts_are_found_where_they_hide() {
        let caption = json!({"documentMessage": {"caption": "x-ray"}});
        let wrapped = json!({"documentWithCaptionMessage": {"message": caption}});
        let mut deep = json!({"conversation": "deep"});
        for _ in 0..10 {
            deep = json!({"ephemeralMessage": {"message": deep}});
        }
        for (message, text) in [
            (
                json!({"extendedTextMessage": {"text": "long"}}),
                Some("long"),
            ),
            (json!({"imageMessage": {"caption": "look"}}), Some("look")),
            (
                json!({"ephemeralMessage": {"message": wrapped}}),
                Some("x-ray"),
            ),
            (
                json!({"listResponseMessage": {"title": "Monday"}}),
                Some("Monday"),
            ),
            (json!({"audioMessage": {"seconds": 3}}), None),
            (deep, None),
            (json!(7), None),
        ] {
            let events = split(&upsert(&data("1", &message)));
            let What::Message(read) = &events[0].what else {
                panic!("{message}");
            };
            assert_eq!(read.text.as_deref(), text, "{message}");
        }
    }

    #[test]
    fn lists_are_split_and_own_messages_ignored() {
        let hello = json!({"conversation": "hello"});
        let mut own = data("2", &hello);
        own["key"]["fromMe"] = json!(true);
        let mut story = data("3", &hello);
        story["key"]["remoteJid"] = json!("status@broadcast");
        let list = json!([data("1", &hello), own, story, 7]);
        let mut body = upsert(&list);
        body["event"] = json!("MESSAGES_UPSERT");
        let events = split(&body);
        let whats: Vec<&What> = events.iter().map(|event| &event.what).collect();
        assert!(matches!(
            whats[..],
            [What::Message(_), What::Own, What::Other, What::Other]
        ));
        let mut keys: Vec<String> = events.iter().map(Event::dedup_key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn updates_are_told_apart_by_their_status() {
        let update = |data| {
            let body = json!({"event": "messages-update", "instance": "clinic", "data": data});
            split(&body)[0].clone()
        };
        let two =
            update(json!({"keyId": "1", "remoteJid": "a@b", "fromMe": true, "status": "READ"}));
        let one = update(json!({"key": {"id": "1", "remoteJid": "a@b"}, "update": {"status": 3}}));
        assert_eq!(two.dedup_key(), "update:clinic:a@b:1:READ");
        assert_eq!(one.dedup_key(), "update:clinic:a@b:1:3");
        assert_eq!(update(json!({"keyId": "1"})).what, What::Other);
        let connection = split(&json!({"event": "connection.update",
            "instance": {"instanceName": "clinic"}, "data": {"state": "open"}}));
        assert_eq!(connection[0].instance.as_deref(), Some("clinic"));
        assert_eq!(connection[0].what, What::Other);
        let key = |date_time: &str| {
            let body = json!({"event": "connection.update", "instance": "clinic",
                "data": {"state": "open"}, "date_time": date_time});
            split(&body)[0].dedup_key()
        };
        assert_eq!(
            key("2024-06-07T12:00:00.000Z"),
            key("2024-06-07T12:00:00.000Z")
        );
        assert_ne!(
            key("2024-06-07T12:00:00.000Z"),
            key("2024-06-07T12:00:01.000Z")
        );
        for body in ["", "[]", "{}", r#"{"event":7}"#, "7"] {
            let verified = Verified::from_store(Scheme::Evolution, body.as_bytes());
            assert_eq!(Event::split(&verified), Err(Refusal::Malformed), "{body}");
        }
    }
}
