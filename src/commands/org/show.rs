//! `org show`

use chrono::{DateTime, Utc};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    commands::{
        complete,
        views::{OrganizationView, channel_state_cell, role_cell},
    },
    domain::{ChannelKind, Role},
    error::Result,
    output::{Page, View},
    rfc3339,
    services::organizations::{self, Details},
};

/// Show an organization with its members, pending invitations, channels and last activity.
///
/// Examples:
///   tenantctl org show harbor-clinic
///   tenantctl org show -o json          (the current organization)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// Slug or ID. Default: the current organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: Option<String>,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<DetailsView> {
        let session = app.session().await?;
        let found = app
            .organization(&session, self.organization.as_deref())
            .await?;
        let details = organizations::show(&session, found.id).await?;
        Ok(DetailsView::from(details))
    }
}

#[derive(Serialize)]
pub(super) struct DetailsView {
    #[serde(flatten)]
    organization: OrganizationView,
    members: Vec<MemberLine>,
    pending_invitations: Vec<InvitationLine>,
    channels: Vec<ChannelLine>,
    last_activity: Option<ActivityLine>,
}

#[derive(Serialize)]
struct MemberLine {
    user_id: String,
    email: String,
    name: String,
    role: Role,
}

#[derive(Serialize)]
struct InvitationLine {
    id: String,
    email: String,
    role: Role,
    #[serde(with = "rfc3339")]
    expires_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct ChannelLine {
    channel: ChannelKind,
    enabled: bool,
    ai_backend: String,
    model: String,
    #[serde(skip)]
    warnings: usize,
}

#[derive(Serialize)]
struct ActivityLine {
    sequence: i64,
    #[serde(with = "rfc3339")]
    occurred_at: DateTime<Utc>,
    actor: String,
    action: String,
}

impl From<Details> for DetailsView {
    fn from(details: Details) -> Self {
        let members = details.members.into_iter().map(|member| MemberLine {
            user_id: member.user_id.to_string(),
            email: member.email.to_string(),
            name: member.name,
            role: member.role,
        });
        let invitations = details
            .invitations
            .into_iter()
            .map(|invitation| InvitationLine {
                id: invitation.id.to_string(),
                email: invitation.email.to_string(),
                role: invitation.role,
                expires_at: invitation.expires_at,
            });
        let channels = details.channels.into_iter().map(|channel| ChannelLine {
            channel: channel.configuration.kind,
            enabled: channel.configuration.enabled,
            ai_backend: channel.configuration.ai_backend.to_string(),
            model: channel.configuration.effective_model().to_owned(),
            warnings: channel.configuration.warnings().len(),
        });
        let mut channels: Vec<_> = channels.collect();
        channels.sort_by_key(|line| line.channel);
        Self {
            organization: details.organization.into(),
            members: members.collect(),
            pending_invitations: invitations.collect(),
            channels,
            last_activity: details.last_activity.map(|stored| ActivityLine {
                sequence: stored.entry.sequence,
                occurred_at: stored.entry.occurred_at,
                actor: stored.entry.actor,
                action: stored.entry.action,
            }),
        }
    }
}

impl View for DetailsView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let zone = Some(self.organization.zone);
        self.organization.fields(page);
        if let Some(last) = &self.last_activity {
            let at = style.time(last.occurred_at, zone);
            page.field(
                "Last activity",
                format!("{at}: {} by {}", last.action, last.actor),
            );
        }

        page.heading(format!("Members ({})", self.members.len()));
        let rows: Vec<_> = self
            .members
            .iter()
            .map(|member| {
                vec![
                    member.email.as_str().into(),
                    member.name.as_str().into(),
                    role_cell(&style, member.role),
                ]
            })
            .collect();
        if rows.is_empty() {
            page.line(style.dim("no members"));
        } else {
            page.table(&["EMAIL", "NAME", "ROLE"], &rows);
        }

        if !self.pending_invitations.is_empty() {
            page.heading(format!(
                "Pending invitations ({})",
                self.pending_invitations.len()
            ));
            let rows: Vec<_> = self
                .pending_invitations
                .iter()
                .map(|invitation| {
                    vec![
                        invitation.email.as_str().into(),
                        role_cell(&style, invitation.role),
                        style.time(invitation.expires_at, zone).into(),
                    ]
                })
                .collect();
            page.table(&["EMAIL", "ROLE", "EXPIRES"], &rows);
        }

        page.heading("Channels");
        let rows: Vec<_> = self
            .channels
            .iter()
            .map(|channel| {
                vec![
                    channel.channel.as_str().into(),
                    channel_state_cell(
                        &style,
                        channel.enabled,
                        self.organization.status,
                        channel.warnings,
                    ),
                    channel.ai_backend.as_str().into(),
                    channel.model.as_str().into(),
                ]
            })
            .collect();
        page.table(&["CHANNEL", "STATE", "AI BACKEND", "MODEL"], &rows);
    }
}
