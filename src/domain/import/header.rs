//! The mapping of the file's columns.

use super::{Column, ImportKind, ORGANIZATION, columns};
use crate::{
    domain::booking::name_search,
    error::{Error, Result},
    run, suggest,
};

/// The column of a reject file with the errors of a row: it is ignored when the file is imported again.
pub const ERROR_COLUMN: &str = "error";

/// `--map "Given name=first_name"`: the meaning of a column of the file.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Mapping {
    /// The header in the file.
    pub header: String,
    /// The name of our column.
    pub column: String,
}

impl std::str::FromStr for Mapping {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.rsplit_once('=');
        let parts = parts.map(|(header, column)| (header.trim(), column.trim()));
        match parts {
            Some((header, column)) if !header.is_empty() && !column.is_empty() => Ok(Self {
                header: header.to_owned(),
                column: column.to_owned(),
            }),
            _ => Err(
                Error::usage(format!("{} is not a valid mapping", suggest::quoted(text)))
                    .hint("use HEADER=COLUMN, for example \"Given name=first_name\""),
            ),
        }
    }
}

/// The position of each column of a kind in a record.
#[derive(Clone, Debug)]
pub struct Layout {
    /// For each of [`columns`], its position in the record.
    places: Vec<Option<usize>>,
    /// The position of the column `organization`.
    organization: Option<usize>,
    /// Number of fields in a record.
    width: usize,
    unknown: Vec<String>,
}

impl Layout {
    /// Parses a header. Names are compared without case, accents, spaces and punctuation, and may be
    /// synonyms; a column's own name takes precedence over a synonym, and `mappings` over both.
    ///
    /// # Errors
    /// `BadInput` for a missing required column, two headers for one column, or a mapping of an unknown
    /// header or column.
    pub fn new(kind: ImportKind, headers: &[String], mappings: &[Mapping]) -> Result<Self> {
        let wanted = wanted(kind);
        let mapped = resolve_mappings(kind, &wanted, headers, mappings)?;
        let mut found: Vec<Option<usize>> = vec![None; wanted.len()];
        let mut unknown = Vec::new();
        for (place, header) in headers.iter().enumerate() {
            let exact = mapped[place].or_else(|| wanted.iter().position(|c| is_name(c, header)));
            let Some(column) = exact else { continue };
            if let Some(earlier) = found[column].replace(place) {
                return Err(twice(&headers[earlier], header, wanted[column].name));
            }
        }
        for (place, header) in headers.iter().enumerate() {
            if found.contains(&Some(place)) || folded(header) == ERROR_COLUMN {
                continue;
            }
            match wanted.iter().position(|c| is_synonym(c, header)) {
                Some(column) => match found[column] {
                    None => found[column] = Some(place),
                    // The name itself occurred before, or another synonym of it.
                    Some(earlier)
                        if is_name(wanted[column], &headers[earlier])
                            || mapped[earlier].is_some() =>
                    {
                        unknown.push(header.clone());
                    }
                    Some(earlier) => {
                        return Err(twice(&headers[earlier], header, wanted[column].name));
                    }
                },
                None => unknown.push(header.clone()),
            }
        }
        let missing: Vec<&str> = wanted
            .iter()
            .zip(&found)
            .filter(|(column, place)| column.required && place.is_none())
            .map(|(column, _)| column.name)
            .collect();
        if !missing.is_empty() {
            return Err(lacks(kind, &missing, headers));
        }
        let organization = if kind.fills_many() {
            found.pop().flatten()
        } else {
            None
        };
        Ok(Self {
            places: found,
            organization,
            width: headers.len(),
            unknown,
        })
    }

    /// Returns the position of the column at `index` of [`columns`].
    pub fn place(&self, index: usize) -> Option<usize> {
        self.places.get(index).copied().flatten()
    }

    /// Returns the position of the column `organization`.
    pub fn organization(&self) -> Option<usize> {
        self.organization
    }

    /// Number of fields that a record must have.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Unknown headers: their columns are ignored.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// The columns of the kind and, at the end, the organization column.
fn wanted(kind: ImportKind) -> Vec<&'static Column> {
    let organization = kind.fills_many().then_some(&ORGANIZATION);
    columns(kind).iter().chain(organization).collect()
}

/// Returns for each header the column set by `--map`.
fn resolve_mappings(
    kind: ImportKind,
    wanted: &[&Column],
    headers: &[String],
    mappings: &[Mapping],
) -> Result<Vec<Option<usize>>> {
    let mut mapped = vec![None; headers.len()];
    for mapping in mappings {
        let column = wanted
            .iter()
            .position(|column| is_name(column, &mapping.column));
        let column = column.ok_or_else(|| {
            let names = wanted.iter().map(|column| column.name);
            let error = Error::usage(format!(
                "{} have no column {}",
                kind.as_str(),
                suggest::quoted(&mapping.column)
            ));
            match suggest::did_you_mean(&mapping.column, names) {
                Some(hint) => error.hint(hint),
                None => error.hint(run!["import", "columns", kind].labeled("list the columns")),
            }
        })?;
        let place = headers.iter().position(|header| *header == mapping.header);
        let place = place.or_else(|| {
            let wanted = folded(&mapping.header);
            headers.iter().position(|header| folded(header) == wanted)
        });
        let place = place.ok_or_else(|| {
            let error = Error::usage(format!(
                "the file has no column {}",
                suggest::quoted(&mapping.header)
            ));
            error.hint(format!("columns in the file: {}", listed(headers)))
        })?;
        mapped[place] = Some(column);
    }
    Ok(mapped)
}

