//! The platform's quarantine of events with doubtful ownership: listing, showing, assigning and
//! discarding them.

use serde_json::json;
use uuid::Uuid;

use super::load::registered;
use crate::{
    confirm::Confirmed,
    db::{
        self, Database, PlatformConn,
        webhooks::{
            events::{self, NewEvent},
            identities,
            quarantine::{self, QuarantineFilter},
        },
    },
    domain::{
        ChannelConfiguration, ChannelKind, Organization, OrganizationId, Permission, Slug,
        channel::identity::{Identity, IdentityKind},
        quarantine::{QuarantineStatus, QuarantinedEvent},
        webhook::{
            Verified, parse,
            route::{self, Doubt, Evidence, Names, UnnamedIdentities},
        },
        webhook_event::Delivery,
    },
    error::{Error, Result},
    run,
    services::{Session, activity::Change, channels},
};

/// A quarantined event with the slugs of the organizations concerned.
#[derive(Clone, Debug)]
pub struct Listed {
    pub event: QuarantinedEvent,
    /// The organization of the endpoint that received it; `None` if it was purged.
    pub endpoint_organization: Option<Slug>,
    pub assigned_organization: Option<Slug>,
}

impl Listed {
    async fn of(conn: &mut PlatformConn, event: QuarantinedEvent) -> Result<Self> {
        Ok(Self {
            endpoint_organization: slug(conn, Some(event.endpoint_organization)).await?,
            assigned_organization: slug(conn, event.assigned_organization).await?,
            event,
        })
    }
}

async fn slug(conn: &mut PlatformConn, id: Option<OrganizationId>) -> Result<Option<Slug>> {
    let Some(id) = id else {
        return Ok(None);
    };
    let found = db::organizations::find(conn, id).await?;
    Ok(found.map(|organization| organization.slug))
}

/// Returns the matching events, newest first, without their payloads.
///
/// # Errors
/// `Refused` for a user: quarantined events belong to the platform.
pub async fn list(session: &Session, filter: &QuarantineFilter) -> Result<Vec<Listed>> {
    session.require_operator("see quarantined events")?;
    let mut conn = PlatformConn::open(&session.db)?;
    let mut listed = Vec::new();
    for event in quarantine::list(&mut conn, filter).await? {
        listed.push(Listed::of(&mut conn, event).await?);
    }
    Ok(listed)
}

/// Returns the number of waiting events, and the time at which the oldest arrived.
pub async fn waiting(db: &Database) -> Result<(i64, Option<chrono::DateTime<chrono::Utc>>)> {
    let mut conn = PlatformConn::open(db)?;
    quarantine::waiting(&mut conn).await
}

/// Returns an event with its payload.
///
/// The payload may contain a patient's data, so access is logged in the platform's activity log
/// before it is shown.
///
/// # Errors
/// `NotFound`; `Refused` for a user.
pub async fn show(session: &Session, id: Uuid) -> Result<(Listed, Delivery)> {
    session.require_operator("see quarantined events")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let (event, delivery) = lock(&mut conn, id).await?;
    let mut listed = Listed::of(&mut conn, event).await?;
    if let Some(names) = names(&listed.event, &delivery) {
        listed.event.identities = names.all().map(ToString::to_string).collect();
    }
    let change = change("quarantined_event.read", id, None, None);
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    Ok((listed, delivery))
}

/// An event that was assigned to an organization.
#[derive(Clone, Debug)]
pub struct Assigned {
    pub listed: Listed,
    pub organization: Organization,
    /// `false` if the organization had received the event already. It is not processed twice.
    pub is_new: bool,
}

