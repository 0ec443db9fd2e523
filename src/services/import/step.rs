//! One transaction of an import: stages, checks and writes rows, and stores the progress.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::{
    Gauge, Outcome, Phase, Plan, ShownFault,
    feed::{Message, Reached},
    links::Links,
    plan::{SHOWN_DIFFERENCES, SHOWN_FAULTS},
    rejects::Rejects,
};
use crate::{
    db::{self, Database, PlatformConn, import::jobs::Job},
    domain::{
        OrganizationId, PatientId, Permission, TokenKey,
        access::Import,
        booking::Function,
        hexadecimal,
        import::{Counts, ImportKind, JobStatus, OnConflict},
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change, booking::access_log},
};

/// State shared by the steps of one import.
pub(super) struct Steps<'a> {
    pub(super) session: &'a Session,
    pub(super) plan: &'a Plan,
    pub(super) gauge: &'a Gauge,
    /// The organization of all rows; `None` if each row names its own.
    pub(super) organization: Option<OrganizationId>,
    pub(super) messages: Receiver<Message>,
    pub(super) rejects: Option<Rejects>,
    /// Key for the tokens of invitations.
    pub(super) key: Option<Arc<TokenKey>>,
    pub(super) links: Option<Links>,
    /// The job before the current step.
    pub(super) job: Job,
    /// `true` if the job is in the database already, as for an import in several steps.
    pub(super) job_is_stored: bool,
    pub(super) outcome: Outcome,
    /// The records that the step has compared so far, for the access log.
    pub(super) records: Vec<(OrganizationId, Vec<PatientId>)>,
    /// Connection for writing the access log, opened when first needed.
    pub(super) beside: Option<Database>,
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StepEnd {
    /// More of the file follows.
    More,
    /// The whole file is processed.
    Done,
    /// Rows were rejected and the step was rolled back.
    Refused,
    /// The reading thread stopped; its error says why.
    Cut,
}

