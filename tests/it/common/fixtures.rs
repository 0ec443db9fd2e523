//! Two organizations with everything in them, for tests that need somebody to be isolated from.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantctl::{
    crypto::SealingKeys,
    db::{
        self, TenantTx,
        webhooks::{claims, events::NewEvent},
    },
    domain::{
        ChannelKind, ChannelSettings, Locale, Organization, Role, TimeZone, User, UserId,
        booking::Function,
        channel::identity::{ClaimStatus, Identity, IdentityKind},
        webhook::Scheme,
        webhook_event::Delivery,
    },
    services::{
        Session, booking, channels, invitations, members,
        organizations::{self, FirstOwner, NewOrganization},
        outbox::TokenSeal,
        users::{self, SignUp},
        webhooks::{
            self, Worked,
            endpoints::{self, NewEndpoint},
        },
    },
    system::new_id,
};
use uuid::Uuid;

use super::TestDb;

/// Organization A with an owner, a member and a pending invitation; B alike.
pub struct Fixture {
    pub db: TestDb,
    pub session: Session,
    pub a: Organization,
    pub b: Organization,
}

impl Fixture {
    pub async fn new() -> Self {
        let db = TestDb::new();
        let session = db.session().await;
        let a = organization(&session, "alpha").await;
        let b = organization(&session, "beta").await;
        Self { db, session, a, b }
    }
}

/// Keys that everybody knows.
pub const SECRET_KEYS: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The template of links, at the head of a configuration with a mail server: mail with
/// a link to the example's address is refused.
pub const LINK_TEMPLATE: &str =
    "[invitations]\nlink_template = 'https://app.smiles.care/invite#token={token}'\n";

/// What seals the tokens of mailed invitations, with [`SECRET_KEYS`].
pub fn token_seal() -> TokenSeal {
    TokenSeal::new(
        Arc::new(SealingKeys::parse(SECRET_KEYS).expect("keys")),
        "https://app.smiles.care/invite#token={token}",
    )
}

/// A user who signed up; they get an organization of their own where nobody invited them.
pub async fn user(session: &Session, email: &str) -> User {
    let sign_up = SignUp {
        email: email.parse().expect("an address"),
        name: email.split('@').next().unwrap_or_default().to_owned(),
        id: Some(UserId::from(new_id())),
        time_zone: TimeZone::UTC,
        locale: "en".parse::<Locale>().expect("a locale"),
    };
    users::sign_up(session, &sign_up)
        .await
        .expect("the sign-up succeeds")
        .user
}

async fn organization(session: &Session, slug: &str) -> Organization {
    let owner = user(session, &format!("owner@{slug}.example")).await;
    let new = NewOrganization {
        name: format!("Clinic {slug}"),
        slug: Some(slug.parse().expect("a slug")),
        time_zone: "Europe/Zurich".parse().expect("a zone"),
        locale: "de-CH".parse().expect("a locale"),
        owner: Some(FirstOwner::Member(owner.clone())),
    };
    let organization = organizations::create(session, &new)
        .await
        .expect("the organization is created")
        .organization;
    let staff = user(session, &format!("staff@{slug}.example")).await;
    members::add(session, organization.id, &staff.email, Role::Member, false)
        .await
        .expect("the member is added");
    let guest = format!("guest@{slug}.example").parse().expect("an address");
    // Its message waits in the outbox.
    let mailing = session.clone().mailing(Some(token_seal()));
    invitations::create(&mailing, organization.id, &[guest], Role::Viewer, 7, false)
        .await
        .expect("the invitation is made");
    let names = ("Dr. Jo Berg", "Room 0");
    practice_of(session, &organization, names).await;
    webhooks(session, &organization).await;
    organization
}

/// The keys that tests seal secrets with.
pub fn sealing_keys() -> SealingKeys {
    SealingKeys::parse(super::SECRET_KEYS).expect("a key")
}

