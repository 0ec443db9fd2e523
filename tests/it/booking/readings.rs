//! Each answer that depends on a patient's record leaves a row in the access log: whoever asks, by
//! whatever function or command, really or in a dry run, and also where the answer is a refusal.

use serde_json::{Value, json};
use tenantctl::{
    db::Database,
    domain::{Role, booking::Function},
    error::{Error, ErrorKind},
    services::{Session, members},
    system::new_id,
};
use uuid::Uuid;

use super::functions::{World, call, right};
use crate::common::{Clinic, Practice, block_on, settings, user};

/// Parameters with which the answer depends on the practice's patient; `None`: no answer of this
/// function tells of a patient. Every function is here: a new one does not compile until it is.
fn about_the_patient(function: Function, practice: &Practice) -> Option<Value> {
    use Function as F;
    match function {
        // Another patient with the same number: it is pointed out as a possible duplicate.
        F::CreatePatient => Some(json!({
            "first_name": "Somebody", "last_name": "Else", "phone": "+41443643532"
        })),
        F::GetAllPatients
        | F::GetMultiplePatients
        | F::GetPatient
        | F::UpdatePatient
        | F::DeletePatient
        | F::GetAppointments
        | F::CreateAppointment
        | F::UpdateAppointment
        | F::BreakAppointment
        | F::DeleteAppointment => Some(right(function, practice)),
        // The appointment is outside of the hours that are proposed.
        F::CheckScheduleConflicts => Some(json!({
            "date_from": "2031-03-01",
            "proposed": {
                "kind": "holiday", "provider_id": practice.provider,
                "valid_from": "2031-03-03", "valid_until": "2031-03-03"
            }
        })),
        F::GetProviders
        | F::GetProvider
        | F::CreateProvider
        | F::UpdateProvider
        | F::DeleteProvider
        | F::GetOperatories
        | F::GetOperatory
        | F::CreateOperatory
        | F::UpdateOperatory
        | F::DeleteOperatory
        | F::GetAvailableSlots
        | F::GetSchedules
        | F::GetSchedule
        | F::GetProviderSchedules
        | F::CreateSchedule
        | F::UpdateSchedule
        | F::DeleteSchedule
        | F::CreateDefaultSchedules => None,
    }
}

impl World {
    /// Whether that request left a row of our patient.
    async fn is_logged(&self, request: Uuid) -> bool {
        let patient = &self.ours.patient;
        let sql = format!(
            "SELECT count(*) > 0 FROM access_log WHERE request_id = '{request}' AND patient_id = '{patient}'"
        );
        self.fixture.db.scalar(&sql).await
    }

    async fn member(&self, role: Role) -> Session {
        let (session, organization) = (&self.fixture.session, &self.fixture.a);
        let somebody = user(session, &format!("{role}@else.example")).await;
        members::add(session, organization.id, &somebody.email, role, false)
            .await
            .expect("they become a member");
        session.acting_as(&somebody)
    }

    /// Calls a function in a dry run, with a request of its own.
    async fn rehearse(
        &self,
        caller: &Session,
        function: Function,
        parameters: Value,
    ) -> (Uuid, Result<Value, Error>) {
        let rehearsal = Session {
            db: Database::rehearse(&settings(&self.fixture.db.url))
                .await
                .expect("a connection"),
            request_id: new_id(),
            ..caller.clone()
        };
        let answer = call(&rehearsal, &self.fixture.a, function, parameters).await;
        (rehearsal.request_id, answer)
    }
}

