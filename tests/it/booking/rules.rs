//! The rules that people rely on: times, statuses, archived and deleted parents, paging.

use serde_json::{Value, json};
use tenantctl::{
    domain::booking::Function as F,
    error::{Error, ErrorKind},
};

use super::functions::World;

async fn conflict(world: &World, function: F, parameters: Value, part: &str) -> Error {
    let error = world.call(function, parameters).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{function}: {error}");
    assert!(error.to_string().contains(part), "{function}: {error}");
    error
}

#[tokio::test]
async fn what_has_appointments_is_not_deleted_but_archived_and_then_not_booked() {
    let world = World::new().await;
    let ours = &world.ours;
    let (patient, provider, operatory) = (&ours.patient, &ours.provider, &ours.operatory);
    let booking = json!({
        "patient_id": patient, "provider_id": provider, "operatory_id": operatory,
        "starts_at": "2031-03-06T10:00",
    });
    for (delete, update, key, id) in [
        (F::DeletePatient, F::UpdatePatient, "patient_id", patient),
        (
            F::DeleteProvider,
            F::UpdateProvider,
            "provider_id",
            provider,
        ),
        (
            F::DeleteOperatory,
            F::UpdateOperatory,
            "operatory_id",
            operatory,
        ),
    ] {
        conflict(&world, delete, json!({ key: id }), "1 appointment").await;
        let archive = json!({ key: id, "archive": true });
        let archived = world.call(delete, archive.clone()).await.unwrap();
        assert_eq!(
            (&archived["changed"], &archived["deleted"]),
            (&json!(true), &json!(false))
        );
        let again = world.call(delete, archive).await.unwrap();
        assert_eq!(again["changed"], json!(false));
        conflict(&world, F::CreateAppointment, booking.clone(), "archived").await;
        let restore = json!({ key: id, "archived": false });
        world.call(update, restore).await.unwrap();
    }
    world.call(F::CreateAppointment, booking).await.unwrap();
}

#[tokio::test]
async fn nobody_is_booked_twice_and_the_next_free_times_are_named() {
    let world = World::new().await;
    let ours = &world.ours;
    let at = |starts_at: &str, minutes: u32| {
        json!({
            "patient_id": ours.patient, "provider_id": ours.provider,
            "operatory_id": ours.operatory, "starts_at": starts_at, "length_minutes": minutes,
        })
    };
    // The practice has an appointment from 09:00 to 09:30.
    let error = conflict(
        &world,
        F::CreateAppointment,
        at("2031-03-03T09:15", 30),
        "provider",
    )
    .await;
    assert!(
        error.hints()[0].contains("2031-03-03T09:30+01:00"),
        "{:?}",
        error.hints()
    );
    // Half-open: one begins when the other ends.
    world
        .call(F::CreateAppointment, at("2031-03-03T09:30", 30))
        .await
        .unwrap();

    let other = json!({ "name": "Dr. Eve Flint" });
    let other = world.call(F::CreateProvider, other).await.unwrap();
    world
        .call(F::CreateDefaultSchedules, json!({}))
        .await
        .unwrap();
    let mut taken_room = at("2031-03-03T09:00", 30);
    taken_room["provider_id"] = other["provider"]["id"].clone();
    conflict(
        &world,
        F::CreateAppointment,
        taken_room.clone(),
        "operatory",
    )
    .await;
    taken_room["operatory_id"] = Value::Null;
    world.call(F::CreateAppointment, taken_room).await.unwrap();

    let broken = json!({ "appointment_id": ours.appointment, "reason": "did not come" });
    world.call(F::BreakAppointment, broken).await.unwrap();
    world
        .call(F::CreateAppointment, at("2031-03-03T09:00", 30))
        .await
        .unwrap();
    let again = json!({ "appointment_id": ours.appointment, "status": "scheduled" });
    conflict(&world, F::UpdateAppointment, again, "booked already").await;
}

#[tokio::test]
async fn outside_of_the_working_hours_only_on_purpose() {
    let world = World::new().await;
    let ours = &world.ours;
    let mut sunday = json!({
        "patient_id": ours.patient, "provider_id": ours.provider, "starts_at": "2031-03-02T10:00",
    });
    let error = conflict(&world, F::CreateAppointment, sunday.clone(), "outside").await;
    assert!(
        error.hints()[0].contains("2031-03-03T09:30+01:00"),
        "{:?}",
        error.hints()
    );
    sunday["outside_schedule"] = json!(true);
    world.call(F::CreateAppointment, sunday).await.unwrap();
    let found = json!({ "date_from": "2031-03-01", "days": 7 });
    let found = world.call(F::CheckScheduleConflicts, found).await.unwrap();
    assert_eq!(found["conflicts"][0]["kind"], "outside_hours", "{found}");
}

