//! Organizations, with their owners.

use serde_json::json;

use super::{counts, import, printed};
use crate::common::{Clinic, block_on};

const THREE: &str = "Clinic,slug,owner,zone,language
Harbour Dental,harbour,maria@harbor.example,Europe/Zurich,de-CH
Sunrise Dental,,sam@x.example,,
Quiet Dental,quiet,,America/New_York,en-US
";

#[test]
fn organizations_are_made_once_with_all_they_have_and_their_owners() {
    let clinic = Clinic::new();
    let links = clinic.cli.home().join("links.csv");
    let flags = format!("--links-file {}", links.display());
    let rehearsed = import(
        &clinic,
        "organizations",
        THREE,
        &format!("{flags} --dry-run"),
    );
    assert_eq!(
        (rehearsed.code, counts(&rehearsed)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        rehearsed.stderr
    );
    assert!(!links.exists());
    clinic.fails(3, "org show harbour");

    let first = import(&clinic, "organizations", THREE, &flags);
    assert_eq!(
        (first.code, counts(&first)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        first.stderr
    );
    // Whoever signed up owns it at once, and the other one is invited.
    let owner = clinic.json("member show maria@harbor.example --org harbour");
    assert_eq!(owner["role"], "owner");
    assert_eq!(printed(&first)["invited"], 1);
    let text = std::fs::read_to_string(&links).unwrap();
    let line = text.lines().nth(1).unwrap();
    assert_eq!(text.lines().count(), 2);
    let fields: Vec<&str> = line.split(',').collect();
    assert_eq!(fields[..3], ["sunrise-dental", "sam@x.example", "owner"]);
    let other = clinic.sign_up("sam@x.example");
    assert_eq!(other["joined"][0]["role"], "owner");

    let shown = clinic.json("org show harbour");
    assert_eq!(
        (&shown["name"], &shown["time_zone"], &shown["locale"]),
        (
            &json!("Harbour Dental"),
            &json!("Europe/Zurich"),
            &json!("de-CH")
        )
    );
    // As one that was made alone has them.
    clinic.ok("org create 'Alone Dental' --slug alone");
    let alone = clinic.json("channel list --org alone");
    for organization in ["harbour", "sunrise-dental", "quiet"] {
        let channels = clinic.json(&format!("channel list --org {organization}"));
        assert_eq!(
            channels.as_array().unwrap().len(),
            alone.as_array().unwrap().len()
        );
        let entries = clinic.json(&format!(
            "activity list --org {organization} --action organization.create"
        ));
        assert_eq!(entries.as_array().unwrap().len(), 1);
        clinic.ok(&format!("activity verify --org {organization}"));
    }
    clinic.ok("activity verify --platform");
    let entries = clinic.json("activity list --platform --action organization.import");
    assert_eq!(entries.as_array().unwrap().len(), 1);

    let second = import(&clinic, "organizations", THREE, "");
    assert_eq!(
        (second.code, counts(&second)),
        (0, [0, 0, 3, 0, 0]),
        "{}",
        second.stderr
    );
}

#[test]
fn organizations_that_differ_are_left_updated_or_rejected() {
    let clinic = Clinic::new();
    import(&clinic, "organizations", THREE, "");
    // Another owner is no difference, and changes nothing.
    let text = "name,slug,owner,time_zone\nHarbour Dental & Sons,harbour,,\nQuiet Dental,quiet,maria@harbor.example,Europe/Paris\n";
    let left = import(&clinic, "organizations", text, "");
    assert_eq!((left.code, counts(&left)), (0, [0, 0, 0, 2, 0]));
    let failed = import(&clinic, "organizations", text, "--on-conflict fail");
    assert_eq!((failed.code, counts(&failed)), (6, [0, 0, 0, 0, 2]));
    let updated = import(&clinic, "organizations", text, "--on-conflict update");
    assert_eq!(
        (updated.code, counts(&updated)),
        (0, [0, 2, 0, 0, 0]),
        "{}",
        updated.stderr
    );
    assert_eq!(
        printed(&updated)["differences"][0]["columns"],
        json!([{ "column": "name", "there": "Harbour Dental", "file": "Harbour Dental & Sons" }])
    );
    let shown = clinic.json("org show harbour");
    assert_eq!(shown["name"], "Harbour Dental & Sons");
    // An empty cell changes nothing.
    assert_eq!(shown["time_zone"], "Europe/Zurich");
    assert_eq!(clinic.json("org show quiet")["time_zone"], "Europe/Paris");
    assert_eq!(clinic.json("member list --all --org quiet"), json!([]));
    let again = import(&clinic, "organizations", text, "--on-conflict update");
    assert_eq!(counts(&again), [0, 0, 2, 0, 0]);
    for organization in ["harbour", "quiet"] {
        clinic.ok(&format!("activity verify --org {organization}"));
    }
    let entries = clinic.json("activity list --org harbour --action organization.update");
    assert_eq!(entries.as_array().unwrap().len(), 1);
}

#[test]
fn one_wrong_row_leaves_no_organization_behind() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Gone Dental' --slug gone");
    clinic.ok("org delete gone --yes");
    let text = "name,slug,owner,time_zone,locale\n\
        Tide Dental,,,,\n\
        Tide  Dental,,,,\n\
        Bad Zone,,,Mars/Olympus,\n\
        Admin,,nobody,,x_\n\
        Gone Dental,gone,,,\n\
        Fine Dental,fine,maria@harbor.example,,\n";
    let before = clinic.json("org list --all");
    let outcome = import(&clinic, "organizations", text, "");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [2, 0, 0, 0, 4]),
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
            (3, "slug"),
            (4, "time_zone"),
            (5, "slug"),
            (5, "owner"),
            (5, "locale"),
            (6, "slug"),
        ]
    );
    assert_eq!(view["faults"][0]["rule"], "duplicate of line 2");
    assert_eq!(clinic.json("org list --all"), before);
    assert_eq!(clinic.json("import jobs"), json!([]));

    let partial = import(
        &clinic,
        "organizations",
        text,
        "--partial --reject-file {home}/bad.csv",
    );
    assert_eq!((partial.code, counts(&partial)), (6, [2, 0, 0, 0, 4]));
    clinic.ok("org show tide-dental");
    clinic.ok("org show fine");
    clinic.fails(3, "org show tide-dental-2");
}

#[test]
fn organizations_are_the_operators() {
    let clinic = Clinic::new();
    let refused = import(&clinic, "organizations", THREE, "--as maria@harbor.example");
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    let count = "SELECT count(*) FROM organizations WHERE slug = 'harbour'";
    assert_eq!(block_on(|| clinic.db.scalar::<i64>(count)), 0);
}

#[test]
fn an_import_in_steps_makes_all_of_them() {
    let clinic = Clinic::new();
    let outcome = import(&clinic, "organizations", THREE, "--batch 2");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        outcome.stderr
    );
    clinic.ok("org show quiet");
    clinic.ok("activity verify --platform");
    // The one of an organization alone fills them.
    let patients = super::file(&clinic, "p.csv", "first_name,last_name\nAna,Keller\n");
    clinic.ok(&format!(
        "import patients {} --org quiet",
        patients.display()
    ));
}
