//! Import of a file of one kind.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use uuid::Uuid;

use super::{view::ImportView, watch::watched};
use crate::{
    app::App,
    cli::values,
    csv_file::{CsvFile, Delimiter, TextEncoding},
    domain::{
        Locale, Organization, TimeZone,
        import::{DateOrder, ImportKind, Mapping, OnConflict, Tenant},
    },
    error::{Error, Result},
    files,
    services::{
        Session,
        import::{self, Gauge, Joining, OrganizationDefaults, Outcome, Plan, Tenants},
    },
};

/// Options that only some kinds have.
#[derive(Default)]
pub(super) struct Special {
    pub(super) joining: Option<Joining>,
    pub(super) defaults: Option<OrganizationDefaults>,
}

#[derive(Args, Debug)]
pub struct FileArgs {
    /// The CSV file; - is standard input.
    file: PathBuf,

    /// Map a header to a column: "Given name=first_name". May be given several times.
    #[arg(long, value_name = "HEADER=COLUMN", value_parser = values::mapping)]
    map: Vec<Mapping>,

    /// Handling of existing rows with other values: skip (keep them), update (use the row's values;
    /// empty cells change nothing) or fail.
    #[arg(long, value_name = "WAY", value_parser = values::on_conflict)]
    on_conflict: Option<OnConflict>,

    /// Import the valid rows, and write the others to the reject file.
    #[arg(long)]
    partial: bool,

    /// File for rejected rows: a column `error`, then the original columns. Only you can read the
    /// file. The default with --partial is FILE.rejected.csv. Without rejected rows there is no
    /// file.
    #[arg(long, value_name = "FILE")]
    reject_file: Option<PathBuf>,

    /// Stop after more than this number of wrong rows.
    #[arg(long, value_name = "N")]
    max_errors: Option<u64>,

    /// Commit in steps of this number of rows, for files too large for one transaction. After an
    /// interruption, use --resume.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch: Option<u64>,

    /// Resume the import in steps with this id, with its original options.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["map", "on_conflict", "partial", "reject_file", "max_errors", "batch",
                              "offline", "encoding", "delimiter", "dates"]
    )]
    resume: Option<Uuid>,

    /// With --dry-run: only read and check the file, without a database.
    #[arg(long)]
    offline: bool,

    /// The encoding: utf-8, utf-16le, utf-16be, windows-1252; detected by default.
    #[arg(long, value_name = "NAME", value_parser = values::encoding)]
    encoding: Option<TextEncoding>,

    /// The delimiter: comma, semicolon, tab, pipe; detected by default.
    #[arg(long, value_name = "NAME", value_parser = values::delimiter)]
    delimiter: Option<Delimiter>,

    /// The order of dates: ymd (1984-03-09), dmy (9.3.1984), mdy (3/9/1984).
    #[arg(long, value_name = "ORDER", value_parser = values::date_order, default_value = "ymd")]
    dates: DateOrder,
}

impl FileArgs {
    pub(super) async fn run(self, app: &App, kind: ImportKind) -> Result<()> {
        self.run_as(app, kind, Special::default()).await
    }

    pub(super) async fn run_as(self, app: &App, kind: ImportKind, special: Special) -> Result<()> {
        if self.offline && !app.global.dry_run {
            return Err(
                Error::usage("--offline requires --dry-run").hint("use --dry-run --offline")
            );
        }
        let mut plan = self.plan(app, kind, special)?;
        let mut files = PlannedFiles::of(&plan);
        if self.resume.is_none() {
            // Checked before any work is done. A file created later is not overwritten either.
            files.expect_writable(app)?;
            files.leave_out_in_dry_run(app, &mut plan);
        }
        let file = Arc::new(open(&self.file).await?);
        let gauge = Arc::new(Gauge::default());
        if self.offline {
            let tenants = Tenants::Unknown(Box::new(unknown_tenant(app)?));
            let work = offline(plan.clone(), tenants, Arc::clone(&file), Arc::clone(&gauge));
            let mut outcome = watched(&app.printer, &gauge, file.size(), work).await?;
            outcome.would_write = files.left_out(app, &outcome);
            return finish(app, &self.file, &file, &plan, None, outcome, true).await;
        }
        // People invited by a row receive an email, as with `invite create`.
        let session = match plan.joining {
            Some(_) => app.mailing_session().await?,
            None => app.session().await?,
        };
        let plan = match self.resume {
            Some(id) => {
                let mut plan = import::plan_of(&session, id, kind).await?;
                files = PlannedFiles::of(&plan);
                files.leave_out_in_dry_run(app, &mut plan);
                plan.existing = app.existing();
                plan
            }
            None => plan,
        };
        let organization = organization(app, &session, &file, &plan).await?;
        session.db.about_to_change()?;
        let named = organization.as_ref();
        let shared = (Arc::clone(&file), Arc::clone(&gauge));
        let mut outcome = match self.resume {
            None => {
                let work = import::run(&session, plan.clone(), named, shared.0, shared.1);
                watched(&app.printer, &gauge, file.size(), work).await?
            }
            Some(id) => {
                let work = import::resume(&session, id, plan.clone(), named, shared.0, shared.1);
                watched(&app.printer, &gauge, file.size(), work).await?
            }
        };
        outcome.would_write = files.left_out(app, &outcome);
        finish(app, &self.file, &file, &plan, named, outcome, false).await
    }

