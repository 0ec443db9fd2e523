//! Roles and the question what a user may do.

use crate::common::{Cli, Clinic};

#[test]
fn the_catalogue_of_roles_needs_no_database() {
    let cli = Cli::new();
    let roles = cli.json(&["role", "list"]);
    let names: Vec<_> = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["role"])
        .collect();
    assert_eq!(names, ["owner", "admin", "member", "viewer"]);

    let admin = cli.json(&["role", "show", "admin"]);
    let held = |name: &str| {
        let permissions = admin["permissions"].as_array().unwrap();
        let found = permissions.iter().find(|one| one["permission"] == name);
        found.unwrap()["held"].as_bool().unwrap()
    };
    assert!(held("channels.edit") && !held("owners.manage"));
    assert_eq!(
        admin["may_grant"],
        serde_json::json!(["admin", "member", "viewer"])
    );
    let unknown = cli.fails(2, &["role", "show", "onwer"]);
    assert!(unknown.contains("did you mean owner"), "{unknown}");
}

#[test]
fn access_is_decided_with_the_reason_and_the_exit_code() {
    let clinic = Clinic::new();
    clinic.join("vera@harbor.example", "viewer");
    let check = |user: &str, permission: &str| {
        let outcome = clinic.run(&format!(
            "access check --user {user} --permission {permission} -o json"
        ));
        let view: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(outcome.code == 0, view["allowed"] == true, "{view}");
        (outcome.code, view["reason"].as_str().unwrap().to_owned())
    };

    assert_eq!(check("maria@harbor.example", "owners.manage").0, 0);
    assert_eq!(check("vera@harbor.example", "patients.read").0, 0);
    let (code, reason) = check("vera@harbor.example", "channels.edit");
    assert_eq!(code, 5);
    assert!(
        reason.contains("viewer does not hold channels.edit"),
        "{reason}"
    );
    let (code, reason) = check("nobody@x.example", "patients.read");
    assert_eq!(code, 5);
    assert!(reason.contains("not a member"), "{reason}");

    clinic.ok("org suspend harbor-clinic --yes");
    let (code, reason) = check("maria@harbor.example", "patients.read");
    assert_eq!(code, 5);
    assert!(reason.contains("suspended"), "{reason}");

    let misspelt = clinic.fails(
        2,
        "access check --user maria@harbor.example --permission channel.edit",
    );
    assert!(misspelt.contains("channels.edit"), "{misspelt}");
}

#[test]
fn what_is_decided_is_what_happens() {
    let clinic = Clinic::new();
    for role in ["admin", "member", "viewer"] {
        let email = format!("{role}@harbor.example");
        clinic.join(&email, role);
        let may = clinic
            .run(&format!(
                "access check --user {email} --permission members.invite"
            ))
            .code;
        let does = clinic
            .run(&format!(
                "invite create guest-of-{role}@x.example --role viewer --as {email}"
            ))
            .code;
        assert_eq!(may, does, "{role}");
    }
}
