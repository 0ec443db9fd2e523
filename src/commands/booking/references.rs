//! References to patients, providers and operatories on the command line: an id, an id of the
//! practice's own system or, except for patients, a name.

use std::{fmt::Display, str::FromStr};

use crate::{
    domain::{
        Organization, PatientId,
        booking::{
            Resource, name_search,
            parameters::{LONGEST_PAGE, NameSearch},
        },
    },
    error::{Error, ErrorKind, Result},
    run,
    services::{
        Session,
        booking::{
            named::{self, NamedResource},
            patients, resources,
        },
    },
    suggest::quoted,
};

/// Resolves a reference to a patient.
///
/// # Errors
/// `NotFound`; `Usage` for an empty reference.
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

/// Finds the provider or operatory that a reference means: a part of the name is enough.
///
/// # Errors
/// `NotFound`; `Conflict` if there are several; `Usage` if it is empty.
pub(in crate::commands) async fn named<R: NamedResource>(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<<R as Resource>::Id> {
    require(R::NOUN.one, reference)?;
    or_id(
        named::find::<R>(session, organization.id, reference).await,
        reference,
    )
}

/// Finds the provider or operatory that is to be changed or deleted: a part of the name is not enough.
pub(in crate::commands) async fn whole<R: NamedResource>(
    session: &Session,
    organization: &Organization,
    reference: &str,
) -> Result<<R as Resource>::Id> {
    let noun = R::NOUN.one;
    let error = match named::<R>(session, organization, reference).await {
        Ok(id) => {
            let row = resources::get::<R>(session, organization.id, id).await?;
            let near = Near::of(row.id(), row.name());
            return match is_whole(reference, &near, row.external_id()) {
                true => Ok(id),
                false => Err(only_a_part(noun, reference, &[near])),
            };
        }
        Err(error) if error.kind() == ErrorKind::Conflict => error,
        Err(error) => return Err(error),
    };
    let list = NameSearch {
        search: Some(reference.to_owned()),
        include_archived: true,
        limit: Some(LONGEST_PAGE),
        after: None,
    };
    let page = resources::get_all::<R>(session, organization.id, &list).await?;
    let near = page.rows.iter();
    let near: Vec<Near> = near.map(|one| Near::of(one.id(), one.name())).collect();
    Err(several(noun, reference, &near, error))
}

/// Finds the provider or operatory that a reference means, if one is given.
pub(in crate::commands) async fn optional<R: NamedResource>(
    session: &Session,
    organization: &Organization,
    reference: Option<&str>,
) -> Result<Option<<R as Resource>::Id>> {
    match reference {
        Some(reference) => named::<R>(session, organization, reference).await.map(Some),
        None => Ok(None),
    }
}

/// Returns `None` instead of `NotFound` if `if_exists` is set.
///
/// # Errors
/// All other errors.
pub(in crate::commands) fn if_exists<T>(found: Result<T>, if_exists: bool) -> Result<Option<T>> {
    match found {
        Err(error) if if_exists && error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Rejects an empty reference, which is usually an unset variable in a script.
fn require(what: &str, reference: &str) -> Result<()> {
    if reference.trim().is_empty() {
        return Err(Error::usage(format!("the {what} is empty"))
            .hint(run![what, "list"].labeled("list the candidates")));
    }
    Ok(())
}

/// Falls back to an id of ours. External ids are looked up first, because the practice's own system
/// may use ids of the same form; a caller who may not look them up can still specify our id.
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

/// A candidate for a reference.
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

/// Builds the error for several candidates. If several have the whole name, it is `error`.
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
        error = error.hint(format!("similar: {}", names.join(", ")));
    }
    error.hint("specify the whole name or the id")
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
