//! Call events of Twilio.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use url::form_urlencoded;

use crate::domain::webhook::{Refusal, Scheme, Verified, dedup, fields};

named_enum! {
    /// The type of a Twilio request.
    pub enum Kind as "Twilio event" {
        IncomingCall = "incoming_call", "An incoming call: Twilio waits for TwiML.";
        StatusCallback = "call_status", "The status of a call changed, or the call ended.";
        Other = "other", "Other events.";
    }
}

/// The statuses of an ended call.
const FINAL: &[&str] = &["completed", "busy", "failed", "no-answer", "canceled"];
/// Parameters of a status callback that a request for TwiML does not have.
const OF_A_CALLBACK: &[&str] = &["CallbackSource", "SequenceNumber", "CallDuration"];
/// Parameters of requests about a part of a call.
const OF_A_PART: &[&str] = &[
    "StreamSid",
    "RecordingSid",
    "ConferenceSid",
    "DialCallStatus",
];

/// A request of Twilio.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    pub kind: Kind,
    pub account_sid: Option<String>,
    pub call_sid: Option<String>,
    /// Twilio's spelling: `ringing`, `in-progress`, `completed`, …
    pub call_status: Option<String>,
    /// `inbound`, `outbound-api` or `outbound-dial`.
    pub direction: Option<String>,
    /// A telephone number, usually in E.164; otherwise `client:…`, `sip:…`, `anonymous`.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Duration in seconds.
    pub call_duration: Option<u32>,
}

impl Event {
    /// Parses a request.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the contents are JSON but not an object.
    pub fn parse(verified: &Verified<'_>) -> Result<Self, Refusal> {
        let parameters = parameters(verified.body_of(Scheme::Twilio)?)?;
        let get = |name: &str| parameters.get(name).and_then(|text| fields::id_of(text));
        let number = |name: &str| get(name).and_then(|text| text.parse().ok());
        let has_any = |names: &[&str]| names.iter().any(|name| get(name).is_some());
        let call_sid = get("CallSid");
        let status = get("CallStatus");
        let direction = get("Direction");
        let is_over = status.as_deref().is_some_and(|s| FINAL.contains(&s));
        let kind = if call_sid.is_none() || status.is_none() || has_any(OF_A_PART) {
            Kind::Other
        } else if is_over || has_any(OF_A_CALLBACK) {
            Kind::StatusCallback
        } else if direction.as_deref() == Some("inbound") {
            // Ringing; or in progress, if TwiML or a fallback redirects here again.
            Kind::IncomingCall
        } else {
            Kind::Other
        };
        Ok(Self {
            kind,
            account_sid: get("AccountSid"),
            call_sid,
            call_status: status,
            direction,
            from: get("From"),
            to: get("To"),
            call_duration: number("CallDuration"),
        })
    }

    /// `true` if the call has ended.
    pub fn is_over(&self) -> bool {
        let status = self.call_status.as_deref();
        status.is_some_and(|status| FINAL.contains(&status))
    }

    /// Returns the organization's own number: the called number of an inbound call, the caller of an
    /// outbound one. If the request has no direction, either number may be it.
    pub fn own_numbers(&self) -> [Option<&str>; 2] {
        let (from, to) = (self.from.as_deref(), self.to.as_deref());
        match self.direction.as_deref() {
            Some("inbound") => [to, None],
            Some(_) => [from, None],
            None => [from, to],
        }
    }

    /// Returns a key that is equal for all copies of a request: Twilio's token, else call and status.
    ///
    /// Twilio does not sign the token: an attacker who recorded a request could send it with another
    /// one. The effect of a request must therefore be the same if it is repeated
    /// ([`Self::effect_key`]).
    pub fn dedup_key(&self, verified: &Verified<'_>) -> String {
        match verified.delivery_id() {
            Some(token) => dedup::key(&["twilio_token", token]),
            None => self.effect_key(verified),
        }
    }

    /// Returns a key that is equal for requests with the same status of the same call, for any token.
    pub fn effect_key(&self, verified: &Verified<'_>) -> String {
        match (self.kind, &self.call_sid, &self.call_status) {
            (Kind::IncomingCall | Kind::StatusCallback, Some(sid), Some(status)) => {
                dedup::key(&[self.kind.as_str(), sid, status])
            }
            _ => dedup::contents("twilio", verified.body()),
        }
    }
}

