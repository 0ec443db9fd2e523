//! Runs an import from the first step to the last.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Gauge, Joining, Outcome, Plan, Tenants, check,
    feed::{Feed, WAITING},
    job,
    links::Links,
    reading::Reading,
    rejects::Rejects,
    step::{StepEnd, Steps},
};
use crate::{
    csv_file::CsvFile,
    db::{self, PlatformConn, import::jobs::Job},
    domain::{
        Organization, TokenKey,
        import::{Counts, ImportKind, JobStatus},
    },
    error::{Error, Result},
    run,
    services::Session,
    system::{new_id, random_secret},
};

/// Imports a file into `organization`, or into those named in its rows.
///
/// The import is one transaction, unless the plan has steps. With steps, the whole file is checked
/// first, each step is a transaction, and [`resume`] continues after an interruption.
///
/// Wrong rows are not an error: the outcome says that nothing was written, or which rows were
/// rejected.
///
/// # Errors
/// `BadInput` if the file cannot be read; `Refused` if the caller may not import; `Unavailable`
/// when the connection is lost.
pub async fn run(
    session: &Session,
    plan: Plan,
    organization: Option<&Organization>,
    file: Arc<CsvFile>,
    gauge: Arc<Gauge>,
) -> Result<Outcome> {
    let import = Import::new(session, plan, organization, file, gauge).await?;
    // Errors of the header are reported before anything else.
    Reading::open(&import.file, &import.plan, &import.tenants, &import.gauge)?;
    if import.plan.batch.is_some() && !import.plan.partial {
        let checked = import.check().await?;
        if checked.counts.rejected > 0 {
            return Ok(checked);
        }
    }
    let job = import.new_job(organization).await?;
    let mut is_stored = false;
    if import.plan.batch.is_some() {
        let mut conn = PlatformConn::begin(&session.db).await?;
        db::import::jobs::insert(&mut conn, &job).await?;
        conn.commit().await?;
        is_stored = true;
    }
    import.steps(organization, job, is_stored, None).await
}

/// Resumes an import in steps after its last committed step. `plan` is the result of
/// [`plan_of`](super::plan_of).
///
/// # Errors
/// Same as [`run`]; `NotFound` for an import that does not exist, `Conflict` if it is done or if
/// the file differs.
pub async fn resume(
    session: &Session,
    id: Uuid,
    plan: Plan,
    organization: Option<&Organization>,
    file: Arc<CsvFile>,
    gauge: Arc<Gauge>,
) -> Result<Outcome> {
    let job = job::find(session, id).await?;
    let import = Import::new(session, plan, organization, file, gauge).await?;
    job::require_resumable(&job, organization)?;
    if import.sha256().await? != job.file_sha256 {
        return Err(Error::conflict(format!(
            "import {id}: was started with a different file ({})",
            job.file_name
        ))
        .hint("resume with the unchanged file; start a new import for a corrected one (existing rows are skipped)"));
    }
    // Before the first rejected row, the file contains nothing that is not written again.
    let reject_bytes = Some(job.reject_bytes).filter(|_| job.counts.rejected > 0);
    import.steps(organization, job, true, reject_bytes).await
}

/// Input of an import.
struct Import<'a> {
    session: &'a Session,
    plan: Arc<Plan>,
    tenants: Arc<Tenants>,
    file: Arc<CsvFile>,
    gauge: Arc<Gauge>,
}

impl<'a> Import<'a> {
    async fn new(
        session: &'a Session,
        plan: Plan,
        organization: Option<&Organization>,
        file: Arc<CsvFile>,
        gauge: Arc<Gauge>,
    ) -> Result<Self> {
        if plan.kind == ImportKind::Organizations {
            session.require_operator("import organizations")?;
        }
        if let Some(joining) = &plan.joining {
            joining.check(session)?;
            refuse_links_in_steps(&plan, joining)?;
        }
        let tenants = match organization {
            Some(organization) => Tenants::one(session, organization),
            None if plan.kind == ImportKind::Organizations => Tenants::platform(session.now()),
            None => Tenants::by_slug(session).await?,
        };
        Ok(Self {
            session,
            plan: Arc::new(plan),
            tenants: Arc::new(tenants),
            file,
            gauge,
        })
    }

    /// Checks the whole file, in a separate thread.
    async fn check(&self) -> Result<Outcome> {
        let (file, plan) = (Arc::clone(&self.file), Arc::clone(&self.plan));
        let (tenants, gauge) = (Arc::clone(&self.tenants), Arc::clone(&self.gauge));
        blocking(move || check(&file, &plan, &tenants, &gauge)).await
    }

    async fn sha256(&self) -> Result<[u8; 32]> {
        let file = Arc::clone(&self.file);
        blocking(move || file.sha256()).await
    }

    async fn new_job(&self, organization: Option<&Organization>) -> Result<Job> {
        let now = self.session.now();
        Ok(Job {
            id: new_id(),
            kind: self.plan.kind,
            organization: organization.map(|organization| organization.slug.to_string()),
            file_name: self.file.name().to_owned(),
            file_sha256: self.sha256().await?,
            options: self.plan.to_json()?,
            actor: self.session.actor.to_string(),
            status: JobStatus::Running,
            records: 0,
            counts: Counts::default(),
            reject_file: self
                .plan
                .reject_file
                .as_ref()
                .map(|path| path.display().to_string()),
            reject_bytes: 0,
            created_at: now,
            updated_at: now,
        })
    }

