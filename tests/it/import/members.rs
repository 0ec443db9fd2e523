//! Members: invited or added, by the rules for one.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};

use super::{counts, file, import, printed};
use crate::common::{Clinic, Outcome, block_on};

const THREE: &str = "Mail,Role
sam@harbor.example,Admin
ann@harbor.example,
Bo@Harbor.example,viewer
";

/// Address and role of those whose invitation is pending.
fn invited(clinic: &Clinic, flags: &str) -> BTreeMap<String, String> {
    let list = clinic.json(&format!("invite list {flags}"));
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let list = list.as_array().unwrap();
    list.iter()
        .filter(|one| one["status"] == "pending")
        .map(|one| (text(one, "email"), text(one, "role")))
        .collect()
}

/// The rules that rows broke, by line.
fn rules(outcome: &Outcome) -> Vec<(u64, String)> {
    let view = printed(outcome);
    let faults = view["faults"].as_array().unwrap();
    faults
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap(),
                fault["rule"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn members(clinic: &Clinic, text: &str, flags: &str) -> [u64; 6] {
    let outcome = import(clinic, "members", text, flags);
    let [new, changed, unchanged, skipped, rejected] = counts(&outcome);
    let code = u64::try_from(outcome.code).unwrap();
    [code, new, changed, unchanged, skipped, rejected]
}

fn expire(clinic: &Clinic) {
    block_on(|| {
        clinic
            .db
            .execute("UPDATE organization_invitations SET expires_at = now() - interval '1 second'")
    });
}

/// The links of a file: address and link.
fn links(path: &Path) -> Vec<[String; 4]> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(
        reader.headers().unwrap(),
        vec!["organization", "email", "role", "link", "expires_at"]
    );
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| [0, 1, 2, 3].map(|place| record[place].to_owned()))
        .collect()
}

