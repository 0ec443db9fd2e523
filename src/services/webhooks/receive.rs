//! Receives requests from providers: a request is stored, with its job, in one transaction, and
//! acknowledged only after the commit.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::LoadedEndpoint;
use crate::{
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
    system::{new_id, random_secret},
};

/// Time between the answer to a call and the latest start of its media stream.
const STREAM_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(2);

/// Maximum duration of a call. Twilio ends a call after 24 hours.
const LONGEST_CALL: TimeDelta = TimeDelta::hours(24);

/// The response to the provider.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// An empty acknowledgment.
    Empty,
    /// TwiML.
    Xml(String),
    Json(Value),
}

/// Outcome of a request.
#[derive(Debug)]
pub struct Receipt {
    pub reply: Reply,
    /// Number of events stored for the organization.
    pub stored: u64,
    /// Number of events that had been stored before.
    pub duplicates: u64,
    /// Number of events moved to the platform's quarantine.
    pub quarantined: u64,
}

/// The part of the routing evidence that is the same for all events of a request.
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

    /// Returns `true` if the holders of all identities of the event are known and there is no
    /// doubt.
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

/// One item of a request, with the names that identify its organization.
struct Piece {
    part: NewPart,
    names: Names,
}

/// Returns the identities that a request names and its organization does not hold, without
/// duplicates. The `known_holders` of [`receive`] refer to these.
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

/// Returns the organization that holds an identity, or `None` if it is not assigned.
pub async fn holder(db: &Database, identity: &Identity) -> Result<Option<OrganizationId>> {
    let mut conn = PlatformConn::open(db)?;
    let found = identities::holders(&mut conn, std::slice::from_ref(identity)).await?;
    Ok(found.first().map(|(_, holder)| *holder))
}

/// Stores a verified request in one transaction: items that certainly belong to the organization
/// are stored as its events, the others in the platform's quarantine.
///
/// `known_holders` are results of [`holder`], not older than the caller's other cached data. If
/// they resolve all doubts, the platform role is not needed; otherwise, the holders are read again.
///
/// # Errors
/// `Unavailable` when the database cannot be reached: the request must then not be acknowledged.
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
        // Most requests contain one item, for which this is faster.
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
        // The tenant role lacks these privileges, so no statement of the tenant may follow.
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

/// Returns the holders of the identities that a request names and its organization does not hold.
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
    // An identity granted to this organization moments ago is not in the cached list yet.
    let own = loaded.organization.id;
    Ok(holders.filter(|(_, holder)| *holder != own).collect())
}

/// Returns `true` if an event without an identity, such as a recording status of Twilio, belongs to
/// a call that was accepted. The number of that call has been checked.
async fn is_known_call(tx: &mut TenantTx, loaded: &LoadedEndpoint, names: &Names) -> Result<bool> {
    match &names.call {
        Some(call) if names.identities.is_empty() => {
            calls::is_known(tx, loaded.endpoint.channel, call).await
        }
        _ => Ok(false),
    }
}

/// Splits a request into items. Each item of a batch is stored separately, so that it can be
/// processed and deduplicated on its own.
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

/// Connects a call to the stream of its organization, with a token valid only for this call.
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
    // Twilio does not sign a timestamp: a recorded request could be replayed to obtain a token.
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

/// Generates a token. Like the URL of an endpoint, it contains the organization's id, so that it is
/// looked up in one tenant only.
fn stream_token(organization: OrganizationId) -> Result<String> {
    let random = random_secret()?;
    let id = organization.as_uuid();
    let bytes = [id.as_bytes().as_slice(), &random].concat();
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Redeems a token of a media stream and returns its channel. A token can be redeemed once.
pub async fn redeem_stream_token(
    db: &Database,
    organization: OrganizationId,
    (token, call): (&str, &str),
    now: DateTime<Utc>,
) -> Result<Option<ChannelKind>> {
    // Call ids contain no control characters, and PostgreSQL rejects NUL in text.
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

/// Returns the organization named in a stream token, or `None` if the token is malformed.
pub fn organization_of_stream_token(token: &str) -> Option<OrganizationId> {
    let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let id: [u8; 16] = std::array::from_fn(|at| bytes[at]);
    Some(uuid::Uuid::from_bytes(id).into())
}

/// Returns the call parameters for Retell. They are empty if the channel may not take the call.
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

/// Returns the headers that are stored, as JSON.
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
