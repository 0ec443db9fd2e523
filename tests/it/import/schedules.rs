//! Schedules: what each kind needs, whose they are, and that working hours do not overlap.

use super::{furnish, imported, refused};
use crate::common::Clinic;

const HEADER: &str = "kind,provider,operatory,weekday,valid_from,valid_until,start,end,note\n";

fn rows(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

#[test]
fn schedules_of_every_kind_are_imported_once() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows(
        "weekly,D1,,Monday,,,08:00,12:00,\n\
         Weekly,dr@tide.example,,1,,,13:00,24:00,Late\n\
         weekly,sam ortiz,,7,2027-01-01,2027-06-30,9:00,17:00,\n\
         date,D1,,,2027-05-01,,10:00,12:00,\n\
         holiday,,,,2027-12-24,2027-12-26,,,Christmas\n\
         blockout,,Room 1,friday,,,12:00,13:00,\n\
         blockout,,,,,,12:00,13:00,Lunch\n",
    );
    assert_eq!(imported(&clinic, "schedules", &text, ""), [7, 0, 0, 0, 0]);
    assert_eq!(imported(&clinic, "schedules", &text, ""), [0, 0, 7, 0, 0]);
    let weekly = clinic.json("schedule list --provider D1 --kind weekly");
    assert_eq!(weekly.as_array().unwrap().len(), 2);
    assert_eq!(weekly[1]["end_time"], "24:00");
    assert_eq!(weekly[1]["weekday"], "monday");
    let date = clinic.json("schedule list --provider D1 --kind date");
    assert_eq!(date[0]["valid_until"], "2027-05-01");
    assert_eq!(
        clinic
            .json("schedule list --operatory R1")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let own = clinic.json("schedule list --organization-only");
    assert_eq!(own.as_array().unwrap().len(), 2);

    // The note alone is no part of the key.
    let noted = text.replace("Lunch", "Break");
    assert_eq!(imported(&clinic, "schedules", &noted, ""), [0, 0, 6, 1, 0]);
    assert_eq!(
        imported(&clinic, "schedules", &noted, "--on-conflict update"),
        [0, 1, 6, 0, 0]
    );
    clinic.ok("activity verify");
}

#[test]
fn each_kind_is_held_to_its_rules() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows(
        "weekly,,,,,,09:00,17:00,\n\
         date,,,monday,2027-05-01,,09:00,17:00,\n\
         date,,,,,2027-05-01,09:00,17:00,\n\
         holiday,,,,2027-05-01,,09:00,17:00,\n\
         blockout,,,,2027-05-02,2027-05-01,09:00,17:00,\n\
         weekly,D1,R1,monday,,,09:00,17:00,\n\
         weekly,,,monday,,,17:00,09:00,\n\
         weekly,,,monday,,,,17:00,\n\
         weekly,,,8,,,09:00,24:01,\n\
         yearly,,,,,,,,\n\
         ,,,,,,,,x\n\
         weekly,,,monday,1.5.2027,,09:00,17:00,\n",
    );
    let told = refused(&clinic, "schedules", &text, "");
    let places: Vec<(u64, &str)> = told.iter().map(|one| (one.0, one.1.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "weekday"),
            (3, "weekday"),
            (4, "valid_from"),
            (5, "start"),
            (6, "valid_until"),
            (7, "operatory"),
            (8, "end"),
            (9, "start"),
            (10, "weekday"),
            (10, "end"),
            (11, "kind"),
            (12, "kind"),
            (13, "valid_from"),
        ]
    );
    assert_eq!(
        told[0].2,
        "a schedule of kind weekly needs a weekday: for example monday"
    );
}

#[test]
fn references_of_schedules_are_of_the_same_organization() {
    let clinic = Clinic::new();
    furnish(&clinic);
    clinic.ok("org create 'Tide Dental' --slug tide");
    imported(
        &clinic,
        "operatories",
        "external_id,name\nTR,Tide Room\n",
        "--org tide",
    );
    let text = rows(
        "weekly,Kim Lee,,monday,,,09:00,17:00,\n\
         weekly,Nobody,,monday,,,09:00,17:00,\n\
         weekly,,Tide Room,monday,,,09:00,17:00,\n\
         weekly,,TR,monday,,,09:00,17:00,\n",
    );
    let told = refused(&clinic, "schedules", &text, "");
    let rules: Vec<&str> = told.iter().map(|one| one.2.as_str()).collect();
    assert_eq!(
        rules,
        [
            "2 providers have this name: use the external_id",
            "no such provider in this organization",
            "no such operatory in this organization",
            "no such operatory in this organization",
        ]
    );
}

#[test]
fn working_hours_overlap_neither_others_nor_each_other() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let there = rows(
        "weekly,D1,,monday,,2027-06-30,09:00,17:00,\n\
         blockout,,,,,,12:00,13:00,\n",
    );
    imported(&clinic, "schedules", &there, "");
    let weekly = clinic.json("schedule list --kind weekly");
    let id = weekly[0]["id"].as_str().unwrap();
    // 2027-07-01 is a Thursday: the week from there has a Monday, two days of it have none.
    let text = rows(
        "weekly,D1,,monday,2027-06-01,,16:00,18:00,\n\
         weekly,D1,,monday,2027-06-29,,16:00,18:00,\n\
         weekly,D1,,monday,2027-07-01,2027-07-02,17:00,19:00,\n\
         weekly,D1,,monday,2027-07-05,,17:59,19:00,\n\
         weekly,D2,,monday,,,16:00,18:00,\n\
         weekly,D1,,tuesday,,,09:00,17:00,\n\
         blockout,,,,,,12:30,13:30,\n\
         date,D1,,,2027-06-07,2027-06-09,10:00,11:00,\n\
         date,D1,,,2027-06-09,,10:30,12:00,\n\
         date,D1,,,2027-06-10,,10:30,12:00,\n",
    );
    let told = refused(&clinic, "schedules", &text, "");
    let expected = [
        (2, format!("those of schedule {id}")),
        (5, "those in line 3".to_owned()),
        (10, "those in line 9".to_owned()),
    ]
    .map(|(line, of)| {
        (
            line,
            "start".to_owned(),
            format!("these working hours overlap {of}"),
        )
    });
    assert_eq!(told, expected);
}

#[test]
fn who_is_archived_gets_no_new_schedules() {
    let clinic = Clinic::new();
    furnish(&clinic);
    let text = rows("weekly,D1,,monday,,,09:00,17:00,\n");
    imported(&clinic, "schedules", &text, "");
    clinic.ok("provider delete D1 --archive --yes");
    assert_eq!(imported(&clinic, "schedules", &text, ""), [0, 0, 1, 0, 0]);
    let told = refused(&clinic, "schedules", &text.replace("monday", "friday"), "");
    assert_eq!(
        told,
        [(
            2,
            "provider".to_owned(),
            "this provider is archived".to_owned()
        )]
    );
}
