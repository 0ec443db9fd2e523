//! What people call a patient, a provider or an operatory on the command line: its id, the id in
//! the practice's own system, or (but for patients) its name.

use std::{fmt::Display, str::FromStr};

use crate::{
    domain::{
        OperatoryId, Organization, PatientId, ProviderId,
        booking::{
            Operatory, Provider, name_search,
            parameters::{
                GetOperatories, GetOperatory, GetPatient, GetProvider, GetProviders, LONGEST_PAGE,
            },
        },
        suggest::quoted,
    },
    error::{Error, ErrorKind, Result},
    run,
    services::{
        Session,
        booking::{operatories, patients, providers},
    },
};

/// The patient that is meant.
///
/// # Errors
/// `NotFound`; `Usage` for nothing.
pub(in crate::commands) async fn patient(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<PatientId> {
    require("patient", reference)?;
    or_id(
        patients::id_of(session, organization.id, reference).await,
        reference,
    )
}

/// The patient that is meant, who is there. That their record was read is logged.
pub(in crate::commands) async fn known_patient(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<PatientId> {
    let patient_id = patient(session, organization, reference).await?;
    let parameters = GetPatient { patient_id };
    let patient = patients::get(session, organization.id, &parameters).await?;
    Ok(patient.id)
}

/// The provider that is meant: a part of the name is enough.
///
/// # Errors
/// `NotFound`; `Conflict` where several are; `Usage` for nothing.
pub(in crate::commands) async fn provider(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<ProviderId> {
    require("provider", reference)?;
    or_id(
        providers::find(session, organization.id, reference).await,
        reference,
    )
}

/// The provider that is to be changed or deleted: a part of the name is not enough.
pub(in crate::commands) async fn whole_provider(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<Provider> {
    let error = match provider(session, organization, reference).await {
        Ok(provider_id) => {
            let parameters = GetProvider { provider_id };
            let provider = providers::get(session, organization.id, &parameters).await?;
            let near = Near::of(provider.id, &provider.name);
            return match is_whole(reference, &near, provider.external_id.as_deref()) {
                true => Ok(provider),
                false => Err(only_a_part("provider", reference, &[near])),
            };
        }
        Err(error) if error.kind() == ErrorKind::Conflict => error,
        Err(error) => return Err(error),
    };
    let parameters = GetProviders {
        search: Some(reference.to_owned()),
        include_archived: true,
        limit: Some(LONGEST_PAGE),
        ..GetProviders::default()
    };
    let page = providers::get_all(session, organization.id, &parameters).await?;
    let near = page.providers.iter();
    let near: Vec<Near> = near.map(|one| Near::of(one.id, &one.name)).collect();
    Err(several("provider", reference, &near, error))
}

/// The provider that is meant, where one is.
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

/// The operatory that is meant: a part of the name is enough.
pub(in crate::commands) async fn operatory(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<OperatoryId> {
    require("operatory", reference)?;
    or_id(
        operatories::find(session, organization.id, reference).await,
        reference,
    )
}

/// The operatory that is to be changed or deleted: a part of the name is not enough.
pub(in crate::commands) async fn whole_operatory(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<Operatory> {
    let error = match operatory(session, organization, reference).await {
        Ok(operatory_id) => {
            let parameters = GetOperatory { operatory_id };
            let operatory = operatories::get(session, organization.id, &parameters).await?;
            let near = Near::of(operatory.id, &operatory.name);
            return match is_whole(reference, &near, operatory.external_id.as_deref()) {
                true => Ok(operatory),
                false => Err(only_a_part("operatory", reference, &[near])),
            };
        }
        Err(error) if error.kind() == ErrorKind::Conflict => error,
        Err(error) => return Err(error),
    };
    let parameters = GetOperatories {
        search: Some(reference.to_owned()),
        include_archived: true,
        limit: Some(LONGEST_PAGE),
        ..GetOperatories::default()
    };
    let page = operatories::get_all(session, organization.id, &parameters).await?;
    let near = page.operatories.iter();
    let near: Vec<Near> = near.map(|one| Near::of(one.id, &one.name)).collect();
    Err(several("operatory", reference, &near, error))
}

/// The operatory that is meant, where one is.
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

/// Refuses a reference that says nothing: as a rule a variable of a script was empty.
fn require(what: &str, reference: &str) -> Result<()> {
    if reference.trim().is_empty() {
        return Err(Error::usage(format!("the {what} that is meant is empty"))
            .hint(run![what, "list"].labeled("list them")));
    }
    Ok(())
}

/// The practice's own system may use ids like ours, so that they are tried first; who may not look
/// them up can still name one by our id.
fn or_id<Id: FromStr>(found: Result<Id>, reference: &str) -> Result<Id> {
    match (found, reference.trim().parse()) {
        (Err(error), Ok(id))
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused) =>
        {
            Ok(id)
        }
        (found, _) => found,
    }
}

/// What a reference may have meant.
struct Near {
    id: String,
    name: String,
}

impl Near {
    fn of(id: impl Display, name: &str) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_owned(),
        }
    }
}

fn is_whole(reference: &str, found: &Near, external_id: Option<&str>) -> bool {
    let reference = reference.trim();
    reference.eq_ignore_ascii_case(&found.id)
        || external_id == Some(reference)
        || same_name(reference, &found.name)
}

fn same_name(reference: &str, name: &str) -> bool {
    name_search::fold(reference.trim()) == name_search::fold(name)
}

/// Several have the whole name: `error` says so. Otherwise it was a part of several.
fn several(what: &str, reference: &str, near: &[Near], error: Error) -> Error {
    if near.iter().any(|one| same_name(reference, &one.name)) {
        return error;
    }
    only_a_part(what, reference, near)
}

fn only_a_part(what: &str, reference: &str, near: &[Near]) -> Error {
    let names = near.iter().take(5);
    let names: Vec<String> = names
        .map(|one| format!("{} ({})", quoted(&one.name), one.id))
        .collect();
    let mut error = Error::not_found(format!("{what} {} not found", quoted(reference)));
    if !names.is_empty() {
        error = error.hint(format!("near it: {}", names.join(", ")));
    }
    error.hint("what is changed or deleted is named by its whole name, or by its id")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11";

    #[test]
    fn a_whole_name_an_id_or_an_external_id_is_meant() {
        let found = Near::of(ID, "Dr. Zoë Neu");
        for reference in ["dr. zoe neu", " Dr. Zoë Neu ", ID, "D-1"] {
            assert!(is_whole(reference, &found, Some("D-1")), "{reference}");
        }
        for reference in ["Neu", "Dr. Zoë", "D", ""] {
            assert!(!is_whole(reference, &found, Some("D-1")), "{reference}");
        }
        let error = only_a_part("provider", "Neu", &[found]);
        assert!(
            error.hints()[0].to_string().contains("Dr. Zoë Neu"),
            "{error:?}"
        );
    }

    #[test]
    fn an_id_stands_for_itself_where_nothing_else_is_called_so() {
        let missing = || Err(Error::not_found("x"));
        let id: PatientId = or_id(missing(), ID).unwrap();
        assert_eq!(id.to_string(), ID);
        assert!(or_id::<PatientId>(missing(), "P-1").is_err());
        assert!(or_id::<PatientId>(Err(Error::unavailable("x")), ID).is_err());
        assert_eq!(
            require("patient", " ").unwrap_err().kind(),
            ErrorKind::Usage
        );
    }
}