#[test]
fn people_are_invited_once_whatever_often_the_file_is_given() {
    let clinic = Clinic::new();
    let first = import(&clinic, "members", THREE, "--expires-days 9");
    assert_eq!(
        (first.code, counts(&first)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        first.stderr
    );
    assert_eq!(printed(&first)["invited"], 3);
    assert_eq!(
        invited(&clinic, ""),
        BTreeMap::from(
            [
                ("sam@harbor.example", "admin"),
                ("ann@harbor.example", "member"),
                ("bo@harbor.example", "viewer"),
            ]
            .map(|(email, role)| (email.to_owned(), role.to_owned()))
        )
    );
    let before = clinic.json("invite list --all");
    assert_eq!(members(&clinic, THREE, ""), [0, 0, 0, 3, 0, 0]);
    assert_eq!(clinic.json("invite list --all"), before);
    let told = file(&clinic, "more.csv", "email\neve@harbor.example\n");
    let told = clinic.run(&format!("import members {}", told.display()));
    assert!(told.stderr.contains("were not kept"), "{}", told.stderr);

    // Whoever signs up with the address is found by it.
    let signed_up = clinic.sign_up("bo@harbor.example");
    assert_eq!(signed_up["joined"][0]["role"], "viewer", "{signed_up}");
    assert_eq!(members(&clinic, THREE, ""), [0, 0, 0, 3, 0, 0]);

    // One entry for all of them.
    let entries = clinic.json("activity list --action member.import");
    assert_eq!(entries.as_array().unwrap().len(), 2);
    assert_eq!(
        clinic.json("activity list --action invitation.create"),
        json!([])
    );
    clinic.ok("activity verify");
}

#[test]
fn another_role_is_left_taken_or_rejected() {
    let clinic = Clinic::new();
    clinic.join("vic@harbor.example", "viewer");
    let earlier = clinic.invite("sam@harbor.example", "viewer");
    let text =
        "email,role\nvic@harbor.example,admin\nsam@harbor.example,admin\nmaria@harbor.example,\n";

    assert_eq!(members(&clinic, text, ""), [0, 0, 0, 1, 2, 0]);
    let failed = import(&clinic, "members", text, "--on-conflict fail");
    assert_eq!((failed.code, counts(&failed)), (6, [0, 0, 1, 0, 2]));
    let rehearsed = import(&clinic, "members", text, "--on-conflict update --dry-run");
    assert_eq!(
        (rehearsed.code, counts(&rehearsed)),
        (0, [0, 2, 1, 0, 0]),
        "{}",
        rehearsed.stderr
    );
    assert_eq!(
        printed(&rehearsed)["differences"][1]["columns"],
        json!([{ "column": "role", "there": "viewer", "file": "admin" }])
    );
    assert_eq!(clinic.role_of("vic@harbor.example").unwrap(), "viewer");
    assert_eq!(invited(&clinic, "")["sam@harbor.example"], "viewer");

    assert_eq!(
        members(&clinic, text, "--on-conflict update"),
        [0, 0, 2, 1, 0, 0]
    );
    assert_eq!(clinic.role_of("vic@harbor.example").unwrap(), "admin");
    // Empty: theirs stays.
    assert_eq!(clinic.role_of("maria@harbor.example").unwrap(), "owner");
    assert_eq!(invited(&clinic, "")["sam@harbor.example"], "admin");
    assert_eq!(
        members(&clinic, text, "--on-conflict update"),
        [0, 0, 0, 3, 0, 0]
    );
    // The earlier link is worth nothing, and one pointer is left to the new one.
    let waiting = "SELECT count(*) FROM invitation_lookups";
    assert_eq!(block_on(|| clinic.db.scalar::<i64>(waiting)), 1);
    assert_eq!(
        clinic.sign_up("sam@harbor.example")["joined"][0]["role"],
        "admin"
    );
    clinic.fails(
        3,
        &format!("invite accept {earlier} --email sam@harbor.example"),
    );
    clinic.ok("activity verify");
}

#[test]
fn an_expired_invitation_is_issued_anew() {
    let clinic = Clinic::new();
    clinic.invite("sam@harbor.example", "viewer");
    expire(&clinic);
    let text = "email,role\nsam@harbor.example,viewer\n";
    assert_eq!(
        members(&clinic, text, "--on-conflict fail"),
        [0, 1, 0, 0, 0, 0]
    );
    let all = clinic.json("invite list --all");
    let mut status: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap())
        .collect();
    status.sort_unstable();
    assert_eq!(status, ["pending", "revoked"]);
}

#[test]
fn nobody_gives_or_takes_a_role_that_they_may_not() {
    let clinic = Clinic::new();
    clinic.join("ada@harbor.example", "admin");
    clinic.join("mo@harbor.example", "member");
    let as_admin = |text: &str, flags: &str| {
        import(
            &clinic,
            "members",
            text,
            &format!("--as ada@harbor.example {flags}"),
        )
    };
    let owner = "email,role\nsam@harbor.example,viewer\nann@harbor.example,owner\n";
    let told = as_admin(owner, "");
    assert_eq!(told.code, 5, "{}", told.stderr);
    assert!(told.stderr.contains("role owner"), "{}", told.stderr);
    assert_eq!(invited(&clinic, ""), BTreeMap::new());
    // Nor take one: neither a member's, nor that of an invitation, waiting or expired.
    clinic.join("oz@harbor.example", "owner");
    let demoted = "email,role\nmaria@harbor.example,viewer\n";
    assert_eq!(as_admin(demoted, "--on-conflict update").code, 5);
    clinic.invite("ann@harbor.example", "owner");
    let other = "email,role\nann@harbor.example,viewer\n";
    assert_eq!(as_admin(other, "--on-conflict update").code, 5);
    // What is left as it is takes nothing.
    assert_eq!(as_admin(other, "").code, 0);
    expire(&clinic);
    assert_eq!(as_admin(other, "").code, 5);
    let allowed = as_admin("email\nsam@harbor.example\n", "");
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    let invitation = clinic.json("invite show sam@harbor.example");
    assert!(
        invitation["invited_by"]
            .as_str()
            .unwrap()
            .contains("ada@harbor.example")
    );
    // Who may not invite does not at all, and adding is the operator's.
    let as_member = import(&clinic, "members", THREE, "--as mo@harbor.example");
    assert_eq!(as_member.code, 5, "{}", as_member.stderr);
    let added = as_admin("email\nmo@harbor.example\n", "--mode add");
    assert_eq!(added.code, 5, "{}", added.stderr);
    // The owner does.
    let by_owner = import(&clinic, "members", owner, "--as maria@harbor.example");
    assert_eq!(by_owner.code, 0, "{}", by_owner.stderr);
}

