//! Members through the binary: roles, the last owner, ownership.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Cli, Clinic, Outcome, block_on, race};

const ORGANIZATION_LOCK: &str =
    "SELECT 1 FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE";

fn owners(clinic: &Clinic) -> Vec<String> {
    let owners = clinic.json("member list --role owner");
    owners
        .as_array()
        .expect("a list")
        .iter()
        .map(|owner| owner["email"].as_str().expect("an address").to_owned())
        .collect()
}

#[test]
fn members_come_change_and_go_and_the_log_says_who_did_it() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let added = clinic.json("member add sam@harbor.example --role viewer");
    assert_eq!(added["changed"], true);
    assert_eq!(added["previous_role"], Value::Null);

    let id = added["user_id"].as_str().unwrap();
    let promoted = clinic.json(&format!("member role {id} admin"));
    assert_eq!(promoted["role"], "admin");
    assert_eq!(promoted["previous_role"], "viewer");
    let again = clinic.json("member role sam@harbor.example admin");
    assert_eq!(again["changed"], false);

    let shown = clinic.json("member show SAM@harbor.example");
    assert_eq!(shown["role"], "admin");
    assert_eq!(shown["organization"], "harbor-clinic");
    assert!(
        shown["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("channels.edit"))
    );

    let removed = clinic.json("member remove sam@harbor.example --yes");
    assert_eq!(removed["previous_role"], "admin");
    assert_eq!(clinic.role_of("sam@harbor.example"), None);
    // The account stays.
    clinic.ok("user show sam@harbor.example");

    let actions = block_on(|| {
        clinic.db.scalar::<String>(
            "SELECT string_agg(action, ' ' ORDER BY sequence) FROM activity_log
              WHERE actor = 'operator:tester' AND object_type = 'member'",
        )
    });
    assert_eq!(actions, "member.add member.role member.remove");
}

#[test]
fn the_undo_that_is_printed_works() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "member");
    clinic.join("ann@harbor.example", "member");
    for (line, role_after_undo) in [
        ("member role sam@harbor.example viewer", Some("member")),
        ("member remove sam@harbor.example", Some("member")),
        (
            "member transfer-ownership sam@harbor.example",
            Some("admin"),
        ),
    ] {
        let done = clinic.run(&format!("{line} --yes"));
        let undo = done
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("next: undo: tenantctl "))
            .unwrap_or_else(|| panic!("{line}: {}", done.stderr));
        clinic.ok(&format!("{undo} --yes"));
        assert_eq!(
            clinic.role_of("sam@harbor.example").as_deref(),
            role_after_undo
        );
    }
    assert_eq!(owners(&clinic), ["maria@harbor.example"]);
}

#[test]
fn provisioning_can_be_repeated() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let add = "member add sam@harbor.example --role member --if-not-exists";
    assert_eq!(clinic.json(add)["changed"], true);
    assert_eq!(clinic.json(add)["changed"], false);
    clinic.fails(4, "member add sam@harbor.example --role member");
    // Somebody with another role is not what was asked for.
    let other_role = clinic.fails(
        4,
        "member add sam@harbor.example --role admin --if-not-exists",
    );
    assert!(
        other_role.contains("tenantctl member role sam@harbor.example admin"),
        "{other_role}"
    );
    assert_eq!(
        clinic.role_of("sam@harbor.example").as_deref(),
        Some("member")
    );

    let remove = "member remove sam@harbor.example --if-exists --yes";
    assert_eq!(clinic.json(remove)["changed"], true);
    assert_eq!(clinic.json(remove)["changed"], false);
    clinic.fails(3, "member remove sam@harbor.example --yes");
    let unknown = clinic.fails(3, "member add nobody@x.example --role member");
    assert!(
        unknown.contains("tenantctl invite create nobody@x.example"),
        "{unknown}"
    );
}

#[test]
fn a_removal_is_confirmed_first() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "member");
    let unconfirmed = clinic.fails(5, "member remove sam@harbor.example");
    assert!(unconfirmed.contains("--yes"), "{unconfirmed}");
    clinic.fails(
        5,
        "member remove sam@harbor.example --confirm maria@harbor.example",
    );
    let rehearsed = clinic.json("member remove sam@harbor.example --dry-run");
    assert_eq!(rehearsed["changed"], true);
    assert!(clinic.role_of("sam@harbor.example").is_some());
    clinic.ok("member remove sam@harbor.example --confirm sam@harbor.example");
    assert_eq!(clinic.role_of("sam@harbor.example"), None);
}