    async fn steps(
        &self,
        organization: Option<&Organization>,
        job: Job,
        job_is_stored: bool,
        reject_bytes: Option<u64>,
    ) -> Result<Outcome> {
        let (sender, messages) = mpsc::channel(WAITING);
        let opened = Reading::open(&self.file, &self.plan, &self.tenants, &self.gauge)?;
        let unknown_columns = opened.unknown_columns().to_vec();
        drop(opened);
        let resumed_after = job.records;
        let key = match self.plan.invites() {
            true => Some(Arc::new(TokenKey::new(random_secret()?))),
            false => None,
        };
        let links = match &self.plan.joining {
            Some(joining) => Links::create(joining, job.id, self.plan.existing)?,
            None => None,
        };
        let feed = Feed {
            file: Arc::clone(&self.file),
            plan: Arc::clone(&self.plan),
            tenants: Arc::clone(&self.tenants),
            gauge: Arc::clone(&self.gauge),
            after: resumed_after,
            key: key.clone(),
            mail: self.session.mail.clone(),
            sender,
        };
        let rejects = Rejects::open(
            &self.file,
            &self.plan,
            job.id,
            self.plan.existing,
            reject_bytes,
        )?;
        let mut reading = tokio::task::spawn_blocking(move || feed.run());
        let mut steps = Steps {
            session: self.session,
            plan: &self.plan,
            gauge: &self.gauge,
            organization: organization.map(|organization| organization.id),
            messages,
            rejects,
            key,
            links,
            job,
            job_is_stored,
            outcome: Outcome::default(),
            records: Vec::new(),
            beside: None,
        };
        let end = loop {
            match steps.step().await {
                Ok(StepEnd::More) => {}
                Ok(end) => break end,
                Err(error) => return Err(steps.resumable(error)),
            }
        };
        // Closing the channel ends the reading thread, if it is still running.
        steps.messages.close();
        let read = (&mut reading).await.map_err(died)?;
        let format = match end {
            StepEnd::Cut => return Err(cut(read.err())),
            StepEnd::Refused => {
                steps.stop().await?;
                read.ok()
            }
            _ => Some(read?),
        };
        if let (StepEnd::Done, Some(rejects)) = (end, &mut steps.rejects) {
            rejects.finish()?;
        }
        let mut outcome = steps.outcome;
        outcome.are_mailed = self.session.mail.is_some();
        outcome.job = Some(steps.job.id).filter(|_| steps.job_is_stored);
        outcome.is_done = end == StepEnd::Done;
        outcome.resumed_after = resumed_after;
        outcome.reject_file = steps
            .rejects
            .filter(Rejects::is_published)
            .and_then(|_| self.plan.reject_file.clone());
        outcome.sha256 = Some(steps.job.file_sha256);
        outcome.format = format;
        outcome.unknown_columns = unknown_columns;
        Ok(outcome)
    }
}

impl Steps<'_> {
    /// Adds the command for resuming to an error in an import in steps.
    fn resumable(&self, error: Error) -> Error {
        if !self.job_is_stored || self.plan.batch.is_none() {
            return error;
        }
        let (kind, job) = (self.plan.kind, &self.job);
        error.hint(
            run!["import", kind, "FILE", "--resume", job.id].labeled(format!(
                "{} rows are processed; resume the import",
                job.records
            )),
        )
    }

    /// Stores the status of an import in steps that stopped at wrong rows.
    async fn stop(&mut self) -> Result<()> {
        if !self.job_is_stored {
            return Ok(());
        }
        let mut conn = PlatformConn::begin(&self.session.db).await?;
        self.job.status = JobStatus::Stopped;
        self.job.updated_at = self.session.now();
        db::import::jobs::advance(&mut conn, &self.job, self.job.records).await?;
        conn.commit().await
    }
}

/// Rejects a links file for an import in steps. The file gets its final name only at the end of the
/// import, so the links of the committed steps would be lost in an interruption.
fn refuse_links_in_steps(plan: &Plan, joining: &Joining) -> Result<()> {
    if plan.batch.is_none() || joining.links_file.is_none() {
        return Ok(());
    }
    Err(Error::usage(
        "--links-file and --batch are mutually exclusive: links are issued after the whole import is committed",
    )
    .hint("omit --batch: 100,000 invitations fit into one transaction")
    .hint(run!["invite", "resend", "EMAIL"].labeled("or omit --links-file and issue the links later")))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(died)?
}

fn died(error: tokio::task::JoinError) -> Error {
    Error::failure("the thread that reads the file has panicked")
        .because(error)
        .hint("this is a bug in tenantctl; report it with the command you ran")
}

fn cut(error: Option<Error>) -> Error {
    error.unwrap_or_else(|| Error::failure("reading stopped before the end of the file"))
}