impl Steps<'_> {
    /// Runs one step.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost: the step was either rolled back or committed as a
    /// whole.
    pub(super) async fn step(&mut self) -> Result<StepEnd> {
        let session = self.session;
        let mut conn = PlatformConn::begin(&session.db).await?;
        self.gauge.enter(Phase::Reading);
        let Some((reached, is_last)) = self.stage(&mut conn).await? else {
            return Ok(StepEnd::Cut);
        };
        self.gauge.enter(Phase::Judging);
        let is_found_again = self.organization.is_none()
            || matches!(
                self.plan.kind,
                ImportKind::Schedules | ImportKind::Appointments
            );
        db::import::prepare_staging(&mut conn, is_found_again).await?;
        let invited_before = self.outcome.invited;
        let (mut conn, mut counts) = match self.plan.kind {
            ImportKind::Organizations => self.provision(conn, &reached).await?,
            _ => self.tenants(conn, &reached).await?,
        };
        // Access is logged before any result of the comparison is written, including to the reject
        // file.
        self.log_records().await?;
        counts.rejected = db::import::count_rejected(&mut conn).await?;
        let reject_bytes = self.collect_rejected(&mut conn, counts.rejected).await?;
        let mut after = self.job.clone();
        after.counts.add(counts);
        self.outcome.counts.add(counts);
        self.outcome.too_many_errors =
            reached.too_many_errors || self.plan.is_too_many(after.counts.rejected);
        if self.outcome.too_many_errors || (counts.rejected > 0 && !self.plan.partial) {
            conn.rollback().await?;
            self.outcome.invited = invited_before;
            return Ok(StepEnd::Refused);
        }
        after.records = reached.records.max(self.job.records);
        after.reject_bytes = reject_bytes;
        after.updated_at = session.now();
        after.status = if is_last {
            JobStatus::Done
        } else {
            JobStatus::Running
        };
        self.note(&mut conn, &after).await?;
        db::import::drop_staging(&mut conn).await?;
        self.gauge.enter(Phase::Committing);
        self.commit(conn).await?;
        self.job = after;
        self.job_is_stored = true;
        Ok(if is_last {
            StepEnd::Done
        } else {
            StepEnd::More
        })
    }

    /// Commits. The file of links is synced to disk before the commit and renamed to its final name
    /// after it.
    async fn commit(&mut self, conn: PlatformConn) -> Result<()> {
        let Some(mut links) = self.links.take() else {
            return conn.commit().await;
        };
        links.hold()?;
        let committed = conn.commit().await;
        committed.map_err(|error| links.told_of(error))?;
        self.outcome.links_file = links.publish();
        Ok(())
    }

    /// Processes the staged rows of each organization in turn.
    async fn tenants(
        &mut self,
        mut conn: PlatformConn,
        reached: &Reached,
    ) -> Result<(PlatformConn, Counts)> {
        if let (ImportKind::Members, Some(joining)) = (self.plan.kind, &self.plan.joining) {
            db::import::members::prepare(&mut conn, joining.mode).await?;
        }
        let rejected = db::import::count_rejected(&mut conn).await?;
        let organizations = match self.organization {
            Some(only) => vec![only],
            None => db::import::tenants(&mut conn).await?,
        };
        let mut counts = Counts::default();
        let mut has_wrong = rejected > 0;
        self.outcome.organizations = self.outcome.organizations.max(organizations.len() as u64);
        for organization in organizations {
            let (back, of_this) = self
                .organization(conn, organization, has_wrong, reached)
                .await?;
            conn = back;
            has_wrong |= of_this.rejected > 0;
            counts.add(of_this);
        }
        Ok((conn, counts))
    }

    /// Copies the rows from the reading thread. `None` if it stopped before the end.
    async fn stage(&mut self, conn: &mut PlatformConn) -> Result<Option<(Reached, bool)>> {
        let kind = self.plan.kind;
        db::import::make_staging(conn, kind).await?;
        let mut copying = db::import::Copying::begin(conn, kind).await?;
        let end = loop {
            match self.messages.recv().await {
                Some(Message::Rows(rows)) => copying.send(rows).await?,
                Some(Message::StepEnd(reached)) => break (reached, false),
                Some(Message::End(reached)) => break (reached, true),
                None => return Ok(None),
            }
        };
        copying.finish().await?;
        Ok(Some(end))
    }

    /// Checks the rows of one organization and writes them unless some are wrong.
    async fn organization(
        &mut self,
        conn: PlatformConn,
        organization: OrganizationId,
        has_wrong: bool,
        reached: &Reached,
    ) -> Result<(PlatformConn, Counts)> {
        let Plan {
            kind, on_conflict, ..
        } = *self.plan;
        let tx = conn.enter(organization).await?;
        let mut scope = self.session.write_in(tx, Permission::ImportsRun).await?;
        scope.require(self.session, permission(kind, OnConflict::Skip))?;
        scope.require(self.session, permission(kind, on_conflict))?;
        self.gauge.enter(Phase::Judging);
        let plan = self.plan;
        match &plan.joining {
            Some(joining) => self.judge_members(&mut scope, joining).await?,
            None => db::import::judge(&mut scope.tx, kind, on_conflict).await?,
        }
        if reader(kind).is_some() {
            let read = db::import::patients_read(&mut scope.tx, kind).await?;
            self.records.push((organization, read));
        }
        let counts = db::import::counts(&mut scope.tx, on_conflict).await?;
        if counts.changed + counts.skipped > 0 {
            self.sample(&mut scope).await?;
        }
        let is_wrong = has_wrong || counts.rejected > 0;
        if counts.new + counts.changed > 0 && (self.plan.partial || !is_wrong) {
            self.gauge.enter(Phase::Writing);
            let now = self.session.now();
            match &plan.joining {
                Some(joining) => self.write_members(&mut scope, joining, &counts).await?,
                None => {
                    db::import::apply(&mut scope.tx, kind, on_conflict, &counts, now).await?;
                }
            }
            let change = self.change(&counts, reached);
            db::activity::append(&mut scope.tx, self.session.entry(change)).await?;
        }
        Ok((scope.tx.leave().await?, counts))
    }

    /// Collects the first rows that differ, for display.
    async fn sample(&mut self, scope: &mut Scope) -> Result<()> {
        let room = SHOWN_DIFFERENCES.saturating_sub(self.outcome.differences.len());
        if room == 0 {
            return Ok(());
        }
        let room = room.cast_signed() as i64;
        let found = match &self.plan.joining {
            Some(joining) => {
                let way = self.way(joining);
                db::import::members::differences(&mut scope.tx, way, room).await?
            }
            None => db::import::differences(&mut scope.tx, self.plan.kind, room).await?,
        };
        self.outcome.differences.extend(found);
        Ok(())
    }

    /// Logs access to the records that were compared, also if the step is rolled back: reporting a
    /// row as "unchanged" reveals the record as much as displaying it.
    async fn log_records(&mut self) -> Result<()> {
        let Some(reader) = reader(self.plan.kind) else {
            return Ok(());
        };
        self.records.retain(|(_, records)| !records.is_empty());
        if self.records.is_empty() {
            return Ok(());
        }
        let beside = match self.beside.take() {
            Some(beside) => beside,
            None => self.session.db.beside().await?,
        };
        for (organization, records) in self.records.drain(..) {
            access_log::append_beside(self.session, &beside, organization, reader, records).await?;
        }
        self.beside = Some(beside);
        Ok(())
    }

    /// Collects the first faults, writes the reject file, and returns its length in bytes.
    async fn collect_rejected(&mut self, conn: &mut PlatformConn, rejected: u64) -> Result<u64> {
        if rejected > 0 {
            let limit = match self.rejects {
                Some(_) => None,
                None => Some(SHOWN_FAULTS as i64),
            };
            let mut rows = db::import::rejected(conn, limit);
            while let Some(row) = rows.try_next().await? {
                if let Some(rejects) = &mut self.rejects {
                    rejects.write(&row)?;
                }
                for fault in row.faults {
                    if self.outcome.faults.len() < SHOWN_FAULTS {
                        self.outcome.faults.push(ShownFault::new(row.line, fault));
                    }
                }
            }
        }
        // The reject file is synced to disk before the step is committed.
        match &mut self.rejects {
            Some(rejects) => rejects.sync(rejected > 0),
            None => Ok(0),
        }
    }

    /// Stores the progress of the job, in the transaction of the step.
    async fn note(&self, conn: &mut PlatformConn, after: &Job) -> Result<()> {
        if !self.job_is_stored {
            return db::import::jobs::insert(conn, after).await;
        }
        if db::import::jobs::advance(conn, after, self.job.records).await? {
            return Ok(());
        }
        Err(Error::conflict(format!(
            "import {} is being resumed by another process",
            after.id
        ))
        .hint("nothing was changed in this step")
        .hint(run!["import", "jobs"].labeled("see the progress")))
    }

    /// Builds the activity entry: counts and the file's digest, never the contents of a row.
    pub(super) fn change(&self, counts: &Counts, reached: &Reached) -> Change {
        let job = &self.job;
        Change {
            action: action(self.plan.kind),
            object_type: "import",
            object_id: job.id.to_string(),
            before: None,
            after: Some(json!({
                "file": job.file_name,
                "sha256": hexadecimal(&job.file_sha256),
                "on_conflict": self.plan.on_conflict,
                "records": [job.records + 1, reached.records],
                "new": counts.new,
                "changed": counts.changed,
                "unchanged": counts.unchanged,
                "skipped": counts.skipped,
                "rejected": counts.rejected,
            })),
        }
    }
}

