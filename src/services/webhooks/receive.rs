//! Taking what a provider sent: it is stored, with its job, in one transaction, and only then
//! acknowledged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::LoadedEndpoint;
use crate::{
    context::{new_id, random_secret},
    db::{
        Database, TenantTx,
        webhooks::{
            calls,
            events::{self, NewPart, Origin},
            stream_tokens,
        },
    },
    domain::{
        ChannelKind, ChannelSettings, OrganizationId, OrganizationStatus,
        channel::{TwilioSettings, identity::IdentityKind},
        webhook::{
            Incoming, Parsed, Scheme, Verified, evolution, is_stored_header, meta, retell,
            twilio::{self, twiml},
        },
    },
    error::Result,
};

/// For how long a media stream may come after its call was answered.
const STREAM_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(2);

/// Twilio ends a call after 24 hours at the latest.
const LONGEST_CALL: TimeDelta = TimeDelta::hours(24);

/// What a provider is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// That it was taken.
    Empty,
    /// TwiML.
    Xml(String),
    Json(Value),
}

/// What came of a request.
#[derive(Debug)]
pub struct Receipt {
    pub reply: Reply,
    pub stored: u64,
    pub duplicates: u64,
    pub quarantined: u64,
}

/// One thing of a request, and what it says of its organization.
struct Piece {
    kind: String,
    idempotency_key: String,
    body: Vec<u8>,
    claims: Vec<(IdentityKind, String)>,
}

/// What the pieces of a request name that could be another organization's: to be looked up.
pub fn claims(parsed: &Parsed, verified: &Verified<'_>) -> Vec<(IdentityKind, String)> {
    let mut claims: Vec<_> = pieces(parsed, verified)
        .into_iter()
        .flat_map(|piece| piece.claims)
        .collect();
    claims.sort();
    claims.dedup();
    claims
}

