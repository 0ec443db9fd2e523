//! Arguments that a function ignores.

use std::collections::BTreeSet;

use crate::audit::catalog::{Catalog, Function};

/// `true` if the body of a function ignores its argument at that position, from 0: it does not name
/// it, or the name resolves to a column. In SQL functions a column takes precedence over an
/// argument (PostgreSQL manual, 38.5.1); PL/pgSQL rejects an ambiguous name.
pub(super) fn ignores(catalog: &Catalog, function: &Function, place: usize) -> bool {
    let is_sql = function.language == "sql";
    if function.body_tree.is_some() || !(is_sql || function.language == "plpgsql") {
        return false;
    }
    let (source, number) = (function.source.to_lowercase(), format!("${}", place + 1));
    let by_number = source.match_indices(&number).any(|(at, _)| {
        let next = source[at + number.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_digit())
    });
    if by_number {
        return false;
    }
    let name = function
        .argument_names
        .get(place)
        .map(|name| name.to_lowercase());
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return true;
    };
    let words: BTreeSet<&str> = words(&source).collect();
    let qualified = format!("{}.{name}", function.name.to_lowercase());
    !words.contains(name.as_str())
        || is_sql && !source.contains(&qualified) && is_column(catalog, &words, &name)
}

/// `true` if one of the relations named in a text has a column of that name.
fn is_column(catalog: &Catalog, words: &BTreeSet<&str>, name: &str) -> bool {
    let mut relations = catalog.relations.values();
    relations.any(|relation| {
        words.contains(relation.name.as_str()) && catalog.column_named(relation.oid, name).is_some()
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
}
