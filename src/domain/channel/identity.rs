//! Identities by which a provider's events name an organization. Each belongs to one organization on
//! the platform, which claims it in the settings of a channel.

use std::fmt;

use serde::Serialize;

use super::ChannelSettings;
use crate::{
    domain::PhoneNumber,
    error::{Error, Result},
};

named_enum! {
    /// A kind of identity that an organization can claim.
    pub enum IdentityKind as "channel identity" {
        RetellAgent = "retell_agent", "The id of an agent at Retell.";
        PhoneNumber = "phone_number", "A number that patients call.";
        MetaPhoneNumberId = "meta_phone_number_id", "Meta's id of a number.";
        EvolutionInstance = "evolution_instance", "An instance of the Evolution API.";
    }
}

named_enum! {
    /// The status of a claim to an identity.
    pub enum ClaimStatus as "claim status" {
        Granted = "granted", "The organization holds the identity.";
        Pending = "pending", "The claim needs the operator's approval.";
        Rejected = "rejected", "The operator rejected it.";
        Released = "released", "The operator released the identity.";
        Dormant = "dormant", "The organization held it when it was deleted.";
    }
}

named_enum! {
    /// The requirement for a claim by a tenant's own admin.
    #[derive(Default)]
    pub enum ClaimPolicy as "claim policy" {
        #[default]
        Approved = "approved", "The operator's approval.";
        Open = "open", "None: the claim is granted if no other organization holds the identity.";
    }
}

/// One identity. Numbers are in E.164, the others as the provider spells them.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize)]
pub struct Identity {
    pub kind: IdentityKind,
    pub value: String,
}

impl Identity {
    /// Returns the identity named by an event, with a number in any common format. Text that is not a
    /// number (a SIP address, a client) is unchanged, and belongs to no organization.
    pub fn named(kind: IdentityKind, text: &str) -> Self {
        let value = match kind {
            IdentityKind::PhoneNumber => normalized(text).unwrap_or_else(|| text.to_owned()),
            _ => text.to_owned(),
        };
        Self { kind, value }
    }

    /// Parses an identity entered by a person.
    ///
    /// # Errors
    /// `BadInput` if it is blank or not a valid telephone number.
    pub fn parse(kind: IdentityKind, text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::bad_input(format!("{kind}: the value is empty")));
        }
        let value = match kind {
            IdentityKind::PhoneNumber => PhoneNumber::parse(text, None)?.to_string(),
            _ => text.to_owned(),
        };
        Ok(Self { kind, value })
    }
}

/// A number with `+` or the international prefix 00, and the URI scheme that some providers add.
fn normalized(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = ["tel:", "whatsapp:"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text)
        .trim();
    let international;
    let bare = match bare.strip_prefix("00") {
        Some(digits) => {
            international = format!("+{digits}");
            &international
        }
        None => bare,
    };
    PhoneNumber::canonical(bare, None).map(|number| number.into_owned())
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

/// Returns the identities that the settings of a channel claim.
pub fn of(settings: &ChannelSettings) -> Vec<Identity> {
    use IdentityKind as Kind;
    let one = |kind, value: &Option<String>| value.clone().map(|value| Identity { kind, value });
    let numbers = |numbers: &[PhoneNumber]| -> Vec<Identity> {
        let numbers = numbers.iter();
        numbers
            .map(|number| Identity {
                kind: Kind::PhoneNumber,
                value: number.to_string(),
            })
            .collect()
    };
    match settings {
        ChannelSettings::TwilioRealtime(twilio) | ChannelSettings::TwilioStandard(twilio) => {
            numbers(&twilio.phone_numbers)
        }
        ChannelSettings::Retell(retell) => {
            let mut all = numbers(&retell.phone_numbers);
            all.extend(one(Kind::RetellAgent, &retell.agent_id));
            all
        }
        ChannelSettings::Whatsapp(whatsapp) => {
            let instance = one(Kind::EvolutionInstance, &whatsapp.instance_name);
            let number = one(Kind::MetaPhoneNumberId, &whatsapp.phone_number_id);
            instance.into_iter().chain(number).collect()
        }
        ChannelSettings::Web(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_in_every_spelling() {
        for text in [
            "+41443643532",
            "+41 44 364 35 32",
            " tel:+41443643532",
            "whatsapp:+41443643532",
            "0041443643532",
            "+41(0)44 364-35-32",
        ] {
            let named = Identity::named(IdentityKind::PhoneNumber, text);
            assert_eq!(named.value, "+41443643532", "{text}");
        }
        for text in [
            "sip:+41443643532@a.example",
            "client:alice",
            "anonymous",
            "",
        ] {
            let named = Identity::named(IdentityKind::PhoneNumber, text);
            assert_eq!(named.value, text, "not a number");
        }
    }

    #[test]
    fn other_identities_are_compared_exactly() {
        for kind in IdentityKind::ALL {
            if *kind != IdentityKind::PhoneNumber {
                assert_eq!(Identity::named(*kind, "Alpha").value, "Alpha");
                assert_eq!(Identity::parse(*kind, " Alpha ").unwrap().value, "Alpha");
            }
            assert!(Identity::parse(*kind, " ").is_err());
        }
        let error = Identity::parse(IdentityKind::PhoneNumber, "alpha").unwrap_err();
        assert!(error.to_string().contains("not a valid telephone number"));
    }
}
