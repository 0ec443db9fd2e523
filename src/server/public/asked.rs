//! Which organization a request names.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use serde::Deserialize;

use crate::{
    domain::widget::Named,
    server::{Answer, ClientAddress, Problem, ServerState},
};

/// What an address says after the `?`. What else it says is not looked at.
#[derive(Deserialize)]
pub(super) struct Names {
    slug: Option<String>,
    #[serde(rename = "orgId")]
    org_id: Option<String>,
    channel: Option<String>,
}

impl Names {
    /// Whether an organization is named at all.
    pub(super) fn is_empty(&self) -> bool {
        self.slug.is_none() && self.org_id.is_none()
    }

    /// The channel; `None`: of the one that there is for strangers.
    pub(super) fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The organization. `None`: what cannot be the name of one.
    ///
    /// # Errors
    /// 400 where none is named, or two.
    pub(super) fn named(&self) -> Answer<Option<Named>> {
        match (self.slug.as_deref(), self.org_id.as_deref()) {
            (Some(slug), None) => Ok(Named::slug(slug)),
            (None, Some(id)) => Ok(Named::id(id)),
            _ => Err(Problem::bad_input().detail("name one organization: slug=… or orgId=…")),
        }
    }
}

/// From which website is asked, and for whom: counted by the address already.
pub(super) struct Asked {
    /// The website, as the browser says it; `None`: no browser, or no single origin.
    pub(super) origin: Option<String>,
    pub(super) names: Names,
    /// Which answers the client has already.
    pub(super) held: Vec<HeaderValue>,
}

impl FromRequestParts<ServerState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Answer<Self> {
        let client = parts.extensions.get::<ClientAddress>().copied();
        let client = client.unwrap_or(ClientAddress(None));
        // Before anything else is done for whoever asks.
        super::count(state, client)?;
        let Query(names) = Query::try_from_uri(&parts.uri).map_err(|_| {
            Problem::bad_input().detail("the address cannot be read: name each thing once")
        })?;
        Ok(Self {
            origin: origin(&parts.headers),
            names,
            held: held(&parts.headers),
        })
    }
}

fn held(headers: &HeaderMap) -> Vec<HeaderValue> {
    let held = headers.get_all(header::IF_NONE_MATCH).iter();
    held.cloned().collect()
}

fn origin(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(header::ORIGIN).iter();
    let only = all.next().filter(|_| all.next().is_none());
    Some(only?.to_str().ok()?.to_owned())
}
