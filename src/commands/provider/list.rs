//! `provider list`

use clap::Args;

use super::view::ProviderView;
use crate::{
    commands::{booking::pages, views::PageArgs},
    context::App,
    domain::booking::parameters::GetProviders,
    error::Result,
    output::Listing,
    run,
    services::booking::providers,
};

/// List providers by name.
///
/// Examples:
///   tenantctl provider list
///   tenantctl provider list --search hygiene --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by name or specialty containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Include archived providers.
    #[arg(long)]
    archived: bool,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<ProviderView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let slug = organization.slug.to_string();
        let empty = match self.search {
            Some(_) => format!("no providers in {slug} match").into(),
            None => run!["provider", "create", "NAME", "--org", slug]
                .labeled(format!("{slug} has no providers; add one")),
        };
        let zone = organization.time_zone.tz();
        let parameters = GetProviders {
            search: self.search,
            include_archived: self.archived,
            limit: None,
            after: None,
        };
        let rows = pages::rows(limit, move |most, after| {
            let session = session.clone();
            let parameters = GetProviders {
                limit: Some(most),
                after,
                ..parameters.clone()
            };
            async move {
                let page = providers::get_all(&session, organization.id, &parameters).await?;
                let views = page.providers.into_iter();
                let views = views.map(|provider| ProviderView { provider, zone });
                Ok((views.collect(), page.next_after))
            }
        });
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
