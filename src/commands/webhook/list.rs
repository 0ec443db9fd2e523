//! `webhook endpoint list`

use clap::Args;

use super::endpoint_view::EndpointView;
use crate::{app::App, error::Result, output::Listing, run, services::webhooks::endpoints};

/// List the webhook endpoints of an organization. Secrets are never shown.
///
/// Examples:
///   tenantctl webhook endpoint list
///   tenantctl webhook endpoint list --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<EndpointView>> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, found) = endpoints::list(&session, organization.id).await?;
        let slug = &organization.slug;
        let empty = run!["webhook", "endpoint", "create", "CHANNEL", "--org", slug]
            .labeled(format!("{slug} has no webhook endpoints; create one"));
        let rows: Result<Vec<_>> = found
            .into_iter()
            .map(|details| EndpointView::new(app, details, &organization))
            .collect();
        Ok(Listing::of(rows?, empty))
    }
}
