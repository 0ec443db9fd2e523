//! The organization that a request names.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::responses::Found;
use crate::{
    domain::{OrganizationId, widget::Named},
    server::{
        client::ClientAddress,
        connection_limiter::EntryPoint,
        problem::{Answer, Problem},
        state::ServerState,
    },
    services::widget,
};

/// The identification of an organization, in a query string or a body.
#[derive(Default, Deserialize)]
pub(super) struct Names {
    slug: Option<String>,
    #[serde(rename = "orgId")]
    org_id: Option<String>,
}

/// The requested channel.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) enum Wanted {
    /// No channel given.
    #[default]
    Any,
    Channel(String),
    /// More than one, which is ambiguous.
    Several,
}

impl Names {
    /// `true` if no organization is named.
    pub(super) fn is_empty(&self) -> bool {
        self.slug.is_none() && self.org_id.is_none()
    }

    /// Returns the organization; `None` if the value cannot be the name of one.
    ///
    /// # Errors
    /// 400 if none is named, or two.
    pub(super) fn named(&self) -> Answer<Option<Named>> {
        match (self.slug.as_deref(), self.org_id.as_deref()) {
            (Some(slug), None) => Ok(Named::slug(slug)),
            (None, Some(id)) => Ok(Named::id(id)),
            _ => Err(Problem::bad_input().detail("specify one organization: slug=… or orgId=…")),
        }
    }
}

/// Parses a query string. Other parameters are ignored.
///
/// # Errors
/// 400 if an organization is named twice.
fn read(query: &str) -> Answer<(Names, Wanted)> {
    let (mut names, mut wanted) = (Names::default(), Wanted::Any);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let named = match &*name {
            "slug" => &mut names.slug,
            "orgId" => &mut names.org_id,
            "channel" => {
                wanted = match wanted {
                    Wanted::Any => Wanted::Channel(value.into_owned()),
                    _ => Wanted::Several,
                };
                continue;
            }
            _ => continue,
        };
        if named.replace(value.into_owned()).is_some() {
            let detail = "invalid query: specify slug or orgId once";
            return Err(Problem::bad_input().detail(detail));
        }
    }
    Ok((names, wanted))
}

/// A public request, already counted by its address: website, organization and channel.
pub(super) struct Asked {
    /// The origin sent by the browser; `None` for no browser, or no single origin.
    pub(super) origin: Option<String>,
    pub(super) names: Names,
    pub(super) wanted: Wanted,
    /// The ETags of the responses that the client has.
    pub(super) held: Vec<HeaderValue>,
}

impl FromRequestParts<ServerState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Answer<Self> {
        let client = parts.extensions.get::<ClientAddress>().copied();
        let client = client.unwrap_or(ClientAddress(None));
        // Before any other work for this client.
        count(state, client)?;
        let (names, wanted) = read(parts.uri.query().unwrap_or_default())?;
        Ok(Self {
            origin: origin(&parts.headers),
            names,
            wanted,
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

/// Looks up an active organization; `None` if there is none.
pub(super) async fn find(state: &ServerState, named: Option<&Named>) -> Answer<Option<Arc<Found>>> {
    let Some(named) = named else {
        return Ok(None);
    };
    let api = &state.public;
    let load = || async {
        let db = state.connection_for_look_up(EntryPoint::Public).await?;
        let channel = widget::find(&db, named).await?;
        Found::of(channel)
    };
    let organizations = &api.organizations;
    let found = organizations.get_or(&state.metrics, named, load).await?;
    if found.known().is_some() {
        return Ok(Some(found));
    }
    let named = match named {
        Named::Slug(slug) => slug.clone(),
        Named::Id(id) => id.to_string(),
    };
    api.limits.check_unknown(&state.metrics, named)?;
    Ok(None)
}

/// Counts a request by its organization.
pub(super) fn count_for(state: &ServerState, organization: OrganizationId) -> Answer<()> {
    let limits = &state.public.limits;
    limits.check_organization(&state.metrics, organization)
}

/// Counts a request by its address.
fn count(state: &ServerState, client: ClientAddress) -> Answer<()> {
    state.public.limits.check_address(&state.metrics, client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Option<(Option<String>, Option<String>, Wanted)> {
        let (names, wanted) = read(query).ok()?;
        Some((names.slug, names.org_id, wanted))
    }

    #[test]
    fn an_organization_is_named_once_and_the_rest_is_not_looked_at() {
        let text = |text: &str| Some(text.to_owned());
        for (query, expected) in [
            ("", Some((None, None, Wanted::Any))),
            ("slug=a&x=1&x=2", Some((text("a"), None, Wanted::Any))),
            (
                "orgId=b%2Bc&channel=web",
                Some((None, text("b+c"), Wanted::Channel("web".to_owned()))),
            ),
            (
                "slug=a&channel=web&channel=web",
                Some((text("a"), None, Wanted::Several)),
            ),
            ("slug=a&slug=a", None),
            ("orgId=a&orgId=b", None),
        ] {
            assert_eq!(names(query), expected, "{query}");
        }
    }
}
