//! The commands of every noun.

use std::fmt::Write as _;

use crate::common::{Bouncer, Clinic, TestDb, race};

#[test]
fn a_database_is_migrated_through_it() {
    let db = TestDb::empty();
    let bouncer = Bouncer::start(&db, 2, "");
    let cli = bouncer.cli();
    cli.fails(7, &["org", "list"]);
    cli.ok(&["db", "migrate"]);
    cli.ok(&["db", "status"]);
    cli.ok(&["org", "create", "Harbor Clinic"]);
}

#[test]
fn every_noun_works() {
    let Clinic { db, .. } = Clinic::new();
    let bouncer = Bouncer::start(&db, 2, "");
    let cli = bouncer.cli().env("TENANTCTL_ORG", "harbor-clinic");
    let clinic = Clinic { db, cli };
    clinic.ok("org list");
    clinic.ok("org show harbor-clinic");
    clinic.ok("org update harbor-clinic --name 'Harbor Clinic II'");
    clinic.join("ann@harbor.example", "member");
    clinic.ok("user list");
    clinic.ok("user show ann@harbor.example");
    clinic.ok("member list");
    clinic.ok("member role ann@harbor.example viewer");
    assert_eq!(
        clinic.role_of("ann@harbor.example").as_deref(),
        Some("viewer")
    );
    let token = clinic.invite("bob@harbor.example", "member");
    clinic.ok("invite list");
    clinic.sign_up("bob@harbor.example");
    assert!(!token.is_empty());
    assert_eq!(
        clinic.role_of("bob@harbor.example").as_deref(),
        Some("member")
    );
    clinic.ok("channel list");
    clinic.ok("channel set web greeting=Hoi");
    clinic.ok("channel show web");
    clinic.ok("agent show");
    clinic.ok("role list");
    clinic.ok("access check --user ann@harbor.example --permission members.read");
    clinic.ok("provider create 'Dr. Berg' --external-id D-1");
    clinic.ok("operatory create 'Room 1'");
    clinic.ok("patient create --first-name Eva --last-name Lind --external-id P-1");
    clinic.ok("patient list");
    clinic.ok("schedule list");
    clinic.ok("appointment list");
    clinic.ok("webhook endpoint list");
    clinic.ok("webhook events list");
    clinic.ok("outbox list");
    clinic.ok("org update harbor-clinic --name Rehearsed --dry-run");
    assert_eq!(
        clinic.json("org show harbor-clinic")["name"],
        "Harbor Clinic II"
    );
    clinic.ok("org suspend harbor-clinic --yes");
    clinic.ok("org resume harbor-clinic");
    clinic.ok("activity list");
    clinic.ok("activity verify");
    clinic.ok("org delete harbor-clinic --yes");
    clinic.ok("org restore harbor-clinic");
    clinic.ok("org delete harbor-clinic --yes");
    clinic.ok("org purge harbor-clinic --now --yes");
}

#[test]
fn an_import_is_all_or_nothing_and_goes_in_steps() {
    let Clinic { db, .. } = Clinic::new();
    let bouncer = Bouncer::start(&db, 2, "");
    let cli = bouncer.cli().env("TENANTCTL_ORG", "harbor-clinic");
    let clinic = Clinic { db, cli };
    let mut rows = String::from("external_id,first_name,last_name,birth_date\n");
    for number in 0..500 {
        writeln!(rows, "P-{number},Eva,Lind {number},1984-03-09").unwrap();
    }
    let file = clinic.cli.home().join("patients.csv");
    std::fs::write(&file, format!("{rows}P-x,Eva,Lind,not a date\n")).unwrap();
    let path = file.display();
    let count = || clinic.json("patient list --all").as_array().unwrap().len();
    assert_ne!(clinic.run(&format!("import patients {path}")).code, 0);
    assert_eq!(count(), 0);
    std::fs::write(&file, rows).unwrap();
    clinic.ok(&format!("import patients {path} --dry-run"));
    assert_eq!(count(), 0);
    clinic.ok(&format!("import patients {path} --batch 100"));
    assert_eq!(count(), 500);
    clinic.ok(&format!("import patients {path}"));
    assert_eq!(count(), 500);
    clinic.ok("activity verify");
}

#[test]
fn sign_ups_of_one_address_make_one_organization() {
    let Clinic { db, .. } = Clinic::new();
    let bouncer = Bouncer::start(&db, 8, "");
    let line = "user sign-up --email zoe@z.example --name Zoe";
    // Without turns, all six would come here, having seen that the user belongs nowhere.
    let gate = "LOCK TABLE organizations IN SHARE MODE";
    let outcomes = race(&db, &bouncer.cli(), gate, &[line; 6]);
    for outcome in outcomes {
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    let shown = bouncer.cli().json(&["user", "show", "zoe@z.example"]);
    let organizations = shown["organizations"].as_array().map(Vec::len);
    assert_eq!(organizations, Some(1), "{shown}");
}
