//! `operatory create`

use clap::Args;

use super::view::ChangedView;
use crate::{
    commands::{booking::not_taken::NotTaken, missing},
    context::App,
    domain::booking::{parameters::CreateOperatory, text},
    error::Result,
    services::booking::operatories,
};

/// Add an operatory.
///
/// Examples:
///   tenantctl operatory create 'Room 1'
///   tenantctl operatory create 'Room 1' --external-id R-1 --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Name.
    name: Option<String>,

    /// Notes.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,

    /// ID in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// If an operatory with this external ID exists, show it instead of failing.
    #[arg(long, requires = "external_id")]
    if_not_exists: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let name = missing::text(app, self.name, "Name", "the argument NAME", |answer| {
            text::name("name", answer)
        })?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = CreateOperatory {
            name,
            notes: self.notes,
            external_id: self.external_id,
        };
        let change =
            operatories::create(&session, organization.id, &parameters, self.if_not_exists);
        let change = change.await?;
        if change.changed {
            return Ok(ChangedView::new(change, &organization));
        }
        let known = &change.operatory;
        let not_taken = NotTaken::new(&organization)
            .text("name", Some(&parameters.name), Some(&known.name))
            .text("notes", parameters.notes.as_deref(), known.notes.as_deref());
        Ok(ChangedView::new(change, &organization).not_taken(&not_taken))
    }
}
