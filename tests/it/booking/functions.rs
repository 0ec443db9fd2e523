//! Every function: right, with wrong input, with another organization's id.

use serde_json::{Value, json};
use tenantctl::{
    confirm::Confirmed,
    domain::{Organization, booking::Function},
    error::{Error, ErrorKind},
    services::{Session, booking},
};

use crate::common::{Fixture, Practice, practice};

/// Two practices, and an id that nobody has.
pub struct World {
    pub fixture: Fixture,
    pub ours: Practice,
    pub theirs: Practice,
}

pub const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

impl World {
    pub async fn new() -> Self {
        let fixture = Fixture::new().await;
        let ours = practice(&fixture.session, &fixture.a).await;
        let theirs = practice(&fixture.session, &fixture.b).await;
        Self {
            fixture,
            ours,
            theirs,
        }
    }

    /// In our organization, as the operator.
    pub async fn call(&self, function: Function, parameters: Value) -> Result<Value, Error> {
        call(&self.fixture.session, &self.fixture.a, function, parameters).await
    }
}

pub async fn call(
    session: &Session,
    organization: &Organization,
    function: Function,
    parameters: Value,
) -> Result<Value, Error> {
    let confirmed = function.deletes().then(Confirmed::by_flag);
    booking::call(session, organization.id, function, parameters, confirmed).await
}

/// Parameters with which a function works on such a practice.
pub fn right(function: Function, practice: &Practice) -> Value {
    use Function as F;
    let Practice {
        patient,
        provider,
        operatory,
        schedule,
        appointment,
    } = practice;
    match function {
        F::GetAllPatients => json!({ "search": "kel an", "limit": 10 }),
        F::GetMultiplePatients => json!({ "patient_ids": [patient] }),
        F::GetPatient => json!({ "patient_id": patient }),
        F::CreatePatient => json!({ "first_name": "Noa", "last_name": "Levi" }),
        F::UpdatePatient => json!({ "patient_id": patient, "notes": "Prefers mornings." }),
        F::DeletePatient => json!({ "patient_id": patient, "archive": true }),
        F::GetProviders => json!({ "search": "berg" }),
        F::GetProvider => json!({ "provider_id": provider }),
        F::CreateProvider => json!({ "name": "Dr. Cy Dorn", "specialty": "Orthodontics" }),
        F::UpdateProvider => json!({ "provider_id": provider, "specialty": "Hygiene" }),
        F::DeleteProvider => json!({ "provider_id": provider, "archive": true }),
        F::GetOperatories => json!({ "search": "ROOM" }),
        F::GetOperatory => json!({ "operatory_id": operatory }),
        F::CreateOperatory => json!({ "name": "Room 2" }),
        F::UpdateOperatory => json!({ "operatory_id": operatory, "notes": "Upstairs." }),
        F::DeleteOperatory => json!({ "operatory_id": operatory, "archive": true }),
        F::GetAppointments => json!({ "date": "2031-03-03", "patient_id": patient }),
        F::GetAvailableSlots => json!({
            "provider_id": provider, "operatory_id": operatory, "date_from": "2031-03-03",
            "days": 1, "length_minutes": 60
        }),
        F::CreateAppointment => json!({
            "patient_id": patient, "provider_id": provider, "operatory_id": operatory,
            "starts_at": "2031-03-04T10:00", "length_minutes": 45
        }),
        F::UpdateAppointment => {
            json!({ "appointment_id": appointment, "starts_at": "2031-03-05T11:00:00+01:00" })
        }
        F::BreakAppointment => json!({ "appointment_id": appointment, "reason": "did not come" }),
        F::DeleteAppointment => json!({ "appointment_id": appointment }),
        F::GetSchedules => json!({ "provider_id": provider, "kind": "weekly" }),
        F::GetSchedule => json!({ "schedule_id": schedule }),
        F::GetProviderSchedules => json!({ "provider_id": provider, "date_from": "2031-03-03" }),
        F::CreateSchedule => json!({
            "kind": "blockout", "provider_id": provider, "start_time": "12:00", "end_time": "13:00"
        }),
        F::UpdateSchedule => json!({ "schedule_id": schedule, "end_time": "16:00" }),
        F::DeleteSchedule => json!({ "schedule_id": schedule }),
        F::CreateDefaultSchedules => json!({ "provider_ids": [provider] }),
        F::CheckScheduleConflicts => json!({ "provider_id": provider, "date_from": "2031-03-01" }),
    }
}