#[test]
fn addresses_have_to_be_of_the_domains_that_are_allowed() {
    let clinic = Clinic::new();
    clinic.join("old@elsewhere.example", "viewer");
    clinic.ok("org update harbor-clinic --allow-domain harbor.example");
    let text = "email\nsam@harbor.example\neve@evilharbor.example\neve@sub.harbor.example\nold@elsewhere.example\n";
    let outcome = import(&clinic, "members", text, "");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [1, 0, 1, 0, 2]),
        "{}",
        outcome.stderr
    );
    let rule = "its domain is not allowed (allowed: harbor.example)";
    assert_eq!(
        rules(&outcome),
        [(3, rule.to_owned()), (4, rule.to_owned())]
    );
    assert_eq!(invited(&clinic, ""), BTreeMap::new());
}

#[test]
fn an_organization_keeps_an_owner() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "admin");
    let update = "--on-conflict update";
    let demoted = "email,role\nmaria@harbor.example,viewer\nsam@harbor.example,member\n";
    let outcome = import(&clinic, "members", demoted, update);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [0, 1, 0, 0, 1]),
        "{}",
        outcome.stderr
    );
    assert!(rules(&outcome)[0].1.contains("keeps at least one"));
    assert_eq!(clinic.role_of("sam@harbor.example").unwrap(), "admin");
    // An invitation is no owner yet.
    let invited = "email,role\nmaria@harbor.example,viewer\nann@harbor.example,owner\n";
    assert_eq!(members(&clinic, invited, update), [6, 1, 0, 0, 0, 1]);
    // Whoever becomes one in the same file is, also where they are added.
    let handed_over = "email,role\nmaria@harbor.example,viewer\nsam@harbor.example,owner\n";
    assert_eq!(members(&clinic, handed_over, update), [0, 0, 2, 0, 0, 0]);
    assert_eq!(clinic.role_of("maria@harbor.example").unwrap(), "viewer");
    clinic.sign_up("ann@harbor.example");
    let added = "email,role\nann@harbor.example,owner\nsam@harbor.example,viewer\n";
    assert_eq!(
        members(&clinic, added, "--mode add --on-conflict update"),
        [0, 1, 1, 0, 0, 0]
    );
    assert_eq!(clinic.role_of("ann@harbor.example").unwrap(), "owner");
    clinic.ok("activity verify");
}