#[test]
fn who_may_not_remove_a_member_is_told_before_anything_else() {
    let clinic = Clinic::new();
    clinic.join("vera@harbor.example", "viewer");
    clinic.join("adam@harbor.example", "admin");
    for (code, line) in [
        (
            5,
            "member remove adam@harbor.example --as vera@harbor.example",
        ),
        (
            5,
            "member remove maria@harbor.example --as adam@harbor.example",
        ),
        (4, "member remove maria@harbor.example"),
    ] {
        let refused = clinic.fails(code, line);
        assert!(!refused.contains("about to remove"), "{refused}");
        assert!(!refused.contains("--yes"), "{refused}");
    }
}

#[test]
fn in_a_protected_profile_yes_is_not_enough() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "member");
    let cli = Cli::new().env("PROFILE_URL", &clinic.db.url);
    fs::create_dir_all(cli.config_file().parent().unwrap()).unwrap();
    let profile = "[profiles.production]\ndatabase_url_env = \"PROFILE_URL\"\nprotected = true\n";
    fs::write(cli.config_file(), profile).unwrap();
    let mut line = vec!["--profile", "production", "--org", "harbor-clinic"];
    line.extend(["member", "remove", "sam@harbor.example", "--yes"]);

    let refused = cli.fails(5, &line);
    assert!(refused.contains("protected"), "{refused}");
    line.push("--confirm=sam@harbor.example");
    cli.ok(&line);
}

#[test]
fn the_last_owner_stays() {
    let clinic = Clinic::new();
    for line in [
        "member remove maria@harbor.example --yes",
        "member role maria@harbor.example admin",
        "member remove maria@harbor.example --yes --as maria@harbor.example",
    ] {
        let refused = clinic.fails(4, line);
        assert!(refused.contains("last owner"), "{refused}");
        assert!(refused.contains("transfer-ownership"), "{refused}");
    }
    clinic.join("sam@harbor.example", "owner");
    clinic.ok("member role maria@harbor.example admin");
    clinic.fails(4, "member remove sam@harbor.example --yes");
    assert_eq!(owners(&clinic), ["sam@harbor.example"]);
}

#[test]
fn of_the_last_two_owners_one_stays_when_both_go_at_once() {
    for pair in [
        [
            "member remove maria@harbor.example --yes",
            "member remove sam@harbor.example --yes",
        ],
        [
            "member role maria@harbor.example admin",
            "member role sam@harbor.example viewer",
        ],
        [
            "member remove maria@harbor.example --yes",
            "member role sam@harbor.example member",
        ],
        [
            "member role maria@harbor.example member --as sam@harbor.example",
            "member role sam@harbor.example member --as maria@harbor.example",
        ],
    ] {
        let clinic = Clinic::new();
        clinic.join("sam@harbor.example", "owner");
        let outcomes = race(&clinic.db, &clinic.cli, ORGANIZATION_LOCK, &pair);
        let mut codes: Vec<i32> = outcomes.iter().map(|outcome| outcome.code).collect();
        codes.sort_unstable();
        // Demoted in the meantime, the second has lost the right altogether.
        let second = if pair[0].contains("--as") { 5 } else { 4 };
        assert_eq!(codes, [0, second], "{pair:?}\n{outcomes:?}");
        assert_eq!(owners(&clinic).len(), 1, "{pair:?}");
    }
}

#[test]
fn only_an_owner_makes_and_unmakes_owners() {
    let clinic = Clinic::new();
    clinic.join("adam@harbor.example", "admin");
    clinic.join("sam@harbor.example", "member");
    clinic.join("olga@harbor.example", "owner");
    for line in [
        "member role sam@harbor.example owner",
        "member role adam@harbor.example owner",
        "member role olga@harbor.example member",
        "member remove olga@harbor.example --yes",
        "member transfer-ownership adam@harbor.example --from olga@harbor.example",
        "invite create new@harbor.example --role owner",
    ] {
        clinic.fails(5, &format!("{line} --as adam@harbor.example"));
    }
    clinic.ok("member role sam@harbor.example admin --as adam@harbor.example");
    clinic.ok("member role sam@harbor.example owner --as olga@harbor.example");
    assert_eq!(owners(&clinic).len(), 3);
}

#[test]
fn a_viewer_reads_and_may_leave() {
    let clinic = Clinic::new();
    clinic.join("vera@harbor.example", "viewer");
    clinic.join("sam@harbor.example", "member");
    clinic.ok("member list --as vera@harbor.example");
    for line in [
        "member role sam@harbor.example viewer",
        "member remove sam@harbor.example --yes",
        "member add maria@harbor.example --role viewer",
        "member transfer-ownership vera@harbor.example",
        "invite create new@harbor.example --role viewer",
    ] {
        clinic.fails(5, &format!("{line} --as vera@harbor.example"));
    }
    clinic.ok("member remove vera@harbor.example --yes --as vera@harbor.example");
    assert_eq!(clinic.role_of("vera@harbor.example"), None);
    assert_eq!(
        clinic.role_of("sam@harbor.example").as_deref(),
        Some("member")
    );
}

