//! Call events of Retell.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::webhook::{Refusal, Scheme, Verified, dedup, fields, route::Hint};

named_enum! {
    /// The type of a Retell event.
    pub enum Kind as "Retell event" {
        CallInbound = "call_inbound", "An incoming call: Retell waits at most 10 seconds for an answer.";
        CallStarted = "call_started", "A call started.";
        CallEnded = "call_ended", "A call ended.";
        CallAnalyzed = "call_analyzed", "An ended call was analyzed.";
        Unknown = "unknown", "Other events, such as a chat or a transfer.";
    }
}

named_enum! {
    /// The direction of a call.
    pub enum Direction as "call direction" {
        Inbound = "inbound", "A call to the organization.";
        Outbound = "outbound", "A call from the organization.";
    }
}

/// An event of Retell.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub kind: Kind,
    /// Retell's name of the event, also for unknown events.
    pub name: String,
    /// `None` for a call that has not started.
    pub call_id: Option<String>,
    pub agent_id: Option<String>,
    pub from_number: Option<String>,
    pub to_number: Option<String>,
    pub direction: Option<Direction>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<u64>,
    pub disconnection_reason: Option<String>,
    /// The organization named in the metadata.
    pub hint: Hint,
    /// The time at which Retell sent the event, if present.
    pub sent_at_ms: Option<i64>,
}

impl Event {
    /// Parses an event.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the body is not a JSON object with an event name.
    pub fn parse(verified: &Verified<'_>) -> Result<Self, Refusal> {
        let body = fields::json(verified.body_of(Scheme::Retell)?)?;
        let name = fields::id(&body["event"]).ok_or(Refusal::Malformed)?;
        let kind: Kind = match name.parse() {
            Ok(kind) => kind,
            Err(_) => Kind::Unknown,
        };
        // "call" for an existing call, "call_inbound" for one that has not started.
        let call = if kind == Kind::CallInbound {
            &body["call_inbound"]
        } else {
            &body["call"]
        };
        let started_at = fields::milliseconds(&call["start_timestamp"]);
        let ended_at = fields::milliseconds(&call["end_timestamp"]);
        let stated = fields::number(&call["duration_ms"]).and_then(|ms| u64::try_from(ms).ok());
        Ok(Self {
            kind,
            name,
            call_id: fields::id(&call["call_id"]),
            agent_id: fields::id(&call["agent_id"]),
            from_number: fields::id(&call["from_number"]),
            to_number: fields::id(&call["to_number"]),
            direction: direction(kind, call),
            started_at,
            ended_at,
            duration_ms: stated.or_else(|| between(started_at?, ended_at?)),
            disconnection_reason: fields::id(&call["disconnection_reason"]),
            hint: Hint::read(&call["metadata"]["organization_id"]),
            sent_at_ms: fields::number(&body["event_timestamp"]),
        })
    }

    /// Returns the organization's own number: the called number of an inbound call, the caller of an
    /// outbound one. If the event has no direction, either number may be it.
    pub fn own_numbers(&self) -> [Option<&str>; 2] {
        let (from, to) = (self.from_number.as_deref(), self.to_number.as_deref());
        match self.direction {
            Some(Direction::Inbound) => [to, None],
            Some(Direction::Outbound) => [from, None],
            None => [from, to],
        }
    }

    /// Returns a key that is equal for all copies of an event.
    pub fn dedup_key(&self, verified: &Verified<'_>) -> String {
        match (self.kind, &self.call_id) {
            (Kind::CallStarted | Kind::CallEnded | Kind::CallAnalyzed, Some(call)) => {
                dedup::key(&[self.kind.as_str(), call])
            }
            (Kind::CallInbound, _) if self.sent_at_ms.is_none() => {
                // There is no id yet, and the next call between these numbers may look the same: the
                // time of the signature distinguishes them.
                let time = verified.signature_time().map(|at| at.timestamp_millis());
                let time = time.map(|ms| ms.to_string()).unwrap_or_default();
                let contents = dedup::contents("", verified.body());
                dedup::key(&["call_inbound", &time, &contents])
            }
            // A call may have several of these.
            _ => dedup::contents("retell", verified.body()),
        }
    }
}

fn direction(kind: Kind, call: &Value) -> Option<Direction> {
    if kind == Kind::CallInbound {
        return Some(Direction::Inbound);
    }
    fields::id(&call["direction"])?.parse().ok()
}

fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<u64> {
    u64::try_from(end.signed_duration_since(start).num_milliseconds()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORGANIZATION: &str = "0197d0a0-0000-7000-8000-000000000001";

    fn ended() -> Value {
        json!({"event": "call_ended", "call": {
            "call_type": "phone_call", "call_id": "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6",
            "agent_id": "oBeDLoLOeuAbiuaMFXRtDOLriTJ5tSxD", "direction": "inbound",
            "from_number": "+12137771234", "to_number": "+12137771235",
            "metadata": {"organization_id": ORGANIZATION},
            "start_timestamp": 1_714_608_475_945_i64, "end_timestamp": 1_714_608_491_736_i64,
            "disconnection_reason": "user_hangup", "transcript": "private",
        }})
    }

    fn read(body: &Value) -> Event {
        let body = body.to_string();
        Event::parse(&Verified::from_store(Scheme::Retell, body.as_bytes())).unwrap()
    }

    fn key(body: &Value, signed_at: i64) -> String {
        let text = body.to_string();
        let signed_at = DateTime::from_timestamp_millis(signed_at).unwrap();
        let verified = Verified::from_store(Scheme::Retell, text.as_bytes()).signed_at(signed_at);
        read(body).dedup_key(&verified)
    }

    #[test]
    fn a_call_is_read() {
        let event = read(&ended());
        assert_eq!(event.kind, Kind::CallEnded);
        assert_eq!(event.duration_ms, Some(15_791));
        assert_eq!(event.own_numbers(), [Some("+12137771235"), None]);
        assert_eq!(
            event.hint,
            Hint::Organization(ORGANIZATION.parse().unwrap())
        );
        assert!(!format!("{event:?}").contains("private"));
        let mut outbound = ended();
        outbound["call"]["direction"] = json!("outbound");
        outbound["call"]["duration_ms"] = json!(9);
        let event = read(&outbound);
        assert_eq!(event.own_numbers(), [Some("+12137771234"), None]);
        assert_eq!(event.duration_ms, Some(9));
    }

    #[test]
    fn an_incoming_call_is_read() {
        let event = read(&json!({"event": "call_inbound", "call_inbound": {
            "agent_id": "agent_12345", "from_number": "+12137771234", "to_number": "+12137771235",
        }}));
        assert_eq!(event.kind, Kind::CallInbound);
        assert_eq!(event.own_numbers(), [Some("+12137771235"), None]);
        assert_eq!(event.agent_id.as_deref(), Some("agent_12345"));
        assert_eq!((event.call_id, event.hint), (None, Hint::Absent));
    }

    #[test]
    fn what_is_not_known_keeps_its_name_and_little_is_needed() {
        let event = read(&json!({"event": "chat_started", "chat": {}}));
        assert_eq!(
            (event.kind, event.name.as_str()),
            (Kind::Unknown, "chat_started")
        );
        assert_eq!(read(&json!({"event": "call_ended"})).call_id, None);
        let odd = json!({"event": "call_ended", "call": {"call_id": 1, "start_timestamp": -5,
            "end_timestamp": 9_223_372_036_854_775_807_i64, "duration_ms": -1, "direction": "up",
            "metadata": "x"}});
        assert_eq!(read(&odd).duration_ms, None);
        for body in ["", "[]", "null", "{}", r#"{"event":1}"#, r#"{"event":""}"#] {
            let verified = Verified::from_store(Scheme::Retell, body.as_bytes());
            assert_eq!(Event::parse(&verified), Err(Refusal::Malformed), "{body}");
        }
    }

    #[test]
    fn copies_have_one_key_and_nothing_else_has_it() {
        // The transcript may grow between two retries; the call is the same.
        let mut other = ended();
        other["call"]["transcript"] = json!("more");
        assert_eq!(key(&ended(), 1), key(&other, 2));
        other["event"] = json!("call_analyzed");
        assert_ne!(key(&ended(), 1), key(&other, 1));
        // A call has many of these.
        let update = |text| {
            json!({"event": "transcript_updated",
            "call": {"call_id": "c1", "transcript": text}})
        };
        assert_eq!(key(&update("a"), 1), key(&update("a"), 2));
        assert_ne!(key(&update("a"), 1), key(&update("b"), 1));
        // Two calls between the same numbers.
        let inbound = json!({"event": "call_inbound",
            "call_inbound": {"from_number": "+1", "to_number": "+2"}});
        assert_ne!(key(&inbound, 1), key(&inbound, 2));
        let mut dated = inbound;
        dated["event_timestamp"] = json!(5);
        assert_eq!(key(&dated, 1), key(&dated, 2));
    }
}
