//! Lists of names for display and for statements, and unused names for the objects that a fix
//! creates.

use crate::{
    audit::{
        catalog::{Catalog, Oid},
        model::{AppRole, Model},
    },
    quoting::identifier,
};

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

/// Formats the names of roles for display.
pub(super) fn role_names(roles: &[&AppRole]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    listed(&names)
}

/// Formats the names of columns for display.
pub(super) fn columns_for_people(model: &Model, relation: Oid, columns: &[i16]) -> String {
    let names: Vec<&str> = columns
        .iter()
        .map(|number| model.column_name(relation, *number))
        .collect();
    names.join(", ")
}

/// Formats the names of columns for statements, quoted and separated by commas.
pub(super) fn columns_for_statements(catalog: &Catalog, relation: Oid, columns: &[i16]) -> String {
    let columns = columns
        .iter()
        .filter_map(|number| catalog.column(relation, *number));
    let names: Vec<String> = columns.map(|column| identifier(&column.name)).collect();
    names.join(", ")
}

/// Returns `schema.name` of a relation for display.
pub(super) fn relation_name(catalog: &Catalog, relation: Oid) -> String {
    catalog
        .relations
        .get(&relation)
        .map_or_else(|| "?".to_owned(), |one| one.display())
}

/// Returns a name for a constraint or index of a relation that none of its constraints and indexes
/// has. The server truncates names to 63 bytes (manual, 4.1.1), so the table's part is truncated
/// here to keep the ending.
pub(super) fn unused_name(catalog: &Catalog, relation: Oid, middle: &str, ending: &str) -> String {
    const LONGEST: usize = 63;
    let table = catalog
        .relations
        .get(&relation)
        .map_or("", |one| one.name.as_str());
    let taken = |name: &str| {
        catalog
            .constraints_of(relation)
            .iter()
            .any(|one| one.name == name)
            || catalog
                .indexes_of(relation)
                .iter()
                .any(|one| one.name == name)
    };
    let mut ending = ending.to_owned();
    let mut tries = 1;
    loop {
        let room = LONGEST.saturating_sub(ending.len() + 1);
        let stem = cut(&format!("{table}_{middle}"), room).to_owned();
        let name = format!("{stem}_{ending}");
        if !taken(&name) {
            return name;
        }
        tries += 1;
        ending = format!("{ending}{tries}");
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_people_do() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "ä");
        assert_eq!(cut("abc", 9), "abc");
    }
}
