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

/// Change a patient; what is not named stays.
///
/// The activity log keeps the names of the fields that changed, not their values.
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
    /// The patient's id, or their id in the practice's own system.
    #[arg(value_name = "ID|EXTERNAL_ID")]
    patient: String,

    /// The first name.
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,

    /// The last name.
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,

    /// The date of birth.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    birth_date: Option<NaiveDate>,

    /// The telephone number, as it is dialled in the organization's region or in E.164.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// The e-mail address.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,

    /// The language they speak, a BCP 47 tag such as de-CH.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,

    #[command(flatten)]
    notes: NotesArgs,

    /// The id in the practice's own system.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields that shall have no value.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Keep the patient out of sight.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,

    /// Bring an archived patient back.
    #[arg(long)]
    restore: bool,
}

/// A field that may be without a value.
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