#[tokio::test]
async fn every_function_that_tells_of_a_patient_leaves_a_row_whoever_calls_it() {
    let world = World::new().await;
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        let caller = world.member(role).await;
        for function in Function::ALL.iter().copied() {
            let parameters = about_the_patient(function, &world.ours);
            let depends = parameters.is_some();
            let parameters = parameters.unwrap_or_else(|| right(function, &world.ours));
            let (request, answer) = world.rehearse(&caller, function, parameters).await;
            let told = match answer {
                Ok(answer) => answer.to_string(),
                Err(error) if error.kind() == ErrorKind::Refused => continue,
                Err(error) => panic!("{role} {function}: {error}"),
            };
            let is_logged = world.is_logged(request).await;
            assert_eq!(is_logged, depends, "{role} {function}: {told}");
            let ours = &world.ours;
            let tells = [ours.patient.as_str(), &ours.appointment, "Keller"]
                .iter()
                .any(|part| told.contains(part));
            assert!(is_logged || !tells, "{role} {function}: {told}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_kept_leaves_a_row_as_well() {
    for function in Function::ALL.iter().copied() {
        let world = World::new().await;
        let Some(parameters) = about_the_patient(function, &world.ours) else {
            continue;
        };
        let session = Session {
            request_id: new_id(),
            ..world.fixture.session.clone()
        };
        let answer = call(&session, &world.fixture.a, function, parameters).await;
        answer.unwrap_or_else(|error| panic!("{function}: {error}"));
        assert!(world.is_logged(session.request_id).await, "{function}");
    }
}

#[tokio::test]
async fn a_refusal_that_depends_on_a_record_leaves_a_row() {
    let world = World::new().await;
    let caller = world.member(Role::Admin).await;
    let ours = &world.ours;
    for (function, parameters) in [
        (
            Function::UpdatePatient,
            json!({ "patient_id": ours.patient, "external_id": "P-CANARY" }),
        ),
        (
            Function::UpdateAppointment,
            json!({ "appointment_id": ours.appointment, "external_id": "A-CANARY" }),
        ),
    ] {
        world
            .call(function, parameters)
            .await
            .expect("it has an external id");
    }
    let other = json!({ "first_name": "Some", "last_name": "Other" });
    let other = world
        .call(Function::CreatePatient, other)
        .await
        .expect("made")["patient"]["id"]
        .clone();
    let at = |time: &str| {
        json!({
            "patient_id": other, "provider_id": ours.provider, "operatory_id": ours.operatory,
            "starts_at": time
        })
    };
    let mut taken = at("2031-03-04T12:00");
    taken["external_id"] = json!("A-CANARY");
    for (what, function, parameters, kind) in [
        (
            "the external id is another patient's",
            Function::CreatePatient,
            json!({ "first_name": "A", "last_name": "B", "external_id": "P-CANARY" }),
            ErrorKind::Conflict,
        ),
        (
            "it is to become another patient's",
            Function::UpdatePatient,
            json!({ "patient_id": other, "external_id": "P-CANARY" }),
            ErrorKind::Conflict,
        ),
        (
            "the patient has appointments",
            Function::DeletePatient,
            json!({ "patient_id": ours.patient }),
            ErrorKind::Conflict,
        ),
        (
            "the patient is there, and the change is refused",
            Function::UpdatePatient,
            json!({ "patient_id": ours.patient, "birth_date": "2999-01-01" }),
            ErrorKind::BadInput,
        ),
        (
            "the external id is another appointment's",
            Function::CreateAppointment,
            taken,
            ErrorKind::Conflict,
        ),
        (
            "the appointment is not completed",
            Function::UpdateAppointment,
            json!({ "appointment_id": ours.appointment, "status": "broken" }),
            ErrorKind::BadInput,
        ),
        (
            "the patient is there, and the time is closed",
            Function::CreateAppointment,
            json!({
                "patient_id": ours.patient, "provider_id": ours.provider,
                "operatory_id": ours.operatory, "starts_at": "2031-03-04T03:00"
            }),
            ErrorKind::Conflict,
        ),
        (
            "the patient is there, and the time is taken",
            Function::CreateAppointment,
            json!({
                "patient_id": ours.patient, "provider_id": ours.provider,
                "operatory_id": ours.operatory, "starts_at": "2031-03-03T09:00"
            }),
            ErrorKind::Conflict,
        ),
    ] {
        let (request, answer) = world.rehearse(&caller, function, parameters).await;
        let error = answer.expect_err(what);
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(world.is_logged(request).await, "{what}: {error}");
    }
    let archive = json!({ "patient_id": ours.patient, "archived": true });
    world
        .call(Function::UpdatePatient, archive)
        .await
        .expect("archived");
    let mut booked = at("2031-03-04T12:00");
    booked["patient_id"] = json!(ours.patient);
    let (request, answer) = world
        .rehearse(&caller, Function::CreateAppointment, booked)
        .await;
    assert!(
        answer
            .expect_err("refused")
            .to_string()
            .contains("archived")
    );
    assert!(world.is_logged(request).await);
    world
        .fixture
        .db
        .cli()
        .ok(&["activity", "verify", "--org", "alpha"]);
}

/// The clinic with a patient to guess at, an appointment, and members to guess.
fn guarded() -> Clinic {
    let clinic = Clinic::new();
    clinic.ok("provider create Berg --external-id D-1");
    clinic.ok("schedule defaults");
    clinic.ok(
        "patient create --first-name Zenobia --last-name Quartz --external-id P-1 \
         --birth-date 1984-03-09 --phone +41443643532 --email zen@quartz.example --notes HIV",
    );
    clinic.ok("appointment create --patient P-1 --provider D-1 --at 2031-03-03T09:00");
    clinic.sign_up("viewer@harbor.example");
    clinic.sign_up("member@harbor.example");
    clinic.sign_up("admin@harbor.example");
    for role in ["viewer", "member", "admin"] {
        clinic.ok(&format!("member add {role}@harbor.example --role {role}"));
    }
    let file = |name: &str, text: &str| {
        std::fs::write(clinic.cli.home().join(name), text).expect("a file");
    };
    let header = "external_id,first_name,last_name,notes\n";
    file("right.csv", &format!("{header}P-1,Zenobia,Quartz,HIV\n"));
    file("wrong.csv", &format!("{header}P-1,Zenobia,Quartz,None\n"));
    file(
        "named.csv",
        "first_name,last_name,birth_date,phone\nZenobia,Quartz,1984-03-09,+41443643532\n",
    );
    let header = "patient,provider,starts_at,length_minutes\n";
    file(
        "same.csv",
        &format!("{header}P-1,D-1,2031-03-03T09:00,30\n"),
    );
    file(
        "mailed.csv",
        &format!("{header}zen@quartz.example,D-1,2031-03-04T09:00,30\n"),
    );
    file(
        "called.csv",
        &format!("{header}Zenobia Quartz,D-1,2031-03-05T09:00,30\n"),
    );
    file(
        "taken.csv",
        &format!("{header}P-2,D-1,2031-03-03T09:10,30\n"),
    );
    clinic.ok("patient create --first-name Some --last-name Other --external-id P-2");
    clinic
}

/// Commands whose answers depend on the patient.
const COMMANDS: &[&str] = &[
    "patient list",
    "patient list --search quartz",
    "patient list --phone +41443643532",
    "patient show P-1",
    "patient update P-1 --notes HIV",
    "patient update P-1 --notes None",
    "patient create --first-name A --last-name B --phone +41443643532",
    "patient create --first-name A --last-name B --external-id P-1",
    "patient create --first-name A --last-name B --external-id P-1 --if-not-exists",
    "patient delete P-1 --yes",
    "patient delete P-1 --archive --yes",
    "appointment list",
    "appointment list --day 2031-03-03",
    "appointment list --patient P-1 --day 2031-03-09",
    "appointment create --patient P-1 --provider D-1 --at 2031-03-03T09:00",
    "appointment create --patient P-1 --provider D-1 --at 2031-03-06T09:00",
    "booking call GetAllPatients",
    "import patients right.csv",
    "import patients wrong.csv",
    "import patients wrong.csv --on-conflict update",
    "import patients wrong.csv --on-conflict fail",
    "import patients wrong.csv --on-conflict fail --partial",
    "import patients named.csv",
    "import appointments same.csv",
    "import appointments mailed.csv",
    "import appointments called.csv",
    "import appointments taken.csv",
];

#[test]
fn every_command_that_tells_of_a_patient_leaves_a_row_also_in_a_dry_run() {
    let clinic = guarded();
    let id = clinic.json("patient show P-1")["id"].clone();
    let id = id.as_str().expect("an id");
    let rows = || -> i64 {
        let sql = format!("SELECT count(*) FROM access_log WHERE patient_id = '{id}'");
        block_on(|| clinic.db.scalar(&sql))
    };
    let mut allowed = 0;
    for role in ["viewer", "member", "admin"] {
        for line in COMMANDS {
            let before = rows();
            let line = in_home(&clinic, line);
            let told = clinic.run(&format!("{line} --dry-run --as {role}@harbor.example"));
            let is_refused = told.code == 5;
            allowed += usize::from(!is_refused);
            assert!(![2, 7, 101].contains(&told.code), "{line}: {}", told.stderr);
            assert!(
                is_refused || rows() > before,
                "{role}: {line}: {} {}",
                told.stdout,
                told.stderr
            );
        }
    }
    assert!(allowed >= 45, "{allowed}");
    // And as it is done, not rehearsed.
    for line in COMMANDS.iter().filter(|line| line.starts_with("import")) {
        let before = rows();
        clinic.run(&in_home(&clinic, line));
        assert!(rows() > before, "{line}");
    }
    clinic.ok("activity verify");
}

/// A line whose files are in the folder of the clinic.
fn in_home(clinic: &Clinic, line: &str) -> String {
    let words = line
        .split_whitespace()
        .map(|word| match word.ends_with(".csv") {
            true => clinic.cli.home().join(word).display().to_string(),
            false => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_import_logs_each_patient_once_and_keeps_no_reader_waiting() {
    let clinic = guarded();
    let read = |function: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM access_log WHERE function = '{function}'");
        block_on(|| clinic.db.scalar(&sql))
    };
    clinic.run(&in_home(&clinic, "import patients right.csv"));
    assert_eq!(read("ImportPatients"), 1);
    clinic.run(&in_home(&clinic, "import appointments same.csv"));
    assert_eq!(read("ImportAppointments"), 1);
    let listed = clinic.json("patient access-log P-1 --function ImportPatients");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
}
