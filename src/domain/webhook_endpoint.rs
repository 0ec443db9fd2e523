//! Endpoints to which a provider sends the events of one channel of one organization.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ChannelKind, OrganizationId, webhook::Scheme};
use crate::error::{Error, Result};

const ID: usize = 16;
const LENGTH: usize = ID + 16;

/// The last part of an endpoint's URL: 16 bytes of organization id and 128 random bits, in 43
/// characters of base64url (RFC 4648 §5).
///
/// The id selects one tenant, so that no lookup crosses tenants; the rest finds the row. It is hard
/// to guess but not secret: the signature of a request is the proof.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct EndpointAddress([u8; LENGTH]);

impl EndpointAddress {
    /// Creates an address in `organization` from fresh random bits; the first half is used.
    pub fn new(organization: OrganizationId, random: [u8; 32]) -> Self {
        let random: [u8; 16] = std::array::from_fn(|at| random[at]);
        Self::from_stored(organization, random)
    }

    /// The address of a stored row.
    pub fn from_stored(organization: OrganizationId, random: [u8; 16]) -> Self {
        let mut bytes = [0; LENGTH];
        bytes[..ID].copy_from_slice(organization.as_uuid().as_bytes());
        bytes[ID..].copy_from_slice(&random);
        Self(bytes)
    }

    /// Parses the last part of a URL; `None` if it is not an endpoint address.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(LENGTH) => Some(Self(bytes)),
            _ => None,
        }
    }

    /// The organization.
    pub fn organization_id(&self) -> OrganizationId {
        let id: [u8; ID] = std::array::from_fn(|at| self.0[at]);
        Uuid::from_bytes(id).into()
    }

    /// The random part, which identifies the row in the organization.
    pub fn random(&self) -> [u8; 16] {
        std::array::from_fn(|at| self.0[ID + at])
    }

    /// The path of its URL.
    pub fn path(&self) -> String {
        format!("/webhooks/{self}")
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

named_enum! {
    /// The purpose of an endpoint's secret.
    pub enum SecretPurpose as "purpose of a secret" {
        Signing = "signing", "The provider signs its requests with it.";
        VerifyToken = "verify_token", "Meta sends it when the address is registered.";
    }
}

/// An endpoint, without its secrets.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    pub id: Uuid,
    pub channel: ChannelKind,
    pub scheme: Scheme,
    pub address: EndpointAddress,
    pub enabled: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The scheme of a channel: `asked` if given, otherwise the channel's first.
///
/// # Errors
/// `Usage` for a channel without webhooks or a scheme that the channel does not support.
pub fn scheme_of(channel: ChannelKind, asked: Option<Scheme>) -> Result<Scheme> {
    let schemes: &[Scheme] = match channel {
        ChannelKind::TwilioRealtime | ChannelKind::TwilioStandard => &[Scheme::Twilio],
        ChannelKind::Retell => &[Scheme::Retell],
        ChannelKind::Whatsapp => &[Scheme::Meta, Scheme::Evolution],
        ChannelKind::Web => &[],
    };
    match (schemes.first(), asked) {
        (Some(first), None) => Ok(*first),
        (_, Some(asked)) if schemes.contains(&asked) => Ok(asked),
        (None, _) => Err(Error::usage(format!("channel {channel} has no webhook"))
            .hint("the widget of the web chat gets a token from /api/public/widget-session")),
        (Some(_), Some(asked)) => {
            let names: Vec<&str> = schemes.iter().map(|scheme| scheme.as_str()).collect();
            Err(Error::usage(format!(
                "channel {channel} does not support the scheme {asked}"
            ))
            .hint(format!("its schemes: {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_organization() {
        let organization: OrganizationId = Uuid::from_u128(7).into();
        let address = EndpointAddress::new(organization, [9; 32]);
        let text = address.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(EndpointAddress::parse(&text), Some(address));
        assert_eq!(address.organization_id(), organization);
        assert_eq!(address.random(), [9; 16]);
        for other in [
            "",
            "short",
            &text[1..],
            &format!("{text}A"),
            "../../etc/passwd",
        ] {
            assert_eq!(EndpointAddress::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_channel_speaks_its_schemes() {
        use ChannelKind as C;
        use Scheme as S;
        for (channel, asked, expected) in [
            (C::TwilioRealtime, None, Some(S::Twilio)),
            (C::Whatsapp, None, Some(S::Meta)),
            (C::Whatsapp, Some(S::Evolution), Some(S::Evolution)),
            (C::Retell, Some(S::Meta), None),
            (C::Retell, Some(S::Standard), None),
            (C::Web, None, None),
        ] {
            assert_eq!(scheme_of(channel, asked).ok(), expected, "{channel}");
        }
    }
}