#[tokio::test]
async fn daylight_saving_moves_no_clock_time_and_invents_none() {
    let world = World::new().await;
    let ours = &world.ours;
    let night = |date: &str| {
        json!({
            "kind": "date", "provider_id": ours.provider, "valid_from": date,
            "start_time": "01:00", "end_time": "04:00",
        })
    };
    for date in ["2031-03-30", "2031-10-26"] {
        world.call(F::CreateSchedule, night(date)).await.unwrap();
    }
    let slots = async |date: &str| -> Vec<String> {
        let asked = json!({
            "provider_id": ours.provider, "date_from": date, "days": 1, "length_minutes": 60,
        });
        let answer = world.call(F::GetAvailableSlots, asked).await.unwrap();
        let slots = answer["slots"].as_array().unwrap().iter();
        slots
            .map(|slot| slot["local_start"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        slots("2031-03-30").await,
        ["2031-03-30T01:00:00+01:00", "2031-03-30T03:00:00+02:00"]
    );
    assert_eq!(
        slots("2031-10-26").await,
        [
            "2031-10-26T01:00:00+02:00",
            "2031-10-26T02:00:00+02:00",
            "2031-10-26T02:00:00+01:00",
            "2031-10-26T03:00:00+01:00",
        ]
    );
    for (starts_at, part) in [
        ("2031-03-30T02:30", "no 2031"),
        ("2031-10-26T02:30", "twice"),
    ] {
        let asked = json!({
            "patient_id": ours.patient, "provider_id": ours.provider, "starts_at": starts_at,
        });
        let error = world.call(F::CreateAppointment, asked).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn an_appointment_that_took_place_stays_where_it_was() {
    let world = World::new().await;
    let id = &world.ours.appointment;
    let change = |key: &str, value: Value| json!({ "appointment_id": id, key: value });
    world
        .call(F::UpdateAppointment, change("status", json!("confirmed")))
        .await
        .unwrap();
    let error = world
        .call(F::UpdateAppointment, change("status", json!("broken")))
        .await;
    assert!(error.unwrap_err().hints()[0].contains("break"));
    world
        .call(F::UpdateAppointment, change("status", json!("completed")))
        .await
        .unwrap();
    let moved = change("starts_at", json!("2031-03-07T10:00"));
    conflict(&world, F::UpdateAppointment, moved, "took place").await;
    conflict(
        &world,
        F::UpdateAppointment,
        change("status", json!("cancelled")),
        "cannot",
    )
    .await;
    let broken = json!({ "appointment_id": id, "reason": "x" });
    conflict(&world, F::BreakAppointment, broken, "cannot be broken").await;
    world
        .call(F::UpdateAppointment, change("notes", json!("all well")))
        .await
        .unwrap();
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let world = World::new().await;
    for name in ["Übel", "Adler", "Zander", "Öhler", "Uber"] {
        let new = json!({ "first_name": "X", "last_name": name });
        world.call(F::CreatePatient, new).await.unwrap();
    }
    let (mut names, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = json!({ "limit": 2, "after": after });
        let page = world.call(F::GetAllPatients, page).await.unwrap();
        for patient in page["patients"].as_array().unwrap() {
            names.push(patient["last_name"].as_str().unwrap().to_owned());
        }
        pages += 1;
        after = page["next_after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(
        names,
        [
            "Adler", "Keller", "Keller", "Öhler", "Übel", "Uber", "Zander"
        ]
    );
    assert_eq!(pages, 4);
}

#[tokio::test]
async fn people_are_found_by_the_beginnings_of_their_names() {
    let world = World::new().await;
    for (first, last) in [
        ("Ana Lucía", "García-Márquez"),
        ("Łukasz", "Müller"),
        ("明", "王"),
    ] {
        let new = json!({ "first_name": first, "last_name": last });
        world.call(F::CreatePatient, new).await.unwrap();
    }
    for (search, count) in [
        ("garc", 1),
        ("MAR luc", 1),
        ("lukasz MULL", 1),
        ("ana", 3),
        ("ana gar", 1),
        ("uller", 0),
        ("王", 1),
        ("%", 0),
    ] {
        let found = world
            .call(F::GetAllPatients, json!({ "search": search }))
            .await;
        match found {
            Ok(found) => assert_eq!(
                found["patients"].as_array().unwrap().len(),
                count,
                "{search}"
            ),
            Err(error) => assert_eq!((error.kind(), search), (ErrorKind::BadInput, "%")),
        }
    }
}

#[tokio::test]
async fn an_external_id_is_unique_in_its_organization_alone() {
    let world = World::new().await;
    let new = json!({ "name": "Dr. X", "external_id": "D-1" });
    world.call(F::CreateProvider, new.clone()).await.unwrap();
    conflict(&world, F::CreateProvider, new.clone(), "external_id").await;
    let (session, b) = (&world.fixture.session, &world.fixture.b);
    super::functions::call(session, b, F::CreateProvider, new)
        .await
        .unwrap();
}

#[tokio::test]
async fn working_hours_that_overlap_are_refused_and_holidays_close_everything() {
    let world = World::new().await;
    let provider = &world.ours.provider;
    let weekly = json!({
        "kind": "weekly", "provider_id": provider, "weekday": "monday",
        "start_time": "16:00", "end_time": "20:00",
    });
    conflict(&world, F::CreateSchedule, weekly, "overlap").await;
    let holiday = json!({ "kind": "holiday", "valid_from": "2031-03-03" });
    world.call(F::CreateSchedule, holiday).await.unwrap();
    let hours = json!({ "provider_id": provider, "date_from": "2031-03-03", "days": 2 });
    let hours = world.call(F::GetProviderSchedules, hours).await.unwrap();
    assert_eq!(hours["hours"][0]["open"], json!([]), "{hours}");
    assert_eq!(hours["hours"][1]["open"][0]["start_time"], "09:00");
    let conflicts = json!({ "date_from": "2031-03-01", "days": 7 });
    let conflicts = world
        .call(F::CheckScheduleConflicts, conflicts)
        .await
        .unwrap();
    let conflicts = conflicts["conflicts"].as_array().unwrap();
    let ours = json!(world.ours.appointment);
    let of_ours = conflicts.iter().filter(|one| one["appointment_id"] == ours);
    assert_eq!(of_ours.count(), 1, "told once: {conflicts:?}");
}
