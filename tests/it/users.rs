//! Users and the sign-up rule, through the binary.

use std::process::Command;

use serde_json::{Value, json};

use sqlx::Executor;

use crate::common::{Clinic, TestDb, block_on, race};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn scalar(db: &TestDb, sql: &str) -> i64 {
    block_on(|| db.scalar::<i64>(sql))
}

fn organizations_of(clinic: &Clinic, email: &str) -> Vec<(Value, Value)> {
    let shown = clinic.json(&format!("user show {email}"));
    let organizations = shown["organizations"].as_array().expect("a list");
    organizations
        .iter()
        .map(|one| (one["slug"].clone(), one["role"].clone()))
        .collect()
}

#[test]
fn without_an_invitation_a_user_gets_an_organization_of_their_own() {
    let clinic = Clinic::new();
    let signed_up = clinic.json(
        "user sign-up --email Sam@Harbor.example --name 'Sam Reyes' \
         --timezone America/New_York --locale es-US",
    );
    assert_eq!(signed_up["created"], true);
    assert_eq!(signed_up["email"], "sam@harbor.example");
    assert_eq!(signed_up["joined"], json!([]));
    assert_eq!(signed_up["own_organization"], "sam-reyes");

    assert_eq!(
        organizations_of(&clinic, "sam@harbor.example"),
        [(json!("sam-reyes"), json!("owner"))]
    );
    let own = clinic.json("org show sam-reyes");
    assert_eq!(own["time_zone"], "America/New_York");
    assert_eq!(own["locale"], "es-US");
}

#[test]
fn signing_up_again_changes_nothing_and_says_so() {
    let clinic = Clinic::new();
    let count = "SELECT (SELECT count(*) FROM platform_activity_log)
                      + (SELECT count(*) FROM activity_log) + (SELECT count(*) FROM organizations)";
    let before = scalar(&clinic.db, count);
    let again = clinic.run("user sign-up --email maria@harbor.example --name 'Another Name'");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stderr.contains("nothing was changed"),
        "{}",
        again.stderr
    );
    assert!(again.stdout.contains("maria"), "{}", again.stdout);
    assert_eq!(scalar(&clinic.db, count), before);

    let again = clinic.sign_up("maria@harbor.example");
    assert_eq!(again["created"], false);
    assert_eq!(again["own_organization"], Value::Null);
}

#[test]
fn the_identity_providers_id_is_kept_and_belongs_to_one_address() {
    let clinic = Clinic::new();
    let sign_up = format!("user sign-up --email sam@harbor.example --name Sam --id {ID}");
    assert_eq!(clinic.json(&sign_up)["id"], ID);
    assert_eq!(clinic.json(&sign_up)["created"], false);
    assert_eq!(
        clinic.json(&format!("user show {ID}"))["email"],
        "sam@harbor.example"
    );

    let other_address = clinic.fails(
        4,
        &format!("user sign-up --email ann@x.example --name Ann --id {ID}"),
    );
    assert!(other_address.contains(ID), "{other_address}");
    let other_id = clinic.fails(
        4,
        "user sign-up --email sam@harbor.example --name Sam \
         --id 01890a5d-ac96-774b-bcce-000000000000",
    );
    assert!(
        other_id.contains("sam@harbor.example") && other_id.contains(ID),
        "{other_id}"
    );
    let ann = scalar(
        &clinic.db,
        "SELECT count(*) FROM users WHERE email = 'ann@x.example'",
    );
    assert_eq!(ann, 0);
}

#[test]
fn a_sign_up_joins_every_organization_that_invited_the_address() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Default Organization' --slug default-org");
    clinic.invite("sam@harbor.example", "admin");
    clinic.ok("invite create sam@harbor.example --role viewer --org default-org");
    clinic.invite("somebody@else.example", "owner");

    let signed_up = clinic.json("user sign-up --email SAM@harbor.example --name Sam");
    assert_eq!(signed_up["own_organization"], Value::Null);
    assert_eq!(signed_up["passed_over"], json!([]));
    assert_eq!(
        organizations_of(&clinic, "sam@harbor.example"),
        [
            (json!("default-org"), json!("viewer")),
            (json!("harbor-clinic"), json!("admin"))
        ]
    );
    assert_eq!(
        clinic.json("invite show sam@harbor.example")["status"],
        "accepted"
    );
    assert_eq!(
        clinic.json("invite show somebody@else.example")["status"],
        "pending"
    );
    // What the user did is the user's, in the organization's own log.
    let actor = "SELECT count(*) FROM activity_log
                  WHERE action = 'invitation.accept' AND actor = 'user:sam@harbor.example (by operator:tester)'";
    assert_eq!(scalar(&clinic.db, actor), 2);

    // An invitation sent since is accepted by signing up again.
    clinic.ok("org create Annex --slug annex");
    clinic.ok("invite create sam@harbor.example --role member --org annex");
    let again = clinic.sign_up("sam@harbor.example");
    assert_eq!(
        again["joined"],
        json!([{ "organization": "annex", "role": "member" }])
    );
}

