//! `tenantctl import`

mod columns;
mod file;
mod jobs;
mod joining;
mod template;
mod view;
mod watch;

use clap::Subcommand;

use crate::{cli::Scope, context::App, domain::import::ImportKind, error::Result};

/// Import CSV files: all rows or none, and never a row twice.
///
/// Reads what spreadsheets write: UTF-8, UTF-16, Windows-1252; comma, semicolon, tab; .gz and .zst;
/// "-" is standard input. Header names are matched loosely; see `import columns KIND`. Everything
/// that is wrong is told at once, with line, column, value and rule; --reject-file gets those rows
/// with a column `error`, and can be imported again once it is mended. Rows are recognised by their
/// natural key, so that a second run changes nothing.
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
    /// Import patients; with a column `organization` and without --org, of many organizations.
    ///
    /// Key: external_id; without one, name, birth date and telephone number.
    #[command(verbatim_doc_comment)]
    Patients(Box<file::FileArgs>),
    /// Import providers. Key: external_id; without one the e-mail address, and then the name.
    Providers(Box<file::FileArgs>),
    /// Import operatories. Key: external_id; without one the name.
    Operatories(Box<file::FileArgs>),
    /// Import working hours, holidays and blockouts. The whole row but the note is the key.
    ///
    /// provider and operatory name one of the organization, by external_id, id, e-mail address or
    /// name; without either a row is of the whole organization. As with `schedule create`, working
    /// hours must not overlap others of the same kind and subject.
    #[command(verbatim_doc_comment)]
    Schedules(Box<file::FileArgs>),
    /// Import appointments. Key: external_id; without one, patient, provider and start.
    ///
    /// patient, provider and operatory name one of the organization: by external_id, id, e-mail
    /// address or name ("Ana Keller" or "Keller, Ana"). Times are on the organization's clock, or
    /// have an offset. Nobody is booked twice: what overlaps is rejected, and the row or appointment
    /// that it overlaps is told. With --on-conflict update, appointments that the file moves make
    /// room for others of the file. Working hours are not asked: what comes from another system was
    /// agreed there. Who or what is archived is refused for what is scheduled or confirmed.
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
    /// What the verb could not do; `BadInput` where rows are wrong.
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
