//! Events of WhatsApp: one request contains many messages and statuses.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::domain::webhook::{Refusal, Scheme, Verified, dedup, fields};

/// One event of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Meta's id of the organization's number that the event is about.
    pub phone_number_id: Option<String>,
    pub what: What,
    /// The event's part of the request.
    pub payload: Value,
    /// The time of the entry, if present: the same for every retry.
    entry_time: Option<i64>,
}

/// The parsed event.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Message(Message),
    Status(Status),
    /// Other events, with the name of the field, such as `account_update`.
    Other(String),
}

/// A message to the organization.
#[derive(Clone, PartialEq)]
pub struct Message {
    pub id: String,
    /// The WhatsApp id of the sender: digits.
    pub from: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
    /// `text`, `image`, `interactive`, …
    pub kind: String,
    /// The text that was written or chosen, or a caption.
    pub text: Option<String>,
}

/// A status update of a message from the organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The id of the message.
    pub id: String,
    /// `sent`, `delivered`, `read`, `failed`, …
    pub status: String,
    pub at: Option<DateTime<Utc>>,
    pub recipient: Option<String>,
    /// The timestamp as sent, because it is part of the key.
    timestamp: String,
}

impl Event {
    /// Splits a request into its events, in order. Nothing is omitted: an item that cannot be parsed
    /// is [`What::Other`].
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if it is empty or not a JSON object.
    pub fn split(verified: &Verified<'_>) -> Result<Vec<Self>, Refusal> {
        let mut body = fields::json(verified.body_of(Scheme::Meta)?)?;
        let is_whatsapp = body["object"] == "whatsapp_business_account";
        if !is_whatsapp {
            let object = fields::id(&body["object"]).ok_or(Refusal::Malformed)?;
            return Ok(vec![Self::other(None, object, body, None)]);
        }
        let mut events = Vec::new();
        for mut entry in taken(&mut body, "entry") {
            let time = fields::number(&entry["time"]);
            for change in taken(&mut entry, "changes") {
                Self::read_change(change, time, &mut events);
            }
        }
        if events.is_empty() {
            return Err(Refusal::Malformed);
        }
        Ok(events)
    }

    fn read_change(mut change: Value, time: Option<i64>, events: &mut Vec<Self>) {
        let field = fields::id(&change["field"]).unwrap_or_else(|| "unknown".to_owned());
        let phone = fields::id(&change["value"]["metadata"]["phone_number_id"]);
        let before = events.len();
        if let (Some(value), "messages", true) =
            (change.get_mut("value"), field.as_str(), phone.is_some())
        {
            for message in taken(value, "messages") {
                events.push(Self::new(phone.clone(), message, time, Message::read));
            }
            for status in taken(value, "statuses") {
                events.push(Self::new(phone.clone(), status, time, Status::read));
            }
        }
        if events.len() == before {
            events.push(Self::other(phone, field, change, time));
        }
    }

    fn new(
        phone: Option<String>,
        payload: Value,
        time: Option<i64>,
        read: fn(&Value) -> Option<What>,
    ) -> Self {
        match read(&payload) {
            Some(what) => Self {
                phone_number_id: phone,
                what,
                payload,
                entry_time: time,
            },
            None => Self::other(phone, "messages".to_owned(), payload, time),
        }
    }

    fn other(
        phone_number_id: Option<String>,
        name: String,
        payload: Value,
        entry_time: Option<i64>,
    ) -> Self {
        Self {
            phone_number_id,
            what: What::Other(name),
            payload,
            entry_time,
        }
    }

