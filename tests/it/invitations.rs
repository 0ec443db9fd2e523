//! Invitations through the binary: made, sent anew, revoked, accepted once.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tenantctl::domain::invitation::UNKNOWN_TOKEN;

use crate::common::{Clinic, Outcome, block_on, race, token_of};

const ORGANIZATION_LOCK: &str =
    "SELECT 1 FROM organizations WHERE slug = 'harbor-clinic' FOR UPDATE";

fn accept(clinic: &Clinic, token: &str, email: &str) -> Outcome {
    let cli = clinic.db.cli().stdin(&format!("{token}\n"));
    cli.run(&["invite", "accept", "-", "--email", email])
}

#[track_caller]
fn accepted(clinic: &Clinic, token: &str, email: &str) {
    let outcome = accept(clinic, token, email);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

#[track_caller]
fn not_accepted(clinic: &Clinic, code: i32, token: &str, email: &str) -> String {
    let outcome = accept(clinic, token, email);
    assert_eq!(outcome.code, code, "{}{}", outcome.stdout, outcome.stderr);
    outcome.stderr
}

fn expire(clinic: &Clinic, email: &str) {
    let sql = format!(
        "UPDATE organization_invitations SET expires_at = now() - interval '1 second'
          WHERE email = '{email}'"
    );
    block_on(|| clinic.db.execute(&sql));
}

#[test]
fn from_the_invitation_to_the_membership() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let made = clinic.ok("invite create sam@harbor.example --role admin");
    let link = made
        .split_whitespace()
        .find(|word| word.starts_with("https://app.example.com/invite#token="))
        .unwrap_or_else(|| panic!("{made}"));
    let token = link.split_once("token=").unwrap().1;

    let listed = clinic.json("invite list");
    assert_eq!(listed[0]["email"], "sam@harbor.example");
    assert_eq!(listed[0]["status"], "pending");
    assert_eq!(listed[0]["invited_by"], "operator:tester");

    let accepted = clinic.db.cli().stdin(token).json(&[
        "invite",
        "accept",
        "-",
        "--email",
        "Sam@harbor.example",
    ]);
    assert_eq!(accepted["organization"], "harbor-clinic");
    assert_eq!(accepted["role"], "admin");
    assert_eq!(
        clinic.role_of("sam@harbor.example").as_deref(),
        Some("admin")
    );
    assert_eq!(clinic.json("invite list"), json!([]));
    let past = clinic.json("invite list --all");
    assert_eq!(past[0]["status"], "accepted");
    assert!(past[0]["accepted_at"].is_string());
    // It is the user who accepted, whoever ran the command.
    let actor = block_on(|| {
        clinic
            .db
            .scalar::<String>("SELECT actor FROM activity_log WHERE action = 'invitation.accept'")
    });
    assert_eq!(actor, "user:sam@harbor.example (by operator:tester)");
}

#[test]
fn a_token_comes_from_stdin_the_environment_or_the_argument() {
    let clinic = Clinic::new();
    for email in ["a@x.example", "b@x.example", "c@x.example"] {
        clinic.sign_up(email);
    }
    accepted(
        &clinic,
        &clinic.invite("a@x.example", "viewer"),
        "a@x.example",
    );

    let from_environment = clinic.db.cli().env(
        "TENANTCTL_INVITATION_TOKEN",
        &clinic.invite("b@x.example", "viewer"),
    );
    from_environment.ok(&["invite", "accept", "--as", "b@x.example"]);

    let token = clinic.invite("c@x.example", "viewer");
    clinic.ok(&format!(
        "invite accept {token} --as c@x.example --email c@x.example"
    ));
    // The whole link as it was printed, too.
    let link = |email: &str| {
        clinic.sign_up(email);
        let made = clinic.json(&format!("invite create {email} --role viewer"));
        made["invited"][0]["link"].as_str().unwrap().to_owned()
    };
    clinic.ok(&format!(
        "invite accept '{}' --email d@x.example",
        link("d@x.example")
    ));
    accepted(&clinic, &link("e@x.example"), "e@x.example");
    assert_eq!(
        clinic
            .json("member list --role viewer")
            .as_array()
            .unwrap()
            .len(),
        5
    );

    let missing = clinic.fails(2, "invite accept --email a@x.example");
    assert!(missing.contains("TENANTCTL_INVITATION_TOKEN"), "{missing}");
    let nobody = clinic.fails(2, &format!("invite accept {token}"));
    assert!(nobody.contains("--email"), "{nobody}");
    clinic.fails(
        2,
        &format!("invite accept {token} --as a@x.example --email b@x.example"),
    );
}

