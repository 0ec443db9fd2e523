//! Organizations through the binary.

use serde_json::json;

use crate::common::{Cli, Clinic, TestDb, block_on};

#[test]
fn the_life_of_an_organization() {
    let db = TestDb::new();
    let cli = db.cli();
    let created = cli.json(&[
        "org",
        "create",
        "Harbor Clinic",
        "--timezone",
        "Europe/Zurich",
    ]);
    assert_eq!(created["schema_version"], 1);
    assert_eq!(created["created"], true);
    assert_eq!(created["slug"], "harbor-clinic");
    assert_eq!(created["time_zone"], "Europe/Zurich");

    let shown = cli.json(&["org", "show", "harbor-clinic"]);
    assert_eq!(shown["channels"].as_array().unwrap().len(), 5);
    let on: Vec<_> = shown["channels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|channel| channel["enabled"] == true)
        .map(|channel| channel["channel"].clone())
        .collect();
    assert_eq!(on, [json!("web")]);
    assert_eq!(shown["last_activity"]["action"], "organization.create");

    let suspended = cli.json(&["org", "suspend", "harbor-clinic", "--yes"]);
    assert_eq!(suspended["status"], "suspended");
    let again = cli.json(&["org", "suspend", "harbor-clinic", "--yes"]);
    assert_eq!(again["changed"], false);
    assert_eq!(
        cli.json(&["org", "resume", "harbor-clinic"])["status"],
        "active"
    );

    let refused = cli.fails(5, &["org", "delete", "harbor-clinic"]);
    assert!(
        refused.contains("--yes") || refused.contains("--confirm"),
        "{refused}"
    );
    let deleted = cli.json(&["org", "delete", "harbor-clinic", "--yes"]);
    assert_eq!(deleted["status"], "deleted");
    assert!(deleted["purge_after"].is_string());
    cli.fails(4, &["org", "update", "harbor-clinic", "--name", "X Y"]);
    assert_eq!(
        cli.json(&["org", "restore", "harbor-clinic"])["status"],
        "active"
    );

    let early = {
        cli.ok(&["org", "delete", "harbor-clinic", "--yes"]);
        cli.fails(4, &["org", "purge", "harbor-clinic", "--yes"])
    };
    assert!(early.contains("--now"), "{early}");
    let purged = cli.json(&["org", "purge", "harbor-clinic", "--now", "--yes"]);
    let channels = purged["removed"]
        .as_array()
        .unwrap()
        .iter()
        .find(|removed| removed["table"] == "channel_configurations")
        .unwrap();
    assert_eq!(channels["rows"], 5);
    cli.fails(3, &["org", "show", "harbor-clinic"]);
    let ours = "SELECT count(*) FROM platform_activity_log WHERE action = 'organization.purge'";
    assert_eq!(block_on(|| db.scalar::<i64>(ours)), 1);
}

#[test]
fn a_slug_is_made_unique_unless_it_was_chosen() {
    let db = TestDb::new();
    let cli = db.cli();
    assert_eq!(
        cli.json(&["org", "create", "Zahnärzte Süd"])["slug"],
        "zahnarzte-sud"
    );
    assert_eq!(
        cli.json(&["org", "create", "Zahnärzte Süd"])["slug"],
        "zahnarzte-sud-2"
    );
    let taken = cli.fails(4, &["org", "create", "Other", "--slug", "zahnarzte-sud"]);
    assert!(
        taken.contains("zahnarzte-sud") && taken.contains("hint:"),
        "{taken}"
    );
    let reserved = cli.fails(2, &["org", "create", "X Y", "--slug", "admin"]);
    assert!(reserved.contains("admin"), "{reserved}");
    let known = cli.json(&["org", "create", "Zahnärzte Süd", "--if-not-exists"]);
    assert_eq!(known["created"], false);
    let one: i64 = block_on(|| db.scalar("SELECT count(*) FROM organizations"));
    assert_eq!(one, 2);
}

#[test]
fn lists_filter_sort_and_say_when_there_is_more() {
    let db = TestDb::new();
    let cli = db.cli();
    assert_eq!(cli.ok(&["org", "list", "-o", "json"]).trim(), "[]");
    for name in ["Alpha One", "Beta Two", "Gamma Three"] {
        cli.ok(&["org", "create", name]);
    }
    cli.ok(&["org", "suspend", "beta-two", "--yes"]);
    let slugs = |args: &[&str]| -> Vec<String> {
        let rows = cli.json(args);
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["slug"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        slugs(&["org", "list", "--status", "suspended"]),
        ["beta-two"]
    );
    assert_eq!(slugs(&["org", "list", "--search", "MM"]), ["gamma-three"]);
    assert_eq!(
        slugs(&["org", "list", "--search", "%"]),
        Vec::<String>::new()
    );
    assert_eq!(
        slugs(&["org", "list", "--sort", "created", "--reverse"]),
        ["gamma-three", "beta-two", "alpha-one"]
    );
    let page = cli.run(&["org", "list", "--limit", "2", "-o", "ndjson"]);
    assert_eq!(page.stdout.lines().count(), 2);
    assert!(page.stderr.contains("--all"), "{}", page.stderr);
    let all = cli.run(&["org", "list", "--limit", "3", "-o", "ndjson"]);
    assert!(!all.stderr.contains("--all"), "{}", all.stderr);
}

#[test]
fn an_unknown_slug_suggests_near_ones() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic"]);
    let told = cli.fails(3, &["org", "show", "harbour-clinic"]);
    assert!(told.contains("harbor-clinic"), "{told}");
}

#[test]
fn a_dry_run_runs_the_same_code_and_keeps_nothing() {
    let db = TestDb::new();
    let cli = db.cli();
    let rehearsed = cli.json(&["org", "create", "Harbor Clinic", "--dry-run"]);
    let inserted = |table: &str| -> i64 {
        rehearsed["dry_run"]
            .as_array()
            .unwrap()
            .iter()
            .find(|change| change["table"] == table)
            .map_or(0, |change| change["inserted"].as_i64().unwrap())
    };
    assert_eq!(inserted("channel_configurations"), 5);
    assert_eq!(inserted("organizations"), 1);
    assert_eq!(inserted("activity_log"), 1);
    assert_eq!(
        block_on(|| db.scalar::<i64>("SELECT count(*) FROM organizations")),
        0
    );

    cli.ok(&["org", "create", "Harbor Clinic"]);
    cli.ok(&["org", "delete", "harbor-clinic", "--yes"]);
    let purge = cli.json(&["org", "purge", "harbor-clinic", "--now", "--dry-run"]);
    assert_eq!(purge["slug"], "harbor-clinic");
    assert_eq!(
        block_on(|| db.scalar::<i64>("SELECT count(*) FROM organizations")),
        1
    );
}

#[test]
fn the_chosen_organization_is_remembered_for_its_database_only() {
    let db = TestDb::new();
    let other = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic"]);
    cli.fails(3, &["org", "current"]);
    cli.ok(&["org", "use", "harbor-clinic"]);
    assert_eq!(
        cli.json(&["org", "current"])["organization"],
        "harbor-clinic"
    );
    assert_eq!(cli.json(&["org", "show"])["slug"], "harbor-clinic");
    cli.fails(3, &["org", "current", "--database-url", &other.url]);
    cli.ok(&["org", "unset"]);
    let none = cli.fails(2, &["org", "show"]);
    assert!(none.contains("--org"), "{none}");
}

#[test]
fn a_protected_profile_wants_the_name() {
    let db = TestDb::new();
    let cli = Cli::new();
    let folder = cli.config_file();
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let config = format!(
        "[profiles.prod]\ndatabase_url = {:?}\nprotected = true\n",
        db.url
    );
    std::fs::write(&folder, config).unwrap();
    let prod = |args: &[&str]| {
        let mut all = vec!["--profile", "prod"];
        all.extend(args);
        cli.run(&all)
    };
    assert_eq!(prod(&["org", "create", "Harbor Clinic"]).code, 0);
    let refused = prod(&["org", "delete", "harbor-clinic", "--yes"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("--confirm"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("profile prod"),
        "{}",
        refused.stderr
    );
    let wrong = prod(&["org", "delete", "harbor-clinic", "--confirm=harbor"]);
    assert_eq!(wrong.code, 5, "{}", wrong.stderr);
    let right = prod(&["org", "delete", "harbor-clinic", "--confirm=harbor-clinic"]);
    assert_eq!(right.code, 0, "{}", right.stderr);
}

#[test]
fn the_chosen_organization_is_the_same_after_a_renaming() {
    let db = TestDb::new();
    let cli = db.cli();
    let chosen = cli.json(&["org", "create", "Harbor Clinic", "--slug", "harbor"]);
    cli.ok(&["org", "use", "harbor"]);
    cli.ok(&["org", "update", "harbor", "--slug", "harbor-old"]);
    let other = cli.json(&["org", "create", "Another", "--slug", "harbor"]);
    assert_ne!(other["id"], chosen["id"]);

    assert_eq!(cli.json(&["org", "show"])["id"], chosen["id"]);
    assert_eq!(cli.json(&["org", "current"])["organization"], "harbor-old");

    cli.ok(&["org", "delete", "harbor-old", "--yes"]);
    cli.ok(&["org", "purge", "harbor-old", "--now", "--yes"]);
    let gone = cli.fails(3, &["org", "show"]);
    assert!(
        gone.contains("org use") && gone.contains("harbor"),
        "{gone}"
    );
}

#[test]
fn an_existing_organization_that_is_not_as_asked_for_is_told() {
    let clinic = Clinic::new();
    let again = "org create 'Harbor Clinic' --if-not-exists";
    let same = clinic.run(&format!("{again} --owner maria@harbor.example"));
    assert_eq!(same.code, 0, "{}", same.stderr);
    assert!(!same.stderr.contains("warning:"), "{}", same.stderr);

    let other = clinic.run(&format!("{again} --owner sam@harbor.example"));
    assert_eq!(other.code, 0, "{}", other.stderr);
    assert!(
        other.stderr.contains("sam@harbor.example is not an owner"),
        "{}",
        other.stderr
    );
    clinic.ok("invite create sam@harbor.example --role owner");
    let invited = clinic.run(&format!("{again} --owner sam@harbor.example"));
    assert!(!invited.stderr.contains("warning:"), "{}", invited.stderr);

    clinic.ok("org suspend harbor-clinic --yes");
    let suspended = clinic.run(again);
    assert_eq!(suspended.code, 0, "{}", suspended.stderr);
    assert!(
        suspended.stderr.contains("tenantctl org resume"),
        "{}",
        suspended.stderr
    );
    clinic.ok("org delete harbor-clinic --yes");
    let deleted = clinic.fails(4, again);
    assert!(
        deleted.contains("tenantctl org restore harbor-clinic"),
        "{deleted}"
    );
}

#[test]
fn the_log_names_the_operator_behind_a_user() {
    let clinic = Clinic::new();
    clinic.ok("org update --name 'Harbor Dental' --as maria@harbor.example --actor root");
    let newest = &clinic.json("activity list --limit 1")[0];
    assert_eq!(
        newest["actor"],
        "user:maria@harbor.example (by operator:root)"
    );
}

#[test]
fn whether_a_slug_is_taken_is_not_for_a_tenant_to_know() {
    let clinic = Clinic::new();
    clinic.ok("org create Beta --slug beta");
    let rename = |slug: &str| format!("org update --slug {slug} --as maria@harbor.example");
    let taken = clinic.fails(5, &rename("beta"));
    let free = clinic.fails(5, &rename("never-seen"));
    assert_eq!(taken, free);
    assert!(free.contains("slug"), "{free}");
    clinic.ok("org update --slug harbor-dental");
}

#[test]
fn an_owner_deletes_but_does_not_shorten_the_retention_nor_restores() {
    let clinic = Clinic::new();
    let delete = "org delete harbor-clinic --yes --as maria@harbor.example";
    let refused = clinic.fails(5, &format!("{delete} --keep-days 0"));
    assert!(
        refused.contains("30 days") && refused.contains("--keep-days"),
        "{refused}"
    );
    assert_eq!(
        clinic.json("org show harbor-clinic")["status"],
        json!("active")
    );

    let deleted = clinic.run(&format!("{delete} --keep-days 400"));
    assert_eq!(deleted.code, 0, "{}", deleted.stderr);
    assert!(
        deleted.stderr.contains("platform operator"),
        "{}",
        deleted.stderr
    );
    // Commands that are not theirs are not offered.
    assert!(
        !deleted.stderr.contains("org restore") && !deleted.stderr.contains("org purge"),
        "{}",
        deleted.stderr
    );
    clinic.fails(5, "org restore harbor-clinic --as maria@harbor.example");
    clinic.ok("org restore harbor-clinic");
    clinic.ok("org delete harbor-clinic --yes --keep-days 0");
}

#[test]
fn who_may_not_delete_is_refused_before_anything_is_asked() {
    let clinic = Clinic::new();
    clinic.join("adam@harbor.example", "admin");
    let refused = clinic.fails(5, "org delete harbor-clinic --as adam@harbor.example");
    assert!(refused.contains("organization.delete"), "{refused}");
    assert!(!refused.contains("about to delete"), "{refused}");
}

#[test]
fn the_way_back_is_offered_to_whom_it_is_open() {
    let clinic = Clinic::new();
    for email in ["ann@harbor.example", "ben@harbor.example"] {
        clinic.join(email, "member");
    }
    let told = |line: &str| clinic.run(&format!("member remove {line} --yes")).stderr;
    let by_owner = told("ann@harbor.example --as maria@harbor.example");
    assert!(
        by_owner.contains("tenantctl invite create ann@harbor.example"),
        "{by_owner}"
    );
    let left = told("ben@harbor.example --as ben@harbor.example");
    assert!(
        left.contains("removed ben") && !left.contains("undo"),
        "{left}"
    );
    clinic.join("eve@harbor.example", "member");
    let by_operator = told("eve@harbor.example");
    assert!(
        by_operator.contains("tenantctl member add eve@harbor.example"),
        "{by_operator}"
    );
}

#[test]
fn a_purge_that_is_early_names_the_date_in_the_zone_of_the_organization() {
    let clinic = Clinic::new();
    clinic.ok("org update --timezone Asia/Tokyo");
    clinic.ok("org delete harbor-clinic --yes");
    let early = clinic.fails(4, "org purge harbor-clinic --yes");
    assert!(
        early.contains("may be purged from") && early.contains(" JST"),
        "{early}"
    );
}

#[test]
fn completion_answers_as_the_line_would_run() {
    let clinic = Clinic::new();
    clinic.ok("org create Beta --slug beta");
    // Fish, unlike the others, says what is completed in the words alone. No environment names
    // the database: the line does.
    let shell = Cli::new().env("COMPLETE", "fish");
    let slugs = |flags: &[&str]| -> Vec<String> {
        let line = ["--", "tenantctl", "--database-url", &clinic.db.url];
        let offered = shell.ok(&[&line[..], flags, &["org", "show", ""]].concat());
        let values = offered.lines().filter(|line| !line.starts_with('-'));
        values.map(str::to_owned).collect()
    };
    // A machine under load may not answer within a person's patience; then nothing is offered.
    let answered = |flags: &[&str]| {
        let mut answers = std::iter::repeat_with(|| slugs(flags)).take(50);
        answers.find(|offered| !offered.is_empty())
    };
    let all = answered(&[]).expect("an answer");
    assert!(all.contains(&"beta".to_owned()), "{all:?}");
    let own = answered(&["--as", "maria@harbor.example"]).expect("an answer");
    assert!(own.contains(&"harbor-clinic".to_owned()), "{own:?}");
    assert!(!own.contains(&"beta".to_owned()), "{own:?}");
    assert_eq!(slugs(&["--as", "nobody"]), Vec::<String>::new());
}

#[test]
fn what_is_missing_or_given_twice_is_wrong_usage() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic"]);
    let nothing = cli.fails(2, &["org", "update", "harbor-clinic"]);
    assert!(nothing.contains("--timezone"), "{nothing}");
    cli.fails(2, &["org", "list", "--org", ""]);
    let both = cli.fails(
        2,
        &[
            "org",
            "list",
            "--profile",
            "local",
            "--database-url",
            &db.url,
        ],
    );
    assert!(both.contains("two databases"), "{both}");
}

#[test]
fn the_hint_to_allow_a_domain_keeps_the_others() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor Clinic"]);
    cli.ok(&[
        "org",
        "update",
        "harbor-clinic",
        "--allow-domain",
        "harbor.example",
    ]);
    let invite = [
        "invite",
        "create",
        "a@b.example",
        "--role",
        "viewer",
        "--org",
        "harbor-clinic",
    ];
    let told = cli.fails(6, &invite);
    let hint = told
        .lines()
        .find(|line| line.starts_with("hint: "))
        .unwrap();
    let (_, command) = hint.split_once("tenantctl ").unwrap();
    cli.ok(&command.split(' ').collect::<Vec<_>>());
    cli.ok(&invite);
    let shown = cli.json(&["org", "show", "harbor-clinic"]);
    let domains = serde_json::json!(["b.example", "harbor.example"]);
    assert_eq!(shown["allowed_email_domains"], domains);
}
