//! `tenantctl patient`

mod access_log;

use std::ffi::OsStr;

use clap::Subcommand;
use clap_complete::CompletionCandidate;

use super::booking::{
    notes::NotesFile,
    references,
    resource::{CreateArgs, DeleteArgs, ListArgs, More, Noun, ShowArgs, UpdateArgs},
};
use crate::{
    app::App,
    domain::{
        Organization, PatientId,
        booking::{Patient, PatientFields},
    },
    error::Result,
    hint::Hint,
    output::{Cell, Style},
    run,
    services::Session,
};

/// Manage patients. Every access to a patient record is logged.
#[derive(Debug, Subcommand)]
pub enum PatientCommand {
    /// List patients by name.
    ///
    /// A search matches the start of any name part, in any order, ignoring accents and case.
    ///
    /// Examples:
    ///   tenantctl patient list --search 'mar mull'
    ///   tenantctl patient list --phone '044 364 35 32' --org harbor-clinic
    ///   tenantctl patient list --birth-date 1984-03-09 -o json
    ///   tenantctl patient list --all -o ndjson >patients.ndjson
    #[command(verbatim_doc_comment)]
    List(ListArgs<Patient>),
    /// Show a patient's record. The access is logged.
    ///
    /// Examples:
    ///   tenantctl patient show 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
    ///   tenantctl patient show P-1042 --org harbor-clinic -o json
    #[command(verbatim_doc_comment)]
    Show(ShowArgs<Patient>),
    /// Add a patient. Possible duplicates are reported; nothing is merged.
    ///
    /// Other users of this machine can see arguments, and the shell keeps them in its history: omit the
    /// names to be prompted for them, or use `booking call CreatePatient --from-file`.
    ///
    /// Examples:
    ///   tenantctl patient create
    ///   tenantctl patient create --first-name Ana --last-name Keller --birth-date 1984-03-09 --phone '044 364 35 32'
    ///   tenantctl patient create --first-name Ana --last-name Keller --external-id P-1042 --if-not-exists
    #[command(verbatim_doc_comment)]
    Create(Box<CreateArgs<Patient>>),
    /// Update a patient. Omitted fields are left unchanged.
    ///
    /// The activity log records the names of the changed fields, not their values.
    ///
    /// Examples:
    ///   tenantctl patient update P-1042 --phone '+41 44 364 35 32'
    ///   tenantctl patient update P-1042 --clear email,notes --org harbor-clinic
    ///   tenantctl patient update P-1042 --restore
    #[command(verbatim_doc_comment)]
    Update(Box<UpdateArgs<Patient>>),
    /// Erase a patient permanently, or archive the patient.
    ///
    /// A patient with appointments cannot be erased: archive the patient, or delete the appointments
    /// first. The activity log and the access log keep only the ID, so no personal data remains.
    ///
    /// Examples:
    ///   tenantctl patient delete P-1042
    ///   tenantctl patient delete P-1042 --archive
    ///   tenantctl patient delete P-1042 --org harbor-clinic --yes
    #[command(verbatim_doc_comment)]
    Delete(DeleteArgs<Patient>),
    AccessLog(access_log::AccessLogArgs),
}

impl PatientCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
            Self::AccessLog(args) => app.list(args.run(app).await?).await,
        }
    }
}

impl More<PatientFields> for NotesFile {
    async fn add_to(self, app: &App, fields: &mut PatientFields) -> Result<()> {
        if let Some(notes) = self.read(app).await? {
            fields.notes = Some(notes);
        }
        Ok(())
    }
}

impl Noun for Patient {
    const PLACEHOLDER: &'static str = "ID|EXTERNAL_ID";
    const REFERENCE: &'static str = "The patient's ID, or their ID in the practice's own system";
    const WHOLE_REFERENCE: &'static str = Self::REFERENCE;
    const POSITIONAL: Option<&'static str> = None;
    const IS_PERSONAL: bool = true;
    const HEADER: &'static [&'static str] = &["NAME", "BORN", "PHONE", "EMAIL", "ID"];

    type More = NotesFile;

    /// Completes nothing: names and ids of patients are not suggested.
    fn complete(_current: &OsStr) -> Vec<CompletionCandidate> {
        Vec::new()
    }

    async fn resolve(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<PatientId> {
        references::patient(session, organization, reference).await
    }

    async fn resolve_whole(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<PatientId> {
        references::patient(session, organization, reference).await
    }

    fn title(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    fn sorted_title(&self) -> String {
        format!("{}, {}", self.last_name, self.first_name)
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![
            Cell::optional(self.birth_date.map(|date| date.to_string())),
            Cell::optional(self.phone.as_ref().map(ToString::to_string)),
            Cell::optional(self.email.as_ref().map(ToString::to_string)),
        ]
    }

    fn next(&self, organization: &str) -> Vec<Hint> {
        vec![run![
            "appointment",
            "create",
            "--patient",
            self.id,
            "--org",
            organization
        ]]
    }
}