#[test]
fn a_token_is_shown_once_and_kept_nowhere() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let created = clinic.run("-vv invite create sam@harbor.example --role admin -o json");
    let view: Value = serde_json::from_str(&created.stdout).unwrap();
    let first = token_of(&view["invited"][0]);
    assert!(
        view["invited"][0]["link"]
            .as_str()
            .unwrap()
            .ends_with(&first)
    );
    let resent = clinic.run("-vv invite resend sam@harbor.example -o json");
    let second = token_of(&serde_json::from_str(&resent.stdout).unwrap());
    assert_ne!(first, second);

    let said = [
        created.stderr,
        resent.stderr,
        clinic.ok("invite list --all -o json"),
        clinic.ok("invite show sam@harbor.example -o json"),
        clinic.ok("org show harbor-clinic -o json"),
        not_accepted(&clinic, 3, &first, "sam@harbor.example"),
        clinic
            .run(&format!(
                "-vv invite accept {first} --email sam@harbor.example"
            ))
            .stderr,
        clinic
            .run(&format!(
                "-vv invite accept {second} --email maria@harbor.example"
            ))
            .stderr,
        clinic
            .run(&format!(
                "-vv invite accept {second} --email sam@harbor.example"
            ))
            .stderr,
    ];
    let kept = block_on(|| {
        clinic.db.scalar::<String>(
            "SELECT concat((SELECT string_agg(l::text, ' ') FROM activity_log l),
                           (SELECT string_agg(p::text, ' ') FROM platform_activity_log p),
                           (SELECT string_agg(i::text, ' ') FROM organization_invitations i))",
        )
    });
    assert!(kept.contains("invitation.accept"), "{kept}");
    for token in [&first, &second] {
        for text in said.iter().chain([&kept]) {
            assert!(!text.contains(token.as_str()), "{text}");
        }
    }
}

#[test]
fn a_rehearsal_shows_no_token_because_it_will_never_exist() {
    let clinic = Clinic::new();
    let rehearsed = clinic.json("invite create sam@harbor.example --role admin --dry-run");
    assert_eq!(rehearsed["invited"][0]["token"], Value::Null);
    assert_eq!(rehearsed["invited"][0]["link"], Value::Null);
    assert_eq!(clinic.json("invite list --all"), json!([]));

    let token = clinic.invite("sam@harbor.example", "admin");
    let rehearsed = clinic.json("invite resend sam@harbor.example --dry-run");
    assert_eq!(rehearsed["token"], Value::Null);
    clinic.sign_up("sam2@harbor.example");
    // The earlier link still works.
    let stderr = not_accepted(&clinic, 5, &token, "sam2@harbor.example");
    assert!(stderr.contains("another address"), "{stderr}");
}

#[test]
fn tokens_that_do_not_work_all_get_the_same_answer() {
    let clinic = Clinic::new();
    let email = "sam@harbor.example";
    clinic.sign_up(email);
    let expired = clinic.invite(email, "admin");
    expire(&clinic, email);
    let expired = not_accepted(&clinic, 3, &expired, email);

    let rotated = clinic.invite(email, "admin");
    let revoked = token_of(&clinic.json("invite resend sam@harbor.example"));
    let rotated = not_accepted(&clinic, 3, &rotated, email);
    clinic.ok("invite revoke sam@harbor.example");
    let revoked = not_accepted(&clinic, 3, &revoked, email);

    let used = clinic.invite(email, "admin");
    accepted(&clinic, &used, email);
    let unknown = format!(
        "{}{}",
        &used[..60],
        if used.ends_with("AAAA") {
            "BBBB"
        } else {
            "AAAA"
        }
    );
    // The organization id in front of the secret is not one.
    let foreign = format!("{}{}", "A".repeat(22), &used[22..]);
    let used = not_accepted(&clinic, 3, &used, email);
    let unknown = not_accepted(&clinic, 3, &unknown, email);
    let foreign = not_accepted(&clinic, 3, &foreign, email);
    let malformed = not_accepted(&clinic, 3, "x", email);
    let empty = not_accepted(&clinic, 3, "", email);

    assert!(used.contains(UNKNOWN_TOKEN), "{used}");
    for answer in [
        expired, rotated, revoked, unknown, foreign, malformed, empty,
    ] {
        assert_eq!(answer, used);
    }
}

