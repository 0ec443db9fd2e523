//! By what an event of a provider can name an organization.

use super::ChannelSettings;

named_enum! {
    /// What an organization says is its own.
    pub enum IdentityKind as "channel identity" {
        RetellAgent = "retell_agent", "The id of an agent at Retell.";
        PhoneNumber = "phone_number", "A number that patients call.";
        MetaPhoneNumberId = "meta_phone_number_id", "Meta's id of a number.";
        EvolutionInstance = "evolution_instance", "An instance of the Evolution API.";
    }
}

/// What the settings of a channel say is the organization's.
pub fn of(settings: &ChannelSettings) -> Vec<(IdentityKind, String)> {
    use IdentityKind as Kind;
    let one = |kind, value: &Option<String>| value.clone().map(|value| (kind, value));
    match settings {
        ChannelSettings::TwilioRealtime(twilio) | ChannelSettings::TwilioStandard(twilio) => {
            let numbers = twilio.phone_numbers.iter();
            numbers
                .map(|number| (Kind::PhoneNumber, number.to_string()))
                .collect()
        }
        ChannelSettings::Retell(retell) => {
            let numbers = retell.phone_numbers.iter();
            numbers
                .map(|number| (Kind::PhoneNumber, number.to_string()))
                .chain(one(Kind::RetellAgent, &retell.agent_id))
                .collect()
        }
        ChannelSettings::Whatsapp(whatsapp) => {
            let instance = one(Kind::EvolutionInstance, &whatsapp.instance_name);
            let number = one(Kind::MetaPhoneNumberId, &whatsapp.phone_number_id);
            instance.into_iter().chain(number).collect()
        }
        ChannelSettings::Web(_) => Vec::new(),
    }
}
