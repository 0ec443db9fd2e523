//! Import jobs, finished and unfinished.

use uuid::Uuid;

use super::Plan;
use crate::{
    db::{self, PlatformConn, import::jobs::Job},
    domain::{
        Organization,
        import::{ImportKind, JobStatus},
    },
    error::{Error, Result},
    run,
    services::Session,
};

/// Returns the imports, newest first.
///
/// # Errors
/// `Refused` for users: only the operator may see the imports.
pub async fn list(
    session: &Session,
    organization: Option<&Organization>,
    unfinished: bool,
    limit: Option<i64>,
) -> Result<Vec<Job>> {
    session.require_operator("see the imports")?;
    let mut conn = PlatformConn::open(&session.db)?;
    let slug = organization.map(|organization| organization.slug.as_str());
    db::import::jobs::list(&mut conn, slug, unfinished, limit).await
}

/// Returns an import.
///
/// # Errors
/// `NotFound`; `Refused` for users.
pub async fn find(session: &Session, id: Uuid) -> Result<Job> {
    session.require_operator("resume an import")?;
    let mut conn = PlatformConn::open(&session.db)?;
    let found = db::import::jobs::find(&mut conn, id).await?;
    found.ok_or_else(|| {
        Error::not_found(format!("import {id} not found"))
            .hint(run!["import", "jobs"].labeled("list the imports"))
    })
}

/// Returns the options of an import in steps.
///
/// # Errors
/// Same as [`find`]; `Conflict` if it is of another kind.
pub async fn plan_of(session: &Session, id: Uuid, kind: ImportKind) -> Result<Plan> {
    let job = find(session, id).await?;
    if job.kind != kind {
        let of = job.kind;
        return Err(
            Error::conflict(format!("import {id}: is an import of {of}"))
                .hint(run!["import", of, "FILE", "--resume", id].labeled("resume it")),
        );
    }
    plan(&job)
}

/// Returns the options of a job.
///
/// # Errors
/// `Failure` if another version of tenantctl stored them in an unknown format.
fn plan(job: &Job) -> Result<Plan> {
    serde_json::from_value(job.options.clone()).map_err(|error| {
        Error::failure(format!("import {}: options not understood", job.id))
            .because(error)
            .hint("resume it with the tenantctl version that started it, or start a new import")
    })
}

/// Rejects a job that cannot be resumed in this organization.
///
/// # Errors
/// `Conflict` if it is done, or belongs to other organizations.
pub(super) fn require_resumable(job: &Job, organization: Option<&Organization>) -> Result<()> {
    let id = job.id;
    if job.status == JobStatus::Done {
        return Err(Error::conflict(format!("import {id} is done"))
            .hint(run!["import", "jobs"].labeled("show the import")));
    }
    let named = organization.map(|organization| organization.slug.as_str());
    if named == job.organization.as_deref() {
        return Ok(());
    }
    Err(Error::conflict(match &job.organization {
        Some(slug) => format!("import {id}: belongs to organization {slug}"),
        None => format!("import {id}: belongs to the organizations named in its rows"),
    })
    .hint(match &job.organization {
        Some(slug) => format!("resume it with --org {slug}"),
        None => "resume it without --org".to_owned(),
    }))
}
