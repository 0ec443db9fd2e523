//! `operatory list`

use clap::Args;

use super::view::OperatoryView;
use crate::{
    commands::{booking::pages, views::PageArgs},
    context::App,
    domain::booking::parameters::GetOperatories,
    error::Result,
    output::Listing,
    run,
    services::booking::operatories,
};

/// List operatories by name.
///
/// Examples:
///   tenantctl operatory list
///   tenantctl operatory list --search room --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by name containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Include archived operatories.
    #[arg(long)]
    archived: bool,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<OperatoryView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let slug = organization.slug.to_string();
        let empty = match self.search {
            Some(_) => format!("no operatories in {slug} match").into(),
            None => run!["operatory", "create", "NAME", "--org", slug]
                .labeled(format!("{slug} has no operatories; add one")),
        };
        let zone = organization.time_zone.tz();
        let parameters = GetOperatories {
            search: self.search,
            include_archived: self.archived,
            limit: None,
            after: None,
        };
        let rows = pages::rows(limit, move |most, after| {
            let session = session.clone();
            let parameters = GetOperatories {
                limit: Some(most),
                after,
                ..parameters.clone()
            };
            async move {
                let page = operatories::get_all(&session, organization.id, &parameters).await?;
                let views = page.operatories.into_iter();
                let views = views.map(|operatory| OperatoryView { operatory, zone });
                Ok((views.collect(), page.next_after))
            }
        });
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
