//! The web chat for visitors of a website. A visitor is identified by a token and may see only
//! public data. Data for the agents is read from the database and never taken from the visitor.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::{
    crypto::SealingKeys,
    db::{
        self, Database, PlatformConn, TenantTx,
        channels::StoredChannel,
        webhooks::events::{self, NewEvent},
    },
    domain::{
        ChannelKind, Organization, OrganizationId, OrganizationStatus, ResolvedInstruction,
        instructions, jwt,
        webhook_effect::WidgetMessage,
        webhook_event::Delivery,
        widget::{Named, PublicChannel, SessionClaims, VisitorMessage},
    },
    error::{Error, Result},
    system::new_id,
};

/// Purpose for which the session keys are derived.
const PURPOSE: &str = "widget session";

/// Event kind of visitors' messages.
const EVENT_KIND: &str = "message";

/// Returns the public information about an organization. `None`, without distinction, if it does
/// not exist, is suspended or deleted, has its web chat disabled, or allows the chat on no website.
pub async fn find(db: &Database, named: &Named) -> Result<Option<PublicChannel>> {
    let id = match named {
        Named::Id(id) => *id,
        Named::Slug(slug) => {
            let mut conn = PlatformConn::open(db)?;
            let found = db::organizations::id_of_slug(&mut conn, slug).await?;
            // A slug that does not exist takes the same statements as a disabled chat, so that the
            // response time reveals nothing. No organization has the nil id.
            found.unwrap_or_else(|| OrganizationId::from(Uuid::nil()))
        }
    };
    let mut tx = TenantTx::begin(db, id).await?;
    let channel = db::public::web_channel(&mut tx).await?;
    tx.commit().await?;
    Ok(channel)
}

/// A new session.
#[derive(Debug)]
pub struct Begun {
    /// The token that the visitor sends with each request.
    pub token: SecretString,
    pub session: Uuid,
    pub expires_at: DateTime<Utc>,
}

/// Begins a session for a visitor of the website `origin`. `None` if that website may not show the
/// chat.
///
/// # Errors
/// `Failure` if there is no key.
pub fn begin(
    keys: &SealingKeys,
    channel: &PublicChannel,
    origin: &str,
    now: DateTime<Utc>,
) -> Result<Option<Begun>> {
    if !channel.allows(origin) {
        return Ok(None);
    }
    let claims = SessionClaims::new(channel, new_id(), origin, now);
    let derived = keys.derive(PURPOSE);
    let (id, key) = derived
        .first()
        .ok_or_else(|| Error::failure("there is no key to sign sessions with"))?;
    let token = jwt::encode(Some(id), &claims, key.as_slice())
        .map_err(|_| Error::failure("a session could not be signed"))?;
    Ok(Some(Begun {
        token: token.into(),
        session: claims.session,
        expires_at: claims.expires_at,
    }))
}

/// Returns the claims of a token if its signature is valid and it has not expired. Only the key
/// named in the token is tried.
pub fn verify(keys: &SealingKeys, token: &str, now: DateTime<Utc>) -> Option<SessionClaims> {
    let id = jwt::key_id(token)?;
    let derived = keys.derive(PURPOSE);
    let (_, key) = derived.iter().find(|(known, _)| *known == id)?;
    let claims: SessionClaims = jwt::decode(token.as_bytes(), key.as_slice()).ok()?;
    claims.is_current(now).then_some(claims)
}

/// A session with the data that an agent needs to answer in it.
#[derive(Debug)]
pub struct OpenSession {
    pub organization: Organization,
    pub channel: StoredChannel,
    /// The instructions in effect for the agents, from the organization and the platform.
    pub instructions: Vec<ResolvedInstruction>,
}

/// Opens the session of a verified token with the current configuration. `None` if the organization
/// is not active, the chat is disabled, or the website of the session may no longer show the chat.
pub async fn open_session(db: &Database, claims: &SessionClaims) -> Result<Option<OpenSession>> {
    let Some((tx, session)) = enter(db, claims).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    Ok(Some(session))
}

async fn enter(db: &Database, claims: &SessionClaims) -> Result<Option<(TenantTx, OpenSession)>> {
    let mut tx = TenantTx::begin(db, claims.organization).await?;
    let organization = db::organizations::current(&mut tx).await?;
    let active = |found: &Organization| found.status == OrganizationStatus::Active;
    let Some(organization) = organization.filter(active) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let effective = db::channels::effective(&mut tx, ChannelKind::Web).await?;
    let shows = effective.channel.configuration.settings.allowed_origins();
    let is_allowed = shows
        .iter()
        .any(|allowed| allowed.as_str() == claims.origin);
    if !effective.live || !is_allowed {
        tx.rollback().await?;
        return Ok(None);
    }
    let instructions = instructions::resolve(
        &effective.channel.configuration,
        &effective.organization,
        &effective.platform,
    );
    let session = OpenSession {
        organization,
        channel: effective.channel,
        instructions,
    };
    Ok(Some((tx, session)))
}

