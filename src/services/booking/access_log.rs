//! The access log: one row for each patient's record that a response depends on, written in the
//! transaction that read it.
//!
//! A response depends on a record if it shows part of it, or if it would differ without the record:
//! an error because a patient is archived, a duplicate external_id, the result "unchanged". A
//! response that reveals nothing about a patient, such as the free slots of a provider, does not
//! depend on any.
//!
//! Functions collect the records in [`Scope::records`] when they load them, and finish with
//! [`end`], which writes the rows for results and for errors.

use std::mem;

use crate::{
    db::{self, Database, TenantTx, access::AccessFilter},
    domain::{
        OrganizationId, PatientId, Permission,
        access::{Access, Reader},
    },
    error::{Error, ErrorKind, Result},
    services::{Scope, Session, activity::Change},
    system::new_id,
};

/// Maximum number of rows per link. An import may read a million records.
const MOST_ROWS: usize = 10_000;

/// The result of a function, and the change to log.
pub(super) type Done<T> = (T, Option<Change>);

/// Finishes a function: logs its change and the records it read, and commits. An error is a
/// response as well: its records are logged after the transaction is rolled back.
///
/// # Errors
/// The error of the function; `Unavailable` when the connection is lost: the result must then not
/// be shown.
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

/// Logs the records that an error depends on, after its transaction has ended. Returns that error,
/// or the error of the log in its place: the former must then not be shown.
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

/// Logs that a response depends on the records of these patients. It locks the head of the chain,
/// so call it last in a transaction.
///
/// A dry run reads them too: its rows are written in a separate transaction, because the dry run
/// itself is rolled back.
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

/// Writes the same rows as [`end`] in a separate transaction on another connection. It is used if
/// the main transaction is long and would block readers until it ends.
///
/// # Errors
/// `Unavailable` when the connection is lost: the result must then not be shown.
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

/// Returns a page of the access log, newest first.
///
/// # Errors
/// `Refused` if the caller may not read the activity log.
pub async fn page(
    session: &Session,
    organization: OrganizationId,
    filter: &AccessFilter,
) -> Result<Vec<Access>> {
    let mut scope = session.read(organization, Permission::ActivityRead).await?;
    db::access::page(&mut scope.tx, filter).await
}
