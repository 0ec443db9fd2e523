//! `import jobs`

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    commands::views::PageArgs,
    db::import::jobs::Job,
    domain::{
        hexadecimal,
        import::{Counts, ImportKind, JobStatus},
    },
    error::Result,
    output::{Cell, Listing, Record, Style},
    rfc3339, run,
    services::import,
};

/// List imports and their progress, newest first.
///
/// Examples:
///   tenantctl import jobs --unfinished
///   tenantctl import jobs --org sunrise -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct JobsArgs {
    /// Only unfinished imports.
    #[arg(long)]
    unfinished: bool,

    #[command(flatten)]
    page: PageArgs,
}

impl JobsArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<JobLine>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = match &app.global.org {
            Some(_) => Some(app.organization(&session, None).await?),
            None => None,
        };
        let jobs = import::list_jobs(
            &session,
            organization.as_ref(),
            self.unfinished,
            PageArgs::fetch(limit),
        );
        let lines = jobs.await?.into_iter().map(JobLine::from).collect();
        let empty = match self.unfinished {
            true => "no unfinished imports".into(),
            false => run!["import", "template", "patients"].labeled("no imports; start with"),
        };
        Ok(Listing::of(lines, empty).limit(limit))
    }
}

#[derive(Serialize)]
pub(super) struct JobLine {
    id: String,
    kind: ImportKind,
    organization: Option<String>,
    status: JobStatus,
    file: String,
    sha256: String,
    records: u64,
    counts: Counts,
    reject_file: Option<String>,
    actor: String,
    #[serde(with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

impl From<Job> for JobLine {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind,
            organization: job.organization,
            status: job.status,
            file: job.file_name,
            sha256: hexadecimal(&job.file_sha256),
            records: job.records,
            counts: job.counts,
            reject_file: job.reject_file,
            actor: job.actor,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }
}

impl Record for JobLine {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "kind",
            "organization",
            "status",
            "file",
            "sha256",
            "records",
            "counts",
            "reject_file",
            "actor",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &[
            "ID",
            "KIND",
            "ORGANIZATION",
            "STATUS",
            "FILE",
            "ROWS",
            "REJECTED",
            "BEGUN",
        ]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            self.id.as_str().into(),
            self.kind.as_str().into(),
            self.organization.as_deref().unwrap_or("by row").into(),
            match self.status {
                JobStatus::Done => self.status.as_str().into(),
                _ => style.warn(self.status.as_str()),
            },
            self.file.as_str().into(),
            self.records.to_string().into(),
            self.counts.rejected.to_string().into(),
            style.time(self.created_at, None).into(),
        ]
    }
}
