//! `local start`, `stop`, `status`, `url` and `destroy`, through the binary.

use crate::common::Cli;

/// A private cluster that goes with this value, also when a test fails.
struct Machine(Cli);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.run(&["local", "destroy", "--yes", "--if-exists"]);
    }
}

#[test]
fn the_life_of_a_private_cluster() {
    let machine = Machine(Cli::new());
    let cli = &machine.0;
    assert_eq!(cli.json(&["local", "status"])["state"], "not_created");
    cli.fails(3, &["local", "url"]);
    cli.fails(3, &["local", "destroy", "--yes"]);
    cli.ok(&["local", "destroy", "--yes", "--if-exists"]);
    assert_eq!(cli.json(&["local", "stop"])["stopped"], false);
    cli.fails(3, &["--profile", "local", "db", "status"]);

    let started = cli.json(&["local", "start"]);
    assert_eq!(started["created"], true);
    assert_eq!(cli.json(&["local", "start"])["already_running"], true);
    let url = cli.ok(&["local", "url"]);
    assert_eq!(url.trim_end(), started["url"]);

    cli.ok(&["--profile", "local", "db", "migrate"]);
    cli.ok(&["--profile", "local", "org", "create", "Harbor Clinic"]);
    cli.ok(&["--profile", "local", "org", "use", "harbor-clinic"]);
    cli.ok(&["--profile", "local", "doctor"]);

    assert_eq!(cli.json(&["local", "stop"])["stopped"], true);
    assert_eq!(cli.json(&["local", "status"])["state"], "stopped");
    let down = cli.fails(7, &["--profile", "local", "org", "list"]);
    assert!(down.contains("tenantctl local start"), "{down}");
    cli.ok(&["local", "start"]);
    assert!(
        cli.ok(&["--profile", "local", "org", "list"])
            .contains("harbor-clinic")
    );

    let refused = cli.fails(5, &["local", "destroy"]);
    assert!(refused.contains("--confirm=local"), "{refused}");
    cli.fails(5, &["local", "destroy", "--confirm=other"]);
    assert_eq!(cli.json(&["local", "status"])["state"], "running");
    cli.ok(&["local", "destroy", "--confirm=local"]);
    assert_eq!(cli.json(&["local", "status"])["state"], "not_created");
    // The next cluster does not have that organization.
    cli.ok(&["local", "start"]);
    cli.fails(3, &["--profile", "local", "org", "current"]);
}

#[test]
fn the_loopback_url_comes_with_the_way_to_its_password() {
    let machine = Machine(Cli::new());
    machine.0.ok(&["local", "start"]);
    let outcome = machine.0.run(&["local", "url", "--tcp"]);
    let url = outcome.stdout.trim_end();
    assert!(url.starts_with("postgres://tenantctl@127.0.0.1:"), "{url}");
    let file = outcome
        .stderr
        .split_once("PGPASSFILE=")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .expect("the file with the password");
    let entry = std::fs::read_to_string(file).expect("the file");
    let password = entry.trim_end().rsplit(':').next().expect("a password");
    let cli = Cli::new()
        .env("TENANTCTL_DATABASE_URL", url)
        .env("PGPASSWORD", password);
    cli.ok(&["db", "status"]);
    assert!(!outcome.stdout.contains(password) && !outcome.stderr.contains(password));
}

#[test]
fn the_private_cluster_is_the_operators() {
    let cli = Cli::new();
    for line in [
        &["local", "start"][..],
        &["local", "stop"],
        &["local", "status"],
        &["local", "url"],
        &["local", "destroy", "--yes", "--if-exists"],
        &["demo"],
        &["config", "show"],
    ] {
        let told = cli.fails(5, &[line, &["--as", "owner@harbor.example"]].concat());
        assert!(told.contains("platform operator"), "{told}");
    }
}

#[test]
fn the_demo_brings_back_what_was_tried_on_it() {
    let machine = Machine(Cli::new());
    let cli = &machine.0;
    let local = |args: &[&str]| cli.ok(&[&["--profile", "local"], args].concat());
    let harbor = ["--org", "harbor-clinic"];
    cli.ok(&["demo"]);
    let before = local(&["org", "list", "-o", "csv"]).lines().count();
    local(&["org", "suspend", "default-organization", "--yes"]);
    local(
        &[
            &["member", "role", "sam@harbor.example", "owner"],
            &harbor[..],
        ]
        .concat(),
    );
    let remove = ["member", "remove", "owner@harbor.example", "--yes"];
    local(&[&remove[..], &harbor].concat());
    local(&["org", "delete", "harbor-clinic", "--yes"]);

    let again = cli.run(&["demo"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stderr.contains("restored") && again.stderr.contains("resumed"),
        "{}",
        again.stderr
    );
    let owners = ["member", "list", "--role", "owner", "-o", "csv"];
    let owners = local(&[&owners[..], &harbor].concat());
    assert!(owners.contains("owner@harbor.example"), "{owners}");
    let after = local(&["org", "list", "-o", "csv"]).lines().count();
    assert_eq!(after, before, "nobody got an organization of their own");
}
