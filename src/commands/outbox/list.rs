//! `outbox list`

use clap::Args;

use super::view::MessageView;
use crate::{
    app::App, cli::values, commands::views::PageArgs, db::outbox::OutboxFilter,
    domain::OutboxStatus, error::Result, output::Listing, services::outbox,
};

/// List outgoing messages, newest first.
///
/// Examples:
///   tenantctl outbox list --org harbor-clinic
///   tenantctl outbox list --status failed -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by status: pending, sent, failed or cancelled.
    #[arg(long, value_parser = values::outbox_status)]
    status: Option<OutboxStatus>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<MessageView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let filter = OutboxFilter {
            status: self.status,
            limit: PageArgs::fetch(limit),
        };
        let found = outbox::list(&session, organization.id, &filter).await?;
        let rows = found
            .into_iter()
            .map(|message| MessageView::new(message, &organization))
            .collect();
        let slug = &organization.slug;
        let empty = match (self.status, app.mails()?) {
            (Some(status), _) => format!("{slug} has no {status} messages"),
            (None, true) => format!("{slug} has no messages"),
            (None, false) => format!(
                "{slug} has no messages: no mail server is configured, so links are shown to the inviter"
            ),
        };
        Ok(Listing::of(rows, empty).limit(limit))
    }
}
