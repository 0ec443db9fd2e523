//! A member, and what a change made of them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    commands::views::role_cell,
    domain::{Member, Organization, Role},
    hint::Hint,
    output::{Cell, Page, Record, Style, View, rfc3339},
    run,
    services::members::MemberChange,
};

/// A member, as every verb shows it.
#[derive(Serialize)]
pub(super) struct MemberView {
    pub user_id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    #[serde(with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    /// For a person, times are shown in the organization's zone.
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl MemberView {
    pub fn new(member: Member, organization: &Organization) -> Self {
        Self {
            user_id: member.user_id.to_string(),
            email: member.email.to_string(),
            name: member.name,
            role: member.role,
            created_at: member.created_at,
            updated_at: member.updated_at,
            zone: organization.time_zone.tz(),
        }
    }

    /// Address, name, role and dates, as fields.
    pub fn fields(&self, page: &mut Page) {
        let style = page.style();
        page.field("Email", style.bold(&self.email))
            .field("Name", &self.name)
            .field("Role", role_cell(&style, self.role))
            .field("User id", &self.user_id)
            .field("Since", style.time(self.created_at, Some(self.zone)));
    }
}

impl Record for MemberView {
    fn fields() -> &'static [&'static str] {
        &[
            "user_id",
            "email",
            "name",
            "role",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["EMAIL", "NAME", "ROLE", "SINCE"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.email),
            self.name.as_str().into(),
            role_cell(style, self.role),
            style.time(self.created_at, Some(self.zone)).into(),
        ]
    }
}

/// A member after they were added, or given another role.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false`: it was so already.
    changed: bool,
    organization: String,
    /// The role they had before, where they were a member.
    previous_role: Option<Role>,
    /// The id of an invitation that waited for them, and was taken back.
    revoked_invitation: Option<String>,
    /// About an address that looks like another one.
    warnings: Vec<String>,
    #[serde(flatten)]
    member: MemberView,
}

impl From<MemberChange> for ChangedView {
    fn from(change: MemberChange) -> Self {
        Self {
            changed: change.before.as_ref() != Some(&change.after),
            organization: change.organization.slug.to_string(),
            previous_role: change.before.map(|member| member.role),
            revoked_invitation: change
                .revoked_invitation
                .map(|invitation| invitation.id.to_string()),
            warnings: change.warnings,
            member: MemberView::new(change.after, &change.organization),
        }
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.member.fields(page);
        page.field("Organization", &self.organization);
    }

    fn warnings(&self) -> Vec<Hint> {
        self.warnings.iter().map(Into::into).collect()
    }

    fn summary(&self) -> Option<String> {
        let MemberView { email, role, .. } = &self.member;
        let organization = &self.organization;
        Some(match (self.changed, self.previous_role) {
            (false, _) => {
                format!("{email} is {role} of {organization} already; nothing was changed")
            }
            (true, None) if self.revoked_invitation.is_some() => format!(
                "added {email} to {organization} as {role}; revoked the invitation that waited"
            ),
            (true, None) => format!("added {email} to {organization} as {role}"),
            (true, Some(before)) => {
                format!("{email} is {role} of {organization} now; was {before}")
            }
        })
    }

    fn next(&self) -> Vec<Hint> {
        let email = &self.member.email;
        let organization = &self.organization;
        match (self.changed, self.previous_role) {
            (false, _) => Vec::new(),
            (true, None) => {
                vec![run!["member", "remove", email, "--org", organization].labeled("undo")]
            }
            (true, Some(before)) => {
                vec![run!["member", "role", email, before, "--org", organization].labeled("undo")]
            }
        }
    }
}
