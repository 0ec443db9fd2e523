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
        error.hints()[0]
            .to_string()
            .contains("2031-03-03T09:30+01:00"),
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
    conflict(&world, F::UpdateAppointment, again, "already booked").await;
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
        error.hints()[0]
            .to_string()
            .contains("2031-03-03T09:30+01:00"),
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
        ("2031-03-30T02:30", "does not exist"),
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
    assert!(error.unwrap_err().hints()[0].to_string().contains("break"));
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

#[tokio::test]
async fn what_was_called_off_is_booked_again_only_with_parents_that_are_there() {
    let world = World::new().await;
    let ours = &world.ours;
    let status = |status: &str| json!({ "appointment_id": ours.appointment, "status": status });
    world
        .call(F::UpdateAppointment, status("cancelled"))
        .await
        .unwrap();
    conflict(
        &world,
        F::UpdateAppointment,
        status("confirmed"),
        "cannot become",
    )
    .await;
    let archive = json!({ "provider_id": ours.provider, "archive": true });
    world.call(F::DeleteProvider, archive).await.unwrap();
    conflict(
        &world,
        F::UpdateAppointment,
        status("scheduled"),
        "archived",
    )
    .await;
    let restore = json!({ "provider_id": ours.provider, "archived": false });
    world.call(F::UpdateProvider, restore).await.unwrap();
    world
        .call(F::UpdateAppointment, status("scheduled"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_reason_of_a_broken_appointment_outlives_its_revival() {
    let world = World::new().await;
    let id = &world.ours.appointment;
    let broken = json!({ "appointment_id": id, "reason": "did not come" });
    world.call(F::BreakAppointment, broken).await.unwrap();
    let again = json!({ "appointment_id": id, "status": "scheduled" });
    let revived = world.call(F::UpdateAppointment, again).await.unwrap();
    assert_eq!(revived["appointment"]["broken_reason"], "did not come");
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_whatever_became_of_its_last_row() {
    let world = World::new().await;
    let ours = &world.ours;
    let mut booked = vec![ours.appointment.clone()];
    for at in ["2031-03-03T10:00", "2031-03-03T11:00", "2031-03-03T12:00"] {
        let new =
            json!({ "patient_id": ours.patient, "provider_id": ours.provider, "starts_at": at });
        let made = world.call(F::CreateAppointment, new).await.unwrap();
        booked.push(made["appointment"]["id"].as_str().unwrap().to_owned());
    }
    let page = async |after: &Value| {
        let page = json!({ "provider_id": ours.provider, "limit": 1, "after": after });
        world.call(F::GetAppointments, page).await.unwrap()
    };
    let first = page(&Value::Null).await;
    let moved = json!({ "appointment_id": booked[0], "starts_at": "2031-03-03T14:00" });
    world.call(F::UpdateAppointment, moved).await.unwrap();
    let second = page(&first["next_after"]).await;
    assert_eq!(second["appointments"][0]["id"], json!(booked[1]));
    let gone = json!({ "appointment_id": booked[1] });
    world.call(F::DeleteAppointment, gone).await.unwrap();
    let third = page(&second["next_after"]).await;
    assert_eq!(third["appointments"][0]["id"], json!(booked[2]));
    let wrong = json!({ "after": "nonsense" });
    let error = world.call(F::GetAppointments, wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
}

#[tokio::test]
async fn an_appointment_over_midnight_is_no_conflict_at_the_edge_of_the_question() {
    let world = World::new().await;
    let ours = &world.ours;
    let night = json!({
        "kind": "date", "provider_id": ours.provider, "valid_from": "2031-03-08",
        "valid_until": "2031-03-09", "start_time": "00:00", "end_time": "24:00",
    });
    world.call(F::CreateSchedule, night).await.unwrap();
    let over = json!({
        "patient_id": ours.patient, "provider_id": ours.provider, "starts_at": "2031-03-08T23:30",
        "length_minutes": 60,
    });
    world.call(F::CreateAppointment, over).await.unwrap();
    for (from, days) in [("2031-03-08", 2), ("2031-03-09", 1), ("2031-03-08", 1)] {
        let asked = json!({ "provider_id": ours.provider, "date_from": from, "days": days });
        let found = world.call(F::CheckScheduleConflicts, asked).await.unwrap();
        assert_eq!(found["conflicts"], json!([]), "{from} {days}");
    }
}

#[tokio::test]
async fn dates_beyond_every_plan_are_bad_input_and_nothing_worse() {
    let world = World::new().await;
    let ours = &world.ours;
    for date in ["-262143-01-01", "0001-01-01", "+262142-12-31", "9999-12-31"] {
        for (function, parameters) in [
            (F::GetAppointments, json!({ "date": date })),
            (
                F::GetAppointments,
                json!({ "from": format!("{date}T10:00Z") }),
            ),
            (F::GetAvailableSlots, json!({ "date_from": date })),
            (
                F::GetProviderSchedules,
                json!({ "provider_id": ours.provider, "date_from": date }),
            ),
            (
                F::CheckScheduleConflicts,
                json!({ "date_from": date, "days": 366 }),
            ),
            (F::GetAllPatients, json!({ "birth_date": date })),
            (
                F::UpdatePatient,
                json!({ "patient_id": ours.patient, "birth_date": date }),
            ),
            (
                F::CreateAppointment,
                json!({
                    "patient_id": ours.patient, "provider_id": ours.provider,
                    "starts_at": format!("{date}T23:59"), "length_minutes": 1440,
                }),
            ),
        ] {
            let error = world.call(function, parameters).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::BadInput,
                "{function} {date}: {error}"
            );
        }
    }
    for function in [F::GetAllPatients, F::GetProviders, F::GetOperatories] {
        let error = world
            .call(function, json!({ "search": "a\u{0}" }))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{function}: {error}");
    }
}

#[tokio::test]
async fn a_specialty_is_found_whatever_its_accents() {
    let world = World::new().await;
    let new = json!({ "name": "Dr. Cy Dorn", "specialty": "Kieferorthopädie" });
    world.call(F::CreateProvider, new).await.unwrap();
    for search in ["orthopäd", "ORTHOPAD"] {
        let found = world
            .call(F::GetProviders, json!({ "search": search }))
            .await
            .unwrap();
        assert_eq!(found["providers"][0]["name"], "Dr. Cy Dorn", "{search}");
    }
}

#[tokio::test]
async fn another_patient_may_take_an_appointment_outside_of_the_hours() {
    let world = World::new().await;
    let ours = &world.ours;
    let sunday = json!({
        "patient_id": ours.patient, "provider_id": ours.provider,
        "starts_at": "2031-03-02T10:00", "outside_schedule": true,
    });
    let made = world.call(F::CreateAppointment, sunday).await.unwrap();
    let other = json!({ "first_name": "Noa", "last_name": "Levi" });
    let other = world.call(F::CreatePatient, other).await.unwrap();
    let id = &made["appointment"]["id"];
    let change = json!({ "appointment_id": id, "patient_id": other["patient"]["id"] });
    world.call(F::UpdateAppointment, change).await.unwrap();
    let moved =
        json!({ "appointment_id": id, "starts_at": "2031-03-02T11:00", "status": "completed" });
    conflict(&world, F::UpdateAppointment, moved, "outside").await;
}