/// Assigns an event to an organization, where it waits for a worker. The routing rules are applied
/// again, except that the event need not name the organization, because the operator specifies it.
///
/// # Errors
/// `NotFound`; `Refused` for a user; `Conflict` if the event contradicts the organization or is not
/// waiting.
pub async fn assign(session: &Session, id: Uuid, to: OrganizationId) -> Result<Assigned> {
    session.require_operator("assign quarantined events")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let (event, delivery) = lock_waiting(&mut conn, id, "assigned").await?;
    let names = names(&event, &delivery).ok_or_else(|| unreadable(id))?;
    let all: Vec<Identity> = names.all().cloned().collect();
    let mut others = identities::holders(&mut conn, &all).await?;
    others.retain(|(_, holder)| *holder != to);
    let endpoint_organization = slug(&mut conn, Some(event.endpoint_organization)).await?;
    let mut holders = Vec::new();
    for (identity, holder) in &others {
        holders.push((identity.clone(), slug(&mut conn, Some(*holder)).await?));
    }
    let tx = conn.enter(to).await?;
    let mut scope = session.write_in(tx, Permission::WebhooksManage).await?;
    let registered = registered(&mut scope.tx).await?;
    let doubts = route::route(&Evidence {
        organization: to,
        scheme: event.scheme,
        registered: &registered,
        others: &others,
        names: &names,
        is_known_call: false,
        unnamed: UnnamedIdentities::Accept,
    });
    let organization = scope.organization.clone();
    refuse_contradiction(id, &organization, &doubts, &holders)?;
    let is_own = event.endpoint_organization == to;
    let new = NewEvent {
        id,
        channel: event.channel,
        endpoint_id: is_own.then_some(event.endpoint_id),
        idempotency_key: event.idempotency_key.clone(),
        kind: event.kind.clone(),
        delivery,
        scheme: Some(event.scheme),
        received_at: event.received_at,
    };
    let is_new = events::insert(&mut scope.tx, &new).await?;
    let change_there = Change {
        object_type: "webhook_event",
        ..change(
            "webhook_event.assign",
            id,
            None,
            Some(json!({ "is_new": is_new })),
        )
    };
    db::activity::append(&mut scope.tx, session.entry(change_there)).await?;
    let mut conn = scope.tx.leave().await?;
    let now = session.now();
    quarantine::settle(&mut conn, id, QuarantineStatus::Assigned, Some(to), now).await?;
    let after = json!({ "status": QuarantineStatus::Assigned, "organization_id": to });
    let before = json!({ "status": event.status });
    let change = change("quarantined_event.assign", id, Some(before), Some(after));
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    let listed = Listed {
        endpoint_organization,
        assigned_organization: Some(organization.slug.clone()),
        event: QuarantinedEvent {
            status: QuarantineStatus::Assigned,
            assigned_organization: Some(to),
            finished_at: Some(now),
            ..event
        },
    };
    Ok(Assigned {
        listed,
        organization,
        is_new,
    })
}

/// Registers the identities that an event names with an organization and assigns the event to it.
/// These are two transactions: after an interruption, the command can be repeated.
///
/// `to` is the organization; `None` for the one with the endpoint that received the event.
///
/// # Errors
/// Same as [`assign`]; `Conflict` if another organization holds an identity, or if the channel has
/// another agent or instance already; `BadInput` if the event names nothing that can be registered.
pub async fn adopt(session: &Session, id: Uuid, to: Option<OrganizationId>) -> Result<Assigned> {
    session.require_operator("adopt quarantined events")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let (event, delivery) = lock_waiting(&mut conn, id, "adopted").await?;
    conn.rollback().await?;
    let names = names(&event, &delivery).ok_or_else(|| unreadable(id))?;
    let to = to.unwrap_or(event.endpoint_organization);
    if names.identities.is_empty() {
        let assign = run!["webhook", "quarantine", "assign", id, "--org", "SLUG"];
        return Err(
            Error::bad_input(format!("quarantined event {id}: it names no identity"))
                .hint(assign.labeled("specify the organization")),
        );
    }
    if names.identities.iter().any(|group| group.len() > 1) {
        let set = run!["channel", "set", event.channel, "phone_numbers=NUMBER"];
        return Err(Error::bad_input(format!(
            "quarantined event {id}: unclear which of its two numbers belongs to the organization"
        ))
        .hint(set.labeled("add the number")));
    }
    channels::change(session, to, event.channel, None, |before, _| {
        with_identities(before, event.channel, &names)
    })
    .await?;
    assign(session, id, to).await
}

/// Returns the configuration with the identities of an event added.
fn with_identities(
    before: &ChannelConfiguration,
    channel: ChannelKind,
    names: &Names,
) -> Result<ChannelConfiguration> {
    let settings = before.settings.to_json();
    let mut assignments = Vec::new();
    for Identity { kind, value } in names.all() {
        let key = match kind {
            IdentityKind::PhoneNumber => "phone_numbers",
            IdentityKind::RetellAgent => "agent_id",
            IdentityKind::MetaPhoneNumberId => "phone_number_id",
            IdentityKind::EvolutionInstance => "instance_name",
        };
        let text = match &settings[key] {
            serde_json::Value::Array(numbers) => {
                let numbers = numbers.iter().filter_map(serde_json::Value::as_str);
                let mut all: Vec<&str> = numbers.collect();
                if !all.contains(&value.as_str()) {
                    all.push(value);
                }
                all.join(",")
            }
            serde_json::Value::String(other) if other != value => {
                return Err(Error::conflict(format!(
                    "channel {channel}: {key} is {other}, but the event names {value}"
                ))
                .hint(
                    run!["channel", "set", channel, format!("{key}={value}")]
                        .labeled("change it if the event is right"),
                ));
            }
            _ => value.clone(),
        };
        assignments.push((key.to_owned(), text));
    }
    before.apply(&assignments, None)
}

