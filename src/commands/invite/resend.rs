//! `invite resend`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::{IssuedView, sending};
use crate::{
    app::App,
    commands::complete,
    domain::invitation,
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::invitations,
};

/// Issue a new link for a pending or expired invitation. The earlier link stops working.
///
/// The link is mailed or printed, as with `invite create`.
///
/// Examples:
///   tenantctl invite resend sam@harbor.example
///   tenantctl invite resend sam@harbor.example --expires-days 14 --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ResendArgs {
    /// The invited email address, or the invitation's ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::invitations))]
    invitation: String,

    /// Days until the link expires, at most 30. Default: expires_days in the configuration.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(invitation::MAX_EXPIRY_DAYS)))]
    expires_days: Option<u32>,

    /// Print the link even if it is mailed.
    #[arg(long)]
    show_link: bool,
}

impl ResendArgs {
    pub(super) async fn run(self, app: &App) -> Result<ResentView> {
        let settings = &app.config()?.invitations;
        // Checked before the earlier link stops working.
        invitation::check_link_template(&settings.link_template)?;
        let days = self.expires_days.unwrap_or(settings.expires_days);
        let session = app.mailing_session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, issued) =
            invitations::resend(&session, organization.id, &self.invitation, days).await?;
        Ok(ResentView {
            organization: organization.slug.to_string(),
            issued: IssuedView::new(app, issued, &organization, self.show_link)?,
        })
    }
}

#[derive(Serialize)]
pub(super) struct ResentView {
    organization: String,
    #[serde(flatten)]
    issued: IssuedView,
}

impl View for ResentView {
    fn human(&self, page: &mut Page) {
        self.issued.fields(page);
    }

    fn summary(&self) -> Option<String> {
        let how = match self.issued.is_mailed() {
            true => "which is being mailed",
            false => "shown only once",
        };
        Some(format!(
            "issued a new link to {} for {}, {how}; earlier links no longer work",
            self.organization, self.issued.invitation.email
        ))
    }

    fn next(&self) -> Vec<Hint> {
        let email = &self.issued.invitation.email;
        let organization = &self.organization;
        let mut next = vec![run!["invite", "revoke", email, "--org", organization]];
        if self.issued.is_mailed() {
            next.push(sending());
        }
        next
    }
}
