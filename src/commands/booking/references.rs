//! What people call a patient, a provider or an operatory on the command line: its id, the id in
//! the practice's own system, or (but for patients) its name.

use crate::{
    domain::{OperatoryId, Organization, PatientId, ProviderId},
    error::{ErrorKind, Result},
    services::{
        Session,
        booking::{operatories, patients, providers},
    },
};

/// The patient that is meant.
///
/// # Errors
/// `NotFound`.
pub(in crate::commands) async fn patient(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<PatientId> {
    match reference.parse() {
        Ok(id) => Ok(id),
        Err(_) => patients::id_of(session, organization.id, reference).await,
    }
}

/// The provider that is meant.
///
/// # Errors
/// `NotFound`; `Conflict` where several are.
pub(in crate::commands) async fn provider(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<ProviderId> {
    match reference.parse() {
        Ok(id) => Ok(id),
        Err(_) => providers::find(session, organization.id, reference).await,
    }
}

/// The provider that is meant, where one is.
///
/// # Errors
/// As [`provider`].
pub(in crate::commands) async fn optional_provider(
    session: &Session,
    organization: &Organization,
    reference: Option<&str>,
) -> Result<Option<ProviderId>> {
    match reference {
        Some(reference) => provider(session, organization, reference).await.map(Some),
        None => Ok(None),
    }
}

/// The operatory that is meant.
///
/// # Errors
/// As [`provider`].
pub(in crate::commands) async fn operatory(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<OperatoryId> {
    match reference.parse() {
        Ok(id) => Ok(id),
        Err(_) => operatories::find(session, organization.id, reference).await,
    }
}

/// The operatory that is meant, where one is.
///
/// # Errors
/// As [`provider`].
pub(in crate::commands) async fn optional_operatory(
    session: &Session,
    organization: &Organization,
    reference: Option<&str>,
) -> Result<Option<OperatoryId>> {
    match reference {
        Some(reference) => operatory(session, organization, reference).await.map(Some),
        None => Ok(None),
    }
}

/// `None` for what is not found, where that is no error.
///
/// # Errors
/// Every other error.
pub(in crate::commands) fn if_exists<T>(found: Result<T>, if_exists: bool) -> Result<Option<T>> {
    match found {
        Err(error) if if_exists && error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