fn twice(one: &str, other: &str, column: &str) -> Error {
    Error::bad_input(format!(
        "the columns {} and {} both mean {column}",
        suggest::quoted(one),
        suggest::quoted(other)
    ))
    .hint("rename one of them, or choose one: --map HEADER=COLUMN")
}

fn lacks(kind: ImportKind, missing: &[&str], headers: &[String]) -> Error {
    let column = missing.first().copied().unwrap_or_default();
    Error::bad_input(format!(
        "the file has no column for {}",
        missing.join(" and ")
    ))
    .hint(format!("columns in the file: {}", listed(headers)))
    .hint(format!("choose one: --map \"HEADER={column}\""))
    .hint(run!["import", "columns", kind].labeled("list the columns"))
}

/// Returns the first headers for display, and the number of further ones.
fn listed(headers: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = headers
        .iter()
        .take(MOST)
        .map(|h| suggest::quoted(h))
        .collect();
    match headers.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

fn is_name(column: &Column, header: &str) -> bool {
    folded(header) == folded(column.name)
}

fn is_synonym(column: &Column, header: &str) -> bool {
    let header = folded(header);
    column.synonyms.contains(&header.as_str())
}

/// Normalizes a header for comparison: letters and digits only, in lower case, without accents.
fn folded(header: &str) -> String {
    let mut folded = name_search::fold(header);
    folded.retain(char::is_alphanumeric);
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(kind: ImportKind, headers: &str, mappings: &[&str]) -> Result<Layout> {
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        let mappings: Vec<Mapping> = mappings.iter().map(|text| text.parse().unwrap()).collect();
        Layout::new(kind, &headers, &mappings)
    }

    fn place(layout: &Layout, kind: ImportKind, name: &str) -> Option<usize> {
        let index = columns(kind).iter().position(|column| column.name == name);
        layout.place(index.unwrap())
    }

    #[test]
    fn headers_are_matched_loosely() {
        let kind = ImportKind::Patients;
        let layout = layout(
            kind,
            "VORNAME,Last Name,D.O.B.,Téléphone,Shoe size,error",
            &[],
        )
        .unwrap();
        assert_eq!(place(&layout, kind, "first_name"), Some(0));
        assert_eq!(place(&layout, kind, "last_name"), Some(1));
        assert_eq!(place(&layout, kind, "birth_date"), Some(2));
        assert_eq!(place(&layout, kind, "phone"), Some(3));
        assert_eq!(place(&layout, kind, "email"), None);
        assert_eq!(layout.unknown(), ["Shoe size"]);
        assert_eq!(layout.organization(), None);
    }

    #[test]
    fn a_mapping_goes_before_names_and_a_name_before_synonyms() {
        let kind = ImportKind::Patients;
        let mapped = layout(
            kind,
            "A,B,Phone,Mobile",
            &["a=first_name", "B=last_name", "Mobile=phone"],
        );
        let error = mapped.unwrap_err();
        assert!(error.to_string().contains("both mean phone"), "{error}");
        let layout = layout(kind, "A,surname,Phone,Mobile", &["A=first_name"]).unwrap();
        assert_eq!(place(&layout, kind, "first_name"), Some(0));
        assert_eq!(place(&layout, kind, "phone"), Some(2));
        assert_eq!(layout.unknown(), ["Mobile"]);
    }

    #[test]
    fn what_cannot_be_matched_is_told() {
        let kind = ImportKind::Patients;
        for (headers, mappings, expected) in [
            ("first_name,phone", &[][..], "no column for last_name"),
            ("a,b", &[], "no column for first_name and last_name"),
            (
                "first_name,First Name,last_name",
                &[],
                "both mean first_name",
            ),
            ("first_name,surname,nachname", &[], "both mean last_name"),
            ("first_name,last_name", &["x=phone"], "no column \"x\""),
            (
                "first_name,last_name",
                &["last_name=fone"],
                "no column \"fone\"",
            ),
        ] {
            let error = layout(kind, headers, mappings).unwrap_err();
            assert!(error.to_string().contains(expected), "{headers}: {error}");
            assert!(!error.hints().is_empty());
        }
        for text in ["x", "=first_name", "x=", ""] {
            assert!(text.parse::<Mapping>().is_err(), "{text}");
        }
    }

    #[test]
    fn whose_a_row_is_stands_in_a_column_of_patients_and_members() {
        let layout = layout(ImportKind::Patients, "first_name,last_name,Clinic", &[]).unwrap();
        assert_eq!(layout.organization(), Some(2));
    }

    #[test]
    fn no_word_means_two_columns() {
        for kind in ImportKind::ALL {
            let wanted = wanted(*kind);
            for column in &wanted {
                for word in column.synonyms.iter().copied().chain([column.name]) {
                    assert!(!folded(column.name).is_empty());
                    let also = wanted.iter().filter(|other| {
                        is_name(other, word) || other.synonyms.contains(&folded(word).as_str())
                    });
                    assert_eq!(also.count(), 1, "{kind}: {word}");
                }
                for synonym in column.synonyms {
                    assert_eq!(folded(synonym), *synonym, "{kind}: compared folded");
                }
            }
        }
    }
}
