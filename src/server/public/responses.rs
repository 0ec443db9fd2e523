//! The responses of the read endpoints for one organization.
//!
//! Their fields are copied individually from the data that the public may see. Both responses are
//! built once per database state and kept as bytes.

use std::fmt::Write as _;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::frames::frame_ancestors;
use crate::{
    domain::{ChannelKind, OrganizationId, widget::PublicChannel},
    error::{Error, Result},
    server::cache::OfOrganization,
};

/// Time that browsers and proxies may cache a response. An edit is live in this server at once, and
/// on every website this much later.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=10");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The result of a lookup by name, as it is cached.
#[derive(Debug)]
pub(super) struct Found(Option<Known>);

/// An active organization with a web chat, and its responses.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) channel: PublicChannel,
    pub(super) look_up: Kept,
    pub(super) configuration: Kept,
    frame_ancestors: HeaderValue,
}

/// A response as bytes, with its ETag.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Bytes,
    tag: HeaderValue,
}

impl OfOrganization for Found {
    fn organization(&self) -> Option<OrganizationId> {
        self.0.as_ref().map(|known| known.channel.organization)
    }
}

/// The organization of a slug. Every field is public.
#[derive(Serialize)]
struct OrganizationAnswer<'a> {
    id: OrganizationId,
    name: &'a str,
    language: &'a str,
}

/// The appearance of the chat. Every field is public.
#[derive(Serialize)]
struct ChannelAnswer<'a> {
    organization_id: OrganizationId,
    channel: &'static str,
    enabled: bool,
    name: &'a str,
    branding: Branding<'a>,
    language: &'a str,
    greeting: Option<&'a str>,
}

/// The branding of the organization.
#[derive(Serialize)]
struct Branding<'a> {
    name: &'a str,
}

impl Found {
    /// Builds the responses.
    pub(super) fn of(channel: Option<PublicChannel>) -> Result<Self> {
        channel.map(Known::of).transpose().map(Self)
    }

    pub(super) fn known(&self) -> Option<&Known> {
        self.0.as_ref()
    }
}

impl Known {
    fn of(channel: PublicChannel) -> Result<Self> {
        let look_up = Kept::of(&OrganizationAnswer {
            id: channel.organization,
            name: &channel.name,
            language: channel.language.as_str(),
        })?;
        let configuration = Kept::of(&ChannelAnswer {
            organization_id: channel.organization,
            channel: ChannelKind::Web.as_str(),
            // A disabled chat has no response.
            enabled: true,
            name: &channel.name,
            branding: Branding {
                name: &channel.name,
            },
            language: channel.language.as_str(),
            greeting: channel.greeting.as_deref(),
        })?;
        Ok(Self {
            look_up,
            configuration,
            frame_ancestors: frame_ancestors(&channel),
            channel,
        })
    }

    /// Returns the response, or 304 if the client already has it.
    pub(super) fn answer(&self, kept: &Kept, held: &[HeaderValue]) -> Response {
        let mut response = match is_held(held, &kept.tag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => ([(header::CONTENT_TYPE, JSON)], kept.bytes.clone()).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, kept.tag.clone());
        headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            self.frame_ancestors.clone(),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

impl Kept {
    fn of(answer: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(answer)
            .map_err(|error| Error::failure("cannot serialize the response").because(error))?;
        let mut tag = String::from("\"");
        for byte in &Sha256::digest(&bytes)[..16] {
            // Writing to a string cannot fail.
            let _written = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        let tag = HeaderValue::try_from(tag)
            .map_err(|error| Error::failure("cannot create the ETag").because(error))?;
        Ok(Self {
            bytes: bytes.into(),
            tag,
        })
    }
}

/// `true` if the client has this response (RFC 9110, section 13.1.2: weak comparison).
fn is_held(held: &[HeaderValue], tag: &HeaderValue) -> bool {
    held.iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn known() -> Known {
        Known::of(PublicChannel {
            organization: Uuid::from_u128(1).into(),
            name: "Praxis \"Süd\"".to_owned(),
            language: "de-CH".parse().unwrap(),
            greeting: Some("Grüezi".to_owned()),
            allowed_origins: vec!["https://a.example".parse().unwrap()],
            version: 3,
        })
        .unwrap()
    }

    /// Exactly these: an additional field needs a decision.
    #[test]
    fn the_answers_have_the_fields_that_strangers_may_see() {
        let id = "00000000-0000-0000-0000-000000000001";
        let text = |kept: &Kept| String::from_utf8(kept.bytes.to_vec()).unwrap();
        assert_eq!(
            text(&known().look_up),
            format!(r#"{{"id":"{id}","name":"Praxis \"Süd\"","language":"de-CH"}}"#)
        );
        assert_eq!(
            text(&known().configuration),
            format!(
                r#"{{"organization_id":"{id}","channel":"web","enabled":true,"name":"Praxis \"Süd\"","branding":{{"name":"Praxis \"Süd\""}},"language":"de-CH","greeting":"Grüezi"}}"#
            )
        );
    }

    #[test]
    fn a_client_that_has_the_answer_is_told_so_and_no_other() {
        let known = known();
        let tag = known.configuration.tag.to_str().unwrap().to_owned();
        let held = |value: &str| {
            let held = [value.parse().unwrap()];
            known.answer(&known.configuration, &held).status()
        };
        for value in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert_eq!(held(&value), StatusCode::NOT_MODIFIED, "{value}");
        }
        let of_the_other = known.look_up.tag.to_str().unwrap();
        for value in ["\"x\"", "", of_the_other, tag.trim_matches('"')] {
            assert_eq!(held(value), StatusCode::OK, "{value}");
        }
    }
}
