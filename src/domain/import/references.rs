//! Cells that refer to another row: a patient, a provider, an operatory.

use uuid::Uuid;

use super::{Cells, RowSink};
use crate::domain::{Email, booking::name_search};

/// Bytes beyond which a cell cannot be a name: two names of 200 characters, and a separator.
const LONGEST_NAME: usize = 2 * 4 * crate::domain::names::MAX_LENGTH + 2;

/// Maximum number of words in a name: every split into first and last names is tried.
const MOST_WORDS: usize = 24;

/// The possible meanings of a cell that refers to another row. The database tries them in this order:
/// the external_id, our own id, the email address, the name.
pub(super) struct Reference<'a> {
    cell: Option<&'a str>,
    id: Option<Uuid>,
    email: Option<String>,
    names: Vec<String>,
}

/// The names of a reference's columns in the staging table.
pub(super) struct ReferenceColumns {
    pub(super) text: &'static str,
    pub(super) uuid: &'static str,
    /// `None` for operatories, which have no address.
    pub(super) email: Option<&'static str>,
    pub(super) names: &'static str,
    /// Filled by the database: the row found, and the number of matches.
    pub(super) id: &'static str,
    pub(super) many: &'static str,
}

pub(super) const PATIENT: ReferenceColumns = ReferenceColumns {
    text: "patient",
    uuid: "patient_uuid",
    email: Some("patient_email"),
    names: "patient_names",
    id: "patient_id",
    many: "patient_many",
};

pub(super) const PROVIDER: ReferenceColumns = ReferenceColumns {
    text: "provider",
    uuid: "provider_uuid",
    email: Some("provider_email"),
    names: "provider_names",
    id: "provider_id",
    many: "provider_many",
};

pub(super) const OPERATORY: ReferenceColumns = ReferenceColumns {
    text: "operatory",
    uuid: "operatory_uuid",
    email: None,
    names: "operatory_names",
    id: "operatory_id",
    many: "operatory_many",
};

impl<'a> Reference<'a> {
    /// A reference to an object with a single name: a provider, an operatory.
    pub(super) fn to_resource(cells: &Cells<'a>, index: usize) -> Self {
        Self::new(cells.get(index), |cell| vec![name_search::fold(cell)])
    }

    /// A reference to a patient: `First Last`, split at any word, or `Last, First`.
    pub(super) fn to_patient(cells: &Cells<'a>, index: usize) -> Self {
        Self::new(cells.get(index), patient_names)
    }

    fn new(cell: Option<&'a str>, names: impl Fn(&str) -> Vec<String>) -> Self {
        let name = cell.filter(|cell| cell.len() <= LONGEST_NAME);
        Self {
            cell,
            id: cell.and_then(|cell| Uuid::try_parse(cell).ok()),
            email: cell
                .filter(|cell| cell.contains('@'))
                .and_then(|cell| cell.parse::<Email>().ok())
                .map(String::from),
            names: name.map(names).unwrap_or_default(),
        }
    }

    /// `true` if the cell is not empty.
    pub(super) fn is_given(&self) -> bool {
        self.cell.is_some()
    }

    /// Passes the values to the sink. The database resolves the reference.
    pub(super) fn stage(&self, columns: &ReferenceColumns, sink: &mut dyn RowSink) {
        sink.text(columns.text, self.cell);
        sink.uuid(columns.uuid, self.id);
        if let Some(email) = columns.email {
            sink.text(email, self.email.as_deref());
        }
        sink.texts(columns.names, &self.names);
        sink.uuid(columns.id, None);
        sink.number(columns.many, None);
    }
}

/// The possible sort names of a patient with this name.
fn patient_names(cell: &str) -> Vec<String> {
    if let Some((last, first)) = cell.split_once(',') {
        return vec![name_search::sort_name(first.trim(), last.trim())];
    }
    let words: Vec<&str> = cell.split_whitespace().collect();
    if words.len() > MOST_WORDS {
        return Vec::new();
    }
    let splits = 1..words.len();
    splits
        .map(|at| name_search::sort_name(&words[..at].join(" "), &words[at..].join(" ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_goes_by_each_split_of_the_name() {
        let anna_maria = name_search::sort_name("Anna", "Maria Keller");
        let names = patient_names("Anna  Maria Keller");
        assert_eq!(names.len(), 2);
        assert!(names.contains(&anna_maria));
        assert_eq!(
            patient_names("Keller, Anna Maria"),
            [name_search::sort_name("Anna Maria", "Keller")]
        );
        assert!(patient_names("Keller").is_empty());
        assert!(patient_names(&"a ".repeat(1000)).is_empty());
    }
}