#[test]
fn only_the_invited_address_accepts() {
    let clinic = Clinic::new();
    let token = clinic.invite("sam@harbor.example", "admin");
    clinic.sign_up("eve@harbor.example");
    let other = not_accepted(&clinic, 5, &token, "eve@harbor.example");
    assert!(!other.contains("sam@harbor.example"), "{other}");
    assert_eq!(clinic.role_of("eve@harbor.example"), None);

    let unknown = not_accepted(&clinic, 3, &token, "sam@harbor.example");
    assert!(
        unknown.contains("tenantctl user sign-up --email sam@harbor.example"),
        "{unknown}"
    );
    assert_eq!(
        clinic.json("invite show sam@harbor.example")["status"],
        "pending"
    );
}

#[test]
fn the_inviters_right_is_checked_again_at_acceptance() {
    let clinic = Clinic::new();
    clinic.join("adam@harbor.example", "admin");
    clinic.sign_up("sam@harbor.example");
    let made =
        clinic.json("invite create sam@harbor.example --role admin --as adam@harbor.example");
    let token = token_of(&made["invited"][0]);

    clinic.ok("member role adam@harbor.example member");
    let demoted = not_accepted(&clinic, 5, &token, "sam@harbor.example");
    assert!(
        demoted.contains("may no longer grant this role"),
        "{demoted}"
    );
    clinic.ok("member remove adam@harbor.example --yes");
    not_accepted(&clinic, 5, &token, "sam@harbor.example");
    assert_eq!(clinic.role_of("sam@harbor.example"), None);

    clinic.ok("member add adam@harbor.example --role admin");
    accepted(&clinic, &token, "sam@harbor.example");
}

#[test]
fn an_admin_who_was_an_owner_has_no_owners_made() {
    let clinic = Clinic::new();
    clinic.join("olga@harbor.example", "owner");
    clinic.sign_up("sam@harbor.example");
    let made =
        clinic.json("invite create sam@harbor.example --role owner --as olga@harbor.example");
    clinic.ok("member role olga@harbor.example admin");
    let token = token_of(&made["invited"][0]);
    not_accepted(&clinic, 5, &token, "sam@harbor.example");
    assert_eq!(clinic.role_of("sam@harbor.example"), None);
}

#[test]
fn an_invitation_stands_on_the_right_of_who_issued_it_last() {
    let clinic = Clinic::new();
    clinic.join("olga@harbor.example", "owner");
    clinic.sign_up("sam@harbor.example");
    clinic.ok("invite create sam@harbor.example --role admin --as olga@harbor.example");
    clinic.ok("member remove olga@harbor.example --yes");

    let resent = clinic.json("invite resend sam@harbor.example --as maria@harbor.example");
    let inviter = resent["invited_by"].as_str().unwrap();
    assert!(
        inviter.starts_with("user:maria@harbor.example"),
        "{inviter}"
    );
    assert_eq!(resent["times_issued"], 2);
    let shown = clinic.json("invite show sam@harbor.example");
    assert_eq!(shown["invited_by"], resent["invited_by"]);
    assert_eq!(shown["times_issued"], 2);
    accepted(&clinic, &token_of(&resent), "sam@harbor.example");
}

#[test]
fn an_earlier_invitation_does_not_outlive_a_membership() {
    let clinic = Clinic::new();
    let email = "al@harbor.example";
    clinic.sign_up(email);
    let token = clinic.invite(email, "admin");
    let added = clinic.json("member add al@harbor.example --role viewer");
    let revoked = clinic.json("invite show al@harbor.example");
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(added["revoked_invitation"], revoked["id"]);
    assert_eq!(revocations(&clinic), 1);

    // As an earlier version left it behind.
    block_on(|| {
        clinic
            .db
            .execute("UPDATE organization_invitations SET status = 'pending', revoked_at = NULL")
    });
    let removed = clinic.json("member remove al@harbor.example --yes");
    assert_eq!(removed["revoked_invitation"], revoked["id"]);
    assert_eq!(revocations(&clinic), 2);
    not_accepted(&clinic, 3, &token, email);
    assert_eq!(clinic.role_of(email), None);
}

fn revocations(clinic: &Clinic) -> i64 {
    let sql = "SELECT count(*) FROM activity_log WHERE action = 'invitation.revoke'";
    block_on(|| clinic.db.scalar(sql))
}

#[test]
fn nobody_joins_an_organization_that_is_not_active() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let token = clinic.invite("sam@harbor.example", "admin");
    clinic.ok("org suspend harbor-clinic --yes");
    let suspended = not_accepted(&clinic, 5, &token, "sam@harbor.example");
    assert!(suspended.contains("suspended"), "{suspended}");
    clinic.fails(5, "invite create new@harbor.example --role viewer");
    clinic.ok("org delete harbor-clinic --yes");
    not_accepted(&clinic, 5, &token, "sam@harbor.example");
    clinic.ok("org restore harbor-clinic");
    clinic.run("org resume harbor-clinic");
    accepted(&clinic, &token, "sam@harbor.example");
}

