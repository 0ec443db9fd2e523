//! Roles and their permissions.

use Permission as P;

named_enum! {
    /// The role of a member in an organization. Every member has exactly one role.
    pub enum Role as "role" {
        Owner = "owner", "Everything, including managing owners and deleting the organization.";
        Admin = "admin", "Everything except managing owners and deleting the organization.";
        Member = "member", "Daily work: patients and appointments; reads the configuration.";
        Viewer = "viewer", "Reads the booking data and the configuration; changes nothing.";
    }
}

named_enum! {
    /// A permission of a role, named `object.action`. A command checks each of them; a test
    /// contains the mapping.
    pub enum Permission as "permission" {
        OrganizationRead = "organization.read", "See the organization and its settings.";
        OrganizationUpdate = "organization.update", "Change name, time zone, locale and allowed domains.";
        OrganizationDelete = "organization.delete", "Delete the organization; only the platform operator can restore it.";
        MembersRead = "members.read", "See members and invitations.";
        MembersInvite = "members.invite", "Create, resend and revoke invitations.";
        MembersManage = "members.manage", "Change the roles of members.";
        MembersRemove = "members.remove", "Remove members.";
        OwnersManage = "owners.manage", "Make, demote and remove owners; transfer ownership.";
        ChannelsRead = "channels.read", "See the configuration of the channels.";
        ChannelsEdit = "channels.edit", "Change, enable and disable channels.";
        AgentsRead = "agents.read", "See the instructions of the AI agents.";
        AgentsEdit = "agents.edit", "Change the instructions of the AI agents.";
        ActivityRead = "activity.read", "See and verify who did what and when.";
        PatientsRead = "patients.read", "See patients.";
        PatientsCreate = "patients.create", "Add patients.";
        PatientsUpdate = "patients.update", "Change patients.";
        PatientsDelete = "patients.delete", "Delete patients.";
        ProvidersRead = "providers.read", "See providers.";
        ProvidersManage = "providers.manage", "Add, change and remove providers.";
        OperatoriesRead = "operatories.read", "See operatories.";
        OperatoriesManage = "operatories.manage", "Add, change and remove operatories.";
        SchedulesRead = "schedules.read", "See schedules.";
        SchedulesManage = "schedules.manage", "Add, change and remove schedules.";
        AppointmentsRead = "appointments.read", "See appointments.";
        AppointmentsCreate = "appointments.create", "Book appointments.";
        AppointmentsUpdate = "appointments.update", "Move and change appointments.";
        AppointmentsDelete = "appointments.delete", "Break and delete appointments.";
        ImportsRun = "imports.run", "Import in bulk what the role may add or change one by one.";
        WebhooksRead = "webhooks.read", "See webhooks and their deliveries.";
        WebhooksManage = "webhooks.manage", "Add, change and remove webhooks.";
    }
}

/// Permissions that an admin lacks.
const OWNER_ONLY: &[Permission] = &[P::OrganizationDelete, P::OwnersManage];

const MEMBER: &[Permission] = &[
    P::OrganizationRead,
    P::MembersRead,
    P::ChannelsRead,
    P::AgentsRead,
    P::PatientsRead,
    P::PatientsCreate,
    P::PatientsUpdate,
    P::ProvidersRead,
    P::OperatoriesRead,
    P::SchedulesRead,
    P::AppointmentsRead,
    P::AppointmentsCreate,
    P::AppointmentsUpdate,
    P::AppointmentsDelete,
];

const VIEWER: &[Permission] = &[
    P::OrganizationRead,
    P::MembersRead,
    P::ChannelsRead,
    P::AgentsRead,
    P::PatientsRead,
    P::ProvidersRead,
    P::OperatoriesRead,
    P::SchedulesRead,
    P::AppointmentsRead,
];

impl Role {
    /// The permissions of this role, in the order of [`Permission::ALL`].
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.holds(*permission))
    }

    /// Returns `true` if a member with this role has the permission.
    pub fn holds(self, permission: Permission) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !OWNER_ONLY.contains(&permission),
            Self::Member => MEMBER.contains(&permission),
            Self::Viewer => VIEWER.contains(&permission),
        }
    }

    /// Returns `true` if a member with this role may assign or remove the role `other`.
    pub fn may_grant(self, other: Self) -> bool {
        match other {
            Self::Owner => self.holds(P::OwnersManage),
            Self::Admin | Self::Member | Self::Viewer => self.holds(P::MembersManage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn each_role_holds_all_that_the_next_one_does() {
        for pair in Role::ALL.windows(2) {
            let lower: Vec<_> = pair[1].permissions().collect();
            assert!(lower.iter().all(|p| pair[0].holds(*p)), "{pair:?}");
            assert!(pair[0].permissions().count() > lower.len(), "{pair:?}");
        }
    }

    #[test]
    fn what_sets_the_roles_apart() {
        use Permission as P;
        use Role::{Admin, Member, Owner, Viewer};
        let cases = [
            (P::OwnersManage, vec![Owner]),
            (P::OrganizationDelete, vec![Owner]),
            (P::MembersInvite, vec![Owner, Admin]),
            (P::ChannelsEdit, vec![Owner, Admin]),
            (P::AgentsEdit, vec![Owner, Admin]),
            (P::ImportsRun, vec![Owner, Admin]),
            (P::PatientsDelete, vec![Owner, Admin]),
            (P::AppointmentsCreate, vec![Owner, Admin, Member]),
            (P::PatientsRead, vec![Owner, Admin, Member, Viewer]),
        ];
        for (permission, holders) in cases {
            let found: Vec<Role> = Role::ALL
                .iter()
                .copied()
                .filter(|r| r.holds(permission))
                .collect();
            assert_eq!(found, holders, "{permission}");
        }
    }

    #[test]
    fn a_viewer_only_reads() {
        assert!(
            Role::Viewer
                .permissions()
                .all(|p| p.as_str().ends_with(".read"))
        );
    }

    #[test]
    fn who_may_grant_what() {
        use Role::{Admin, Member, Owner, Viewer};
        for (by, granted) in [
            (Owner, vec![Owner, Admin, Member, Viewer]),
            (Admin, vec![Admin, Member, Viewer]),
            (Member, vec![]),
            (Viewer, vec![]),
        ] {
            let found: Vec<Role> = Role::ALL
                .iter()
                .copied()
                .filter(|r| by.may_grant(*r))
                .collect();
            assert_eq!(found, granted, "{by}");
        }
    }

    #[test]
    fn names_are_read_back_and_near_ones_suggested() {
        for permission in Permission::ALL {
            assert_eq!(
                permission.as_str().parse::<Permission>().unwrap(),
                *permission
            );
            let json = serde_json::to_string(permission).unwrap();
            assert_eq!(json, format!("\"{permission}\""));
            assert_eq!(
                serde_json::from_str::<Permission>(&json).unwrap(),
                *permission
            );
        }
        let error = "channel.edit".parse::<Permission>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert!(error.hints()[0].to_string().contains("channels.edit"));
        assert!(
            "Owner".parse::<Role>().unwrap_err().hints()[0]
                .to_string()
                .contains("owner")
        );
    }
}
