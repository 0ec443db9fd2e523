//! Each permission is honored by a command, which a role without it is refused.

use tenantctl::domain::{Permission, Role};

use crate::common::{Clinic, SECRET_KEYS};

/// A command that the permission decides on. A new permission does not compile until it has one.
const fn command(permission: Permission) -> &'static str {
    use Permission as P;
    match permission {
        P::OrganizationRead => "org show harbor-clinic",
        P::OrganizationUpdate => "org update harbor-clinic --name Haven",
        P::OrganizationDelete => "org delete harbor-clinic --yes",
        P::MembersRead => "member list",
        P::MembersInvite => "invite create kim@harbor.example --role viewer",
        P::MembersManage => "member role extra@harbor.example viewer",
        P::MembersRemove => "member remove extra@harbor.example --yes",
        P::OwnersManage => "member role extra@harbor.example owner",
        P::ChannelsRead => "channel list",
        P::ChannelsEdit => "channel set web greeting=Hello",
        P::AgentsRead => "agent show",
        P::AgentsEdit => "agent set whatsapp_instructions Short.",
        P::ActivityRead => "activity list",
        P::PatientsRead => "patient list",
        P::PatientsCreate => "patient create --first-name A --last-name B",
        P::PatientsUpdate => "patient update P-1 --notes x",
        P::PatientsDelete => "patient delete P-2 --yes",
        P::ProvidersRead => "provider list",
        P::ProvidersManage => "provider create Dorn",
        P::OperatoriesRead => "operatory list",
        P::OperatoriesManage => "operatory create Room",
        P::SchedulesRead => "schedule list",
        P::SchedulesManage => "schedule defaults",
        P::AppointmentsRead => "appointment list",
        P::AppointmentsCreate => {
            "appointment create --patient P-1 --provider D-1 --at 2031-03-04T09:00"
        }
        P::AppointmentsUpdate => "appointment confirm APPOINTMENT",
        P::AppointmentsDelete => "appointment delete APPOINTMENT --yes",
        P::ImportsRun => "import patients FILE",
        P::WebhooksRead => "webhook endpoint list",
        P::WebhooksManage => "webhook endpoint create retell --secret-env PROVIDER_SECRET",
    }
}

#[test]
fn each_permission_is_honored_by_a_command() {
    let Clinic { db, cli } = Clinic::new();
    let cli = cli
        .env("TENANTCTL_SECRET_KEYS", SECRET_KEYS)
        .env("PROVIDER_SECRET", "a secret of the provider");
    let clinic = Clinic { db, cli };
    clinic.ok("provider create Berg --external-id D-1");
    clinic.ok("schedule defaults");
    for external_id in ["P-1", "P-2"] {
        clinic.ok(&format!(
            "patient create --first-name A --last-name B --external-id {external_id}"
        ));
    }
    let booked =
        clinic.json("appointment create --patient P-1 --provider D-1 --at 2031-03-03T09:00");
    let appointment = booked["id"].as_str().expect("an id");
    let file = clinic.cli.home().join("patients.csv");
    std::fs::write(&file, "first_name,last_name\nNoa,Levi\n").expect("a file");
    for role in ["owner", "admin", "member", "viewer"] {
        clinic.join(&format!("{role}@harbor.example"), role);
    }
    clinic.join("extra@harbor.example", "member");
    for role in Role::ALL.iter().copied() {
        for permission in Permission::ALL.iter().copied() {
            let line = command(permission)
                .replace("APPOINTMENT", appointment)
                .replace("FILE", &file.display().to_string());
            // Rehearsed, so that one clinic serves all of them.
            let rehearsed = format!("{line} --dry-run --as {role}@harbor.example");
            let outcome = clinic.run(&rehearsed);
            let expected = if role.holds(permission) { 0 } else { 5 };
            assert_eq!(
                outcome.code, expected,
                "{role} {permission}: {line}: {}",
                outcome.stderr
            );
            let check = clinic.run(&format!(
                "access check --user {role}@harbor.example --permission {permission}"
            ));
            assert_eq!(
                check.code, expected,
                "{role} {permission}: {}",
                check.stderr
            );
            // Of owners the refusal names the role that may not be given.
            if expected == 5 && permission != Permission::OwnersManage {
                let told = outcome.stderr.contains(permission.as_str());
                assert!(told, "{role} {permission}: {line}: {}", outcome.stderr);
            }
        }
    }
}

#[test]
fn what_no_command_honors_is_no_permission() {
    let clinic = Clinic::new();
    for gone in ["audit.run", "credentials.manage"] {
        let told = clinic.fails(
            2,
            &format!("access check --user maria@harbor.example --permission {gone}"),
        );
        assert!(told.contains(gone), "{told}");
    }
}