/// `true` if the contents are JSON; no form of Twilio starts like JSON.
pub(super) fn is_json(contents: &[u8]) -> bool {
    contents.trim_ascii_start().starts_with(b"{")
}

/// Returns the parameters of a form, query or JSON object. A name with different values is omitted:
/// their order is not signed.
fn parameters(contents: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    if !is_json(contents) {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(contents) {
            let distinct = values.entry(name.into_owned()).or_default();
            distinct.insert(value.into_owned());
        }
        let only = |mut distinct: BTreeSet<String>| match distinct.len() {
            1 => distinct.pop_first(),
            _ => None,
        };
        return Ok(values
            .into_iter()
            .filter_map(|(name, distinct)| Some((name, only(distinct)?)))
            .collect());
    }
    let Value::Object(object) = fields::json(contents)? else {
        return Err(Refusal::Malformed);
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(object
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value)?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(body: &str) -> Verified<'_> {
        Verified::from_store(Scheme::Twilio, body.as_bytes())
    }

    fn read(body: &str) -> Event {
        Event::parse(&verified(body)).unwrap()
    }

    const CALL: &str = "CallSid=CA1&CallStatus=ringing&Direction=inbound&From=%2B41443643532\
                        &To=%2B15005550006&AccountSid=AC1";

    #[test]
    fn an_incoming_call_is_told_from_the_callbacks_of_its_status() {
        let call = read(CALL);
        assert_eq!(call.kind, Kind::IncomingCall);
        assert_eq!(call.from.as_deref(), Some("+41443643532"));
        assert_eq!(call.to.as_deref(), Some("+15005550006"));
        for (body, kind) in [
            (format!("{CALL}&SequenceNumber=0"), Kind::StatusCallback),
            (
                CALL.replace("ringing", "completed") + "&CallDuration=73",
                Kind::StatusCallback,
            ),
            (CALL.replace("ringing", "no-answer"), Kind::StatusCallback),
            (CALL.replace("ringing", "in-progress"), Kind::IncomingCall),
            (CALL.replace("inbound", "outbound-api"), Kind::Other),
            (format!("{CALL}&StreamSid=MZ1&StreamEvent=x"), Kind::Other),
            ("MessageSid=SM1&From=%2B1".to_owned(), Kind::Other),
            (String::new(), Kind::Other),
            ("CallSid=&CallStatus=ringing".to_owned(), Kind::Other),
        ] {
            assert_eq!(read(&body).kind, kind, "{body}");
        }
        let over = read("CallSid=CA1&CallStatus=completed&CallDuration=73");
        assert_eq!(over.call_duration, Some(73));
        assert_eq!(read("CallDuration=-1").call_duration, None);
    }

    #[test]
    fn a_name_with_several_values_has_none() {
        for form in ["From=%2B1&From=%2B2", "From=%2B2&From=%2B1"] {
            assert_eq!(read(form).from, None, "{form}");
        }
        assert_eq!(read("From=a&From=a").from.as_deref(), Some("a"));
    }

    #[test]
    fn json_says_the_same() {
        let json = r#"{"CallSid":"CA1","CallStatus":"completed","CallDuration":73,"x":[1]}"#;
        let event = read(json);
        assert_eq!(event.kind, Kind::StatusCallback);
        assert_eq!(event.call_duration, Some(73));
        assert_eq!(
            Event::parse(&verified("{\"CallSid\"")),
            Err(Refusal::Malformed)
        );
    }

    #[test]
    fn copies_have_one_key_and_nothing_else_has_it() {
        let key = |body: &str, token: Option<&'static str>| {
            let verified = verified(body).delivered_as(token);
            read(body).dedup_key(&verified)
        };
        assert_eq!(key(CALL, None), "incoming_call:CA1:ringing");
        assert_eq!(key(CALL, Some("t1")), "twilio_token:t1");
        assert_eq!(
            key(&format!("{CALL}&SequenceNumber=0"), None),
            "call_status:CA1:ringing"
        );
        assert_ne!(key("MessageSid=SM1", None), key("MessageSid=SM2", None));
        let again = verified(CALL).delivered_as(Some("t2"));
        assert_eq!(read(CALL).effect_key(&again), key(CALL, None));
    }
}
