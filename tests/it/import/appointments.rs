//! Appointments: references, times, reasons, keys.

use serde_json::Value;

use super::{furnish, imported, refused};
use crate::common::Clinic;

const HEADER: &str = "external_id,patient,provider,operatory,starts_at,ends_at,length_minutes,\
                      status,service,notes,broken_reason\n";

pub(super) fn rows(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

pub(super) fn listed(clinic: &Clinic) -> Vec<Value> {
    let listed = clinic.json("appointment list --from 2026-01-01 --until 2030-01-01 --limit 200");
    listed.as_array().unwrap().clone()
}

#[test]
fn the_templates_of_all_kinds_follow_each_other() {
    let clinic = Clinic::new();
    for kind in [
        "patients",
        "providers",
        "operatories",
        "schedules",
        "appointments",
    ] {
        let template = clinic.ok(&format!("import template {kind}"));
        assert_eq!(
            imported(&clinic, kind, &template, ""),
            [2, 0, 0, 0, 0],
            "{kind}"
        );
        assert_eq!(
            imported(&clinic, kind, &template, ""),
            [0, 0, 2, 0, 0],
            "{kind}"
        );
    }
    let appointments = listed(&clinic);
    assert_eq!(appointments[0]["patient_name"], "Maria García Márquez");
    assert_eq!(appointments[0]["operatory_name"], "Room 1");
    assert_eq!(appointments[1]["patient_name"], "Jean-Luc Müller");
    assert_eq!(appointments[1]["status"], "confirmed");
    clinic.ok("activity verify");
    let entries = clinic.json("activity list --action appointment.import");
    assert_eq!(entries.as_array().unwrap().len(), 1);
}

#[test]
fn patients_providers_and_operatories_go_by_id_address_or_name() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let id = |kind: &str, name: &str| {
        let found = clinic.json(&format!("{kind} list --search '{name}'"));
        found[0]["id"].as_str().unwrap().to_owned()
    };
    let (patient, provider) = (id("patient", "keller"), id("provider", "keller"));
    let text = rows(&format!(
        "1,P1,D1,R1,2027-03-01T09:00,,,,,,\n\
         2,{patient},{provider},Room 1,2027-03-01 10:00,,,,,,\n\
         3,ANA@tide.example,DR@tide.example,room 1,2027-03-01T11:00+01:00,,,,,,\n\
         4,ana KELLER,dr. ana keller,,2027-03-01T12:00,2027-03-01T12:20,,,,,\n\
         5,\"Keller, Ana\",sam ortiz,,2027-03-01T12:00,,45,,,,\n\
         6,bo luis van der berg,D2,,2027-03-01T13:00,,,,,,\n\
         7,\"Van der Berg, Bo Luis\",D2,,2027-03-01T14:00,,,,,,\n"
    ));
    assert_eq!(
        imported(&clinic, "appointments", &text, ""),
        [7, 0, 0, 0, 0]
    );
    let appointments = listed(&clinic);
    let by = |id: &str| {
        appointments
            .iter()
            .find(|one| one["external_id"] == id)
            .unwrap()
    };
    for one in ["1", "2", "3", "4", "5"] {
        assert_eq!(by(one)["patient_name"], "Ana Keller", "{one}");
    }
    assert_eq!(by("7")["patient_name"], "Bo Luis van der Berg");
    assert_eq!(by("5")["provider_name"], "Sam Ortíz");
    assert_eq!(by("2")["operatory_name"], "Room 1");
    assert_eq!(by("3")["starts_at"], "2027-03-01T10:00:00Z");
    assert_eq!(by("1")["ends_at"], "2027-03-01T08:30:00Z");
    assert_eq!(by("4")["ends_at"], "2027-03-01T11:20:00Z");
    assert_eq!(by("5")["ends_at"], "2027-03-01T11:45:00Z");
    assert_eq!(
        imported(&clinic, "appointments", &text, ""),
        [0, 0, 7, 0, 0]
    );
}