#[test]
fn only_allowed_domains_are_invited_and_let_in() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@partner.example");
    let token = clinic.invite("sam@partner.example", "member");
    clinic.ok("org update harbor-clinic --allow-domain harbor.example");

    let refused = clinic.fails(
        6,
        "invite create ann@harbor.example bo@x.example --role member",
    );
    assert!(
        refused.contains("bo@x.example") && refused.contains("harbor.example"),
        "{refused}"
    );
    clinic.fails(6, "invite create ann@sub.harbor.example --role member");
    clinic.fails(6, "invite resend sam@partner.example");
    // All or none.
    assert_eq!(clinic.json("invite list").as_array().unwrap().len(), 1);
    clinic.invite("ann@harbor.example", "member");

    not_accepted(&clinic, 5, &token, "sam@partner.example");
    clinic.ok("org update harbor-clinic --allow-domain partner.example");
    accepted(&clinic, &token, "sam@partner.example");
}

#[test]
fn one_invitation_is_pending_per_address() {
    let clinic = Clinic::new();
    let token = clinic.invite("sam@harbor.example", "admin");
    let pending = clinic.fails(
        4,
        "invite create new@x.example sam@harbor.example --role viewer",
    );
    assert!(
        pending.contains("sam@harbor.example has a pending invitation"),
        "{pending}"
    );
    assert!(pending.contains("tenantctl invite resend"), "{pending}");
    clinic.fails(4, "invite create maria@harbor.example --role viewer");
    assert_eq!(clinic.json("invite list").as_array().unwrap().len(), 1);

    let created = clinic.json(
        "invite create new@x.example New@x.example sam@harbor.example maria@harbor.example \
         --role viewer --if-not-exists",
    );
    assert_eq!(created["invited"].as_array().unwrap().len(), 1);
    assert_eq!(created["passed_over"].as_array().unwrap().len(), 2);
    // The first invitation is what it was.
    assert_eq!(
        clinic.json("invite show sam@harbor.example")["role"],
        "admin"
    );
    clinic.sign_up("eve@x.example");
    not_accepted(&clinic, 5, &token, "eve@x.example");
}

#[test]
fn an_expired_invitation_is_no_obstacle() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    clinic.invite("sam@harbor.example", "admin");
    expire(&clinic, "sam@harbor.example");
    assert_eq!(
        clinic.json("invite show sam@harbor.example")["status"],
        "expired"
    );
    assert_eq!(clinic.json("invite list"), json!([]));
    let token = token_of(&clinic.json("invite resend sam@harbor.example"));
    expire(&clinic, "sam@harbor.example");
    not_accepted(&clinic, 3, &token, "sam@harbor.example");

    let anew = clinic.invite("sam@harbor.example", "viewer");
    accepted(&clinic, &anew, "sam@harbor.example");
    assert_eq!(
        clinic.role_of("sam@harbor.example").as_deref(),
        Some("viewer")
    );
}

#[test]
fn an_expired_invitation_is_replaced_by_who_may_revoke_it_and_the_log_says_so() {
    let clinic = Clinic::new();
    clinic.join("adam@harbor.example", "admin");
    clinic.invite("sam@harbor.example", "owner");
    expire(&clinic, "sam@harbor.example");
    let line = "invite create sam@harbor.example --role viewer";
    clinic.fails(5, &format!("{line} --as adam@harbor.example"));
    assert_eq!(
        clinic.json("invite show sam@harbor.example")["status"],
        "expired"
    );
    assert_eq!(revocations(&clinic), 0);
    clinic.ok(line);
    assert_eq!(revocations(&clinic), 1);
}

