//! Spelling of types, operators and values that does not depend on the search path or on casts of
//! the audited database.
//!
//! Probes run with the application's search path, as the functions of its policies expect. An
//! operator in a schema of that path that matches the types better than the built-in one would be
//! chosen instead (PostgreSQL manual, 10.2), and so would a type of the same name.

use super::catalog::{Column, Oid};
use crate::quoting::{identifier, literal};

/// First OID of an object that does not come with PostgreSQL (access/transam.h).
const FIRST_OF_USERS: u32 = 16384;

/// Types in the grammar, which are built-in regardless of the search path (`format_type_extended`
/// in utils/adt/format_type.c).
const OF_GRAMMAR: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "character",
    "double precision",
    "integer",
    "interval",
    "numeric",
    "real",
    "smallint",
    "time",
    "timestamp",
];

/// Returns a type with its schema. `written` comes from `format_type` with only `pg_catalog` in the
/// path.
pub fn type_name(written: &str) -> String {
    let of_grammar = OF_GRAMMAR.iter().any(|name| {
        let rest = written.strip_prefix(name);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    match of_grammar || schema(written).is_some() {
        true => written.to_owned(),
        false => format!("pg_catalog.{written}"),
    }
}

/// Returns the quoted schema of a name.
fn schema(written: &str) -> Option<&str> {
    let mut quoted = false;
    for (place, character) in written.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => return Some(&written[..place]),
            '(' | ' ' if !quoted => return None,
            _ => {}
        }
    }
    None
}

/// Returns a value with its type, which is written as in `format_type`.
pub fn typed(value: &str, written: &str) -> String {
    format!("{}::{}", literal(value), type_name(written))
}

/// Returns a built-in operator.
pub fn operator(symbol: &str) -> String {
    format!("OPERATOR(pg_catalog.{symbol})")
}

/// Returns the operator that compares values of a column: the built-in one, or for a base type of
/// an extension (`citext`) the one in its schema. Only superusers can create base types.
pub fn operator_of(symbol: &str, kind: &str, written: &str) -> String {
    match schema(written) {
        Some(schema) if kind == "b" && !written.ends_with("[]") => {
            format!("OPERATOR({schema}.{symbol})")
        }
        _ => operator(symbol),
    }
}

/// Returns the condition that an expression equals one of the values.
pub fn is_one_of(expression: &str, equals: &str, values: &[String]) -> String {
    match values {
        [only] => format!("{expression} {equals} {only}"),
        values => format!("{expression} {equals} ANY (ARRAY[{}])", values.join(", ")),
    }
}

/// Returns the condition that an expression equals none of the values.
pub fn is_none_of(expression: &str, differs: &str, values: &[String]) -> String {
    match values {
        [only] => format!("{expression} {differs} {only}"),
        values => format!("{expression} {differs} ALL (ARRAY[{}])", values.join(", ")),
    }
}

/// `true` if a type is user-defined. Conversion of such a type to text or JSON may be a
/// user-defined cast, which runs a function of its owner.
pub fn is_of_users(base_type: Oid) -> bool {
    base_type.0 >= FIRST_OF_USERS
}

/// Returns the text of an expression of that type. `format` calls the output function of the type,
/// not a cast (text_format in utils/adt/varlena.c).
pub fn text(expression: &str, base_type: Oid) -> String {
    match is_of_users(base_type) {
        true => format!(
            "CASE WHEN pg_catalog.num_nulls({expression}) OPERATOR(pg_catalog.=) 0 \
             THEN pg_catalog.format('%s', {expression}) END"
        ),
        false => format!("{expression}::pg_catalog.text"),
    }
}

/// Returns an expression of that type for use in JSON. `to_jsonb` uses user-defined casts to json
/// (json_categorize_type in utils/adt/jsonfuncs.c), so user-defined types are converted to text.
pub fn document(expression: &str, base_type: Oid) -> String {
    match is_of_users(base_type) {
        true => text(expression, base_type),
        false => expression.to_owned(),
    }
}

/// Returns the select list of these columns of the row called `alias`, for use in JSON.
pub fn columns<'c>(alias: &str, columns: impl IntoIterator<Item = &'c Column>) -> String {
    let columns = columns.into_iter().map(|column| {
        let name = identifier(&column.name);
        let plain = format!("{alias}.{name}");
        match is_of_users(column.base_type) {
            true => format!("{} AS {name}", text(&plain, column.base_type)),
            false => plain,
        }
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Returns an expression for the whole row called `alias` as a document.
pub fn row<'c>(alias: &str, all: impl IntoIterator<Item = &'c Column>) -> String {
    format!(
        "(SELECT pg_catalog.to_jsonb(v) FROM (SELECT {}) v)",
        columns(alias, all)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_schema() {
        for (written, expected) in [
            ("uuid", "pg_catalog.uuid"),
            ("integer", "integer"),
            ("integer[]", "integer[]"),
            ("numeric(10,2)", "numeric(10,2)"),
            ("character varying(20)", "character varying(20)"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("time without time zone", "time without time zone"),
            ("timetz_like", "pg_catalog.timetz_like"),
            ("\"char\"", "pg_catalog.\"char\""),
            ("public.status", "public.status"),
            ("\"a.b\".\"c d\"", "\"a.b\".\"c d\""),
            ("pg_catalog.tid", "pg_catalog.tid"),
            ("text[]", "pg_catalog.text[]"),
        ] {
            assert_eq!(type_name(written), expected);
        }
    }

    #[test]
    fn operators_are_those_of_the_type() {
        assert_eq!(operator_of("=", "b", "uuid"), "OPERATOR(pg_catalog.=)");
        assert_eq!(operator_of("=", "b", "ext.citext"), "OPERATOR(ext.=)");
        assert_eq!(operator_of("=", "e", "app.kind"), "OPERATOR(pg_catalog.=)");
        assert_eq!(
            operator_of("=", "b", "ext.citext[]"),
            "OPERATOR(pg_catalog.=)"
        );
    }

    #[test]
    fn values_are_listed_with_their_operator() {
        let two = ["1".to_owned(), "2".to_owned()];
        assert_eq!(is_one_of("a", "=", &two), "a = ANY (ARRAY[1, 2])");
        assert_eq!(is_none_of("a", "<>", &two), "a <> ALL (ARRAY[1, 2])");
        assert_eq!(is_none_of("a", "<>", &two[..1]), "a <> 1");
    }

    #[test]
    fn users_types_are_written_out_by_their_output_function() {
        assert_eq!(text("t.a", Oid(25)), "t.a::pg_catalog.text");
        let of_users = text("t.a", Oid(20_000));
        assert!(of_users.contains("pg_catalog.format('%s', t.a)"));
        assert!(!of_users.contains("::"));
        assert_eq!(document("t.a", Oid(25)), "t.a");
        assert_eq!(document("t.a", Oid(20_000)), of_users);
    }
}