/// Stores what was proven to come from the provider. `claimed` says who claims what [`claims`] named.
///
/// # Errors
/// `Unavailable` when the database cannot be reached: then nothing may be acknowledged.
pub async fn receive(
    db: &Database,
    loaded: &LoadedEndpoint,
    request: &Incoming<'_>,
    (parsed, verified): (&Parsed, &Verified<'_>),
    claimed: &[((IdentityKind, String), Vec<OrganizationId>)],
    now: DateTime<Utc>,
) -> Result<Receipt> {
    let own = loaded.organization.id;
    let mut receipt = Receipt {
        reply: Reply::Empty,
        stored: 0,
        duplicates: 0,
        quarantined: 0,
    };
    let origin = Origin {
        channel: loaded.endpoint.channel,
        endpoint_id: Some(loaded.endpoint.id),
        method: if request.is_get { "GET" } else { "POST" },
        query: request.query.unwrap_or_default().to_owned(),
        headers: kept_headers(request),
        received_at: now,
    };
    let mut parts: Vec<NewPart> = Vec::new();
    for piece in pieces(parsed, verified) {
        let quarantined = conflict(own, parsed, &piece, claimed);
        receipt.quarantined += u64::from(quarantined.is_some());
        parts.push(NewPart {
            id: new_id(),
            idempotency_key: piece.idempotency_key,
            kind: piece.kind,
            body: piece.body,
            quarantined,
        });
    }
    let mut tx = TenantTx::begin(db, own).await?;
    let number = u64::try_from(parts.len()).unwrap_or(u64::MAX);
    receipt.stored = match parts.pop() {
        // Most requests hold one thing, for which this is faster.
        Some(part) if parts.is_empty() => {
            u64::from(events::insert(&mut tx, &origin.alone(part)).await?)
        }
        last => {
            parts.extend(last);
            events::insert_parts(&mut tx, &origin, parts).await?
        }
    };
    receipt.duplicates = number - receipt.stored;
    receipt.reply = answer(&mut tx, loaded, parsed, receipt.quarantined > 0, now).await?;
    tx.commit().await?;
    Ok(receipt)
}

/// A request as pieces of one thing each. What holds several is stored so that each can be processed,
/// and come again, alone.
fn pieces(parsed: &Parsed, verified: &Verified<'_>) -> Vec<Piece> {
    let items = parsed.items(verified);
    let is_alone = items.len() == 1 && verified.scheme() != Scheme::Evolution;
    items
        .into_iter()
        .enumerate()
        .map(|(at, item)| Piece {
            kind: item.name,
            idempotency_key: item.dedup_key,
            body: match parsed {
                _ if is_alone => verified.body().to_vec(),
                Parsed::Meta(all) => all.get(at).map(meta::Event::to_body).unwrap_or_default(),
                Parsed::Evolution(all) => all
                    .get(at)
                    .map(evolution::Event::to_body)
                    .unwrap_or_default(),
                _ => verified.body().to_vec(),
            },
            claims: claims_of(parsed, at),
        })
        .collect()
}

fn claims_of(parsed: &Parsed, at: usize) -> Vec<(IdentityKind, String)> {
    use IdentityKind as Kind;
    let claim = |kind, value: Option<&str>| value.map(|value| (kind, value.to_owned()));
    let claims = match parsed {
        // Who was called, or calls: the organization's own number.
        Parsed::Twilio(event) => [claim(Kind::PhoneNumber, event.own_number()), None],
        Parsed::Retell(event) => [
            claim(Kind::RetellAgent, event.agent_id.as_deref()),
            claim(Kind::PhoneNumber, event.own_number()),
        ],
        Parsed::Meta(all) => {
            let id = all.get(at).and_then(|one| one.phone_number_id.as_deref());
            [claim(Kind::MetaPhoneNumberId, id), None]
        }
        Parsed::Evolution(all) => {
            let name = all.get(at).and_then(|one| one.instance.as_deref());
            [claim(Kind::EvolutionInstance, name), None]
        }
        Parsed::Standard(_) => [None, None],
    };
    claims.into_iter().flatten().collect()
}

/// Why it is not clear whose a piece is.
fn conflict(
    own: OrganizationId,
    parsed: &Parsed,
    piece: &Piece,
    claimed: &[((IdentityKind, String), Vec<OrganizationId>)],
) -> Option<String> {
    let by = |kind: IdentityKind| -> &[OrganizationId] {
        let of_kind = |(what, _): &&((IdentityKind, String), _)| {
            what.0 == kind && piece.claims.contains(what)
        };
        claimed.iter().find(of_kind).map_or(&[], |(_, who)| who)
    };
    let number = match parsed {
        Parsed::Meta(_) => by(IdentityKind::MetaPhoneNumberId),
        Parsed::Evolution(_) => by(IdentityKind::EvolutionInstance),
        _ => by(IdentityKind::PhoneNumber),
    };
    let evidence = retell::Evidence {
        endpoint: own,
        by_agent: by(IdentityKind::RetellAgent),
        by_number: number,
        hint: match parsed {
            Parsed::Retell(event) => event.hint,
            _ => retell::Hint::Absent,
        },
    };
    match retell::route(&evidence) {
        retell::Route::Agreed(_) => None,
        retell::Route::Quarantined { conflicts } => {
            let words: Vec<&str> = conflicts.iter().map(|one| one.as_str()).collect();
            Some(format!(
                "does not agree on the organization: {}",
                words.join(", ")
            ))
        }
    }
}

async fn answer(
    tx: &mut TenantTx,
    loaded: &LoadedEndpoint,
    parsed: &Parsed,
    is_quarantined: bool,
    now: DateTime<Utc>,
) -> Result<Reply> {
    let is_live = loaded.live && !is_quarantined;
    match parsed {
        Parsed::Twilio(event) if event.kind == twilio::Kind::IncomingCall => {
            let settings = twilio_settings(loaded).filter(|_| is_live);
            let (Some(settings), Some(call)) = (settings, event.call_sid.as_deref()) else {
                let locale = &loaded.organization.locale;
                return Ok(Reply::Xml(twiml::unavailable(locale)));
            };
            connect(tx, loaded, settings, call, now).await
        }
        Parsed::Twilio(_) => Ok(Reply::Xml(twiml::nothing())),
        Parsed::Retell(event) if event.kind == retell::Kind::CallInbound => {
            Ok(Reply::Json(inbound(loaded, is_live, now)))
        }
        _ => Ok(Reply::Empty),
    }
}

fn twilio_settings(loaded: &LoadedEndpoint) -> Option<&TwilioSettings> {
    match &loaded.channel.settings {
        ChannelSettings::TwilioRealtime(settings) | ChannelSettings::TwilioStandard(settings) => {
            Some(settings)
        }
        _ => None,
    }
}

/// Connects a call to the stream of its organization, with a token for this call alone.
async fn connect(
    tx: &mut TenantTx,
    loaded: &LoadedEndpoint,
    settings: &TwilioSettings,
    call: &str,
    now: DateTime<Utc>,
) -> Result<Reply> {
    let organization = &loaded.organization;
    let Some(url) = &settings.stream_url else {
        return Ok(Reply::Xml(twiml::unavailable(&organization.locale)));
    };
    // Twilio signs no time: whoever recorded a request could send it again, and be let in.
    let channel = loaded.endpoint.channel;
    if calls::is_over(tx, channel, call, now - LONGEST_CALL).await? {
        return Ok(Reply::Xml(twiml::unavailable(&organization.locale)));
    }
    let token = stream_token(organization.id)?;
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let expires_at = now + STREAM_TOKEN_LIFE;
    stream_tokens::insert(tx, &hash, channel, call, now, expires_at).await?;
    let id = organization.id.to_string();
    let mode = settings.agent_mode.to_string();
    let language = organization.locale.to_string();
    let mut parameters = vec![
        ("token", token.as_str()),
        ("organization_id", id.as_str()),
        ("channel", channel.as_str()),
        ("agent_mode", mode.as_str()),
        ("language", language.as_str()),
    ];
    if let Some(greeting) = &settings.greeting {
        parameters.push(("greeting", greeting));
    }
    Ok(Reply::Xml(twiml::connect_stream(url, &parameters)))
}

/// As the address of an endpoint, it holds the organization's id, so that it is looked for in one
/// tenant only.
fn stream_token(organization: OrganizationId) -> Result<String> {
    let random = random_secret()?;
    let id = organization.as_uuid();
    let bytes = [id.as_bytes().as_slice(), &random].concat();
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Lets a media stream of that organization in: the channel of its token, which is used up.
///
/// # Errors
/// `Unavailable` when the connection is lost.
pub async fn redeem_stream_token(
    db: &Database,
    organization: OrganizationId,
    (token, call): (&str, &str),
    now: DateTime<Utc>,
) -> Result<Option<ChannelKind>> {
    // No call has such an id, and PostgreSQL takes no NUL in a text.
    if call.contains(char::is_control) {
        return Ok(None);
    }
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let mut tx = TenantTx::begin(db, organization).await?;
    let status = crate::db::organizations::current(&mut tx).await?;
    if status.is_none_or(|found| found.status != OrganizationStatus::Active) {
        return Ok(None);
    }
    let channel = stream_tokens::redeem(&mut tx, &hash, call, now).await?;
    tx.commit().await?;
    Ok(channel)
}

/// The organization that a stream token names; `None`: it is none.
pub fn organization_of_stream_token(token: &str) -> Option<OrganizationId> {
    let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let id: [u8; 16] = std::array::from_fn(|at| bytes[at]);
    Some(uuid::Uuid::from_bytes(id).into())
}

/// What Retell is to know of a call that is about to begin; of one that nobody may take, nothing.
fn inbound(loaded: &LoadedEndpoint, is_live: bool, now: DateTime<Utc>) -> Value {
    if !is_live {
        return retell::InboundAnswer::default().to_json();
    }
    let organization = &loaded.organization;
    let zone = organization.time_zone.tz();
    let local = now.with_timezone(&zone).format("%Y-%m-%d %H:%M (%A)");
    let mut answer = retell::InboundAnswer::of(organization.id)
        .with("organization_name", &organization.name)
        .with("language", organization.locale.as_str())
        .with("time_zone", organization.time_zone.name())
        .with("current_time", &local.to_string())
        .with("agent_mode", loaded.channel.settings.agent_mode().as_str());
    for part in &loaded.instructions {
        answer = answer.with(&format!("{}_instructions", part.part), &part.text);
    }
    answer.to_json()
}

/// The headers that are kept, as JSON.
fn kept_headers(request: &Incoming<'_>) -> Value {
    let kept = request
        .headers
        .iter()
        .filter(|(name, _)| is_stored_header(name));
    let map: Map<String, Value> = kept
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value).into_owned();
            (name.to_lowercase(), Value::String(text))
        })
        .collect();
    Value::Object(map)
}