#[test]
fn an_invitation_lives_seven_days_or_up_to_thirty() {
    let clinic = Clinic::new();
    let life = |view: &Value| {
        let at = |field: &str| DateTime::parse_from_rfc3339(view[field].as_str().unwrap()).unwrap();
        at("expires_at") - at("created_at")
    };
    let usual = clinic.json("invite create a@x.example --role viewer");
    assert_eq!(life(&usual["invited"][0]), TimeDelta::days(7));
    let longest = clinic.json("invite create b@x.example --role viewer --expires-days 30");
    assert_eq!(life(&longest["invited"][0]), TimeDelta::days(30));
    for days in ["0", "31", "x"] {
        clinic.fails(
            2,
            &format!("invite create c@x.example --role viewer --expires-days {days}"),
        );
    }
    assert_eq!(
        clinic.json("invite list --all").as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_revoked_invitation_stays_revoked() {
    let clinic = Clinic::new();
    clinic.invite("sam@harbor.example", "admin");
    assert_eq!(
        clinic.json("invite revoke sam@harbor.example")["changed"],
        true
    );
    let again = clinic.json("invite revoke sam@harbor.example");
    assert_eq!(again["changed"], false);
    assert_eq!(again["status"], "revoked");
    clinic.fails(4, "invite resend sam@harbor.example");
    clinic.fails(3, "invite revoke nobody@x.example");
    let absent = clinic.json("invite revoke nobody@x.example --if-exists");
    assert_eq!(absent["changed"], false);
    // A sign-up finds nothing that waits.
    assert_eq!(clinic.sign_up("sam@harbor.example")["joined"], json!([]));

    clinic.invite("ann@harbor.example", "viewer");
    clinic.sign_up("ann@harbor.example");
    clinic.fails(4, "invite revoke ann@harbor.example");
    assert_eq!(
        clinic.role_of("ann@harbor.example").as_deref(),
        Some("viewer")
    );
}

#[test]
fn of_two_accepts_at_once_one_wins() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let token = clinic.invite("sam@harbor.example", "admin");
    let line = format!("invite accept {token} --email sam@harbor.example");
    let outcomes = race(&clinic.db, &clinic.cli, ORGANIZATION_LOCK, &[&line, &line]);
    let mut codes: Vec<i32> = outcomes.iter().map(|outcome| outcome.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 3], "{outcomes:?}");
    let loser = outcomes.iter().find(|outcome| outcome.code == 3).unwrap();
    assert!(loser.stderr.contains(UNKNOWN_TOKEN), "{}", loser.stderr);
    let acceptances = block_on(|| {
        clinic
            .db
            .scalar::<i64>("SELECT count(*) FROM activity_log WHERE action = 'invitation.accept'")
    });
    assert_eq!(acceptances, 1);
}

#[test]
fn of_two_invitations_at_once_one_is_made() {
    let clinic = Clinic::new();
    let lines = [
        "invite create sam@harbor.example --role admin",
        "invite create sam@harbor.example --role viewer",
    ];
    let outcomes = race(&clinic.db, &clinic.cli, ORGANIZATION_LOCK, &lines);
    let mut codes: Vec<i32> = outcomes.iter().map(|outcome| outcome.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 4], "{outcomes:?}");
    assert_eq!(
        clinic.json("invite list --all").as_array().unwrap().len(),
        1
    );
}

#[test]
fn an_acceptance_and_a_revocation_at_once_do_not_both_succeed() {
    let clinic = Clinic::new();
    clinic.sign_up("sam@harbor.example");
    let token = clinic.invite("sam@harbor.example", "admin");
    let accept = format!("invite accept {token} --email sam@harbor.example");
    let revoke = "invite revoke sam@harbor.example";
    let outcomes = race(
        &clinic.db,
        &clinic.cli,
        ORGANIZATION_LOCK,
        &[&accept, revoke],
    );
    let codes: Vec<i32> = outcomes.iter().map(|outcome| outcome.code).collect();
    let joined = clinic.role_of("sam@harbor.example").is_some();
    let expected = if joined { [0, 4] } else { [3, 0] };
    assert_eq!(codes, expected, "{outcomes:?}");
}

/// A Cyrillic а. What another organization has is no reason for a warning: it would tell of it.
#[test]
fn an_address_that_looks_like_another_is_told_in_its_own_organization_only() {
    let clinic = Clinic::new();
    clinic.ok("org create 'Tide Dental' --slug tide");
    clinic.ok("invite create ann@lake.example --role viewer");
    let invite = "invite create \u{430}nn@lake.example --role viewer";

    let outcome = clinic.run(&format!("{invite} --dry-run -o json"));
    let view: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let told = view["warnings"].to_string();
    assert!(told.contains("looks like ann@lake.example"), "{told}");
    let outcome = clinic.run(invite);
    assert_eq!(outcome.code, 0, "a warning is no refusal: {outcome:?}");
    assert!(
        outcome.stderr.contains("looks like ann@lake.example"),
        "{outcome:?}"
    );

    let elsewhere = clinic.run(&format!("{invite} --org tide"));
    assert!(
        elsewhere.stderr.contains("several scripts"),
        "{elsewhere:?}"
    );
    assert!(!elsewhere.stderr.contains("looks like"), "{elsewhere:?}");
}
