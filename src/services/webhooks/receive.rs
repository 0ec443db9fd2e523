//! Taking what a provider sent: it is stored, with its job, in one transaction, and only then
//! acknowledged.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::LoadedEndpoint;
use crate::{
    context::{new_id, random_secret},
    db::{
        Database, PlatformConn, TenantTx,
        webhooks::{
            calls,
            events::{self, NewPart, Origin},
            identities,
            quarantine::{self, Doubtful},
            stream_tokens,
        },
    },
    domain::{
        ChannelKind, ChannelSettings, OrganizationId, OrganizationStatus,
        channel::{TwilioSettings, identity::Identity},
        webhook::{
            Incoming, Parsed, Scheme, Verified, evolution, is_stored_header, meta, retell,
            route::{self, Doubt, Evidence, Names, UnnamedIdentities},
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

/// Outcome of a request.
#[derive(Debug)]
pub struct Receipt {
    pub reply: Reply,
    /// Events that are the organization's.
    pub stored: u64,
    /// Events that were known already.
    pub duplicates: u64,
    /// Events that went to the platform's quarantine.
    pub quarantined: u64,
}

/// What the events of one request are routed by, whatever they name.
struct Routing<'a> {
    loaded: &'a LoadedEndpoint,
    unnamed: UnnamedIdentities,
}

impl Routing<'_> {
    fn doubts(
        &self,
        names: &Names,
        others: &[(Identity, OrganizationId)],
        is_known_call: bool,
    ) -> Vec<Doubt> {
        route::route(&Evidence {
            organization: self.loaded.organization.id,
            scheme: self.loaded.endpoint.scheme,
            registered: &self.loaded.registered,
            others,
            names,
            is_known_call,
            unnamed: self.unnamed,
        })
    }

    /// The holder of everything that the event names is known, and nothing is doubtful.
    fn is_certain(&self, names: &Names, known: &[(Identity, Option<OrganizationId>)]) -> bool {
        let (own, held) = (self.loaded.organization.id, &self.loaded.registered.held);
        let is_known =
            |one: &Identity| held.contains(one) || known.iter().any(|(known, _)| known == one);
        if !names.all().all(is_known) {
            return false;
        }
        let others = known
            .iter()
            .filter_map(|(one, holder)| holder.map(|holder| (one.clone(), holder)))
            .filter(|(_, holder)| *holder != own);
        let others: Vec<_> = others.collect();
        self.doubts(names, &others, false).is_empty()
    }
}

/// One thing of a request, and what it says of its organization.
struct Piece {
    part: NewPart,
    names: Names,
}

/// The identities that a request names and its organization does not hold, each once: the
/// `known_holders` of [`receive`] are of these.
pub fn foreign_identities(
    loaded: &LoadedEndpoint,
    parsed: &Parsed,
    verified: &Verified<'_>,
) -> Vec<Identity> {
    let names = (0..parsed.items(verified).len()).map(|at| Names::of(parsed, at));
    let foreign: BTreeSet<Identity> = names
        .flat_map(|names| names.identities)
        .flatten()
        .filter(|one| !loaded.registered.held.contains(one))
        .collect();
    foreign.into_iter().collect()
}

/// The organization that holds an identity, if one does.
pub async fn holder(db: &Database, identity: &Identity) -> Result<Option<OrganizationId>> {
    let mut conn = PlatformConn::open(db)?;
    let found = identities::holders(&mut conn, std::slice::from_ref(identity)).await?;
    Ok(found.first().map(|(_, holder)| *holder))
}

/// Stores what was proven to come from the provider: what is certainly the organization's with it, what is
/// not in the platform's quarantine, all in one transaction.
///
/// `known_holders` are answers of [`holder`] that are at most as old as the caller's other copies. A
/// request that they make certain needs no right of the platform; for any other one they are read again.
///
/// # Errors
/// `Unavailable` when the database cannot be reached: then nothing may be acknowledged.
pub async fn receive(
    db: &Database,
    loaded: &LoadedEndpoint,
    request: &Incoming<'_>,
    (parsed, verified): (&Parsed, &Verified<'_>),
    known_holders: &[(Identity, Option<OrganizationId>)],
    unnamed: UnnamedIdentities,
    now: DateTime<Utc>,
) -> Result<Receipt> {
    let own = loaded.organization.id;
    let endpoint = &loaded.endpoint;
    let origin = Origin {
        channel: endpoint.channel,
        endpoint_id: Some(endpoint.id),
        method: if request.is_get { "GET" } else { "POST" },
        query: request.query.unwrap_or_default().to_owned(),
        headers: kept_headers(request),
        received_at: now,
    };
    let pieces = pieces(parsed, verified);
    let number = u64::try_from(pieces.len()).unwrap_or(u64::MAX);
    let routing = Routing { loaded, unnamed };
    let (mut certain, mut doubtful) = (Vec::new(), Vec::new());
    let mut tx = if pieces
        .iter()
        .all(|piece| routing.is_certain(&piece.names, known_holders))
    {
        certain.extend(pieces.into_iter().map(|piece| piece.part));
        TenantTx::begin(db, own).await?
    } else {
        let mut conn = PlatformConn::begin(db).await?;
        let others = held_by_others(&mut conn, loaded, &pieces).await?;
        let mut tx = conn.enter(own).await?;
        for piece in pieces {
            let is_known_call = is_known_call(&mut tx, loaded, &piece.names).await?;
            let doubts = routing.doubts(&piece.names, &others, is_known_call);
            match doubts.is_empty() {
                true => certain.push(piece.part),
                false => doubtful.push(piece.doubtful(&doubts)),
            }
        }
        tx
    };
    let is_doubtful = !doubtful.is_empty();
    let stored = match certain.pop() {
        // Most requests hold one thing, for which this is faster.
        Some(part) if certain.is_empty() => {
            u64::from(events::insert(&mut tx, &origin.alone(part)).await?)
        }
        None => 0,
        last => {
            certain.extend(last);
            events::insert_parts(&mut tx, &origin, certain).await?
        }
    };
    let reply = answer(&mut tx, loaded, parsed, is_doubtful, now).await?;
    let mut quarantined = 0;
    if is_doubtful {
        // The rights that a tenant does not have come last: no statement of the tenant follows.
        let mut conn = tx.leave().await?;
        let source = (endpoint.id, endpoint.scheme);
        quarantined = quarantine::insert(&mut conn, own, source, &origin, doubtful).await?;
        conn.commit().await?;
    } else {
        tx.commit().await?;
    }
    Ok(Receipt {
        reply,
        stored,
        quarantined,
        duplicates: number - stored - quarantined,
    })
}

/// Who holds what a request names and the organization does not hold.
async fn held_by_others(
    conn: &mut PlatformConn,
    loaded: &LoadedEndpoint,
    pieces: &[Piece],
) -> Result<Vec<(Identity, OrganizationId)>> {
    let named = pieces.iter().flat_map(|piece| piece.names.all());
    let foreign = named.filter(|one| !loaded.registered.held.contains(one));
    let foreign: BTreeSet<Identity> = foreign.cloned().collect();
    if foreign.is_empty() {
        return Ok(Vec::new());
    }
    let foreign: Vec<Identity> = foreign.into_iter().collect();
    let holders = identities::holders(conn, &foreign).await?.into_iter();
    // Granted a moment ago, which this server has not heard of yet: it is nobody's then.
    let own = loaded.organization.id;
    Ok(holders.filter(|(_, holder)| *holder != own).collect())
}

/// Of an event that names no identity, such as what Twilio tells of a recording: whether it belongs to a
/// call that was taken, whose number was looked at.
async fn is_known_call(tx: &mut TenantTx, loaded: &LoadedEndpoint, names: &Names) -> Result<bool> {
    match &names.call {
        Some(call) if names.identities.is_empty() => {
            calls::is_known(tx, loaded.endpoint.channel, call).await
        }
        _ => Ok(false),
    }
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
            part: NewPart {
                id: new_id(),
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
            },
            names: Names::of(parsed, at),
        })
        .collect()
}

impl Piece {
    fn doubtful(self, doubts: &[Doubt]) -> Doubtful {
        let reasons: Vec<String> = doubts.iter().map(ToString::to_string).collect();
        Doubtful {
            identities: self.names.all().map(ToString::to_string).collect(),
            reason: reasons.join("; "),
            part: self.part,
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
