//! An invitation, and a newly issued one with its link.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    commands::views::role_cell,
    domain::{Invitation, InvitationStatus, Organization, Role, invitation},
    error::Result,
    hint::Hint,
    output::{Cell, Page, Record, Style},
    rfc3339, run,
    services::invitations::Issued,
};

/// An invitation, as shown by every command.
#[derive(Serialize)]
pub(super) struct InvitationView {
    pub id: String,
    pub email: String,
    pub role: Role,
    /// The current status: a pending invitation past its expiry is `expired`.
    pub status: InvitationStatus,
    pub invited_by: String,
    pub times_issued: i32,
    #[serde(with = "rfc3339")]
    pub expires_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    pub accepted_at: Option<DateTime<Utc>>,
    #[serde(with = "rfc3339::option")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl InvitationView {
    pub fn new(invitation: Invitation, organization: &Organization, now: DateTime<Utc>) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.to_string(),
            role: invitation.role,
            status: invitation.status_at(now),
            invited_by: invitation.invited_by,
            times_issued: invitation.times_issued,
            expires_at: invitation.expires_at,
            created_at: invitation.created_at,
            updated_at: invitation.updated_at,
            accepted_at: invitation.accepted_at,
            revoked_at: invitation.revoked_at,
            zone: organization.time_zone.tz(),
        }
    }

    /// Writes all details as fields.
    pub fn fields(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Email", style.bold(&self.email))
            .field("Role", role_cell(&style, self.role))
            .field("Status", status_cell(&style, self.status))
            .field("Id", &self.id)
            .field("Invited by", &self.invited_by)
            .field("Links issued", self.times_issued)
            .field("Created", time(self.created_at))
            .field("Expires", time(self.expires_at))
            .optional_field("Accepted", self.accepted_at.map(time))
            .optional_field("Revoked", self.revoked_at.map(time));
    }
}

impl Record for InvitationView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "email",
            "role",
            "status",
            "invited_by",
            "times_issued",
            "expires_at",
            "created_at",
            "updated_at",
            "accepted_at",
            "revoked_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["EMAIL", "ROLE", "STATUS", "EXPIRES", "INVITED BY"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.email),
            role_cell(style, self.role),
            status_cell(style, self.status),
            style.time(self.expires_at, Some(self.zone)).into(),
            self.invited_by.as_str().into(),
        ]
    }
}

fn status_cell(style: &Style, status: InvitationStatus) -> Cell {
    match status {
        InvitationStatus::Pending => style.warn(status.as_str()),
        InvitationStatus::Accepted => style.ok(status.as_str()),
        InvitationStatus::Revoked | InvitationStatus::Expired => style.dim(status.as_str()),
    }
}

/// An invitation with its secret, which is shown once and not stored.
#[derive(Serialize)]
pub(super) struct IssuedView {
    #[serde(flatten)]
    pub invitation: InvitationView,
    /// Token and link are `None` in a dry run, because the token will never exist, and if the link
    /// is mailed, unless `--show-link` is given.
    token: Option<String>,
    link: Option<String>,
    /// ID of the message in the outbox; `None` if nothing is mailed.
    pub message: Option<String>,
}

impl IssuedView {
    pub fn new(
        app: &App,
        issued: Issued,
        organization: &Organization,
        show_link: bool,
    ) -> Result<Self> {
        let is_shown = !app.global.dry_run && (show_link || issued.message.is_none());
        let (token, link) = if is_shown {
            let template = &app.config()?.invitations.link_template;
            let link = invitation::link(template, &issued.token)?;
            (Some(issued.token.expose()), Some(link))
        } else {
            (None, None)
        };
        Ok(Self {
            invitation: InvitationView::new(issued.invitation, organization, app.clock.now()),
            token,
            link,
            message: issued.message.map(|id| id.to_string()),
        })
    }

    /// Writes the invitation and its link as fields.
    pub fn fields(&self, page: &mut Page) {
        let style = page.style();
        let invitation = &self.invitation;
        let expires = style.time(invitation.expires_at, Some(invitation.zone));
        page.field("Email", style.bold(&invitation.email))
            .field("Role", role_cell(&style, invitation.role))
            .field("Expires", expires)
            .optional_field("Message", self.message.as_ref())
            .optional_field("Link", self.link.as_ref());
    }

    /// `true` if the link is mailed.
    pub fn is_mailed(&self) -> bool {
        self.message.is_some()
    }
}

/// The next step if links are mailed: sending the outbox.
pub(super) fn sending() -> Hint {
    run!["outbox", "send"].labeled("the server sends the outbox; to send it now")
}
