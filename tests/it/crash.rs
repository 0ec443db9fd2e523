//! kill -9 at whatever moment: what is left is all of a change, or nothing of it.

use std::{process::Stdio, thread, time::Duration};

use crate::common::{Cli, TestDb, block_on};

/// How many addresses one command invites: enough to be killed amid them.
const INVITED: usize = 60;

fn kill_after(cli: &Cli, args: &[&str], delay: Duration) {
    let mut child = cli
        .command(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(delay);
    // It may have ended by itself: then it is all there.
    let _ = child.kill();
    child.wait().unwrap();
}

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
        kill_after(&cli, &args, Duration::from_millis(5 + 12 * round));
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
        kill_after(&cli, &sign_up, Duration::from_millis(6 + 5 * round));
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
