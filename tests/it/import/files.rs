//! The files that people give: what cannot be imported is told, and nothing is written.

use super::{counts, file, import, printed};
use crate::common::Clinic;

#[test]
fn files_that_are_none_are_refused_before_anything_is_written() {
    let clinic = Clinic::new();
    for (text, code, told) in [
        ("", 6, "empty"),
        ("first_name\nAna\n", 6, "no column for last_name"),
        (
            "first_name,last_name,First Name\n",
            6,
            "both mean first_name",
        ),
        ("first_name,last_name\n\"Ana,Keller\n", 6, "quote"),
    ] {
        let outcome = import(&clinic, "patients", text, "");
        assert_eq!(outcome.code, code, "{text}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(told), "{text}: {}", outcome.stderr);
    }
    clinic.fails(3, "import patients nowhere.csv");
    clinic.fails(6, "import patients /");
    let path = file(&clinic, "p.csv", "first_name,last_name\nAna,Keller\n")
        .display()
        .to_string();
    clinic.fails(2, &format!("import patients {path} --map x=phone"));
    clinic.fails(2, &format!("import patients {path} --reject-file {path}"));
    clinic.fails(
        3,
        &format!("import patients {path} --resume 01a21e64-fc26-73cb-b40f-35561282f25f"),
    );
    clinic.fails(
        2,
        &format!("import patients {path} --resume 01a21e64-fc26-73cb-b40f-35561282f25f --partial"),
    );
    assert_eq!(clinic.json("import jobs"), serde_json::json!([]));
    let header_only = import(&clinic, "patients", "first_name,last_name\n", "");
    assert_eq!(
        (header_only.code, counts(&header_only)),
        (0, [0; 5]),
        "{}",
        header_only.stderr
    );
}

#[test]
fn what_spreadsheets_write_is_read() {
    let clinic = Clinic::new();
    let text = "external_id;first_name;last_name\r\n1;Zoë;Müller\r\n";
    let utf16: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let windows: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    for (bytes, encoding) in [
        (text.as_bytes().to_vec(), "utf-8"),
        ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), "utf-8"),
        (utf16, "utf-16le"),
        (windows, "windows-1252"),
    ] {
        let path = file(&clinic, "p.csv", bytes).display().to_string();
        let outcome = clinic.run(&format!("import patients {path} -o json"));
        assert_eq!(outcome.code, 0, "{encoding}: {}", outcome.stderr);
        assert_eq!(printed(&outcome)["encoding"], encoding);
        assert_eq!(printed(&outcome)["delimiter"], "semicolon");
        let [new, _, unchanged, ..] = counts(&outcome);
        assert_eq!(new + unchanged, 1);
    }
    assert_eq!(clinic.json("patient list")[0]["last_name"], "Müller");
    assert_eq!(clinic.json("patient list")[0]["first_name"], "Zoë");
}

#[test]
fn standard_input_and_an_odd_width_are_read() {
    let clinic = Clinic::new();
    let cli = clinic.db.cli().stdin("first_name,last_name\nAna,Keller\n");
    let outcome = cli.run(&[
        "import",
        "patients",
        "-",
        "--org",
        "harbor-clinic",
        "-o",
        "json",
    ]);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (0, [1, 0, 0, 0, 0]),
        "{}",
        outcome.stderr
    );
    assert_eq!(printed(&outcome)["file"], "standard input");

    let mut header = String::from("first_name,last_name");
    let mut row = String::from("Bo,Ortiz");
    for n in 0..10_000 {
        header.push_str(&format!(",extra{n}"));
        row.push_str(",x");
    }
    let wide = import(&clinic, "patients", &format!("{header}\n{row}\n"), "");
    assert_eq!(
        (wide.code, counts(&wide)),
        (0, [1, 0, 0, 0, 0]),
        "{}",
        wide.stderr
    );
    assert_eq!(
        printed(&wide)["unknown_columns"].as_array().unwrap().len(),
        10_000
    );
}

#[test]
fn many_wrong_rows_are_all_in_the_reject_file_and_twenty_on_the_screen() {
    let clinic = Clinic::new();
    let mut text = String::from("first_name,last_name,birth_date\n");
    for _ in 0..30_000 {
        text.push_str("Ana,Keller,never\n");
    }
    let outcome = import(&clinic, "patients", &text, "--reject-file all.csv");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [0, 0, 0, 0, 30_000]),
        "{}",
        outcome.stderr
    );
    assert_eq!(printed(&outcome)["faults"].as_array().unwrap().len(), 20);
    let rejected =
        std::fs::read_to_string(printed(&outcome)["reject_file"].as_str().unwrap()).unwrap();
    assert_eq!(rejected.lines().count(), 30_001);
    let stopped = import(&clinic, "patients", &text, "--max-errors 100");
    assert_eq!(counts(&stopped)[4], 101);
    assert_eq!(printed(&stopped)["too_many_errors"], true);
}

#[test]
fn formulas_of_a_reject_file_are_neutralised_and_read_back() {
    let clinic = Clinic::new();
    let text =
        "external_id,first_name,last_name,phone,birth_date\n=1+1,Ana,Keller,+41443643532,never\n";
    let outcome = import(
        &clinic,
        "patients",
        text,
        "--reject-file bad.csv --excel-safe",
    );
    let path = printed(&outcome)["reject_file"]
        .as_str()
        .unwrap()
        .to_owned();
    let rejected = std::fs::read_to_string(&path).unwrap();
    assert!(
        rejected.contains(",'=1+1,Ana,Keller,'+41443643532,never"),
        "{rejected}"
    );
    let mended = import(
        &clinic,
        "patients",
        &rejected.replace("never", "1980-01-01"),
        "",
    );
    assert_eq!(mended.code, 0, "{}", mended.stderr);
    let patient = &clinic.json("patient list")[0];
    assert_eq!(
        (&patient["external_id"], &patient["phone"]),
        (&"=1+1".into(), &"+41443643532".into())
    );
}

#[test]
fn templates_and_columns_need_no_database() {
    let cli = crate::common::Cli::new();
    for kind in [
        "members",
        "patients",
        "providers",
        "operatories",
        "schedules",
        "appointments",
        "organizations",
    ] {
        let template = cli.ok(&["import", "template", kind]);
        assert_eq!(template.lines().count(), 3, "{template}");
        let columns = cli.json(&["import", "columns", kind]);
        let first = template.lines().next().unwrap();
        let names: Vec<&str> = columns
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert!(
            first.split(',').all(|column| names.contains(&column)),
            "{first}"
        );
    }
}
