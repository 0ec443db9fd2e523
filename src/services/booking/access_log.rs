//! Who read which patient's record: a row for each, in the transaction that read.

use crate::{
    context::new_id,
    db::{self, TenantTx, access::AccessFilter},
    domain::{
        OrganizationId, PatientId, Permission,
        access::{Access, Reader},
    },
    error::Result,
    services::{Scope, Session},
};

/// Notes that the records of these patients are about to be shown.
///
/// A dry run shows them too: the rows are then written beside the rehearsal, which is rolled back.
///
/// # Errors
/// `Unavailable` when the connection is lost: then nothing may be shown.
pub(in crate::services) async fn record(
    session: &Session,
    scope: &mut Scope,
    reader: impl Into<Reader>,
    mut patient_ids: Vec<PatientId>,
) -> Result<()> {
    patient_ids.sort_unstable();
    patient_ids.dedup();
    if patient_ids.is_empty() {
        return Ok(());
    }
    let (now, function) = (session.now(), reader.into().as_str());
    let readings: Vec<Access> = patient_ids
        .into_iter()
        .map(|patient_id| Access {
            id: new_id(),
            occurred_at: now,
            actor: session.actor.to_string(),
            function: function.to_owned(),
            patient_id,
            request_id: session.request_id,
        })
        .collect();
    match session.db.beside_rehearsal().await? {
        None => db::access::append(&mut scope.tx, readings).await,
        Some(beside) => {
            let mut tx = TenantTx::begin(&beside, scope.organization.id).await?;
            db::access::append(&mut tx, readings).await?;
            tx.commit().await
        }
    }
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