#[test]
fn those_who_signed_up_are_added_and_what_waited_for_them_is_revoked() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    clinic.sign_up("ann@harbor.example");
    let waiting = clinic.invite("ann@harbor.example", "owner");
    let text =
        "email,role\nSam@harbor.example,admin\nann@harbor.example,\nnobody@harbor.example,\n";
    let outcome = import(&clinic, "members", text, "--mode add");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [2, 0, 0, 0, 1]),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        rules(&outcome),
        [(4, "no user has signed up with this address".to_owned())]
    );
    assert_eq!(clinic.role_of("sam@harbor.example"), None);

    let flags = "--mode add --partial --reject-file {home}/bad.csv";
    assert_eq!(members(&clinic, text, flags), [6, 2, 0, 0, 0, 1]);
    assert_eq!(clinic.role_of("sam@harbor.example").unwrap(), "admin");
    assert_eq!(clinic.role_of("ann@harbor.example").unwrap(), "member");
    // Found from both sides, as one who was added alone.
    let shown = clinic.json("user show sam@harbor.example");
    assert!(shown.to_string().contains("harbor-clinic"), "{shown}");
    clinic.fails(
        3,
        &format!("invite accept {waiting} --email ann@harbor.example"),
    );
    assert_eq!(invited(&clinic, ""), BTreeMap::new());
    let lookups = "SELECT count(*) FROM invitation_lookups";
    assert_eq!(block_on(|| clinic.db.scalar::<i64>(lookups)), 0);
    let again = "email,role\nsam@harbor.example,admin\nann@harbor.example,viewer\n";
    assert_eq!(members(&clinic, again, "--mode add"), [0, 0, 0, 1, 1, 0]);

    // The rejected row can be imported by itself, once it is right.
    clinic.sign_up("nobody@harbor.example");
    let flags = format!("{flags} --overwrite");
    let rejected =
        printed(&import(&clinic, "members", text, &flags))["counts"]["unchanged"].clone();
    assert_eq!(rejected, 2);
    assert_eq!(clinic.role_of("nobody@harbor.example").unwrap(), "member");
    clinic.ok("activity verify");
}

#[test]
fn one_file_fills_many_organizations_and_each_link_lets_its_address_in() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Tide Dental' --slug tide");
    clinic.ok("org create 'Quiet Dental' --slug quiet");
    for email in ["sam@x.example", "ann@x.example"] {
        clinic.sign_up(email);
    }
    let text = "email,role,clinic\nsam@x.example,admin,harbor-clinic\nann@x.example,,tide\nsam@x.example,viewer,tide\n";
    let path = file(&clinic, "many.csv", text).display().to_string();
    let links_file = clinic.cli.home().join("links.csv");
    let links_path = links_file.display().to_string();
    let cli = clinic.db.cli();
    let args = [
        "import",
        "members",
        &path,
        "--links-file",
        &links_path,
        "-o",
        "json",
    ];

    let rehearsed = cli.run(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(
        (rehearsed.code, counts(&rehearsed)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        rehearsed.stderr
    );
    assert!(!links_file.exists());
    assert_eq!(invited(&clinic, ""), BTreeMap::new());

    let outcome = cli.run(&args);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (0, [3, 0, 0, 0, 0]),
        "{}",
        outcome.stderr
    );
    assert_eq!(printed(&outcome)["organizations"], 2);
    assert_eq!(printed(&outcome)["links_file"], links_path);
    assert_eq!(
        invited(&clinic, "--org quiet").len() + invited(&clinic, "").len(),
        1
    );
    let mode = std::fs::metadata(&links_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(leftovers(&clinic), 0);
    // The earlier file is not written over, and nothing is done.
    let refused = cli.run(&args);
    assert_eq!(refused.code, 4, "{}", refused.stderr);

    let mut seen = Vec::new();
    for [organization, email, role, link] in links(&links_file) {
        assert!(
            link.starts_with("https://app.example.com/invite#token="),
            "{link}"
        );
        clinic.ok(&format!("invite accept '{link}' --email {email}"));
        let shown = clinic.json(&format!("member show {email} --org {organization}"));
        assert_eq!(shown["role"], role.as_str());
        // Once, and for nobody else.
        clinic.fails(3, &format!("invite accept '{link}' --email {email}"));
        seen.push((organization, email));
    }
    seen.sort();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].0, "harbor-clinic");
    for organization in ["harbor-clinic", "tide", "quiet"] {
        clinic.ok(&format!("activity verify --org {organization}"));
    }
    assert_eq!(clinic.json("member list --all --org quiet"), json!([]));

    // A user fills what is theirs.
    clinic.join("ada@x.example", "admin");
    let told = cli.fails(6, &["import", "members", &path, "--as", "ada@x.example"]);
    assert!(told.contains("2 of 3 rows are wrong"), "{told}");
}

