//! Appointments among each other: nobody is booked twice, neither by a file nor with what is there,
//! and what moves makes room.

use serde_json::json;

use super::{
    appointments::{listed, rows},
    counts, furnish, import, imported, refused,
};
use crate::common::Clinic;

#[test]
fn nobody_is_booked_twice_by_a_file() {
    let clinic = Clinic::new();
    furnish(&clinic);
    // Before line 4 is over: lines 2 and 5. In room 1 at that time: line 3. Called off: line 6.
    let text = rows(
        "1,P1,D1,R2,2027-03-01T09:30,,30,,,,\n\
         2,P2,D2,R1,2027-03-01T11:00,,30,,,,\n\
         3,P3,D1,R1,2027-03-01T09:00,,180,completed,,,\n\
         4,P4,D1,,2027-03-01T10:30,,30,,,,\n\
         5,P4,D1,,2027-03-01T10:30,,30,cancelled,,,\n\
         6,P4,D1,R1,2027-03-01T12:00,,30,confirmed,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let expected = [(2, "provider"), (3, "operatory"), (5, "provider")].map(|(line, column)| {
        let rule = format!("the {column} is booked twice: it overlaps with line 4");
        (line, column.to_owned(), rule)
    });
    assert_eq!(told, expected);
    let partial = import(&clinic, "appointments", &text, "--partial");
    assert_eq!(counts(&partial), [3, 0, 0, 0, 3], "{}", partial.stderr);
    assert_eq!(listed(&clinic).len(), 3);
}

#[test]
fn nobody_is_booked_twice_with_what_is_there() {
    let clinic = Clinic::new();
    furnish(&clinic);
    imported(
        &clinic,
        "appointments",
        &rows("1,P1,D1,R1,2027-03-01T09:00,,60,,,,\n"),
        "",
    );
    let id = listed(&clinic)[0]["id"].as_str().unwrap().to_owned();
    let text = rows(
        "2,P2,D1,,2027-03-01T09:59,,60,,,,\n\
         3,P3,D2,R1,2027-03-01T08:30,,31,,,,\n\
         4,P4,D2,R1,2027-03-01T10:00,,30,,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let expected = [(2, "provider"), (3, "operatory")].map(|(line, column)| {
        let when = "2027-03-01T08:00Z to 2027-03-01T09:00Z";
        let rule = format!("the {column} is already booked from {when} (appointment {id})");
        (line, column.to_owned(), rule)
    });
    assert_eq!(told, expected);
}

#[test]
fn appointments_are_moved_and_make_room_for_each_other() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let before = rows(
        "1,P1,D1,R1,2027-03-01T09:00,,60,confirmed,Check,Early,\n\
         2,P2,D1,R1,2027-03-01T10:00,,60,,,,\n\
         3,P3,D1,R1,2027-03-01T11:00,,30,,,,\n",
    );
    imported(&clinic, "appointments", &before, "");
    // Two change places, the third moves away from where a new one comes; empty cells stay.
    let after = "external_id,patient,provider,starts_at\n\
        1,P1,D1,2027-03-01T10:00\n\
        2,P2,D1,2027-03-01T09:00\n\
        3,P3,D2,2027-03-01T11:00\n\
        4,P4,D1,2027-03-01T11:00\n";
    // Left as they are, their new places are not asked for.
    let left = refused(&clinic, "appointments", after, "");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, 5);
    let rehearsed = imported(
        &clinic,
        "appointments",
        after,
        "--on-conflict update --dry-run",
    );
    assert_eq!(rehearsed, [1, 3, 0, 0, 0]);
    assert_eq!(
        imported(&clinic, "appointments", after, "--on-conflict update"),
        [1, 3, 0, 0, 0]
    );
    let seen: Vec<[String; 4]> = listed(&clinic)
        .iter()
        .map(|one| {
            ["external_id", "starts_at", "ends_at", "status"]
                .map(|field| one[field].as_str().unwrap().to_owned())
        })
        .collect();
    let mut expected = [
        [
            "2",
            "2027-03-01T08:00:00Z",
            "2027-03-01T09:00:00Z",
            "scheduled",
        ],
        [
            "1",
            "2027-03-01T09:00:00Z",
            "2027-03-01T10:00:00Z",
            "confirmed",
        ],
        [
            "3",
            "2027-03-01T10:00:00Z",
            "2027-03-01T10:30:00Z",
            "scheduled",
        ],
        [
            "4",
            "2027-03-01T10:00:00Z",
            "2027-03-01T10:30:00Z",
            "scheduled",
        ],
    ]
    .map(|row| row.map(str::to_owned));
    expected.sort();
    let mut seen = seen;
    seen.sort();
    assert_eq!(seen, expected);
    let moved = listed(&clinic)
        .into_iter()
        .find(|one| one["external_id"] == "1")
        .unwrap();
    assert_eq!(
        (&moved["notes"], &moved["operatory_name"]),
        (&json!("Early"), &json!("Room 1"))
    );
    assert_eq!(
        imported(&clinic, "appointments", after, "--on-conflict update"),
        [0, 0, 4, 0, 0]
    );
    // Rows were compared with records.
    let readings = clinic.json("patient access-log P1");
    assert!(
        readings.to_string().contains("ImportAppointments"),
        "{readings}"
    );
}

