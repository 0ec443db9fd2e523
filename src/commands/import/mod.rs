//! `tenantctl import`

mod columns;
mod file;
mod jobs;
mod joining;
mod template;
mod view;
mod watch;

use clap::Subcommand;

use crate::{app::App, cli::Scope, domain::import::ImportKind, error::Result};

/// Import CSV files: all rows or none, and no row twice.
///
/// Reads the formats of spreadsheet applications: UTF-8, UTF-16, Windows-1252; comma, semicolon,
/// tab; .gz and .zst; "-" is standard input. Headers are matched loosely; see `import columns
/// KIND`. All faults are reported at once, with line, column, value and rule. With --reject-file,
/// those rows are written to a file with a column `error`, which can be corrected and imported.
/// Rows are recognized by their natural key, so that a second run changes nothing.
///
/// Examples:
///   tenantctl import patients clinic.csv --org sunrise --dry-run
///   tenantctl import patients clinic.csv --org sunrise --reject-file bad.csv --partial
///   tenantctl import patients big.csv.gz --org sunrise --batch 50000
///   tenantctl import members people.csv --org sunrise --links-file links.csv
///   tenantctl import template patients >patients.csv
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub enum ImportCommand {
    /// Import patients. With a column `organization` and without --org, into several organizations.
    ///
    /// Key: external_id; without one, name, birth date and telephone number.
    #[command(verbatim_doc_comment)]
    Patients(Box<file::FileArgs>),
    /// Import providers. Key: external_id; without one, the email address, then the name.
    Providers(Box<file::FileArgs>),
    /// Import operatories. Key: external_id; without one, the name.
    Operatories(Box<file::FileArgs>),
    /// Import working hours, holidays and blockouts. Key: the whole row except the note.
    ///
    /// provider and operatory refer to one of the organization, by external_id, id, email address
    /// or name; a row without either applies to the whole organization. As with `schedule create`,
    /// working hours must not overlap others of the same kind and subject.
    #[command(verbatim_doc_comment)]
    Schedules(Box<file::FileArgs>),
    /// Import appointments. Key: external_id; without one, patient, provider and start.
    ///
    /// patient, provider and operatory refer to one of the organization, by external_id, id, email
    /// address or name ("Ana Keller" or "Keller, Ana"). Times are in the organization's time zone,
    /// or have an offset. Double bookings are rejected, with the row or appointment that they
    /// overlap. With --on-conflict update, appointments moved by the file make room for others in
    /// the file. Working hours are not checked: appointments from another system were agreed there.
    /// Scheduled and confirmed appointments with an archived patient, provider or operatory are
    /// rejected.
    #[command(verbatim_doc_comment)]
    Appointments(Box<file::FileArgs>),
    Members(Box<joining::MembersArgs>),
    #[command(add = Scope::Platform)]
    Organizations(Box<joining::OrganizationsArgs>),
    #[command(add = Scope::Alone)]
    Template(template::TemplateArgs),
    #[command(add = Scope::Alone)]
    Columns(columns::ColumnsArgs),
    Jobs(jobs::JobsArgs),
}

impl ImportCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// The errors of the verb; `BadInput` if rows are wrong.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Patients(args) => args.run(app, ImportKind::Patients).await,
            Self::Providers(args) => args.run(app, ImportKind::Providers).await,
            Self::Operatories(args) => args.run(app, ImportKind::Operatories).await,
            Self::Schedules(args) => args.run(app, ImportKind::Schedules).await,
            Self::Appointments(args) => args.run(app, ImportKind::Appointments).await,
            Self::Members(args) => args.run(app).await,
            Self::Organizations(args) => args.run(app).await,
            Self::Template(args) => args.run(app),
            Self::Columns(args) => app.list(args.run()).await,
            Self::Jobs(args) => app.list(args.run(app).await?).await,
        }
    }
}