#[test]
fn invitations_that_do_not_hold_are_passed_over_and_named() {
    let clinic = Clinic::new();
    for slug in ["suspended", "expired", "narrowed"] {
        clinic.ok(&format!("org create {slug} --slug {slug}"));
        clinic.ok(&format!(
            "invite create sam@harbor.example --role admin --org {slug}"
        ));
    }
    clinic.ok("org suspend suspended --yes");
    clinic.ok("org update narrowed --allow-domain other.example");
    block_on(|| {
        clinic.db.execute(
            "UPDATE organization_invitations SET expires_at = now() - interval '1 second'
              WHERE organization_id = (SELECT id FROM organizations WHERE slug = 'expired')",
        )
    });

    let signed_up = clinic.sign_up("sam@harbor.example");
    assert_eq!(signed_up["joined"], json!([]));
    assert_eq!(signed_up["own_organization"], "sam");
    let mut named: Vec<_> = signed_up["passed_over"]
        .as_array()
        .unwrap()
        .iter()
        .map(|passed| passed["organization"].as_str().unwrap())
        .collect();
    named.sort_unstable();
    // What has expired is over: it would be told at every sign-up from here on.
    assert_eq!(named, ["narrowed", "suspended"]);
    assert_eq!(
        organizations_of(&clinic, "sam@harbor.example"),
        [(json!("sam"), json!("owner"))]
    );
}

#[test]
fn two_sign_ups_at_once_make_one_user_with_one_organization() {
    let new_user = "LOCK TABLE users IN SHARE MODE";
    let new_organization = "LOCK TABLE organizations IN SHARE MODE";
    let with_id = format!("--id {ID}");
    for (id, gate) in [("", new_user), (&with_id, new_user), ("", new_organization)] {
        let clinic = Clinic::new();
        let line = format!("user sign-up --email sam@harbor.example --name Sam {id} -o json");
        let outcomes = race(&clinic.db, &clinic.cli, gate, &[&line, &line]);
        let mut created = 0;
        let mut own = 0;
        for outcome in outcomes {
            assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            let view: Value = serde_json::from_str(&outcome.stdout).unwrap();
            created += usize::from(view["created"] == true);
            own += usize::from(view["own_organization"] != Value::Null);
        }
        assert_eq!((created, own), (1, 1));
        assert_eq!(organizations_of(&clinic, "sam@harbor.example").len(), 1);
        let organizations = scalar(
            &clinic.db,
            "SELECT count(*) FROM organizations WHERE slug LIKE 'sam%'",
        );
        assert_eq!(organizations, 1);
    }
}

#[test]
fn of_two_sign_ups_at_once_one_joins_and_neither_warns() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    clinic.invite("sam@harbor.example", "admin");
    let line = "user sign-up --email sam@harbor.example --name Sam -o json";
    let gate = "SELECT 1 FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE";
    let mut joined = 0;
    for outcome in race(&clinic.db, &clinic.cli, gate, &[line, line]) {
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("skipped"), "{}", outcome.stderr);
        let view: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(view["passed_over"], json!([]));
        joined += view["joined"].as_array().unwrap().len();
    }
    assert_eq!(joined, 1);
}

/// A lock that is not to be had says nothing about the invitation behind it.
#[test]
fn a_failure_of_the_database_is_not_a_refused_invitation() {
    let clinic = Clinic::new();
    clinic.invite("sam@harbor.example", "admin");
    let organizations = "SELECT count(*) FROM organizations";
    let before = scalar(&clinic.db, organizations);
    let sign_up = "user sign-up --email sam@harbor.example --name Sam";
    block_on(|| async {
        let timeout = format!(
            "ALTER DATABASE {} SET lock_timeout = '200ms'",
            clinic.db.name
        );
        clinic.db.execute(&timeout).await;
        let mut holder = clinic.db.raw().await;
        holder
            .execute("BEGIN; SELECT 1 FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE")
            .await
            .unwrap();
        let cut_off = clinic.run(sign_up);
        assert_ne!(cut_off.code, 0, "{}", cut_off.stderr);
        assert!(cut_off.stderr.contains("lock"), "{}", cut_off.stderr);
        holder.execute("ROLLBACK").await.unwrap();
    });
    assert_eq!(scalar(&clinic.db, organizations), before);

    // What was cut off is finished by signing up again.
    let again = clinic.json(sign_up);
    assert_eq!(again["joined"][0]["organization"], "harbor-clinic");
    assert_eq!(again["own_organization"], Value::Null);
}

