//! A member, and a member after a change.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    commands::views::role_cell,
    domain::{Member, Organization, Role},
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    rfc3339, run,
    services::members::MemberChange,
};

/// A member, as shown by every command.
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
    /// The organization's time zone, for human-readable times.
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

    /// Writes address, name, role and dates as fields.
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

/// A member after being added or changing roles.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false` if nothing changed.
    changed: bool,
    organization: String,
    /// The previous role, if already a member.
    previous_role: Option<Role>,
    /// ID of the pending invitation that was revoked.
    revoked_invitation: Option<String>,
    /// Warnings about an address that looks like another one.
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
                format!("{email} is already {role} of {organization}; nothing was changed")
            }
            (true, None) if self.revoked_invitation.is_some() => {
                format!("added {email} to {organization} as {role}; revoked the pending invitation")
            }
            (true, None) => format!("added {email} to {organization} as {role}"),
            (true, Some(before)) => {
                format!("{email} is now {role} of {organization} (was {before})")
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
