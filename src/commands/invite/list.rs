//! `invite list`

use clap::Args;

use super::view::InvitationView;
use crate::{
    app::App, commands::views::PageArgs, db::invitations::InvitationFilter, error::Result,
    output::Listing, services::invitations,
};

/// List the pending invitations of an organization, newest first.
///
/// Examples:
///   tenantctl invite list
///   tenantctl invite list --all --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Include accepted, revoked and expired invitations, and show every row.
    #[arg(long)]
    all: bool,

    /// Maximum number of rows to show. Default: page_size in the configuration.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<InvitationView>> {
        let page = PageArgs {
            limit: self.limit,
            all: self.all && self.limit.is_none(),
        };
        let limit = page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let filter = InvitationFilter {
            all: self.all,
            limit: PageArgs::fetch(limit),
        };
        let found = invitations::list(&session, organization.id, &filter).await?;
        let now = session.now();
        let rows = found
            .into_iter()
            .map(|invitation| InvitationView::new(invitation, &organization, now))
            .collect();
        let slug = &organization.slug;
        let empty = if self.all {
            format!("{slug} has no invitations")
        } else {
            format!("{slug} has no pending invitations; use --all to include past ones")
        };
        let listing = Listing::of(rows, empty).limit(limit);
        Ok(listing.more("use --limit N to show more"))
    }
}