#[test]
fn who_left_their_own_organization_gets_another() {
    let clinic = Clinic::new();
    assert_eq!(
        clinic.sign_up("sam@harbor.example")["own_organization"],
        "sam"
    );
    clinic.ok("member add maria@harbor.example --role owner --org sam");
    clinic.ok("member remove sam@harbor.example --org sam --yes --as sam@harbor.example");
    assert!(organizations_of(&clinic, "sam@harbor.example").is_empty());

    let rehearsed = clinic.json("user sign-up --email sam@harbor.example --name Sam --dry-run");
    assert_eq!(rehearsed["own_organization"], "sam-2");
    assert_eq!(
        clinic.sign_up("sam@harbor.example")["own_organization"],
        "sam-2"
    );
    assert_eq!(
        organizations_of(&clinic, "sam@harbor.example"),
        [(json!("sam-2"), json!("owner"))]
    );
    assert_eq!(
        clinic.sign_up("sam@harbor.example")["own_organization"],
        Value::Null
    );
}

#[test]
fn what_is_malformed_or_missing_is_told_and_nothing_is_written() {
    let clinic = Clinic::new();
    let before = scalar(&clinic.db, "SELECT count(*) FROM users");
    for (line, told) in [
        ("user sign-up --email nobody --name Sam", "\"nobody\""),
        ("user sign-up --email sam@x.example --name ' '", "--name"),
        (
            "user sign-up --email sam@x.example --name Sam --id 12",
            "\"12\"",
        ),
        (
            "user sign-up --email sam@x.example --name Sam --timezone Mars",
            "\"Mars\"",
        ),
        (
            "user sign-up --email sam@x.example --name Sam --locale '!'",
            "\"!\"",
        ),
        ("user sign-up --name Sam", "--email"),
        ("user sign-up --email sam@x.example", "--name"),
    ] {
        let stderr = clinic.fails(2, line);
        assert!(stderr.contains(told), "{line}: {stderr}");
    }
    let rehearsed = clinic.json("user sign-up --email sam@x.example --name Sam --dry-run");
    assert_eq!(rehearsed["own_organization"], "sam");
    assert!(!rehearsed["dry_run"].as_array().unwrap().is_empty());
    assert_eq!(scalar(&clinic.db, "SELECT count(*) FROM users"), before);
}

#[test]
fn users_are_listed_for_the_operator_only() {
    let clinic = Clinic::new();
    clinic.join("ann@harbor.example", "viewer");
    clinic.sign_up("zoe@other.example");

    let all = clinic.json("user list");
    let emails: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["email"])
        .collect();
    assert_eq!(
        emails,
        [
            "ann@harbor.example",
            "maria@harbor.example",
            "zoe@other.example"
        ]
    );
    assert_eq!(all[0]["organization_count"], 2);

    let found = clinic.json("user list --search OTHER.example");
    assert_eq!(found.as_array().unwrap().len(), 1);
    let cut = clinic.run("user list --limit 2");
    assert!(
        cut.stderr.contains("2 shown, more available"),
        "{}",
        cut.stderr
    );
    assert_eq!(clinic.json("user list --search nobody"), json!([]));

    clinic.fails(5, "user list --as ann@harbor.example");
    clinic.fails(5, "user show maria@harbor.example --as ann@harbor.example");
    clinic.ok("user show ANN@harbor.example --as ann@harbor.example");
    clinic.fails(
        5,
        "user sign-up --email x@y.example --name X --as ann@harbor.example",
    );
    clinic.fails(3, "user show nobody@x.example");
}

#[test]
fn a_person_is_asked_for_what_was_left_out() {
    let clinic = Clinic::new();
    let mut command: Command = clinic.cli.command(&["user", "sign-up"]);
    command.env("TERM", "xterm");
    let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).unwrap();
    terminal.exp_string("Email address").unwrap();
    terminal.send_line("nobody").unwrap();
    terminal.exp_string("not a valid e-mail address").unwrap();
    // What was typed stays for correction.
    for _ in "nobody".chars() {
        terminal.send("\x7f").unwrap();
    }
    terminal.send_line("sam@harbor.example").unwrap();
    terminal.exp_string("Name").unwrap();
    terminal.send_line("Sam Reyes").unwrap();
    terminal.exp_string("signed up sam@harbor.example").unwrap();
    terminal.exp_eof().unwrap();
    let shown = clinic.json("user show sam@harbor.example");
    assert_eq!(shown["name"], "Sam Reyes");
}

/// For its members, a deleted organization is gone: nobody is left without one.
#[test]
fn who_has_a_deleted_organization_only_gets_one_of_their_own() {
    let db = TestDb::new();
    let cli = db.cli();
    let sign_up = [
        "user",
        "sign-up",
        "--email",
        "fay@f.example",
        "--name",
        "Fay",
    ];
    let first = cli.json(&sign_up)["own_organization"].clone();
    assert_eq!(cli.json(&sign_up)["own_organization"], Value::Null);
    cli.ok(&["org", "delete", first.as_str().unwrap(), "--yes"]);
    let listed = cli.json(&["org", "list", "--as", "fay@f.example"]);
    assert_eq!(listed, json!([]));
    cli.fails(
        3,
        &[
            "org",
            "use",
            first.as_str().unwrap(),
            "--as",
            "fay@f.example",
        ],
    );
    let second = cli.json(&sign_up)["own_organization"].clone();
    assert!(second.is_string() && second != first, "{second}");
}