/// Links files that have not got their name.
fn leftovers(clinic: &Clinic) -> usize {
    let names = std::fs::read_dir(clinic.cli.home()).unwrap();
    names
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".part")
        })
        .count()
}

#[test]
fn one_wrong_row_undoes_what_was_written_for_others_before() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Tide Dental' --slug tide");
    clinic.ok("org create 'Calm Dental' --slug calm");
    clinic.ok("org suspend calm --yes");
    // Organizations are taken in the order in which they were made: the last one is wrong.
    let text =
        "organization,email\nharbor-clinic,sam@x.example\ntide,ann@x.example\ncalm,bo@x.example\n";
    let path = file(&clinic, "many.csv", text).display().to_string();
    let cli = clinic.db.cli();
    let links_file = clinic.cli.home().join("links.csv");
    let links_path = links_file.display().to_string();
    let args = [
        "import",
        "members",
        &path,
        "--links-file",
        &links_path,
        "-o",
        "json",
    ];
    let outcome = cli.run(&args);
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [2, 0, 0, 0, 1]),
        "{}",
        outcome.stderr
    );
    assert!(rules(&outcome)[0].1.contains("suspended"));
    assert!(!links_file.exists());
    assert_eq!(leftovers(&clinic), 0);
    for organization in ["harbor-clinic", "tide"] {
        let left = invited(&clinic, &format!("--org {organization}"));
        assert_eq!(left, BTreeMap::new());
        clinic.ok(&format!("activity verify --org {organization}"));
    }
    assert_eq!(clinic.json("import jobs"), json!([]));
    // Named alone, it is refused.
    let alone = file(&clinic, "one.csv", "email\nbo@x.example\n");
    let told = clinic.fails(5, &format!("import members {} --org calm", alone.display()));
    assert!(told.contains("suspended"), "{told}");
    // The others are taken, with their links.
    let partial = cli.run(&[&args[..], &["--partial"]].concat());
    assert_eq!((partial.code, counts(&partial)), (6, [2, 0, 0, 0, 1]));
    assert_eq!(links(&links_file).len(), 2);
    let rejected = std::fs::read_to_string(clinic.cli.home().join("many.rejected.csv")).unwrap();
    assert!(rejected.ends_with(",calm,bo@x.example\n"), "{rejected}");
}

#[test]
fn what_is_wrong_with_a_row_is_told() {
    let clinic = Clinic::new();
    let text = "email,role\nsam@harbor.example,boss\n,viewer\nann,\nann@harbor.example,\nANN@harbor.example,admin\n";
    let outcome = import(&clinic, "members", text, "--links-file {home}/links.csv");
    assert_eq!(
        (outcome.code, counts(&outcome)),
        (6, [1, 0, 0, 0, 4]),
        "{}",
        outcome.stderr
    );
    let told = rules(&outcome);
    assert_eq!(told[0].1, "must be one of owner, admin, member, viewer");
    assert_eq!(told[1].1, "required");
    assert_eq!(told[3], (6, "duplicate of line 5".to_owned()));
    let steps = import(
        &clinic,
        "members",
        THREE,
        "--links-file {home}/l.csv --batch 2",
    );
    assert_eq!(steps.code, 2, "{}", steps.stderr);
}

#[test]
fn an_import_in_steps_invites_everybody_once() {
    let clinic = Clinic::new();
    assert_eq!(members(&clinic, THREE, "--batch 2"), [0, 3, 0, 0, 0, 0]);
    assert_eq!(invited(&clinic, "").len(), 3);
    let entries = clinic.json("activity list --action member.import");
    assert_eq!(entries.as_array().unwrap().len(), 2);
    clinic.ok("activity verify");
}
