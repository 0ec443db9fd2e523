//! Who read which patients' records: a row for each reading, in the transaction that read.

use crate::{
    context::new_id,
    db::{
        self, TenantTx,
        access::{Access, AccessFilter},
    },
    domain::{OrganizationId, PatientId, Permission, booking::Function},
    error::Result,
    services::{Scope, Session},
};

/// Notes that the records of these patients are about to be shown.
///
/// A dry run shows them too: the row is then written beside the rehearsal, which is rolled back.
///
/// # Errors
/// `Unavailable` when the connection is lost: then nothing may be shown.
pub(super) async fn record(
    session: &Session,
    scope: &mut Scope,
    function: Function,
    mut patient_ids: Vec<PatientId>,
) -> Result<()> {
    patient_ids.sort_unstable();
    patient_ids.dedup();
    if patient_ids.is_empty() {
        return Ok(());
    }
    let access = Access {
        id: new_id(),
        occurred_at: session.now(),
        actor: session.actor.to_string(),
        function: function.as_str().to_owned(),
        patient_ids,
        request_id: session.request_id,
    };
    match session.db.beside_rehearsal().await? {
        None => db::access::append(&mut scope.tx, &access).await,
        Some(beside) => {
            let mut tx = TenantTx::begin(&beside, scope.organization.id).await?;
            db::access::append(&mut tx, &access).await?;
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
