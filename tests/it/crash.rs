//! kill -9 at whatever moment: what is left is all of a change, or nothing of it.

use std::time::Duration;

use crate::common::{TestDb, block_on};

/// How many addresses one command invites: enough to be killed amid them.
const INVITED: usize = 60;

#[test]
fn a_killed_command_leaves_all_of_its_change_or_nothing() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor", "--slug", "harbor"]);
    for round in 0..12_u64 {
        let emails: Vec<String> = (0..INVITED)
            .map(|number| format!("guest{number}@round{round}.example"))
            .collect();
        let mut args = vec!["invite", "create", "--role", "viewer", "--org", "harbor"];
        args.extend(emails.iter().map(String::as_str));
        cli.kill_after(&args, Duration::from_millis(5 + 12 * round));
        let pattern = format!("%@round{round}.example");
        let count = |sql: &str| -> i64 {
            let sql = sql.replace("$1", &pattern);
            block_on(|| db.scalar(&sql))
        };
        let invited = count("SELECT count(*) FROM organization_invitations WHERE email LIKE '$1'");
        let told = count(
            "SELECT count(*) FROM activity_log
              WHERE action = 'invitation.create' AND after ->> 'email' LIKE '$1'",
        );
        assert!(
            invited == 0 || invited == INVITED as i64,
            "{invited} of {INVITED}"
        );
        assert_eq!(told, invited, "each change has its entry");
    }
    let orphans = "SELECT count(*) FROM invitation_lookups l FULL JOIN organization_invitations i
                      ON (i.organization_id, i.id) = (l.organization_id, l.invitation_id)
                   WHERE l.invitation_id IS NULL OR i.id IS NULL";
    assert_eq!(block_on(|| db.scalar::<i64>(orphans)), 0);
    cli.ok(&["activity", "verify", "--org", "harbor"]);
}

/// A sign-up is several transactions: cut off after any of them, it is finished by the next one.
#[test]
fn a_killed_sign_up_is_finished_by_signing_up_again() {
    let db = TestDb::new();
    let cli = db.cli();
    for number in 0..4 {
        let slug = format!("clinic-{number}");
        cli.ok(&["org", "create", &slug, "--slug", &slug]);
    }
    for round in 0..8_u64 {
        let email = format!("new{round}@people.example");
        for number in 0..4 {
            let slug = format!("clinic-{number}");
            cli.ok(&[
                "invite", "create", &email, "--role", "member", "--org", &slug,
            ]);
        }
        let sign_up = ["user", "sign-up", "--email", &email, "--name", "New"];
        cli.kill_after(&sign_up, Duration::from_millis(6 + 5 * round));
        cli.ok(&sign_up);
        let shown = cli.json(&["user", "show", &email]);
        let slugs: Vec<&str> = shown["organizations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|organization| organization["slug"].as_str().unwrap())
            .collect();
        assert_eq!(
            slugs,
            ["clinic-0", "clinic-1", "clinic-2", "clinic-3"],
            "round {round}"
        );
    }
}

/// A claim is granted together with its entry, or not at all: also where the operator's approval is cut off.
#[test]
fn a_killed_claim_or_approval_is_granted_with_its_entry_or_not() {
    let db = TestDb::new();
    let cli = db.cli();
    cli.ok(&["org", "create", "Harbor", "--slug", "harbor"]);
    cli.ok(&[
        "user",
        "sign-up",
        "--email",
        "ann@harbor.example",
        "--name",
        "Ann",
    ]);
    cli.ok(&[
        "member",
        "add",
        "ann@harbor.example",
        "--role",
        "admin",
        "--org",
        "harbor",
    ]);
    let count = |sql: &str| -> i64 { block_on(|| db.scalar(sql)) };
    let entries = |action: &str| {
        count(&format!(
            "SELECT count(*) FROM activity_log WHERE action = 'channel_claim.{action}'"
        ))
    };
    for round in 0..10_u64 {
        let delay = Duration::from_millis(5 + 8 * round);
        let number = format!("+4144364353{round}");
        let pair = format!("phone_numbers={number}");
        let set = [
            "channel",
            "set",
            "twilio_realtime",
            &pair,
            "--org",
            "harbor",
        ];
        let set = [&set[..], &["--as", "ann@harbor.example"]].concat();
        cli.kill_after(&set, delay);
        cli.ok(&set);
        let claim = ["channel", "claim", "approve", "phone_number", &number];
        let approve = [&claim[..], &["--org", "harbor"]].concat();
        cli.kill_after(&approve, delay);
        let granted = count("SELECT count(*) FROM channel_identities");
        let pending = count("SELECT count(*) FROM channel_claims");
        assert_eq!(
            granted + pending,
            1,
            "round {round}: only the last number is set"
        );
        assert_eq!(entries("request"), round as i64 + 1);
        let approved = entries("approve");
        cli.run(&approve);
        let now = count("SELECT count(*) FROM channel_identities");
        assert_eq!(now, 1, "round {round}");
        assert_eq!(entries("approve"), approved + 1 - granted, "round {round}");
    }
    cli.ok(&["activity", "verify", "--org", "harbor"]);
}