    fn plan(&self, app: &App, kind: ImportKind, special: Special) -> Result<Plan> {
        let reject_file = match (&self.reject_file, self.partial) {
            (Some(path), _) => Some(path.clone()),
            (None, true) => Some(beside(&self.file)),
            (None, false) => None,
        };
        let reject_file = reject_file.map(|path| absolute(&path)).transpose()?;
        if let Some(path) = &reject_file
            && is_same_file(path, &self.file)
        {
            return Err(Error::usage(format!(
                "reject file {}: is the imported file",
                path.display()
            ))
            .hint("use --reject-file to choose another path"));
        }
        Ok(Plan {
            kind,
            on_conflict: self.on_conflict.unwrap_or(OnConflict::Skip),
            partial: self.partial,
            batch: self.batch,
            max_errors: self.max_errors,
            dates: self.dates,
            mappings: self.map.clone(),
            encoding: self.encoding.map(|encoding| encoding.to_string()),
            delimiter: self.delimiter.map(|delimiter| delimiter.to_string()),
            reject_file,
            existing: app.existing(),
            excel_safe: app.global.excel_safe,
            joining: special.joining,
            defaults: special.defaults,
        })
    }
}

/// Opens the file. Standard input is first read to its end, in a thread that does not delay Ctrl-C.
async fn open(path: &Path) -> Result<CsvFile> {
    if path != Path::new("-") {
        return CsvFile::open(path);
    }
    tokio::task::spawn_blocking(|| CsvFile::spool(std::io::stdin().lock()))
        .await
        .map_err(|error| Error::failure("could not read standard input").because(error))?
}

async fn offline(
    plan: Plan,
    tenants: Tenants,
    file: Arc<CsvFile>,
    gauge: Arc<Gauge>,
) -> Result<Outcome> {
    tokio::task::spawn_blocking(move || import::check(&file, &plan, &tenants, &gauge))
        .await
        .map_err(|error| Error::failure("could not check the file").because(error))?
}

/// Returns the stand-in for an organization without a database: the defaults of new organizations.
fn unknown_tenant(app: &App) -> Result<Tenant> {
    let defaults = &app.config()?.organizations;
    let zone = defaults.default_timezone.parse::<TimeZone>()?.tz();
    let locale: Locale = defaults.default_locale.parse()?;
    Ok(Tenant {
        id: Uuid::nil().into(),
        region: locale.region().map(str::to_owned),
        zone,
        today: app.clock.now().with_timezone(&zone).date_naive(),
    })
}

/// Returns the organization of the rows: that of `--org`, none if the rows name theirs, or the
/// default one.
async fn organization(
    app: &App,
    session: &Session,
    file: &CsvFile,
    plan: &Plan,
) -> Result<Option<Organization>> {
    if plan.kind == ImportKind::Organizations {
        return Ok(None);
    }
    if app.global.org.is_none() && import::names_organizations(file, plan)? {
        return Ok(None);
    }
    app.organization(session, None).await.map(Some)
}

async fn finish(
    app: &App,
    path: &Path,
    file: &CsvFile,
    plan: &Plan,
    organization: Option<&Organization>,
    outcome: Outcome,
    is_offline: bool,
) -> Result<()> {
    let view = ImportView::new(app, path, file, plan, organization, outcome, is_offline);
    let verdict = view.verdict();
    app.show(view).await?;
    verdict.map_or(Ok(()), Err)
}

/// The files that an import writes.
struct PlannedFiles {
    rejects: Option<PathBuf>,
    links: Option<PathBuf>,
}

impl PlannedFiles {
    fn of(plan: &Plan) -> Self {
        Self {
            rejects: plan.reject_file.clone(),
            links: plan
                .joining
                .as_ref()
                .and_then(|joining| joining.links_file.clone()),
        }
    }

    fn expect_writable(&self, app: &App) -> Result<()> {
        let flags = [
            (&self.rejects, "--reject-file PATH"),
            (&self.links, "--links-file PATH"),
        ];
        for (path, flag) in flags {
            if let Some(path) = path {
                files::expect_writable(path, app.existing())
                    .map_err(|error| error.hint(format!("use {flag} to choose another path")))?;
            }
        }
        Ok(())
    }

    /// Removes the files from the plan of a dry run, which writes none.
    fn leave_out_in_dry_run(&self, app: &App, plan: &mut Plan) {
        if !app.global.dry_run {
            return;
        }
        plan.reject_file = None;
        if let Some(joining) = &mut plan.joining {
            joining.links_file = None;
        }
    }

    /// In a dry run, returns the files that would be written.
    fn left_out(self, app: &App, outcome: &Outcome) -> Vec<PathBuf> {
        if !app.global.dry_run {
            return Vec::new();
        }
        let rejects = self.rejects.filter(|_| outcome.counts.rejected > 0);
        let links = self.links.filter(|_| outcome.invited > 0);
        rejects.into_iter().chain(links).collect()
    }
}

/// Derives `clinic.rejected.csv` from `clinic.csv.gz`, in the same directory.
fn beside(file: &Path) -> PathBuf {
    if file == Path::new("-") {
        return PathBuf::from("rejected.csv");
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name
        .trim_end_matches(".gz")
        .trim_end_matches(".zst")
        .trim_end_matches(".csv");
    file.with_file_name(format!("{stem}.rejected.csv"))
}

/// Makes a path absolute, because a resumed import may run in another directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::failure(format!("could not resolve the path {}", path.display())).because(error)
    })
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_rows_go_beside_the_file() {
        for (file, rejected) in [
            ("clinic.csv", "clinic.rejected.csv"),
            ("data/clinic.csv.gz", "data/clinic.rejected.csv"),
            ("/tmp/clinic.txt.zst", "/tmp/clinic.txt.rejected.csv"),
            ("-", "rejected.csv"),
        ] {
            assert_eq!(beside(Path::new(file)), Path::new(rejected));
        }
    }
}