/// What shows in the answer that the function did what it is for.
fn shows(function: Function, answer: &Value, practice: &Practice) -> bool {
    use Function as F;
    let is = |pointer: &str, value: Value| answer.pointer(pointer) == Some(&value);
    let count = |pointer: &str| {
        answer
            .pointer(pointer)
            .and_then(Value::as_array)
            .map(Vec::len)
    };
    match function {
        // The organization has two of that name.
        F::GetAllPatients => {
            count("/patients") == Some(2)
                && (is("/patients/0/id", json!(practice.patient))
                    || is("/patients/1/id", json!(practice.patient)))
        }
        F::GetMultiplePatients => is("/patients/0/id", json!(practice.patient)),
        F::GetPatient => is("/phone", json!("+41443643532")) && is("/last_name", json!("Keller")),
        F::CreatePatient => is("/patient/first_name", json!("Noa")),
        F::UpdatePatient => is("/changed_fields", json!(["notes"])),
        F::DeletePatient | F::DeleteProvider | F::DeleteOperatory => {
            is("/changed", json!(true)) && is("/deleted", json!(false))
        }
        F::GetProviders => count("/providers") == Some(2),
        F::GetProvider => is("/name", json!("Dr. Bo Berg")),
        F::CreateProvider => is("/provider/specialty", json!("Orthodontics")),
        F::UpdateProvider => is("/provider/specialty", json!("Hygiene")),
        F::GetOperatories => count("/operatories") == Some(2),
        F::GetOperatory => is("/name", json!("Room 1")),
        F::CreateOperatory => is("/operatory/name", json!("Room 2")),
        F::UpdateOperatory => is("/operatory/notes", json!("Upstairs.")),
        F::GetAppointments => {
            is("/appointments/0/id", json!(practice.appointment))
                && is("/appointments/0/starts_at", json!("2031-03-03T08:00:00Z"))
        }
        // Seven hours are left of eight: the first begins after the appointment at nine.
        F::GetAvailableSlots => {
            count("/slots") == Some(7)
                && is("/slots/0/local_start", json!("2031-03-03T10:00:00+01:00"))
        }
        F::CreateAppointment => is("/appointment/ends_at", json!("2031-03-04T09:45:00Z")),
        F::UpdateAppointment => is("/appointment/starts_at", json!("2031-03-05T10:00:00Z")),
        F::BreakAppointment => is("/appointment/broken_reason", json!("did not come")),
        F::DeleteAppointment | F::DeleteSchedule => is("/deleted", json!(true)),
        F::GetSchedules => count("/schedules") == Some(5),
        F::GetSchedule => is("/start_time", json!("09:00")),
        F::GetProviderSchedules => is("/hours/0/open/0/end_time", json!("17:00")),
        F::CreateSchedule => is("/schedule/kind", json!("blockout")),
        F::UpdateSchedule => is("/schedule/end_time", json!("16:00")),
        F::CreateDefaultSchedules => is("/skipped_provider_ids/0", json!(practice.provider)),
        F::CheckScheduleConflicts => is("/conflicts", json!([])),
    }
}

#[tokio::test]
async fn every_function_does_what_it_is_for() {
    for function in Function::ALL.iter().copied() {
        let world = World::new().await;
        let parameters = right(function, &world.ours);
        let answer = world.call(function, parameters).await;
        let answer = answer.unwrap_or_else(|error| panic!("{function}: {error}"));
        assert!(
            shows(function, &answer, &world.ours),
            "{function}: {answer:#}"
        );
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused_by_every_function() {
    let world = World::new().await;
    for function in Function::ALL.iter().copied() {
        let mut parameters = right(function, &world.ours);
        parameters["organization_id"] = json!(world.fixture.b.id);
        let error = world.call(function, parameters).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{function}");
        assert!(
            error.to_string().contains("organization_id"),
            "{function}: {error}"
        );
    }
}

/// Replaces each id of a practice, one at a time.
fn with_one_foreign_id(parameters: &Value, ours: &Practice, other: &Practice) -> Vec<Value> {
    let pairs = [
        (&ours.patient, &other.patient),
        (&ours.provider, &other.provider),
        (&ours.operatory, &other.operatory),
        (&ours.schedule, &other.schedule),
        (&ours.appointment, &other.appointment),
    ];
    let text = parameters.to_string();
    pairs
        .into_iter()
        .filter(|(ours, _)| text.contains(ours.as_str()))
        .map(|(ours, other)| serde_json::from_str(&text.replace(ours, other)).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_answered_like_what_does_not_exist() {
    let world = World::new().await;
    let nobody = Practice {
        patient: NOBODY.to_owned(),
        provider: NOBODY.to_owned(),
        operatory: NOBODY.to_owned(),
        schedule: NOBODY.to_owned(),
        appointment: NOBODY.to_owned(),
    };
    let before = world
        .fixture
        .db
        .dump_of(&world.fixture.b.id.to_string())
        .await;
    let mut tried = 0;
    for function in Function::ALL.iter().copied() {
        let parameters = right(function, &world.ours);
        let foreign = with_one_foreign_id(&parameters, &world.ours, &world.theirs);
        let unknown = with_one_foreign_id(&parameters, &world.ours, &nobody);
        for (foreign, unknown) in foreign.into_iter().zip(unknown) {
            tried += 1;
            let answered = said(world.call(function, foreign.clone()).await, &foreign);
            let expected = said(world.call(function, unknown.clone()).await, &unknown);
            assert_eq!(answered, expected, "{function} {foreign}");
        }
    }
    assert!(tried >= 25, "{tried}");
    let after = world
        .fixture
        .db
        .dump_of(&world.fixture.b.id.to_string())
        .await;
    assert_eq!(before, after, "nothing of the other organization changed");
}

/// An answer or an error, with every id that was asked for left out.
fn said(result: Result<Value, Error>, asked: &Value) -> String {
    let mut text = match result {
        Ok(answer) => format!("{answer}"),
        Err(error) => format!("{:?} {error} {:?}", error.kind(), error.hints()),
    };
    let asked = asked.to_string();
    let ids = asked.split('"').filter(|word| word.len() == NOBODY.len());
    for id in ids {
        text = text.replace(id, "ID");
    }
    text
}
