//! `org list`

use clap::{Args, ValueEnum};
use futures_util::StreamExt;

use crate::{
    app::App,
    cli::values,
    commands::views::{OrganizationView, PageArgs},
    db::organizations::{OrganizationFilter, OrganizationOrder},
    domain::OrganizationStatus,
    error::Result,
    output::Listing,
    run,
    services::organizations,
};

/// List organizations. With --as, list the organizations of that user.
///
/// Examples:
///   tenantctl org list
///   tenantctl org list --status suspended --sort created --reverse
///   tenantctl org list --search clinic --all -o ndjson
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by status.
    #[arg(long, value_parser = values::organization_status)]
    status: Option<OrganizationStatus>,

    /// Filter by name or slug containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Sort order.
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,

    /// Reverse the order.
    #[arg(long)]
    reverse: bool,

    #[command(flatten)]
    page: PageArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Sort {
    #[default]
    Slug,
    Name,
    Created,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<OrganizationView>> {
        let session = app.session().await?;
        let limit = self.page.limit(app)?;
        let filter = OrganizationFilter {
            status: self.status,
            text: self.search,
            member: None,
            order: match self.sort {
                Sort::Slug => OrganizationOrder::Slug,
                Sort::Name => OrganizationOrder::Name,
                Sort::Created => OrganizationOrder::Created,
            },
            descending: self.reverse,
            limit: PageArgs::fetch(limit),
        };
        let empty = match filter.status.is_some() || filter.text.is_some() {
            true => "no organizations match".into(),
            false => run!["org", "create", "NAME"].labeled("no organizations; create one"),
        };
        let rows = organizations::list(&session, filter)
            .map(|row| row.map(OrganizationView::from))
            .boxed();
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