#[test]
fn what_another_organization_has_is_as_unknown_as_what_nobody_has() {
    let clinic = Clinic::new();
    furnish(&clinic);
    clinic.ok("org create 'Tide Dental' --slug tide");
    let theirs = "external_id,first_name,last_name,email\nT1,Tia,Tide,tia@tide.example\n";
    imported(&clinic, "patients", theirs, "--org tide");
    imported(
        &clinic,
        "providers",
        "external_id,name,email\nTD,Tide Doc,doc@tide.example\n",
        "--org tide",
    );
    imported(
        &clinic,
        "operatories",
        "external_id,name\nTR,Tide Room\n",
        "--org tide",
    );
    let id = |kind: &str| {
        let found = clinic.json(&format!("{kind} list --org tide"));
        found[0]["id"].as_str().unwrap().to_owned()
    };
    let nobody = "019000aa-0000-7000-8000-000000000000";
    let mut told = Vec::new();
    for (patient, provider, operatory) in [
        ("T1", "TD", "TR"),
        (id("patient").as_str(), &id("provider"), &id("operatory")),
        ("tia@tide.example", "doc@tide.example", "Tide Room"),
        ("Tia Tide", "Tide Doc", "tide room"),
        (nobody, nobody, nobody),
        ("no@where.example", "no@where.example", "Nowhere"),
    ] {
        let row = rows(&format!(
            "1,{patient},{provider},{operatory},2027-03-01T09:00,,,,,,\n"
        ));
        told.push(refused(&clinic, "appointments", &row, ""));
    }
    for one in &told {
        let expected = ["patient", "provider", "operatory"].map(|column| {
            (
                2,
                column.to_owned(),
                format!("no such {column} in this organization"),
            )
        });
        assert_eq!(one, &expected);
    }
}

#[test]
fn a_name_or_an_address_of_several_names_none() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows(
        "1,Eve Muster,Kim Lee,,2027-03-01T09:00,,,,,,\n\
         2,family@tide.example,D1,,2027-03-01T09:00,,,,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let rules: Vec<&str> = told.iter().map(|(_, _, rule)| rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            "2 patients have this name: use the external_id",
            "2 providers have this name: use the external_id",
            "2 patients have this e-mail address: use the external_id",
        ]
    );
}

#[test]
fn a_time_on_the_clock_has_to_be_one() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows(
        "1,P1,D1,,2027-03-28T02:30,,,,,,\n\
         2,P1,D1,,2027-10-31T02:30,,,,,,\n\
         3,P1,D1,,2027-10-31T02:30+01:00,2027-10-31 02:30+02:00,,,,,\n\
         4,P1,D1,,2027-03-01T09:00,2027-03-02T09:01,,,,,\n\
         5,P1,D1,,2027-03-01T09:00,2027-03-01T09:30,45,,,,\n\
         6,P1,D1,,2027-03-01,,,,,,\n\
         7,P1,D1,,2027-03-01T09:00:30,,0,,,,\n\
         8,,,,,,,,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let has = |line: u64, column: &str, words: &str| {
        let found = told
            .iter()
            .any(|one| one.0 == line && one.1 == column && one.2.contains(words));
        assert!(found, "{line} {column} {words}: {told:#?}");
    };
    has(
        2,
        "starts_at",
        "put forward over it: an hour later is 2027-03-28T03:30+02:00",
    );
    has(
        3,
        "starts_at",
        "write 2027-10-31T02:30+02:00 or 2027-10-31T02:30+01:00",
    );
    has(4, "ends_at", "not after starts_at");
    has(5, "ends_at", "at most 24 hours");
    has(6, "ends_at", "leave one of them empty");
    has(7, "starts_at", "not a valid date and time");
    has(8, "starts_at", "whole minute");
    has(8, "length_minutes", "1 to 1440");
    has(9, "patient", "required");
    has(9, "provider", "required");
    has(9, "starts_at", "required");
    // The doubled hour is two hours.
    let twice = rows(
        "1,P1,D1,,2027-10-31T02:30+02:00,,60,,,,\n\
         2,P1,D1,,31.10.2027 02:30+01:00,,60,,,,\n",
    );
    assert_eq!(
        imported(&clinic, "appointments", &twice, "--dates dmy"),
        [2, 0, 0, 0, 0]
    );
    assert_eq!(listed(&clinic)[1]["starts_at"], "2027-10-31T01:30:00Z");
}