/// Discards an event and deletes its payload. Its key is kept, so that a repeated delivery is not
/// quarantined again.
///
/// # Errors
/// `NotFound`; `Refused` for a user; `Conflict` if it is not waiting.
pub async fn discard(session: &Session, id: Uuid, _confirmed: Confirmed) -> Result<Listed> {
    session.require_operator("discard quarantined events")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let (event, _) = lock_waiting(&mut conn, id, "discarded").await?;
    let now = session.now();
    let status = QuarantineStatus::Discarded;
    quarantine::settle(&mut conn, id, status, None, now).await?;
    let (before, after) = (
        json!({ "status": event.status }),
        json!({ "status": status }),
    );
    let change = change("quarantined_event.discard", id, Some(before), Some(after));
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    let event = QuarantinedEvent {
        status,
        finished_at: Some(now),
        ..event
    };
    let listed = Listed::of(&mut conn, event).await?;
    conn.commit().await?;
    Ok(listed)
}

async fn lock(conn: &mut PlatformConn, id: Uuid) -> Result<(QuarantinedEvent, Delivery)> {
    let found = quarantine::lock(conn, id).await?;
    found.ok_or_else(|| {
        Error::not_found(format!("quarantined event {id}: not found"))
            .hint(run!["webhook", "quarantine", "list"].labeled("list the events"))
    })
}

async fn lock_waiting(
    conn: &mut PlatformConn,
    id: Uuid,
    verb: &str,
) -> Result<(QuarantinedEvent, Delivery)> {
    let (event, delivery) = lock(conn, id).await?;
    if event.status == QuarantineStatus::Waiting {
        return Ok((event, delivery));
    }
    Err(Error::conflict(format!(
        "quarantined event {id}: cannot be {verb}, because it is {}",
        event.status
    )))
}

/// The identities that an event names; `None` if its payload is gone or cannot be parsed.
fn names(event: &QuarantinedEvent, delivery: &Delivery) -> Option<Names> {
    let verified = Verified::from_store(event.scheme, &delivery.body);
    // Each item was stored separately.
    Some(Names::of(&parse(&verified).ok()?, 0))
}

fn unreadable(id: Uuid) -> Error {
    Error::failure(format!(
        "quarantined event {id}: the payload cannot be parsed"
    ))
}

/// Rejects an organization that contradicts the event.
fn refuse_contradiction(
    id: Uuid,
    organization: &Organization,
    doubts: &[Doubt],
    holders: &[(Identity, Option<Slug>)],
) -> Result<()> {
    let slug = &organization.slug;
    let against: Vec<&Doubt> = doubts.iter().filter(|doubt| doubt.contradicts()).collect();
    if against.is_empty() {
        return Ok(());
    }
    let reasons: Vec<String> = against.iter().map(ToString::to_string).collect();
    let mut error = Error::conflict(format!(
        "quarantined event {id}: cannot be assigned to organization {slug}: {}",
        reasons.join("; ")
    ));
    for doubt in against {
        match doubt {
            Doubt::OfAnother(identity, _) => {
                let holder = holders.iter().find(|(held, _)| held == identity);
                if let Some((_, Some(holder))) = holder {
                    error = error.hint(
                        run!["webhook", "quarantine", "assign", id, "--org", holder].labeled(
                            format!("assign it to the organization that {identity} belongs to"),
                        ),
                    );
                }
            }
            Doubt::NotRegistered(_) => {
                error = error.hint(
                    run!["webhook", "quarantine", "adopt", id, "--org", slug]
                        .labeled("register its identities with the organization and assign it"),
                );
            }
            _ => {}
        }
    }
    Err(error)
}

fn change(
    action: &'static str,
    id: Uuid,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
) -> Change {
    Change {
        action,
        object_type: "quarantined_event",
        object_id: id.to_string(),
        before,
        after,
    }
}
