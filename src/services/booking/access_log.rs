//! The access log: a row for each patient's record that an answer depends on, in the transaction that
//! read it.
//!
//! An answer depends on a record when it shows something of it, or would be another one without it: a
//! refusal because a patient is archived, an external_id that is taken, "unchanged". What tells of no
//! patient, such as the times at which a provider is free, does not.
//!
//! Functions note the records in [`Scope::records`] where they load them, and end with [`end`], which
//! writes the rows whether they succeed or refuse.

use std::mem;

use crate::{
    context::new_id,
    db::{self, Database, TenantTx, access::AccessFilter},
    domain::{
        OrganizationId, PatientId, Permission,
        access::{Access, Reader},
    },
    error::{Error, ErrorKind, Result},
    services::{Scope, Session, activity::Change},
};

/// Rows of one link at most: an import may read a million records.
const MOST_ROWS: usize = 10_000;

/// What a function answers, and what it changed.
pub(super) type Done<T> = (T, Option<Change>);

/// Ends a function: writes what it changed and which records it read, and commits. A refusal is an
/// answer as well: what was read is logged after the transaction is rolled back.
///
/// # Errors
/// The refusal; `Unavailable` when the connection is lost: then nothing may be shown.
pub(super) async fn end<T>(
    session: &Session,
    mut scope: Scope,
    reader: impl Into<Reader>,
    done: Result<Done<T>>,
) -> Result<T> {
    let reader = reader.into();
    let records = mem::take(&mut scope.records);
    match done {
        Ok((answer, change)) => {
            if let Some(change) = change {
                db::activity::append(&mut scope.tx, session.entry(change)).await?;
            }
            record(session, &mut scope.tx, reader, records).await?;
            scope.tx.commit().await?;
            Ok(answer)
        }
        Err(error) => {
            let organization = scope.organization.id;
            scope.tx.rollback().await?;
            Err(refuse(session, organization, reader, records, error).await)
        }
    }
}

/// Logs what a refusal depends on, after its transaction is over. Gives the refusal, or the error of
/// the log in its place: then it may not be told.
pub(super) async fn refuse(
    session: &Session,
    organization: OrganizationId,
    reader: Reader,
    records: Vec<PatientId>,
    refusal: Error,
) -> Error {
    if records.is_empty() || refusal.kind() == ErrorKind::Unavailable {
        return refusal;
    }
    match record_apart(session, organization, reader, records).await {
        Ok(()) => refusal,
        Err(error) => error,
    }
}

async fn record_apart(
    session: &Session,
    organization: OrganizationId,
    reader: Reader,
    records: Vec<PatientId>,
) -> Result<()> {
    let mut tx = TenantTx::begin(&session.db, organization).await?;
    record(session, &mut tx, reader, records).await?;
    tx.commit().await
}

/// Notes that an answer depends on the records of these patients. Call it last in a transaction: the
/// head of the chain is locked from here on.
///
/// A dry run reads them too: the rows are then written beside the rehearsal, which is rolled back.
async fn record(
    session: &Session,
    tx: &mut TenantTx,
    reader: Reader,
    records: Vec<PatientId>,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    match session.db.beside_rehearsal().await? {
        None => append(session, tx, reader, records).await,
        Some(beside) => {
            let organization = tx.organization_id();
            append_beside(session, &beside, organization, reader, records).await
        }
    }
}

/// Same as [`end`] writes them, in a transaction of their own on another connection: for what is committed
/// or rolled back long after it was read, and would keep readers waiting until then.
///
/// # Errors
/// `Unavailable` when the connection is lost: then nothing may be shown.
pub(in crate::services) async fn append_beside(
    session: &Session,
    beside: &Database,
    organization: OrganizationId,
    reader: impl Into<Reader>,
    records: Vec<PatientId>,
) -> Result<()> {
    let mut tx = TenantTx::begin(beside, organization).await?;
    append(session, &mut tx, reader.into(), records).await?;
    tx.commit().await
}

async fn append(
    session: &Session,
    tx: &mut TenantTx,
    reader: Reader,
    mut records: Vec<PatientId>,
) -> Result<()> {
    records.sort_unstable();
    records.dedup();
    let now = session.now();
    for answer in records.chunks(MOST_ROWS) {
        let rows = answer.iter().map(|patient_id| Access {
            id: new_id(),
            occurred_at: now,
            actor: session.actor.to_string(),
            function: reader.as_str().to_owned(),
            patient_id: *patient_id,
            request_id: session.request_id,
        });
        db::access::append(tx, rows.collect()).await?;
    }
    Ok(())
}

/// A page of the readings, newest first.
///
/// # Errors
/// `Refused` when the caller may not read the activity.
pub async fn page(
    session: &Session,
    organization: OrganizationId,
    filter: &AccessFilter,
) -> Result<Vec<Access>> {
    let mut scope = session.read(organization, Permission::ActivityRead).await?;
    db::access::page(&mut scope.tx, filter).await
}
