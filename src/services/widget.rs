//! The web chat of a website's visitors: who they are is a token, what they may see is public, and
//! what the agents are told about them is found here and never sent by them.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::{
    context::new_id,
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
};

/// What the keys of sessions are derived for.
const PURPOSE: &str = "widget session";

/// What the messages of visitors are called among the events.
const EVENT_KIND: &str = "message";

/// What strangers may see of an organization. `None`, the same answer for each: there is none, it
/// is suspended or deleted, its web chat is off, or no website may show the chat.
pub async fn find(db: &Database, named: &Named) -> Result<Option<PublicChannel>> {
    let id = match named {
        Named::Id(id) => *id,
        Named::Slug(slug) => {
            let mut conn = PlatformConn::open(db)?;
            let found = db::organizations::id_of_slug(&mut conn, slug).await?;
            // The same statements for a slug that no organization has as for one whose chat is off:
            // the time of the answer tells no more than the answer. No organization has this id.
            found.unwrap_or_else(|| OrganizationId::from(Uuid::nil()))
        }
    };
    let mut tx = TenantTx::begin(db, id).await?;
    let channel = db::public::web_channel(&mut tx).await?;
    tx.commit().await?;
    Ok(channel)
}

/// A session that was begun.
#[derive(Debug)]
pub struct Begun {
    /// What the visitor shows from now on.
    pub token: SecretString,
    pub session: Uuid,
    pub expires_at: DateTime<Utc>,
}

/// Begins a session of a visitor of the web site `origin`. `None`: that site may not show the chat.
///
/// # Errors
/// `Failure` where there is no key.
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

/// Content of a token, where one of the keys has signed it and its time has not passed. With which
/// key, the token says; only that one is tried.
pub fn verify(keys: &SealingKeys, token: &str, now: DateTime<Utc>) -> Option<SessionClaims> {
    let id = jwt::key_id(token)?;
    let derived = keys.derive(PURPOSE);
    let (_, key) = derived.iter().find(|(known, _)| *known == id)?;
    let claims: SessionClaims = jwt::decode(token.as_bytes(), key.as_slice()).ok()?;
    claims.is_current(now).then_some(claims)
}

/// A session with everything that an agent who answers in it goes by.
#[derive(Debug)]
pub struct OpenSession {
    pub organization: Organization,
    pub channel: StoredChannel,
    /// What the agents follow, as the organization and the platform say now.
    pub instructions: Vec<ResolvedInstruction>,
}

/// Opens the session of a token that was verified, with the configuration of this moment. `None`:
/// the organization is not active, the chat is switched off, or the web site of the session may not
/// show it any more.
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

/// Outcome of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// `false`: it was here before.
    pub is_new: bool,
    /// The widget was shown an older configuration.
    pub configuration_changed: bool,
}

/// Stores a message of a visitor, for a worker to process. `None`: as [`open_session`].
///
/// # Errors
/// `Unavailable` when the database cannot be reached: then nothing may be acknowledged. `BadInput`
/// for what cannot be a message.
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

        // The same claims of another organization, with every signature one could think of.
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

        // Signed with a key of ours that is for something else.
        let other = &keys(A).derive("something else")[0];
        let forged = jwt::encode(Some(&other.0), &claims, other.1.as_slice()).unwrap();
        assert!(verify(&keys(A), &forged, now()).is_none());
    }
}
