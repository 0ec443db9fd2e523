//! `patient update`

use chrono::NaiveDate;
use clap::{ArgGroup, Args, ValueEnum};

use super::view::ChangedView;
use crate::{
    cli::values,
    commands::booking::{notes::NotesArgs, patching, references},
    context::App,
    domain::booking::parameters::UpdatePatient,
    error::Result,
    services::booking::patients,
};

/// Update a patient. Omitted fields are left unchanged.
///
/// The activity log records the names of the changed fields, not their values.
///
/// Examples:
///   tenantctl patient update P-1042 --phone '+41 44 364 35 32'
///   tenantctl patient update P-1042 --clear email,notes --org harbor-clinic
///   tenantctl patient update P-1042 --restore
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["first_name", "last_name", "birth_date", "phone", "email", "language", "notes",
           "notes_file", "external_id", "clear", "archive", "restore"]))]
pub struct UpdateArgs {
    /// The patient's ID, or their ID in the practice's own system.
    #[arg(value_name = "ID|EXTERNAL_ID")]
    patient: String,

    /// First name.
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,

    /// Last name.
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,

    /// Date of birth.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    birth_date: Option<NaiveDate>,

    /// Phone number, in the organization's national format or in E.164.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// Email address.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,

    /// Language, as a BCP 47 tag such as de-CH.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,

    #[command(flatten)]
    notes: NotesArgs,

    /// ID in the practice's own system.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Archive the patient.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,

    /// Restore an archived patient.
    #[arg(long)]
    restore: bool,
}

/// A field that can be cleared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    BirthDate,
    Phone,
    Email,
    Language,
    Notes,
    ExternalId,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = self.clear.as_slice();
        let notes = self.notes.read(app, "--clear notes").await?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = UpdatePatient {
            patient_id: references::patient(&session, &organization, &self.patient).await?,
            birth_date: patching::patch(clear, Field::BirthDate, "--birth-date", self.birth_date)?,
            phone: patching::text(clear, Field::Phone, "--phone", self.phone.as_ref())?,
            email: patching::text(clear, Field::Email, "--email", self.email.as_ref())?,
            language: patching::text(clear, Field::Language, "--language", self.language.as_ref())?,
            notes: patching::patch(clear, Field::Notes, "--notes", notes)?,
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
            first_name: self.first_name,
            last_name: self.last_name,
        };
        let change = patients::update(&session, organization.id, parameters).await?;
        Ok(ChangedView::new(change, false, &organization))
    }
}