/// Returns the reader for the access log, for kinds that are compared with patients' records.
const fn reader(kind: ImportKind) -> Option<Import> {
    match kind {
        ImportKind::Patients => Some(Import::Patients),
        ImportKind::Appointments => Some(Import::Appointments),
        ImportKind::Members
        | ImportKind::Providers
        | ImportKind::Operatories
        | ImportKind::Schedules
        | ImportKind::Organizations => None,
    }
}

const fn action(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Members => "member.import",
        ImportKind::Patients => "patient.import",
        ImportKind::Providers => "provider.import",
        ImportKind::Operatories => "operatory.import",
        ImportKind::Schedules => "schedule.import",
        ImportKind::Appointments => "appointment.import",
        ImportKind::Organizations => "organization.import",
    }
}

/// Returns the permission required; it is the same as for changing such rows one by one.
const fn permission(kind: ImportKind, on_conflict: OnConflict) -> Permission {
    let is_update = matches!(on_conflict, OnConflict::Update);
    match (kind, is_update) {
        (ImportKind::Patients, false) => Function::CreatePatient.permission(),
        (ImportKind::Patients, true) => Function::UpdatePatient.permission(),
        (ImportKind::Providers, false) => Function::CreateProvider.permission(),
        (ImportKind::Providers, true) => Function::UpdateProvider.permission(),
        (ImportKind::Operatories, false) => Function::CreateOperatory.permission(),
        (ImportKind::Operatories, true) => Function::UpdateOperatory.permission(),
        (ImportKind::Schedules, false) => Function::CreateSchedule.permission(),
        (ImportKind::Schedules, true) => Function::UpdateSchedule.permission(),
        (ImportKind::Appointments, false) => Function::CreateAppointment.permission(),
        (ImportKind::Appointments, true) => Function::UpdateAppointment.permission(),
        (ImportKind::Members, false) => Permission::MembersInvite,
        (ImportKind::Members, true) => Permission::MembersManage,
        (ImportKind::Organizations, _) => Permission::OrganizationUpdate,
    }
}