#[test]
fn a_stranger_is_told_what_they_would_be_told_of_an_organization_that_is_not_there() {
    let clinic = Clinic::new();
    clinic.sign_up("zoe@other.example");
    let told = |slug: &str| -> Outcome {
        clinic.run(&format!("member list --org {slug} --as zoe@other.example"))
    };
    let (theirs, nobodys) = (told("harbor-clinic"), told("no-such-clinic"));
    assert_eq!(theirs.code, 3);
    assert_eq!(theirs.stdout, "");
    assert_eq!(
        theirs.stderr.replace("harbor-clinic", "SLUG"),
        nobodys.stderr.replace("no-such-clinic", "SLUG")
    );
    let id = clinic.json("org show harbor-clinic")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(told(&id).code, 3);
}

/// What a tenant can do about it is told, and nothing else.
#[test]
fn for_its_members_a_deleted_organization_is_not_there_and_a_suspended_one_is_shut() {
    let clinic = Clinic::new();
    let line = "member list --as maria@harbor.example";
    clinic.ok("org suspend harbor-clinic --yes");
    let suspended = clinic.fails(5, line);
    assert!(suspended.contains("is suspended"), "{suspended}");
    assert!(
        suspended.contains("ask the platform's operator"),
        "{suspended}"
    );
    clinic.ok("org delete harbor-clinic --yes");
    let deleted = clinic.fails(3, line);
    assert!(!deleted.contains("deleted"), "{deleted}");
    clinic.ok("member list");
}

#[test]
fn ownership_is_handed_over_in_one_step() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "viewer");
    let view = clinic.json("member transfer-ownership sam@harbor.example");
    assert_eq!(view["to"]["role"], "owner");
    assert_eq!(view["from"]["email"], "maria@harbor.example");
    assert_eq!(owners(&clinic), ["sam@harbor.example"]);
    assert_eq!(
        clinic.role_of("maria@harbor.example").as_deref(),
        Some("admin")
    );

    clinic.join("olga@harbor.example", "owner");
    let unclear = clinic.fails(2, "member transfer-ownership maria@harbor.example");
    assert!(unclear.contains("--from"), "{unclear}");
    clinic.ok("member transfer-ownership maria@harbor.example --as olga@harbor.example");
    assert_eq!(
        owners(&clinic),
        ["maria@harbor.example", "sam@harbor.example"]
    );
    clinic.fails(
        4,
        "member transfer-ownership sam@harbor.example --from olga@harbor.example",
    );
    clinic.fails(
        3,
        "member transfer-ownership nobody@x.example --from sam@harbor.example",
    );
}

#[test]
fn members_are_filtered_and_paged() {
    let clinic = Clinic::new();
    for (email, role) in [
        ("ann@harbor.example", "viewer"),
        ("bo@harbor.example", "admin"),
        ("cy@other.example", "viewer"),
    ] {
        clinic.join(email, role);
    }
    let listed = |line: &str| -> Vec<String> {
        let members = clinic.json(line);
        let members = members.as_array().unwrap().iter();
        members
            .map(|member| member["email"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        listed("member list"),
        [
            "maria@harbor.example",
            "bo@harbor.example",
            "ann@harbor.example",
            "cy@other.example"
        ]
    );
    assert_eq!(
        listed("member list --role viewer --search OTHER"),
        ["cy@other.example"]
    );
    assert_eq!(listed("member list --search %"), Vec::<String>::new());
    let cut = clinic.run("member list --limit 1");
    assert!(
        cut.stderr.contains("1 shown, more available"),
        "{}",
        cut.stderr
    );
    assert!(!cut.stdout.contains("bo@harbor.example"), "{}", cut.stdout);
}

#[test]
fn a_person_is_asked_before_a_member_goes() {
    let clinic = Clinic::new();
    clinic.join("sam@harbor.example", "member");
    for (answer, said, role) in [
        ("n", "declined", Some("member".to_owned())),
        ("y", "removed sam@harbor.example", None),
    ] {
        let mut command = clinic
            .cli
            .command(&["member", "remove", "sam@harbor.example"]);
        command.env("TERM", "xterm");
        let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).unwrap();
        terminal
            .exp_string("remove sam@harbor.example from harbor-clinic, in ")
            .unwrap();
        let left_open = block_on(|| {
            clinic.db.scalar::<i64>(
                "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
            )
        });
        assert_eq!(left_open, 0, "a transaction waits for a person");
        terminal.send(answer).unwrap();
        terminal.flush().unwrap();
        terminal.exp_string(said).unwrap();
        terminal.exp_eof().unwrap();
        assert_eq!(clinic.role_of("sam@harbor.example"), role);
    }
}
