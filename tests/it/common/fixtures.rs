//! Two organizations with everything in them, for tests that need somebody to be isolated from.

use serde_json::{Value, json};
use tenantctl::{
    context::new_id,
    domain::{Locale, Organization, Role, TimeZone, User, UserId, booking::Function},
    services::{
        Session, booking, invitations, members,
        organizations::{self, FirstOwner, NewOrganization},
        users::{self, SignUp},
    },
};

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
    invitations::create(session, organization.id, &[guest], Role::Viewer, 7, false)
        .await
        .expect("the invitation is made");
    practice(session, &organization).await;
    organization
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
    let call = async |function: Function, parameters: Value| {
        booking::call(session, organization.id, function, parameters, None)
            .await
            .unwrap_or_else(|error| panic!("{function}: {error}"))
    };
    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    let new = json!({ "first_name": "Ana", "last_name": "Keller", "phone": "044 364 35 32" });
    let patient = id(&call(Function::CreatePatient, new).await["patient"]);
    call(Function::GetPatient, json!({ "patient_id": patient })).await;
    let new = json!({ "name": "Dr. Bo Berg" });
    let provider = id(&call(Function::CreateProvider, new).await["provider"]);
    let new = json!({ "name": "Room 1" });
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
