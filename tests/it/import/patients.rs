//! Patients, and what is the same for every kind.

use serde_json::json;

use super::{counts, file, import, printed};
use crate::common::Clinic;

const TWO: &str = "external_id,first_name,last_name,birth_date,phone,email,language,notes
1001,Maria,García Márquez,1984-03-09,+41 44 364 35 32,maria@harbor.example,es,
1002,Jean-Luc,Müller,1971-11-30,,,fr-CH,\"Prefers mornings,
and the window\"
";

#[test]
fn a_file_is_imported_once_whatever_often_it_is_given() {
    let clinic = Clinic::new();
    let first = import(&clinic, "patients", TWO, "");
    assert_eq!(
        (first.code, counts(&first)),
        (0, [2, 0, 0, 0, 0]),
        "{}",
        first.stderr
    );
    let second = import(&clinic, "patients", TWO, "");
    assert_eq!((second.code, counts(&second)), (0, [0, 0, 2, 0, 0]));

    let found = clinic.json("patient list --search 'luc mull'");
    let patient = &found[0];
    assert_eq!(patient["external_id"], "1002");
    assert_eq!(patient["notes"], "Prefers mornings,\nand the window");
    assert_eq!(patient["language"], "fr-CH");
    assert_eq!(
        clinic.json("patient list --phone +41443643532")[0]["first_name"],
        "Maria"
    );
}

#[test]
fn without_an_external_id_name_birth_date_and_phone_are_the_key() {
    let clinic = Clinic::new();
    let text = "Given name;Surname;D.O.B.;Mobile\nAna;Keller;1980-01-02;+41 44 364 35 32\nAna;Keller;1981-01-02;\nAna;Keller;;\n";
    assert_eq!(
        counts(&import(&clinic, "patients", text, "")),
        [3, 0, 0, 0, 0]
    );
    assert_eq!(
        counts(&import(&clinic, "patients", text, "")),
        [0, 0, 3, 0, 0]
    );
}

#[test]
fn rows_that_differ_are_left_updated_or_rejected() {
    let clinic = Clinic::new();
    import(&clinic, "patients", TWO, "");
    let changed = "external_id,first_name,last_name,phone,notes
1001,Marie,García Márquez,,Moved
1002,Jean-Luc,Müller,,
";
    let left = import(&clinic, "patients", changed, "");
    assert_eq!((left.code, counts(&left)), (0, [0, 0, 1, 1, 0]));
    assert_eq!(clinic.json("patient list --search marie"), json!([]));

    let failed = import(&clinic, "patients", changed, "--on-conflict fail");
    assert_eq!((failed.code, counts(&failed)), (6, [0, 0, 1, 0, 1]));
    assert_eq!(printed(&failed)["faults"][0]["line"], 2);

    let rehearsed = import(
        &clinic,
        "patients",
        changed,
        "--on-conflict update --dry-run",
    );
    assert_eq!(
        (rehearsed.code, counts(&rehearsed)),
        (0, [0, 1, 1, 0, 0]),
        "{}",
        rehearsed.stderr
    );
    let difference = &printed(&rehearsed)["differences"][0];
    assert_eq!(
        difference["columns"],
        json!([
            { "column": "first_name", "there": "Maria", "file": "Marie" },
            { "column": "notes", "there": null, "file": "Moved" },
        ])
    );
    assert_eq!(clinic.json("patient list --search marie"), json!([]));

    let updated = import(&clinic, "patients", changed, "--on-conflict update");
    assert_eq!(counts(&updated), [0, 1, 1, 0, 0]);
    // The search follows the name, and an empty cell changed nothing.
    let marie = clinic.json("patient list --search marie");
    assert_eq!(marie[0]["phone"], "+41443643532");
    assert_eq!(clinic.json("patient list --search maria"), json!([]));
    assert_eq!(
        counts(&import(
            &clinic,
            "patients",
            changed,
            "--on-conflict update"
        )),
        [0, 0, 2, 0, 0]
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_is_imported() {
    let clinic = Clinic::new();
    let text = "external_id,first_name,last_name,birth_date,phone,email,language\n\
        1,Ana,Keller,1980-13-02,12,ana,xx_yy\n\
        2,,Keller,2999-01-01,,,\n\
        3,Bo,Ortiz,,,,\n\
        3,Cy,Ortiz,,,,\n\
        4,Di\n\
        5,E\0,Ortiz,,,,\n\
        6,F\u{202E}g,Ortiz,,,,\n";
    let outcome = import(&clinic, "patients", text, "--reject-file {home}/bad.csv");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [1, 0, 0, 0, 6]),
        "{}",
        outcome.stderr
    );
    let view = printed(&outcome);
    let told: Vec<(u64, &str)> = view["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap(),
                fault["column"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, "birth_date"),
            (2, "phone"),
            (2, "email"),
            (2, "language"),
            (3, "first_name"),
            (3, "birth_date"),
            (5, "external_id"),
            (6, ""),
            (7, ""),
            (8, "first_name"),
        ]
    );
    assert_eq!(view["faults"][0]["value"], "1980-13-02");
    assert_eq!(view["faults"][6]["rule"], "duplicate of line 4");
    assert_eq!(clinic.json("patient list"), json!([]));
    assert!(
        outcome.stderr.contains("nothing was imported"),
        "{}",
        outcome.stderr
    );
    assert_eq!(clinic.json("import jobs"), json!([]));

    // All of them are in the reject file, as they were.
    let rejected = std::fs::read_to_string(view["reject_file"].as_str().unwrap()).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(
        lines[0],
        "error,external_id,first_name,last_name,birth_date,phone,email,language"
    );
    assert_eq!(lines.len(), 7, "{rejected}");
    assert!(
        lines[1].ends_with(",1,Ana,Keller,1980-13-02,12,ana,xx_yy"),
        "{}",
        lines[1]
    );
    assert!(lines[4].ends_with(",4,Di"), "{}", lines[4]);
}

