//! What several functions ask of their parameters.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{
        booking::{
            name_search,
            parameters::{LONGEST_PAGE, PAGE, Patch},
        },
        suggest::quoted,
    },
    error::{Error, Result},
    run,
};

/// The length of a page.
///
/// # Errors
/// `BadInput` where it is out of range.
pub(super) fn page(limit: Option<u32>) -> Result<i64> {
    within("limit", limit, PAGE, 1..=LONGEST_PAGE).map(i64::from)
}

/// A number in its range.
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
        "{name} is {value}: it must be from {first} to {last}"
    ))
    .hint(format!("{default} where it is not given")))
}

/// The rows of a page out of one row more than it may have, and whether there are more.
pub(super) fn cut<T>(mut rows: Vec<T>, limit: i64) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    (rows, more)
}

/// When something is archived, after `archived` was asked for.
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

/// The refusal to delete what has appointments.
pub(super) fn has_appointments(what: &str, count: i64) -> Error {
    let appointments = match count {
        1 => "1 appointment".to_owned(),
        count => format!("{count} appointments"),
    };
    Error::conflict(format!("{what} has {appointments}; nothing was deleted"))
        .hint("archive it instead: --archive (archive)")
        .hint(run!["appointment", "list"].labeled("or delete these first"))
}

/// Outcome of a provider, an operatory or a patient that was to go.
#[derive(Debug, Serialize)]
pub struct Removal {
    pub id: Uuid,
    /// `false`: it was archived already.
    pub changed: bool,
    /// `true`: deleted for good; `false`: archived.
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

/// Reads a text that may be absent.
///
/// # Errors
/// What `parse` returns.
pub(super) fn optional<T>(
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T>,
) -> Result<Option<T>> {
    text.map(parse).transpose()
}

/// Reads the text of a patch.
///
/// # Errors
/// What `parse` returns.
pub(super) fn parse_patch<T>(
    patch: Patch<String>,
    parse: impl FnOnce(&str) -> Result<T>,
) -> Result<Patch<T>> {
    patch
        .map(|text| optional(text.as_deref(), parse))
        .transpose()
}

/// A provider or an operatory whose name a reference is part of.
pub(super) struct Named<'a, Id> {
    pub(super) id: Id,
    pub(super) name: &'a str,
    pub(super) is_active: bool,
}

/// The one that a reference means, of those whose name it is part of: the only one, or the only one
/// with exactly this name. Of several with exactly this name the active one is meant, which has it to
/// itself.
///
/// # Errors
/// `NotFound` for none, `Conflict` that lists several.
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
                "{} can mean several: {}",
                quoted(reference),
                names.join(", ")
            ))
            .hint("name it by its id"))
        }
    }
}
