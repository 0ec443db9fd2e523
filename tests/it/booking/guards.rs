//! What is probably a slip is asked about: a time that is over, and a name that another one has.

use serde_json::{Value, json};

use crate::common::{Clinic, block_on, race};

fn clinic() -> Clinic {
    let clinic = Clinic::new();
    clinic.ok("provider create 'Dr. Bo Berg' --external-id D-1");
    clinic.ok("operatory create 'Room 1'");
    clinic.ok("schedule defaults");
    clinic.ok("patient create --first-name Ana --last-name Keller --external-id P-1");
    clinic
}

#[test]
fn a_time_that_is_over_needs_a_flag() {
    let clinic = clinic();
    let past = "appointment create --patient P-1 --provider D-1 --at 2024-03-04T09:00";
    let told = clinic.fails(6, past);
    assert!(told.contains("2024-03-04T09:00 is in the past"), "{told}");
    assert!(told.contains("--in-past"), "{told}");
    let booked =
        clinic.json("appointment create --patient P-1 --provider D-1 --at 2031-03-03T09:00");
    let id = booked["id"].as_str().expect("an id");
    let moved = format!("appointment update {id} --at 2024-03-05T09:00");
    assert!(clinic.fails(6, &moved).contains("--in-past"));
    clinic.ok(&format!("{moved} --in-past"));
    // Where it stays where it is nothing is asked.
    clinic.ok(&format!("appointment update {id} --service Check-up"));
    clinic.ok(&format!("appointment confirm {id}"));
    clinic.ok(&format!("appointment break {id} --reason late"));
    // Booked again at a time that is over.
    let again = format!("appointment update {id} --status scheduled");
    assert!(clinic.fails(6, &again).contains("--in-past"));
    clinic.ok(&format!("{again} --in-past"));
    clinic.ok(&format!("appointment complete {id}"));
    clinic.ok(&format!("{past} --in-past"));

    let patient = clinic.json("patient show P-1")["id"].clone();
    let provider = clinic.json("provider show D-1")["id"].clone();
    let mut call = json!({
        "patient_id": patient, "provider_id": provider, "starts_at": "2024-03-06T09:00"
    });
    let line = |call: &Value| format!("booking call CreateAppointment --json '{call}'");
    assert!(clinic.fails(6, &line(&call)).contains("in_past"));
    call["in_past"] = json!(true);
    clinic.ok(&line(&call));

    // An import brings what took place.
    let file = clinic.cli.home().join("history.csv");
    let text = "patient,provider,starts_at,status\nP-1,D-1,2023-03-06T09:00,completed\n";
    std::fs::write(&file, text).expect("a file");
    clinic.ok(&format!("import appointments {}", file.display()));
}

#[test]
fn active_providers_and_operatories_have_unique_names() {
    let clinic = clinic();
    for (noun, name, other) in [
        ("provider", "'dr. bo BERG'", "'Dr. Bö Berg'"),
        ("operatory", "'room 1'", "'RÓOM 1'"),
    ] {
        for same in [name, other] {
            let told = clinic.fails(4, &format!("{noun} create {same}"));
            assert!(told.contains("has this name"), "{told}");
        }
        let second = clinic.json(&format!("{noun} create Second"));
        let second = second["id"].as_str().expect("an id").to_owned();
        let renamed = format!("{noun} update {second} --name {name}");
        assert!(clinic.fails(4, &renamed).contains("has this name"));
        // An archived one keeps its name, and comes back only where nobody has it.
        clinic.ok(&format!("{noun} delete {second} --archive --yes"));
        clinic.ok(&renamed);
        let restored = format!("{noun} update {second} --restore");
        assert!(clinic.fails(4, &restored).contains("has this name"));
        // By name the active one is meant.
        let shown = clinic.json(&format!("{noun} show {name}"));
        assert_ne!(shown["id"], json!(second));
    }
}

/// What each change of the organization locks first.
const GATE: &str = "SELECT FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE";

#[test]
fn of_many_at_once_one_gets_the_name() {
    let clinic = clinic();
    let line = "operatory create Chair";
    let lines = vec![line; 8];
    let outcomes = race(&clinic.db, &clinic.cli, GATE, &lines);
    let made = outcomes.iter().filter(|outcome| outcome.code == 0).count();
    assert_eq!(made, 1);
    assert!(
        outcomes
            .iter()
            .all(|outcome| [0, 4].contains(&outcome.code))
    );
}

#[test]
fn an_import_rejects_the_row_whose_name_is_taken() {
    let clinic = clinic();
    let import = |text: &str, more: &str| {
        let file = clinic.cli.home().join("rooms.csv");
        std::fs::write(&file, text).expect("a file");
        clinic.run(&format!("import operatories {} {more}", file.display()))
    };
    let taken = import("external_id,name\nR-9,ROOM 1\n", "");
    assert_eq!(taken.code, 6, "{}", taken.stderr);
    assert!(
        taken
            .stderr
            .contains("another active operatory has this name")
            || taken
                .stdout
                .contains("another active operatory has this name"),
        "{} {}",
        taken.stdout,
        taken.stderr
    );
    let twice = import("external_id,name\nR-7,Chair\nR-8,chair\n", "");
    assert_eq!(twice.code, 6, "{}", twice.stderr);
    let text = format!("{}{}", twice.stdout, twice.stderr);
    assert!(text.contains("duplicate of line 2"), "{text}");
    assert_eq!(
        import("external_id,name\nR-7,Chair\nR-8,Stool\n", "").code,
        0
    );
    let renamed = import("external_id,name\nR-8,Chair\n", "--on-conflict update");
    assert_eq!(renamed.code, 6, "{}", renamed.stderr);
    // The same file again changes nothing.
    assert_eq!(
        import(
            "external_id,name\nR-7,Chair\nR-8,Stool\n",
            "--on-conflict update"
        )
        .code,
        0
    );
    // Without an external id the name is the key, and the active one is meant.
    assert_eq!(
        import("name,notes\nchair,Upstairs\n", "--on-conflict update").code,
        0
    );
    assert_eq!(clinic.json("operatory show Chair")["notes"], "Upstairs");
}

/// The migration renames nothing and fails over nothing; doctor names what shares a name.
#[test]
fn names_that_were_shared_before_stay_until_they_are_renamed() {
    let clinic = clinic();
    clinic.ok("operatory create Chair");
    let sql = |sql: &str| block_on(|| clinic.db.execute(sql));
    sql("DROP INDEX operatories_active_name_key; DROP INDEX providers_active_name_key;
         UPDATE operatories SET name = 'Room 1', sort_name = 'room 1' WHERE name = 'Chair';
         ALTER TABLE operatories DROP COLUMN shares_name; ALTER TABLE providers DROP COLUMN shares_name");
    sql(include_str!("../../../migrations/0015_unique_names.sql"));
    let doctor = clinic.run("doctor");
    assert!(doctor.stdout.contains("share a name"), "{}", doctor.stdout);
    let rooms = clinic.json("operatory list");
    let ids: Vec<String> = rooms
        .as_array()
        .expect("a list")
        .iter()
        .map(|room| room["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    // Neither is in the way of its own changes, and a third of that name is refused.
    for id in &ids {
        clinic.ok(&format!("operatory update {id} --notes Upstairs"));
    }
    clinic.fails(4, "operatory create 'Room 1'");
    clinic.ok(&format!("operatory update {} --name 'Room 2'", ids[1]));
    let doctor = clinic.run("doctor");
    assert!(!doctor.stdout.contains("share a name"), "{}", doctor.stdout);
    clinic.fails(4, &format!("operatory update {} --name 'Room 1'", ids[1]));
}