#[test]
fn the_good_rows_are_taken_and_the_mended_others_follow() {
    let clinic = Clinic::new();
    let text = "first_name,last_name,phone\nAna,Keller,12\nBo,Ortiz,\nCy,,\n";
    let path = file(&clinic, "clinic.csv", text);
    let partial = clinic.run(&format!(
        "import patients {} --partial -o json",
        path.display()
    ));
    assert_eq!(
        (partial.code, counts(&partial)),
        (6, [1, 0, 0, 0, 2]),
        "{}",
        partial.stderr
    );
    let rejected = path.with_file_name("clinic.rejected.csv");
    let mended = std::fs::read_to_string(&rejected)
        .unwrap()
        .replace(",12", ",+41443643532")
        .replace("Cy,", "Cy,Ortiz");
    let again = import(&clinic, "patients", &mended, "");
    assert_eq!(
        (again.code, counts(&again)),
        (0, [2, 0, 0, 0, 0]),
        "{}",
        again.stderr
    );
    assert_eq!(clinic.json("patient list").as_array().unwrap().len(), 3);
}

#[test]
fn one_file_fills_many_organizations_and_reaches_no_other() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Tide Dental' --slug tide --locale en-US");
    let text = "Clinic,external_id,first_name,last_name,phone\n\
        harbor-clinic,1,Ana,Keller,+41443643532\n\
        tide,1,Bo,Ortiz,(202) 555-0143\n\
        nowhere,2,Cy,Ortiz,\n\
        ,3,Di,Ortiz,\n";
    let path = file(&clinic, "many.csv", text);
    let cli = clinic.db.cli();
    let outcome = cli.run(&[
        "import",
        "patients",
        &path.display().to_string(),
        "--partial",
        "-o",
        "json",
    ]);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [2, 0, 0, 0, 2]),
        "{}",
        outcome.stderr
    );
    assert_eq!(printed(&outcome)["organizations"], 2);
    assert_eq!(
        printed(&outcome)["faults"][0]["rule"],
        "there is no such organization"
    );
    let tide = clinic.json("patient list --org tide");
    assert_eq!(tide[0]["phone"], "+12025550143");
    assert_eq!(tide.as_array().unwrap().len(), 1);
    // Each has an entry of its own, with the counts and the file.
    let entries = clinic.json("activity list --org tide --action patient.import");
    let shown = clinic.json(&format!(
        "activity show {} --org tide",
        entries[0]["sequence"]
    ));
    assert_eq!(shown["after"]["new"], 1);
    assert_eq!(shown["after"]["file"], "many.csv");
    assert_eq!(shown["after"]["sha256"].as_str().unwrap().len(), 64);
    clinic.ok("activity verify --org tide");

    // A user fills only what is theirs, and only as their role allows.
    clinic.join("vic@harbor.example", "viewer");
    let args = [
        "import",
        "patients",
        &path.display().to_string(),
        "--as",
        "vic@harbor.example",
    ];
    let told = cli.fails(5, &args);
    assert!(told.contains("imports.run"), "{told}");
}

#[test]
fn a_file_is_checked_without_a_database() {
    let clinic = Clinic::new();
    let path = file(&clinic, "p.csv", TWO);
    let cli = crate::common::Cli::new();
    let path = path.display().to_string();
    let outcome = cli.run(&[
        "import",
        "patients",
        &path,
        "--dry-run",
        "--offline",
        "-o",
        "json",
    ]);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (0, [2, 0, 0, 0, 0]),
        "{}",
        outcome.stderr
    );
    cli.fails(2, &["import", "patients", &path, "--offline"]);
}