    /// Returns a request body of this event alone, which [`Event::split`] reads back.
    pub fn to_body(&self) -> Vec<u8> {
        let in_value = |name: &str| {
            let metadata = json!({"phone_number_id": self.phone_number_id});
            json!({"field": "messages", "value": {"metadata": metadata, name: [self.payload]}})
        };
        let change = match &self.what {
            What::Message(_) => in_value("messages"),
            What::Status(_) => in_value("statuses"),
            // The whole request, if it is not about WhatsApp.
            What::Other(_) if self.payload.get("object").is_some() => {
                return self.payload.to_string().into_bytes();
            }
            // The whole change, or one item of it that could not be parsed.
            What::Other(_) if self.payload.get("field").is_some() => self.payload.clone(),
            What::Other(_) => in_value("messages"),
        };
        let entry = json!([{"changes": [change]}]);
        let body = json!({"object": "whatsapp_business_account", "entry": entry});
        body.to_string().into_bytes()
    }

    /// Returns the type of the event, for lists and metrics.
    pub fn name(&self) -> &str {
        match &self.what {
            What::Message(_) => "message",
            What::Status(_) => "status",
            What::Other(name) => name,
        }
    }

    /// Returns a key that is equal for all copies of a message or a status.
    pub fn dedup_key(&self) -> String {
        let phone = self.phone_number_id.as_deref().unwrap_or_default();
        match &self.what {
            What::Message(message) => dedup::key(&["message", phone, &message.id]),
            What::Status(status) => dedup::key(&[
                "status",
                phone,
                &status.id,
                &status.status,
                &status.timestamp,
            ]),
            What::Other(_) => {
                // The same update of an account can occur twice.
                let time = self.entry_time.map(|at| at.to_string());
                let contents = dedup::contents("", self.payload.to_string().as_bytes());
                dedup::key(&["whatsapp", &time.unwrap_or_default(), &contents])
            }
        }
    }
}

impl Message {
    fn read(value: &Value) -> Option<What> {
        let kind = fields::id(&value["type"]).unwrap_or_else(|| "unknown".to_owned());
        let text = [
            &value["text"]["body"],
            &value["button"]["text"],
            &value["interactive"]["button_reply"]["title"],
            &value["interactive"]["list_reply"]["title"],
            &value[kind.as_str()]["caption"],
        ];
        Some(What::Message(Self {
            id: fields::id(&value["id"])?,
            from: fields::id(&value["from"]),
            sent_at: fields::seconds(&value["timestamp"]),
            text: text.into_iter().find_map(fields::text),
            kind,
        }))
    }
}

/// Omits the text of the message.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Status {
    fn read(value: &Value) -> Option<What> {
        let timestamp = fields::number(&value["timestamp"]);
        Some(What::Status(Self {
            id: fields::id(&value["id"])?,
            status: fields::id(&value["status"])?,
            at: fields::seconds(&value["timestamp"]),
            recipient: fields::id(&value["recipient_id"]),
            timestamp: timestamp.map(|at| at.to_string()).unwrap_or_default(),
        }))
    }
}

