//! The commands on the booking data, as processes.

use rexpect::session::{PtySession, spawn_command};
use serde_json::Value;

use crate::common::Clinic;

/// The clinic with a provider, an operatory, a week of working hours and a patient.
fn clinic() -> Clinic {
    let clinic = Clinic::new();
    clinic.ok("org update harbor-clinic --timezone Europe/Zurich --locale de-CH");
    clinic.ok("provider create 'Dr. Bo Berg' --external-id D-1");
    clinic.ok("operatory create 'Room 1'");
    clinic.ok("schedule defaults");
    clinic.ok("patient create --first-name Ana --last-name Keller --external-id P-1 --phone '044 364 35 32'");
    clinic
}

fn book(clinic: &Clinic, at: &str) -> String {
    let line =
        format!("appointment create --patient P-1 --provider Berg --operatory 'Room 1' --at {at}");
    let booked = clinic.json(&line);
    booked["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_day_at_the_clinic() {
    let clinic = clinic();
    let id = book(&clinic, "2031-03-03T09:00");
    let later = book(&clinic, "2031-03-03T10:00");
    clinic.ok(&format!("appointment confirm {id}"));
    clinic.ok(&format!(
        "appointment break {later} --reason 'did not come'"
    ));
    let agenda = clinic.ok("appointment list --day 2031-03-03");
    for part in [
        "Dr. Bo Berg",
        "Ana Keller until 09:30, Room 1 (confirmed)",
        "(broken)",
        "monday",
    ] {
        assert!(agenda.contains(part), "{part}: {agenda}");
    }
    let listed = clinic.json("appointment list --day 2031-03-03");
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert_eq!(listed[0]["starts_at"], "2031-03-03T08:00:00Z");
    assert_eq!(
        clinic.json("appointment list --status broken")[0]["broken_reason"],
        "did not come"
    );
    clinic.ok(&format!("appointment complete {id}"));
    let shown = clinic.json(&format!("appointment show {id}"));
    assert_eq!(
        (&shown["status"], &shown["patient_name"]),
        (&"completed".into(), &"Ana Keller".into())
    );
    let readings = clinic.json("patient access-log P-1");
    assert!(readings.as_array().map_or(0, Vec::len) >= 3, "{readings}");
    clinic.ok("activity verify");
}

#[test]
fn a_conflict_is_exit_code_4_and_names_the_next_free_times() {
    let clinic = clinic();
    book(&clinic, "2031-03-03T09:00");
    let line = "appointment create --patient P-1 --provider D-1 --at 2031-03-03T09:00";
    let stderr = clinic.fails(4, line);
    assert!(
        stderr.contains("hint: next free with this provider: 2031-03-03T09:30+01:00"),
        "{stderr}"
    );
    let slots = clinic.json("appointment slots --from 2031-03-03 --days 1 --limit 2");
    assert_eq!(slots[0]["local_start"], "2031-03-03T09:30:00+01:00");
}

#[test]
fn what_is_missing_or_wrong_is_told_with_its_exit_code() {
    let clinic = clinic();
    let stderr = clinic.fails(2, "patient create --first-name Ana");
    assert!(stderr.contains("--last-name"), "{stderr}");
    clinic.fails(2, "patient update P-1");
    clinic.fails(
        2,
        "appointment create --patient P-1 --provider Berg --at tomorrow",
    );
    clinic.fails(3, "patient show P-2");
    clinic.fails(3, "provider show 01890a5d-ac96-774b-bcce-b302099a8057");
    clinic.fails(6, "patient update P-1 --phone 12");
    clinic.fails(
        6,
        "schedule create weekly --weekday monday --start 17:00 --end 09:00",
    );
    clinic.fails(5, "patient delete P-1");
    let stderr = clinic.fails(6, r#"booking call GetPatient --json '{"x": 1}'"#);
    assert!(
        stderr.contains("tenantctl booking schema GetPatient"),
        "{stderr}"
    );
    clinic.fails(5, r#"booking call DeletePatient --json '{}'"#);
    clinic.ok("patient delete P-2 --if-exists --yes");
    clinic.ok("patient delete P-1 --yes");
    assert_eq!(clinic.json("patient list"), Value::Array(Vec::new()));
}

#[test]
fn conflicts_of_schedules_are_exit_code_10() {
    let clinic = clinic();
    book(&clinic, "2031-03-03T09:00");
    clinic.ok("schedule conflicts --from 2031-03-01");
    clinic.ok("schedule create holiday --from 2031-03-03 --note Carnival");
    let stderr = clinic.fails(10, "schedule conflicts --from 2031-03-01");
    assert!(stderr.contains("1 conflict was found"), "{stderr}");
    clinic.fails(
        10,
        r#"booking call CheckScheduleConflicts --json '{"date_from": "2031-03-01"}'"#,
    );
    let hours = clinic.ok("schedule hours Berg --from 2031-03-03 --days 2");
    assert!(
        hours.contains("closed") && hours.contains("09:00–17:00"),
        "{hours}"
    );
}

#[test]
fn provisioning_can_be_repeated() {
    let clinic = clinic();
    for line in [
        "patient create --first-name Ana --last-name Keller --external-id P-1 --if-not-exists",
        "provider create 'Dr. Bo Berg' --external-id D-1 --if-not-exists",
        "schedule defaults",
    ] {
        assert_eq!(clinic.json(line)["changed"], false, "{line}");
    }
    clinic.fails(4, "provider create 'Dr. Bo Berg' --external-id D-1");
    let differs =
        "provider create 'Dr. Bo Berg' --specialty Surgery --external-id D-1 --if-not-exists";
    let outcome = clinic.run(differs);
    assert!(
        outcome
            .stderr
            .contains("these values differ and were ignored: specialty"),
        "{outcome:?}"
    );
}

#[test]
fn a_limit_says_that_there_is_more_and_all_shows_it() {
    let clinic = clinic();
    for number in 2..=5 {
        clinic.ok(&format!(
            "patient create --first-name Bo --last-name Berg{number}"
        ));
    }
    let outcome = clinic.run("patient list --limit 3 -o json");
    let rows: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    let outcome = clinic.run("patient list --limit 3");
    assert!(
        outcome.stderr.contains("3 shown, more available"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        clinic.json("patient list --all").as_array().map(Vec::len),
        Some(5)
    );
    let ids: i64 = crate::common::block_on(|| {
        clinic
            .db
            .scalar("SELECT count(*) FROM access_log WHERE function = 'GetAllPatients'")
    });
    assert_eq!(ids, 3 + 3 + 5, "as many as were shown");
}

#[test]
fn every_function_has_a_schema_that_refuses_unknown_parameters() {
    let clinic = Clinic::new();
    let functions = clinic.json("booking functions");
    let functions = functions.as_array().expect("a list");
    assert_eq!(functions.len(), 30);
    for function in functions {
        let name = function["function"].as_str().expect("a name");
        let schema = clinic.json(&format!("booking schema {name}"));
        assert_eq!(
            schema["parameters"]["additionalProperties"], false,
            "{name}"
        );
        assert_eq!(schema["parameters"]["title"], name);
    }
}

#[test]
fn what_was_broken_and_what_replaces_it_stand_in_two_rows() {
    let clinic = clinic();
    let broken = book(&clinic, "2031-03-03T09:00");
    clinic.ok(&format!("appointment break {broken} --reason 'no show'"));
    book(&clinic, "2031-03-03T09:00");
    let agenda = clinic.ok("appointment list --day 2031-03-03");
    assert!(!agenda.contains(r"\n"), "{agenda}");
    let rows = agenda.lines().filter(|line| line.starts_with("09:00"));
    assert_eq!(rows.count(), 2, "{agenda}");
    assert!(
        agenda.contains("appointment list --day 2031-03-03 --limit 2 --org harbor-clinic"),
        "{agenda}"
    );
    let empty = clinic.run("appointment list --day 2031-03-04");
    assert!(
        empty.stdout.is_empty()
            && empty
                .stderr
                .contains("no appointment on tuesday 2031-03-04"),
        "{empty:?}"
    );
}

#[test]
fn a_part_of_a_name_is_not_enough_to_change_or_to_delete() {
    let clinic = clinic();
    for line in [
        "provider delete Berg --yes",
        "provider update Berg --specialty Surgery",
        "operatory delete Room --yes",
    ] {
        let stderr = clinic.fails(3, line);
        assert!(stderr.contains("similar: "), "{line}: {stderr}");
    }
    for line in [
        "provider delete '' --yes",
        "operatory update ' ' --name x",
        "patient show ''",
        "appointment list --provider ''",
    ] {
        clinic.fails(2, line);
    }
    let id = "0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11";
    clinic.ok(&format!("provider create 'Dr. Uma Id' --external-id {id}"));
    clinic.ok(&format!("provider update {id} --specialty Surgery"));
    clinic.ok("provider update 'dr. bo berg' --specialty Surgery");
    clinic.ok("provider delete D-1 --yes");
}

#[test]
fn what_is_deleted_is_called_by_name_and_looked_up_first() {
    let clinic = clinic();
    let booked = book(&clinic, "2031-03-03T09:00");
    let stderr = clinic.fails(5, &format!("appointment delete {booked}"));
    assert!(
        stderr.contains("delete the appointment of 2031-03-03 09:00 CET with Dr. Bo Berg"),
        "{stderr}"
    );
    clinic.ok(&format!("appointment delete {booked} --yes"));
    let stderr = clinic.fails(5, "provider delete D-1");
    assert!(
        stderr.contains(r#"delete provider "Dr. Bo Berg" ("#),
        "{stderr}"
    );
    let schedules = clinic.json("schedule list");
    let schedule = schedules[0]["id"].as_str().expect("an id");
    let stderr = clinic.fails(5, &format!("schedule delete {schedule}"));
    assert!(
        stderr.contains("weekly of Dr. Bo Berg: monday, 09:00–17:00"),
        "{stderr}"
    );
    clinic.ok("provider delete D-1 --dry-run");
    let missing = "01890a5d-ac96-774b-bcce-b302099a8057";
    for noun in [
        "patient",
        "provider",
        "operatory",
        "schedule",
        "appointment",
    ] {
        clinic.fails(3, &format!("{noun} delete {missing}"));
        clinic.ok(&format!("{noun} delete {missing} --if-exists"));
    }
    let outcome = clinic.run("patient delete 'Ana Keller' --if-exists");
    assert!(
        outcome.code == 0 && !outcome.stderr.contains("Keller"),
        "{outcome:?}"
    );
    clinic.fails(6, "booking call GetProviders --json '[]'");
}

#[test]
fn what_closes_the_whole_organization_says_so() {
    let clinic = clinic();
    let line = "schedule create blockout --start 12:00 --end 13:00";
    let closes = |line: &str| {
        clinic
            .run(line)
            .stderr
            .contains("closes the whole organization")
    };
    assert!(closes(line));
    assert!(closes("schedule create holiday --from 2031-12-25"));
    assert!(!closes(&format!("{line} --provider Berg")));
}

#[test]
fn flags_that_contradict_each_other_or_say_nothing_are_wrong_usage() {
    let clinic = clinic();
    let stderr = clinic.fails(
        2,
        "patient update P-1 --phone '044 364 35 32' --clear phone",
    );
    assert!(
        stderr.contains("--phone and --clear phone are mutually exclusive"),
        "{stderr}"
    );
    clinic.fails(2, "provider update D-1 --email '' --specialty x");
    let stderr = clinic.fails(2, "patient update P-1 --notes ''");
    assert!(stderr.contains("--clear notes"), "{stderr}");
    let file = clinic.cli.home().join("notes.txt");
    std::fs::write(&file, "Allergic to latex.\n").expect("a file");
    let line = format!("patient update P-1 --notes-file {}", file.display());
    assert_eq!(clinic.json(&line)["notes"], "Allergic to latex.");
}

#[test]
fn hints_name_the_organization_that_the_command_named() {
    let clinic = clinic();
    let stderr = clinic.fails(3, "provider show D-9 --org harbor-clinic");
    assert!(
        stderr.contains("tenantctl provider list --org harbor-clinic"),
        "{stderr}"
    );
}

#[test]
fn a_move_says_from_when_to_when_and_how_to_move_it_back() {
    let clinic = clinic();
    let id = book(&clinic, "2031-03-03T09:00");
    let line = format!("appointment update {id} --at 2031-03-03T10:00 --service Check-up");
    let moved = clinic.run(&line);
    for part in [
        "when: 2031-03-03 09:00 CET until 09:30 → 2031-03-03 10:00 CET until 10:30",
        "\n  service\n",
    ] {
        assert!(moved.stderr.contains(part), "{part}: {moved:?}");
    }
    assert!(
        moved.stdout.contains("Dr. Bo Berg") && moved.stdout.contains("Room 1"),
        "{moved:?}"
    );
    let undo = "undo: ";
    let undo = moved.stderr.lines().find_map(|line| line.split_once(undo));
    let (_, undo) = undo.unwrap_or_else(|| panic!("{moved:?}"));
    clinic.ok(undo.trim_start_matches("tenantctl "));
    let shown = clinic.json(&format!("appointment show {id}"));
    assert_eq!(shown["starts_at"], "2031-03-03T08:00:00Z");
    let confirmed = clinic.run(&format!("appointment confirm {id}"));
    assert!(
        confirmed.stderr.contains("status: scheduled → confirmed"),
        "{confirmed:?}"
    );
    let listed = clinic.json("appointment list --from 2031-03-03 --until 2031-03-04");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_person_is_asked_whose_a_schedule_is_and_on_which_days() {
    let clinic = clinic();
    let mut terminal = at_terminal(&clinic, "schedule create blockout --color never");
    terminal.exp_string("Applies to").expect("a menu");
    terminal.send("j\r").expect("down, Enter");
    terminal.flush().expect("the keys are pressed");
    terminal.exp_string("Days").expect("a menu");
    terminal.send_line("").expect("Enter");
    for (label, answer) in [("Start", "12:00"), ("End", "13:00")] {
        terminal.exp_string(label).expect("a question");
        terminal.send_line(answer).expect("an answer");
    }
    terminal.exp_string("added schedule").expect("it is added");
    terminal.exp_eof().expect("the end");
    let added = clinic.json("schedule list --kind blockout");
    assert!(
        added[0]["provider_id"].is_string() && added[0]["weekday"].is_null(),
        "{added}"
    );
}

#[test]
fn who_is_not_found_is_asked_for_again_before_the_next_question() {
    let clinic = clinic();
    let mut terminal = at_terminal(&clinic, "appointment create --color never");
    for (label, answer) in [
        ("Patient", "P-9"),
        ("no patient has", ""),
        ("Patient", "P-1"),
        ("Provider", "Nobody"),
        ("provider \"Nobody\" not found", ""),
        ("Provider", "Berg"),
        ("Starts at", "2031-03-03T09:00"),
    ] {
        terminal.exp_string(label).expect(label);
        if !answer.is_empty() {
            terminal.send_line(answer).expect("an answer");
        }
    }
    terminal
        .exp_string("booked appointment")
        .expect("it is booked");
    terminal.exp_eof().expect("the end");
}

fn at_terminal(clinic: &Clinic, line: &str) -> PtySession {
    let words: Vec<&str> = line.split(' ').collect();
    let command = clinic.cli.command(&words);
    spawn_command(command, Some(30_000)).expect("a pseudo-terminal")
}
