//! Checks of parameters shared by several functions.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::booking::{
        name_search,
        parameters::{LONGEST_PAGE, PAGE, Patch},
    },
    error::{Error, Result},
    run,
    suggest::quoted,
};

/// Returns the length of a page.
///
/// # Errors
/// `BadInput` if it is out of range.
pub(super) fn page(limit: Option<u32>) -> Result<i64> {
    within("limit", limit, PAGE, 1..=LONGEST_PAGE).map(i64::from)
}

/// Returns a number if it is in its range, or the default if it is not given.
///
/// # Errors
/// `BadInput` that names the parameter and the range.
pub(super) fn within(
    name: &str,
    value: Option<u32>,
    default: u32,
    range: RangeInclusive<u32>,
) -> Result<u32> {
    let value = value.unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    let (first, last) = (range.start(), range.end());
    Err(Error::bad_input(format!(
        "{name}: {value} is out of range (expected {first} to {last})"
    ))
    .hint(format!("omit it to use {default}")))
}

/// Cuts a result that was read with one row too many to a page. Returns the page and whether more
/// rows follow.
pub(super) fn cut<T>(mut rows: Vec<T>, limit: i64) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    (rows, more)
}

/// Returns the time of archiving after an update that sets `archived`.
pub(super) fn archived_at(
    before: Option<DateTime<Utc>>,
    archived: Option<bool>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match archived {
        None => before,
        Some(true) => before.or(Some(now)),
        Some(false) => None,
    }
}

/// Returns the error for deleting a record that has appointments.
pub(super) fn has_appointments(what: &str, count: i64) -> Error {
    let appointments = match count {
        1 => "1 appointment".to_owned(),
        count => format!("{count} appointments"),
    };
    Error::conflict(format!("{what} has {appointments}; nothing was deleted"))
        .hint("use --archive (archive) to archive it instead")
        .hint(run!["appointment", "list"].labeled("list the appointments to delete first"))
}

/// Result of deleting or archiving a provider, operatory or patient.
#[derive(Debug, Serialize)]
pub struct Removal {
    pub id: Uuid,
    /// `false` if it was archived already.
    pub changed: bool,
    /// `true` if it was deleted permanently; `false` if it was archived.
    pub deleted: bool,
}

impl Removal {
    pub(super) fn unchanged(id: impl Into<Uuid>) -> Self {
        Self {
            id: id.into(),
            changed: false,
            deleted: false,
        }
    }

    pub(super) fn archived(id: impl Into<Uuid>) -> Self {
        Self {
            changed: true,
            ..Self::unchanged(id)
        }
    }

    pub(super) fn deleted(id: impl Into<Uuid>) -> Self {
        Self {
            deleted: true,
            ..Self::archived(id)
        }
    }
}

/// Parses an optional text.
///
/// # Errors
/// The errors of `parse`.
pub(super) fn optional<T>(
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T>,
) -> Result<Option<T>> {
    text.map(parse).transpose()
}

/// Parses the text of a patch.
///
/// # Errors
/// The errors of `parse`.
pub(super) fn parse_patch<T>(
    patch: Patch<String>,
    parse: impl FnOnce(&str) -> Result<T>,
) -> Result<Patch<T>> {
    patch
        .map(|text| optional(text.as_deref(), parse))
        .transpose()
}

/// A provider or operatory with a name that contains a reference.
pub(super) struct Named<'a, Id> {
    pub(super) id: Id,
    pub(super) name: &'a str,
    pub(super) is_active: bool,
}

/// Selects the candidate that a reference refers to: the only one with exactly this name, the only
/// active one with exactly this name, or the only candidate.
///
/// # Errors
/// `NotFound` without candidates; `Conflict` with a list if the reference is ambiguous.
pub(super) fn only_one<Id: Copy + std::fmt::Display>(
    what: &str,
    reference: &str,
    found: &[Named<'_, Id>],
) -> Result<Id> {
    let folded = name_search::fold(reference);
    let exact = || {
        found
            .iter()
            .filter(|one| name_search::fold(one.name) == folded)
    };
    let of = |mut several: Vec<&Named<'_, Id>>| match several.len() {
        1 => several.pop().map(|one| one.id),
        _ => None,
    };
    let meant = of(exact().collect())
        .or_else(|| of(exact().filter(|one| one.is_active).collect()))
        .or_else(|| match exact().next() {
            None => of(found.iter().collect()),
            Some(_) => None,
        });
    match (meant, found) {
        (Some(id), _) => Ok(id),
        (None, []) => Err(
            Error::not_found(format!("{what} {} not found", quoted(reference)))
                .hint(run![what, "list"].labeled("list them")),
        ),
        _ => {
            let names = found.iter().map(|one| format!("{} ({})", one.name, one.id));
            let names: Vec<String> = names.take(5).collect();
            Err(Error::conflict(format!(
                "{} is ambiguous: {}",
                quoted(reference),
                names.join(", ")
            ))
            .hint("specify the id"))
        }
    }
}