/// Result of storing a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// `false` if the message had been stored before.
    pub is_new: bool,
    /// `true` if the widget received an older configuration.
    pub configuration_changed: bool,
}

/// Stores a message of a visitor, for a worker to process. `None` under the same conditions as
/// [`open_session`].
///
/// # Errors
/// `Unavailable` when the database cannot be reached: the message must then not be acknowledged.
/// `BadInput` if the message is not valid.
pub async fn receive(
    db: &Database,
    claims: &SessionClaims,
    message: VisitorMessage,
    now: DateTime<Utc>,
) -> Result<Option<Taken>> {
    message.check()?;
    let Some((mut tx, open)) = enter(db, claims).await? else {
        return Ok(None);
    };
    let stored = WidgetMessage {
        session: claims.session.to_string(),
        id: message.id,
        text: message.text,
    };
    let body = serde_json::to_vec(&stored)
        .map_err(|error| Error::failure("a message cannot be written").because(error))?;
    let event = NewEvent {
        id: new_id(),
        channel: ChannelKind::Web,
        endpoint_id: None,
        idempotency_key: format!("{}/{}", stored.session, stored.id),
        kind: EVENT_KIND.to_owned(),
        delivery: Delivery {
            method: "POST".to_owned(),
            query: String::new(),
            headers: json!({ "origin": claims.origin }),
            body,
        },
        scheme: None,
        received_at: now,
    };
    let is_new = events::insert(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(Some(Taken {
        is_new,
        configuration_changed: open.channel.version != claims.version,
    }))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use chrono::TimeDelta;
    use secrecy::ExposeSecret as _;

    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const B: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const SITE: &str = "https://a.example";

    fn keys(text: &str) -> SealingKeys {
        SealingKeys::parse(text).unwrap()
    }

    fn channel() -> PublicChannel {
        PublicChannel {
            organization: Uuid::from_u128(1).into(),
            name: "Alpha".to_owned(),
            language: "en".parse().unwrap(),
            greeting: None,
            allowed_origins: vec![SITE.parse().unwrap()],
            version: 3,
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn token(with: &str) -> String {
        let begun = begin(&keys(with), &channel(), SITE, now()).unwrap();
        begun.unwrap().token.expose_secret().to_owned()
    }

    #[test]
    fn a_session_is_begun_on_an_allowed_site_only() {
        let begins = |channel: &PublicChannel, origin| {
            begin(&keys(A), channel, origin, now()).unwrap().is_some()
        };
        assert!(begins(&channel(), SITE));
        assert!(!begins(&channel(), "https://b.example"));
        assert!(!begins(&channel(), ""));
    }

    #[test]
    fn keys_are_rotated_with_the_former_one_behind() {
        let old = token(A);
        assert!(verify(&keys(A), &old, now()).is_some());
        assert!(verify(&keys(&format!("{B},{A}")), &old, now()).is_some());
        assert!(verify(&keys(B), &old, now()).is_none());
        let new = token(&format!("{B},{A}"));
        assert_ne!(jwt::key_id(&old), jwt::key_id(&new));
        assert!(verify(&keys(B), &new, now()).is_some());
        assert!(verify(&keys(A), &new, now()).is_none());
    }

    #[test]
    fn a_token_ends_and_none_can_be_made_up() {
        let token = token(A);
        let claims = verify(&keys(A), &token, now()).unwrap();
        assert_eq!(claims.organization, channel().organization);
        assert_eq!((claims.version, claims.origin.as_str()), (3, SITE));
        let late = now() + TimeDelta::minutes(15);
        assert!(verify(&keys(A), &token, late).is_none());

        // The same claims for another organization, with every kind of forged signature.
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts");
        };
        let decoded = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let mut changed: serde_json::Value = serde_json::from_slice(&decoded).unwrap();
        changed["org"] = Uuid::from_u128(2).to_string().into();
        let changed = URL_SAFE_NO_PAD.encode(changed.to_string());
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for forged in [
            format!("{header}.{changed}.{signature}"),
            format!("{header}.{changed}."),
            format!("{unsigned}.{changed}."),
            format!("{header}.{payload}.{}", "A".repeat(43)),
            String::new(),
            "..".to_owned(),
        ] {
            assert!(verify(&keys(A), &forged, now()).is_none(), "{forged}");
        }

        // Signed with one of our keys, but derived for another purpose.
        let other = &keys(A).derive("something else")[0];
        let forged = jwt::encode(Some(&other.0), &claims, other.1.as_slice()).unwrap();
        assert!(verify(&keys(A), &forged, now()).is_none());
    }
}
