//! `webhook endpoint enable` and `disable`

use clap::Args;
use uuid::Uuid;

use super::endpoint_view::{ChangedEndpointView, EndpointView};
use crate::{
    app::App,
    error::Result,
    run,
    services::webhooks::endpoints::{self, EndpointDetails},
};

/// Disable an endpoint. It responds as if it did not exist.
///
/// Example:
///   tenantctl webhook endpoint disable ID --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DisableArgs {
    /// ID of the endpoint.
    #[arg(value_name = "ID")]
    id: Uuid,
}

/// Enable a disabled endpoint.
///
/// Example:
///   tenantctl webhook endpoint enable ID --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct EnableArgs {
    /// ID of the endpoint.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl DisableArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEndpointView> {
        toggle(app, self.id, false).await
    }
}

impl EnableArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEndpointView> {
        toggle(app, self.id, true).await
    }
}

async fn toggle(app: &App, id: Uuid, enabled: bool) -> Result<ChangedEndpointView> {
    let session = app.session().await?;
    let organization = app.organization(&session, None).await?;
    let (organization, endpoint, changed) =
        endpoints::set_enabled(&session, organization.id, id, enabled).await?;
    let (state, back) = match enabled {
        true => ("enabled", "disable"),
        false => ("disabled", "enable"),
    };
    let said = match changed {
        true => format!("{state} endpoint {id}"),
        false => format!("endpoint {id} is already {state}"),
    };
    let details = EndpointDetails {
        endpoint,
        secrets: Vec::new(),
    };
    let undo = run!["webhook", "endpoint", back, id, "--org", organization.slug].labeled("undo");
    Ok(ChangedEndpointView {
        endpoint: EndpointView::new(app, details, &organization)?,
        changed,
        verify_token: None,
        said,
        next: changed.then_some(undo).into_iter().collect(),
    })
}
