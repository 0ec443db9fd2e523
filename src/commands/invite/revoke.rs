//! `invite revoke`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::InvitationView;
use crate::{
    app::App,
    commands::complete,
    error::{ErrorKind, Result},
    hint::Hint,
    output::{Page, View},
    run,
    services::invitations::{self, Revoked},
};

/// Revoke an invitation, so that its link stops working. Revoking twice has no effect.
///
/// Examples:
///   tenantctl invite revoke sam@harbor.example
///   tenantctl invite revoke sam@harbor.example --org harbor-clinic --if-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RevokeArgs {
    /// The invited email address, or the invitation's ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::invitations))]
    invitation: String,

    /// Succeed even if the invitation does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl RevokeArgs {
    pub(super) async fn run(self, app: &App) -> Result<RevokedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        match invitations::revoke(&session, organization.id, &self.invitation).await {
            Err(error) if error.kind() == ErrorKind::NotFound && self.if_exists => {
                Ok(RevokedView::Absent {
                    changed: false,
                    organization: organization.slug.to_string(),
                    invitation: self.invitation,
                })
            }
            revoked => revoked.map(|revoked| RevokedView::new(revoked, session.now())),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum RevokedView {
    Revoked {
        /// `false` if it was already revoked.
        changed: bool,
        organization: String,
        #[serde(flatten)]
        invitation: Box<InvitationView>,
    },
    Absent {
        changed: bool,
        organization: String,
        /// The invitation as given on the command line.
        invitation: String,
    },
}

impl RevokedView {
    fn new(revoked: Revoked, now: chrono::DateTime<chrono::Utc>) -> Self {
        let invitation = InvitationView::new(revoked.invitation, &revoked.organization, now);
        Self::Revoked {
            changed: revoked.changed,
            organization: revoked.organization.slug.to_string(),
            invitation: Box::new(invitation),
        }
    }
}

impl View for RevokedView {
    fn human(&self, page: &mut Page) {
        if let Self::Revoked { invitation, .. } = self {
            invitation.fields(page);
        }
    }

    fn summary(&self) -> Option<String> {
        Some(match self {
            Self::Revoked {
                changed: true,
                organization,
                invitation,
            } => format!(
                "revoked the invitation of {} to {organization}; its link no longer works",
                invitation.email
            ),
            Self::Revoked {
                organization,
                invitation,
                ..
            } => format!(
                "the invitation of {} to {organization} is already revoked; nothing was changed",
                invitation.email
            ),
            Self::Absent {
                organization,
                invitation,
                ..
            } => format!("{organization} has no invitation {invitation}; nothing was changed"),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self {
            Self::Revoked {
                changed: true,
                organization,
                invitation,
            } => vec![
                run![
                    "invite",
                    "create",
                    invitation.email,
                    "--role",
                    invitation.role,
                    "--org",
                    organization
                ]
                .labeled("invite again"),
            ],
            _ => Vec::new(),
        }
    }
}