#[test]
fn only_what_was_broken_has_a_reason() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows(
        "1,P1,D1,,2027-03-01T09:00,,,broken,,,\n\
         2,P1,D1,,2027-03-01T10:00,,,,,,Ill\n\
         3,P1,D1,,2027-03-01T11:00,,,late,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let columns: Vec<(u64, &str)> = told.iter().map(|one| (one.0, one.1.as_str())).collect();
    assert_eq!(
        columns,
        [(2, "broken_reason"), (3, "broken_reason"), (4, "status")]
    );
    let good = rows("1,P1,D1,,2027-03-01T09:00,,,BROKEN,,,Did not come\n");
    assert_eq!(
        imported(&clinic, "appointments", &good, ""),
        [1, 0, 0, 0, 0]
    );
    assert_eq!(listed(&clinic)[0]["broken_reason"], "Did not come");
}

#[test]
fn who_is_archived_has_no_appointments_to_come() {
    let clinic = Clinic::new();
    furnish(&clinic);
    imported(
        &clinic,
        "appointments",
        &rows("1,P1,D1,R1,2027-03-01T09:00,,,,,,\n"),
        "",
    );
    clinic.ok("provider delete D1 --archive --yes");
    clinic.ok("operatory delete R1 --archive --yes");
    let text = rows(
        "2,P1,D1,R1,2027-03-02T09:00,,,,,,\n\
         3,P1,D1,R1,2027-03-03T09:00,,,completed,,,\n",
    );
    let told = refused(&clinic, "appointments", &text, "");
    let expected = ["provider", "operatory"]
        .map(|what| (2, what.to_owned(), format!("this {what} is archived")));
    assert_eq!(told, expected);
    // What is there may change while it stays where it is.
    let noted = rows("1,P1,D1,R1,2027-03-01T09:00,,,confirmed,,Called,\n");
    assert_eq!(
        imported(&clinic, "appointments", &noted, "--on-conflict update"),
        [0, 1, 0, 0, 0]
    );
    let moved = rows("1,P1,D1,R1,2027-03-01T10:00,,,,,,\n");
    assert_eq!(
        refused(&clinic, "appointments", &moved, "--on-conflict update").len(),
        2
    );
}

#[test]
fn without_an_external_id_patient_provider_and_start_are_the_key() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = "Patient name;Dentist;Beginn;Treatment\nAna Keller;D1;2027-03-01 09:00;Check\n";
    assert_eq!(imported(&clinic, "appointments", text, ""), [1, 0, 0, 0, 0]);
    let again =
        "Patient name;Dentist;Beginn;Treatment\nP1;dr@tide.example;2027-03-01 09:00;Filling\n";
    assert_eq!(
        imported(&clinic, "appointments", again, ""),
        [0, 0, 0, 1, 0]
    );
    assert_eq!(
        imported(&clinic, "appointments", again, "--on-conflict update"),
        [0, 1, 0, 0, 0]
    );
    assert_eq!(listed(&clinic)[0]["service"], "Filling");
    let twice =
        "patient,provider,starts_at\nP2,D2,2027-03-01T09:00\nP2,Sam Ortiz,2027-03-01T09:00\n";
    let told = refused(&clinic, "appointments", twice, "");
    assert_eq!(told[0].2, "duplicate of line 2");
}
