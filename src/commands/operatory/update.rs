//! `operatory update`

use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    cli::complete,
    commands::booking::{patching, references},
    context::App,
    domain::booking::parameters::UpdateOperatory,
    error::Result,
    services::booking::operatories,
};

/// Update an operatory. Omitted fields are left unchanged.
///
/// Archiving hides it from searches and new bookings; existing appointments stay.
///
/// Examples:
///   tenantctl operatory update 'Room 1' --name 'Room 2'
///   tenantctl operatory update 'Room 1' --clear notes --org harbor-clinic
///   tenantctl operatory update 'Room 1' --restore
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["name", "notes", "external_id", "clear", "archive", "restore"]))]
pub struct UpdateArgs {
    /// The operatory's full name, ID, or ID in the practice's own system.
    #[arg(value_name = "OPERATORY", add = ArgValueCompleter::new(complete::operatories))]
    operatory: String,

    /// Name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Notes.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,

    /// ID in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Archive the operatory.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,

    /// Restore an archived operatory.
    #[arg(long)]
    restore: bool,
}

/// A field that can be cleared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    Notes,
    ExternalId,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = self.clear.as_slice();
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = UpdateOperatory {
            operatory_id: references::whole_operatory(&session, &organization, &self.operatory)
                .await?
                .id,
            notes: patching::text(clear, Field::Notes, "--notes", self.notes.as_ref())?,
            external_id: patching::text(
                clear,
                Field::ExternalId,
                "--external-id",
                self.external_id.as_ref(),
            )?,
            archived: self
                .archive
                .then_some(true)
                .or(self.restore.then_some(false)),
            name: self.name,
        };
        let change = operatories::update(&session, organization.id, parameters).await?;
        Ok(ChangedView::new(change, &organization))
    }
}
