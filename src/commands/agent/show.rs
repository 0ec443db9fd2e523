//! `agent show` and `agent system show`

use super::{Layer, view::AgentView};
use crate::{app::App, error::Result, services::agents};

pub(super) async fn run(app: &App, layer: Layer) -> Result<AgentView> {
    let session = app.session().await?;
    match layer {
        Layer::Organization => {
            let organization = app.organization(&session, None).await?;
            let (organization, agent) = agents::show(&session, organization.id).await?;
            Ok(AgentView::new(Some(&organization), agent))
        }
        Layer::Platform => {
            let agent = agents::show_system(&session).await?;
            Ok(AgentView::new(None, agent))
        }
    }
}