/// An endpoint of each telephone channel, a call and a message that were processed, and one that waits.
async fn webhooks(session: &Session, organization: &Organization) {
    let id = organization.id;
    channels::change(session, id, ChannelKind::Retell, None, |before, _| {
        let mut after = before.clone();
        after.settings = ChannelSettings::from_json(
            ChannelKind::Retell,
            json!({ "agent_id": format!("agent_{}", organization.slug) }),
        )?;
        Ok(after)
    })
    .await
    .expect("the channel is changed");
    // A claim that waits, as a tenant's own admin makes one.
    let mut tx = TenantTx::begin(&session.db, id).await.expect("a scope");
    let instance = Identity::parse(IdentityKind::EvolutionInstance, "claimed").expect("a name");
    claims::insert(&mut tx, &[instance], ClaimStatus::Pending, session.now())
        .await
        .expect("the claim is stored");
    tx.commit().await.expect("committed");
    let new = NewEndpoint {
        channel: ChannelKind::Retell,
        scheme: Scheme::Retell,
        secret: "a key of Retell's".into(),
        may_be_weak: false,
        verify_token: None,
    };
    let (_, made) = endpoints::create(session, id, &sealing_keys(), &new)
        .await
        .expect("the endpoint is made");
    let now = session.now();
    let ended = json!({
        "event": "call_ended",
        "call": { "call_id": "call_1", "direction": "inbound", "start_timestamp": 1_700_000_000_000_i64,
                  "end_timestamp": 1_700_000_060_000_i64, "duration_ms": 60_000 },
    });
    let wrote = json!({ "session": "s", "id": "1", "text": "Hello" });
    for (channel, endpoint_id, body) in [
        (ChannelKind::Retell, Some(made.endpoint.id), &ended),
        (ChannelKind::Web, None, &wrote),
    ] {
        store(session, organization, channel, endpoint_id, body, "1").await;
    }
    while webhooks::work_once(&session.db, session.clock, None)
        .await
        .expect("the worker works")
        != Worked::Nothing
    {}
    store(session, organization, ChannelKind::Web, None, &wrote, "2").await;
    let mut tx = TenantTx::begin(&session.db, id).await.expect("a scope");
    let hash = [7; 32];
    let until = now + chrono::TimeDelta::minutes(1);
    db::webhooks::stream_tokens::insert(
        &mut tx,
        &hash,
        ChannelKind::TwilioRealtime,
        "CA1",
        now,
        until,
    )
    .await
    .expect("the token is stored");
    tx.commit().await.expect("committed");
}

async fn store(
    session: &Session,
    organization: &Organization,
    channel: ChannelKind,
    endpoint_id: Option<Uuid>,
    body: &Value,
    key: &str,
) {
    let mut tx = TenantTx::begin(&session.db, organization.id)
        .await
        .expect("a scope");
    let event = NewEvent {
        id: new_id(),
        channel,
        endpoint_id,
        idempotency_key: key.to_owned(),
        kind: "event".to_owned(),
        delivery: Delivery {
            method: "POST".to_owned(),
            query: String::new(),
            headers: json!({}),
            body: body.to_string().into_bytes(),
        },
        scheme: None,
        received_at: session.now(),
    };
    db::webhooks::events::insert(&mut tx, &event)
        .await
        .expect("the event is stored");
    tx.commit().await.expect("committed");
}

/// The ids of a small practice: who treats whom where and when.
#[derive(Clone, Debug)]
pub struct Practice {
    pub patient: String,
    pub provider: String,
    pub operatory: String,
    pub schedule: String,
    pub appointment: String,
}

/// Fills an organization: a patient whose record was read, a provider with a week of working hours,
/// an operatory, and an appointment.
pub async fn practice(session: &Session, organization: &Organization) -> Practice {
    practice_of(session, organization, ("Dr. Bo Berg", "Room 1")).await
}

/// As [`practice`], with the names of the provider and the operatory, which are unique.
async fn practice_of(
    session: &Session,
    organization: &Organization,
    (provider, operatory): (&str, &str),
) -> Practice {
    let call = async |function: Function, parameters: Value| {
        booking::call(session, organization.id, function, parameters, None)
            .await
            .unwrap_or_else(|error| panic!("{function}: {error}"))
    };
    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    let new = json!({ "first_name": "Ana", "last_name": "Keller", "phone": "044 364 35 32" });
    let patient = id(&call(Function::CreatePatient, new).await["patient"]);
    call(Function::GetPatient, json!({ "patient_id": patient })).await;
    let new = json!({ "name": provider });
    let provider = id(&call(Function::CreateProvider, new).await["provider"]);
    let new = json!({ "name": operatory });
    let operatory = id(&call(Function::CreateOperatory, new).await["operatory"]);
    let week = call(Function::CreateDefaultSchedules, json!({})).await;
    let schedule = id(&week["schedules"][0]);
    let new = json!({
        "patient_id": patient, "provider_id": provider, "operatory_id": operatory,
        "starts_at": "2031-03-03T09:00",
    });
    let appointment = id(&call(Function::CreateAppointment, new).await["appointment"]);
    Practice {
        patient,
        provider,
        operatory,
        schedule,
        appointment,
    }
}
