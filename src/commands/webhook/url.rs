//! `webhook endpoint url`

use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::endpoint_view::{url, without_public_url};
use crate::{
    app::App,
    error::Result,
    hint::Hint,
    output::{Page, View},
    services::webhooks::endpoints,
};

/// Print the URL to configure at the provider.
///
/// Example:
///   tenantctl webhook endpoint url ID --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UrlArgs {
    /// ID of the endpoint.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl UrlArgs {
    pub(super) async fn run(self, app: &App) -> Result<UrlView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (_, details) = endpoints::show(&session, organization.id, self.id).await?;
        Ok(UrlView {
            url: url(app, &details.endpoint)?,
        })
    }
}

#[derive(Serialize)]
pub(super) struct UrlView {
    url: String,
}

impl View for UrlView {
    fn human(&self, page: &mut Page) {
        page.line(self.url.as_str());
    }

    fn warnings(&self) -> Vec<Hint> {
        without_public_url(&self.url)
            .into_iter()
            .map(Hint::from)
            .collect()
    }
}