/// Takes the items of the named list; returns an empty list for other values.
fn taken(value: &mut Value, name: &str) -> Vec<Value> {
    match value.get_mut(name).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(phone: &str, value: Value) -> Value {
        let mut change = json!({"field": "messages", "value": value});
        change["value"]["messaging_product"] = json!("whatsapp");
        change["value"]["metadata"] =
            json!({"display_phone_number": "15550783881", "phone_number_id": phone});
        change
    }

    fn body(changes: &Value) -> String {
        let entry = json!([{"id": "102290129340398", "changes": changes}]);
        json!({"object": "whatsapp_business_account", "entry": entry}).to_string()
    }

    fn split(body: &str) -> Result<Vec<Event>, Refusal> {
        Event::split(&Verified::from_store(Scheme::Meta, body.as_bytes()))
    }

    fn message(id: &str, text: &str) -> Value {
        json!({"from": "16505551234", "id": id, "timestamp": "1749416383", "type": "text",
            "text": {"body": text}})
    }

    #[test]
    fn a_batch_is_split_by_number() {
        let status = |status: &str, at: &str| {
            json!({"id": "wamid.1", "status": status,
            "timestamp": at, "recipient_id": "16505551234"})
        };
        let changes = json!([
            change("1", json!({"messages": [message("wamid.A", "a"), message("wamid.B", "b")]})),
            change("2", json!({
                "messages": [message("wamid.A", "a")],
                "statuses": [status("sent", "1"), status("sent", "2"), status("read", "2")],
            })),
            {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}},
        ]);
        let events = split(&body(&changes)).unwrap();
        let shown: Vec<_> = events
            .iter()
            .map(|event| (event.phone_number_id.as_deref(), event.name()))
            .collect();
        assert_eq!(
            shown,
            [
                (Some("1"), "message"),
                (Some("1"), "message"),
                (Some("2"), "message"),
                (Some("2"), "status"),
                (Some("2"), "status"),
                (Some("2"), "status"),
                (None, "account_update"),
            ]
        );
        let mut keys: Vec<String> = events.iter().map(Event::dedup_key).collect();
        assert_eq!(keys[0], "message:1:wamid.A");
        assert_eq!(keys[3], "status:2:wamid.1:sent:1");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), events.len());
        // A retry has the same keys.
        let again = split(&body(&changes)).unwrap();
        assert_eq!(again, events);
        assert_eq!(again[6].dedup_key(), events[6].dedup_key());
    }

    #[test]
    fn what_was_written_is_read_and_not_shown() {
        for (part, text) in [
            (
                json!({"type": "text", "text": {"body": "hello"}}),
                Some("hello"),
            ),
            (
                json!({"type": "button", "button": {"text": "Yes", "payload": "y"}}),
                Some("Yes"),
            ),
            (
                json!({"type": "interactive", "interactive": {"type": "list_reply",
                    "list_reply": {"id": "1", "title": "Monday"}}}),
                Some("Monday"),
            ),
            (
                json!({"type": "image", "image": {"id": "1", "caption": "my tooth"}}),
                Some("my tooth"),
            ),
            (json!({"type": "sticker", "sticker": {"id": "1"}}), None),
            (json!({}), None),
        ] {
            let mut message = part.clone();
            message["id"] = json!("wamid.A");
            let changes = json!([change("1", json!({"messages": [message]}))]);
            let events = split(&body(&changes)).unwrap();
            let What::Message(message) = &events[0].what else {
                panic!("{part} is not a message");
            };
            assert_eq!(message.text.as_deref(), text, "{part}");
            assert!(text.is_none_or(|text| !format!("{message:?}").contains(text)));
        }
    }

    #[test]
    fn nothing_is_lost_that_cannot_be_read() {
        let changes = json!([
            change(
                "1",
                json!({"messages": [{"type": "text"}, 7], "statuses": [{"id": "x"}]})
            ),
            change("1", json!({"errors": [{"code": 1}]})),
            7,
        ]);
        let events = split(&body(&changes)).unwrap();
        assert_eq!(events.len(), 5);
        // A name is never empty: the database rejects empty names.
        assert_eq!(events[4].name(), "unknown");
        assert!(
            events
                .iter()
                .all(|event| matches!(event.what, What::Other(_)))
        );
        let key = |time: i64| {
            let update = json!([{"field": "account_update", "value": {}}]);
            let entry = json!([{"id": "1", "time": time, "changes": update}]);
            let body = json!({"object": "whatsapp_business_account", "entry": entry});
            split(&body.to_string()).unwrap()[0].dedup_key()
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
        let page = split(r#"{"object":"page","entry":[]}"#).unwrap();
        assert_eq!(page[0].name(), "page");
        for body in [
            "",
            "[]",
            "7",
            "{}",
            r#"{"object":7}"#,
            r#"{"object":"whatsapp_business_account"}"#,
            r#"{"object":"whatsapp_business_account","entry":[{}]}"#,
        ] {
            assert_eq!(split(body), Err(Refusal::Malformed), "{body}");
        }
    }
}
