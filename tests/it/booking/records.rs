//! What is kept of a patient: who read the record, what a change leaves in the log, and what an
//! erasure leaves of the person.

use serde_json::{Value, json};
use tenantctl::{
    domain::booking::Function,
    services::activity::{self, Log},
};

use super::functions::World;

impl World {
    async fn readings(&self) -> Vec<(String, i64)> {
        let mut connection = self.fixture.db.raw().await;
        sqlx::query_as(
            "SELECT function, count(*) FROM access_log
              WHERE organization_id = $1 GROUP BY function, occurred_at ORDER BY min(id::text)",
        )
        .bind(self.fixture.a.id.as_uuid())
        .fetch_all(&mut connection)
        .await
        .expect("rows")
    }
}

#[tokio::test]
async fn every_function_that_shows_a_record_leaves_a_reading() {
    let world = World::new().await;
    let earlier = world.readings().await.len();
    let id = &world.ours.patient;
    for (function, parameters) in [
        (Function::GetAllPatients, json!({})),
        (
            Function::GetMultiplePatients,
            json!({ "patient_ids": [id] }),
        ),
        (Function::GetPatient, json!({ "patient_id": id })),
        (
            Function::UpdatePatient,
            json!({ "patient_id": id, "notes": "x" }),
        ),
        (Function::GetAppointments, json!({ "patient_id": id })),
        (
            Function::UpdateAppointment,
            json!({ "appointment_id": world.ours.appointment, "status": "scheduled" }),
        ),
        (
            Function::BreakAppointment,
            json!({ "appointment_id": world.ours.appointment, "reason": "did not come" }),
        ),
    ] {
        world.call(function, parameters).await.expect("it answers");
    }
    let readings = world.readings().await.split_off(earlier);
    let functions: Vec<&str> = readings
        .iter()
        .map(|(function, _)| function.as_str())
        .collect();
    assert_eq!(
        functions,
        [
            "GetAllPatients",
            "GetMultiplePatients",
            "GetPatient",
            "UpdatePatient",
            "GetAppointments",
            "UpdateAppointment",
            "BreakAppointment",
        ]
    );
    // Two patients: each organization of the fixture begins with one.
    assert_eq!(readings[0].1, 2);
    assert_eq!(readings[2].1, 1);
}

#[tokio::test]
async fn a_dry_run_that_shows_a_record_is_logged_all_the_same() {
    let world = World::new().await;
    let cli = world.fixture.db.cli().env("TENANTCTL_ORG", "alpha");
    let earlier = world.readings().await.len();
    let id = world.ours.patient.as_str();
    let shown = cli.ok(&["patient", "update", id, "--notes", "secret", "--dry-run"]);
    assert!(shown.contains("Keller"), "{shown}");
    assert_eq!(world.readings().await.len(), earlier + 1);
    let patient = cli.json(&["patient", "show", id]);
    assert_eq!(patient["notes"], Value::Null, "it was a dry run");
}

#[tokio::test]
async fn the_activity_keeps_names_of_fields_and_an_erasure_leaves_nothing_of_the_person() {
    let world = World::new().await;
    let new = json!({
        "first_name": "Zenobia", "last_name": "Quartzblum", "birth_date": "1984-03-09",
        "phone": "044 364 35 33", "email": "zenobia@quartz.example", "notes": "Penicillin!",
    });
    let made = world
        .call(Function::CreatePatient, new)
        .await
        .expect("made");
    let id = made["patient"]["id"].as_str().expect("an id").to_owned();
    let change = json!({ "patient_id": id, "last_name": "Quartzblum-Ray", "notes": null });
    world
        .call(Function::UpdatePatient, change)
        .await
        .expect("changed");
    let traces = async || -> i64 {
        let tables = [
            "patients",
            "patient_name_parts",
            "activity_log",
            "access_log",
            "appointments",
        ];
        let mut found = 0;
        for table in tables {
            let count: i64 = world
                .fixture
                .db
                .scalar(&format!(
                    "SELECT count(*) FROM {table} t
                      WHERE t::text ~* 'zenobia|quartz|penicillin|443643533|1984-03-09'"
                ))
                .await;
            found += count;
        }
        found
    };
    assert!(traces().await > 0);
    world
        .call(Function::DeletePatient, json!({ "patient_id": id }))
        .await
        .expect("erased");
    assert_eq!(traces().await, 0);
    let log = Log::Organization(world.fixture.a.id);
    let verified = activity::verify(&world.fixture.session, log, None)
        .await
        .expect("walked");
    assert!(verified.broken.is_none(), "{verified:?}");
}

#[tokio::test]
async fn errors_carry_ids_and_never_what_was_typed_of_a_person() {
    let world = World::new().await;
    for parameters in [
        json!({ "first_name": "Zenobia\u{202E}", "last_name": "Quartz" }),
        json!({ "first_name": "Zenobia", "last_name": "Quartz", "phone": "Zenobia 12" }),
        json!({ "first_name": "Zenobia", "last_name": "Quartz", "email": "zenobia" }),
        json!({ "first_name": "Zenobia", "last_name": "Quartz", "phone": 79123456 }),
        json!({ "first_name": "A", "last_name": "B", "Zenobia": 1 }),
        json!(["Zenobia", "Quartz"]),
        json!("Zenobia"),
        json!({ "first_name": ["Zenobia"], "last_name": "Quartz" }),
        json!({ "first_name": "A", "last_name": "B", "birth_date": "Zenobia" }),
        json!({ "first_name": "A", "last_name": "B", "phone": { "Zenobia": "Zenobia" } }),
    ] {
        let error = world
            .call(Function::CreatePatient, parameters)
            .await
            .unwrap_err();
        let said = format!("{error} {:?} {:?}", error.hints(), error.causes());
        assert!(
            !said.contains("enobia") && !said.contains("79123456"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn likely_duplicates_are_pointed_out_and_not_merged() {
    let world = World::new().await;
    let new = json!({ "first_name": "Anna", "last_name": "KELLER", "phone": "+41 44 364 35 32" });
    let made = world
        .call(Function::CreatePatient, new)
        .await
        .expect("made");
    let duplicates = made["possible_duplicates"].as_array().expect("a list");
    assert_eq!(duplicates.len(), 2, "{made}");
    assert_eq!(duplicates[0]["same"], json!(["phone"]));
    let all = world
        .call(Function::GetAllPatients, json!({}))
        .await
        .expect("a list");
    assert_eq!(all["patients"].as_array().map(Vec::len), Some(3));
}
