//! `patient create`

use chrono::NaiveDate;
use clap::Args;

use super::view::ChangedView;
use crate::{
    cli::values,
    commands::{
        booking::{not_taken::NotTaken, notes::NotesArgs},
        missing,
    },
    context::App,
    domain::booking::{parameters::CreatePatient, text},
    error::Result,
    services::booking::patients,
};

/// Add a patient. Possible duplicates are reported; nothing is merged.
///
/// Other users of this machine can see arguments, and the shell keeps them in its history: omit the
/// names to be prompted for them, or use `booking call CreatePatient --from-file`.
///
/// Examples:
///   tenantctl patient create
///   tenantctl patient create --first-name Ana --last-name Keller --birth-date 1984-03-09 --phone '044 364 35 32'
///   tenantctl patient create --first-name Ana --last-name Keller --external-id P-1042 --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// First name, in any script.
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,

    /// Last name, in any script.
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

    /// ID in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// If a patient with this external ID exists, show it instead of failing.
    #[arg(long, requires = "external_id")]
    if_not_exists: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let name = |given, label, flag| {
            missing::text(app, given, label, flag, |answer| text::name(label, answer))
        };
        let first_name = name(self.first_name, "First name", "--first-name")?;
        let last_name = name(self.last_name, "Last name", "--last-name")?;
        let notes = self.notes.read(app, "omit the flag").await?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = CreatePatient {
            first_name,
            last_name,
            birth_date: self.birth_date,
            phone: self.phone,
            email: self.email,
            language: self.language,
            notes,
            external_id: self.external_id,
        };
        let change = patients::create(&session, organization.id, &parameters, self.if_not_exists);
        let change = change.await?;
        if change.changed {
            return Ok(ChangedView::new(change, true, &organization));
        }
        let known = &change.patient;
        let not_taken = NotTaken::new(&organization)
            .text(
                "first_name",
                Some(&parameters.first_name),
                Some(&known.first_name),
            )
            .text(
                "last_name",
                Some(&parameters.last_name),
                Some(&known.last_name),
            )
            .value("birth_date", parameters.birth_date, known.birth_date)
            .phone(parameters.phone.as_deref(), known.phone.as_ref())
            .email(parameters.email.as_deref(), known.email.as_ref())
            .language(parameters.language.as_deref(), known.language.as_ref())
            .text("notes", parameters.notes.as_deref(), known.notes.as_deref());
        Ok(ChangedView::new(change, true, &organization).not_taken(&not_taken))
    }
}