#[test]
fn what_cannot_move_keeps_its_place_against_others() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let before = rows(
        "1,P1,D1,,2027-03-01T09:00,,60,,,,\n\
         2,P2,D1,,2027-03-01T10:00,,60,,,,\n\
         3,P3,D1,,2027-03-01T11:00,,60,,,,\n",
    );
    imported(&clinic, "appointments", &before, "");
    // 2 cannot move to where 3 stays, so that 1 cannot move to where 2 stays.
    let after = rows(
        "1,P1,D1,,2027-03-01T10:00,,60,,,,\n\
         2,P2,D1,,2027-03-01T11:00,,60,,,,\n\
         4,P4,D1,,2027-03-01T08:00,,60,,,,\n",
    );
    let partial = import(
        &clinic,
        "appointments",
        &after,
        "--on-conflict update --partial",
    );
    assert_eq!(
        (partial.code, counts(&partial)),
        (6, [1, 0, 0, 0, 2]),
        "{}",
        partial.stderr
    );
    assert_eq!(listed(&clinic).len(), 4);
}

#[test]
fn what_may_become_of_an_appointment_is_the_rule_of_the_booking() {
    use tenantctl::domain::booking::AppointmentStatus as Status;
    let clinic = Clinic::new();
    furnish(&clinic);
    for before in Status::ALL.iter().copied() {
        for after in Status::ALL.iter().copied() {
            let row = |status: Status| {
                let reason = if status == Status::Broken { "Ill" } else { "" };
                rows(&format!(
                    "1,P1,D1,,2027-03-01T09:00,,,{status},,,{reason}\n"
                ))
            };
            imported(&clinic, "appointments", &row(before), "");
            let outcome = import(&clinic, "appointments", &row(after), "--on-conflict update");
            let expected = if before.may_become(after) { 0 } else { 6 };
            assert_eq!(
                outcome.code, expected,
                "{before} {after}: {}",
                outcome.stderr
            );
            let id = listed(&clinic)[0]["id"].as_str().unwrap().to_owned();
            clinic.ok(&format!("appointment delete {id} --yes"));
        }
    }
    imported(
        &clinic,
        "appointments",
        &rows("1,P1,D1,,2027-03-01T09:00,,,completed,,,\n"),
        "",
    );
    let moved = rows("1,P1,D1,,2027-03-01T10:00,,,completed,,,\n");
    let told = refused(&clinic, "appointments", &moved, "--on-conflict update");
    assert!(told[0].2.contains("took place"), "{told:?}");
}
