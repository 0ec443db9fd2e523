//! The activity log: entries of changes, with their actors and times.

mod verify;

use futures_util::stream::BoxStream;
use serde_json::Value;

use crate::{
    db::{
        self, PlatformConn,
        activity::{ActivityFilter, StoredEntry},
    },
    domain::{OrganizationId, Permission},
    error::{Error, Result},
    run,
    services::Session,
};

pub use verify::{BrokenChain, Verification, head, head_of_readings, verify, verify_readings};

/// Description of a change for the activity log. It never contains secrets.
#[derive(Clone, Debug)]
pub struct Change {
    /// `noun.verb`, such as `member.role`.
    pub action: &'static str,
    pub object_type: &'static str,
    pub object_id: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The log of an organization, or of the platform.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    Organization(OrganizationId),
    Platform,
}

/// Returns the matching entries, newest first.
///
/// # Errors
/// `Refused` if the caller may not read the log.
pub async fn list(
    session: &Session,
    log: Log,
    filter: ActivityFilter,
) -> Result<BoxStream<'static, Result<StoredEntry>>> {
    match log {
        Log::Organization(organization) => {
            let scope = session.read(organization, Permission::ActivityRead).await?;
            Ok(db::activity::stream(scope.tx, filter))
        }
        Log::Platform => {
            session.require_operator("read the platform's activity")?;
            Ok(db::activity::stream_platform(&session.db, filter))
        }
    }
}

/// Returns an entry by its sequence number.
///
/// # Errors
/// `NotFound`; `Refused` if the caller may not read the log.
pub async fn show(session: &Session, log: Log, sequence: i64) -> Result<StoredEntry> {
    let (found, owner) = match log {
        Log::Organization(organization) => {
            let mut scope = session.read(organization, Permission::ActivityRead).await?;
            let found = db::activity::find(&mut scope.tx, sequence).await?;
            (
                found,
                vec!["--org".to_owned(), scope.organization.slug.to_string()],
            )
        }
        Log::Platform => {
            session.require_operator("read the platform's activity")?;
            let mut conn = PlatformConn::open(&session.db)?;
            let found = db::activity::find_platform(&mut conn, sequence).await?;
            (found, vec!["--platform".to_owned()])
        }
    };
    found.ok_or_else(|| {
        Error::not_found(format!("activity entry {sequence} not found")).hint(
            run!["activity", "list"]
                .args(owner)
                .labeled("list the entries"),
        )
    })
}
