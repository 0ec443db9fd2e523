//! Imports that were made or are under way.

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

/// Imports, newest first.
///
/// # Errors
/// `Refused` for users: the platform's imports are the operator's.
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

/// An import.
///
/// # Errors
/// `NotFound`, `Refused` for users.
pub async fn find(session: &Session, id: Uuid) -> Result<Job> {
    session.require_operator("resume an import")?;
    let mut conn = PlatformConn::open(&session.db)?;
    let found = db::import::jobs::find(&mut conn, id).await?;
    found.ok_or_else(|| {
        Error::not_found(format!("import {id} not found"))
            .hint(run!["import", "jobs"].labeled("list them"))
    })
}

/// The options with which an import in steps was requested.
///
/// # Errors
/// Same as [`find`]; `Conflict` where it is of another kind.
pub async fn plan_of(session: &Session, id: Uuid, kind: ImportKind) -> Result<Plan> {
    let job = find(session, id).await?;
    if job.kind != kind {
        let of = job.kind;
        return Err(Error::conflict(format!("the import {id} is of {of}"))
            .hint(run!["import", of, "FILE", "--resume", id].labeled("resume it")));
    }
    plan(&job)
}

/// The options with which a job was requested.
///
/// # Errors
/// `Failure` where another version of tenantctl kept it in a way that is not understood.
fn plan(job: &Job) -> Result<Plan> {
    serde_json::from_value(job.options.clone()).map_err(|error| {
        Error::failure(format!(
            "the options of the import {} are not understood",
            job.id
        ))
        .because(error)
        .hint("resume it with the tenantctl version that started it, or start a new import")
    })
}

/// Refuses what cannot be gone on with.
///
/// # Errors
/// `Conflict`.
pub(super) fn require_resumable(job: &Job, organization: Option<&Organization>) -> Result<()> {
    let id = job.id;
    if job.status == JobStatus::Done {
        return Err(
            Error::conflict(format!("the import {id} is done: nothing is left of it"))
                .hint(run!["import", "jobs"].labeled("see it")),
        );
    }
    let named = organization.map(|organization| organization.slug.as_str());
    if named == job.organization.as_deref() {
        return Ok(());
    }
    Err(Error::conflict(match &job.organization {
        Some(slug) => format!("the import {id} is of the organization {slug}"),
        None => format!("the import {id} is of the organizations that its rows name"),
    })
    .hint(match &job.organization {
        Some(slug) => format!("resume it with --org {slug}"),
        None => "resume it without --org".to_owned(),
    }))
}
