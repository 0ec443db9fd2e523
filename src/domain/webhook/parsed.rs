//! The contents of a request of any scheme, for storage and lists.

use super::{Refusal, Scheme, Verified, evolution, meta, retell, standard, twilio};

/// A parsed request.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    Twilio(twilio::Event),
    Retell(retell::Event),
    Meta(Vec<meta::Event>),
    Evolution(Vec<evolution::Event>),
    Standard(standard::AuthEvent),
}

/// One item of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// The type of the item, in the provider's terms or ours.
    pub name: String,
    /// Equal for copies of the item, and for no other item of the same endpoint.
    pub dedup_key: String,
}

/// Parses a verified request.
///
/// # Errors
/// [`Refusal::Malformed`].
pub fn parse(verified: &Verified<'_>) -> Result<Parsed, Refusal> {
    Ok(match verified.scheme() {
        Scheme::Twilio => Parsed::Twilio(twilio::Event::parse(verified)?),
        Scheme::Retell => Parsed::Retell(retell::Event::parse(verified)?),
        Scheme::Meta => Parsed::Meta(meta::Event::split(verified)?),
        Scheme::Evolution => Parsed::Evolution(evolution::Event::split(verified)?),
        Scheme::Standard => Parsed::Standard(standard::AuthEvent::parse(verified)?),
    })
}

impl Parsed {
    /// Returns the items in order: at least one.
    pub fn items(&self, verified: &Verified<'_>) -> Vec<Item> {
        let one = |name: &str, dedup_key| {
            vec![Item {
                name: name.to_owned(),
                dedup_key,
            }]
        };
        match self {
            Self::Twilio(event) => one(event.kind.as_str(), event.dedup_key(verified)),
            Self::Retell(event) => one(&event.name, event.dedup_key(verified)),
            Self::Standard(event) => {
                let name = event.name.as_deref().unwrap_or(event.hook.as_str());
                one(name, event.dedup_key(verified))
            }
            Self::Meta(events) => events
                .iter()
                .flat_map(|event| one(event.name(), event.dedup_key()))
                .collect(),
            Self::Evolution(events) => events
                .iter()
                .flat_map(|event| one(&event.name, event.dedup_key()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn check(scheme: Scheme, body: &[u8]) {
        let verified = Verified::from_store(scheme, body);
        match parse(&verified) {
            Err(refusal) => assert_eq!(refusal, Refusal::Malformed),
            Ok(parsed) => {
                let items = parsed.items(&verified);
                assert!(!items.is_empty());
                for item in items {
                    let key = &item.dedup_key;
                    assert!(key.len() <= 200 && !key.contains('\0'), "{key}");
                    assert!(!item.name.contains('\0'));
                }
                assert_eq!(parse(&verified).unwrap(), parsed);
                check_pieces(&parsed);
            }
        }
    }

    /// The stored parts of a request with several items are parsed as the same items.
    fn check_pieces(parsed: &Parsed) {
        match parsed {
            Parsed::Meta(events) => {
                for event in events {
                    let body = event.to_body();
                    let again = meta::Event::split(&Verified::from_store(Scheme::Meta, &body));
                    let keys = again.unwrap().into_iter().map(|event| event.dedup_key());
                    assert_eq!(keys.collect::<Vec<_>>(), [event.dedup_key()]);
                }
            }
            Parsed::Evolution(events) => {
                for event in events {
                    let body = event.to_body();
                    let stored = Verified::from_store(Scheme::Evolution, &body);
                    let again = evolution::Event::split(&stored).unwrap();
                    assert_eq!(again.as_slice(), std::slice::from_ref(event));
                }
            }
            _ => {}
        }
    }

    /// JSON with names and values that are significant to one of the parsers.
    fn json() -> impl Strategy<Value = Value> {
        let words = prop::sample::select(vec![
            "event",
            "call",
            "call_inbound",
            "call_ended",
            "call_id",
            "metadata",
            "name",
            "uuid",
            "organization_id",
            "object",
            "whatsapp_business_account",
            "entry",
            "changes",
            "field",
            "messages",
            "statuses",
            "value",
            "phone_number_id",
            "id",
            "status",
            "timestamp",
            "type",
            "text",
            "body",
            "data",
            "key",
            "fromMe",
            "remoteJid",
            "message",
            "apikey",
            "instance",
            "messages.upsert",
            "messages.update",
            "user",
            "email",
            "CallSid",
            "email_confirmed_at",
            "after-user-created",
            "2025-04-29T20:13:24Z",
            "conversation",
            "ff7fc9ae-3b1b-4642-9241-64adb9848a03",
            "a@example.com",
            "1700000000",
            "",
        ]);
        let word = words.prop_map(str::to_owned);
        let leaf = prop_oneof![
            4 => word.clone().prop_map(Value::from),
            1 => any::<String>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                3 => prop::collection::hash_map(word.clone(), inner, 0..6)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for scheme in Scheme::ALL {
                check(*scheme, &body);
            }
        }

        #[test]
        fn any_json_is_read_or_refused(value in json()) {
            let body = value.to_string();
            for scheme in Scheme::ALL {
                check(*scheme, body.as_bytes());
            }
        }
    }
}
