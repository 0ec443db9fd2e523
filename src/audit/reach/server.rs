//! Built-in functions of PostgreSQL, classified by the harm they can do if another role wrote the
//! call.

/// VOLATILE functions of the server that do not read an object by name and have no lasting effect
/// except the next value of a sequence, which [`super::super::checks::probe`] examines separately
/// (PostgreSQL manual, chapter 9).
const HARMLESS: &[&str] = &[
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "current_query",
    "currval",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "pg_trigger_depth",
    "random",
    "random_normal",
    "suppress_redundant_updates_trigger",
    "timeofday",
    "tsvector_update_trigger",
    "tsvector_update_trigger_column",
    "uuidv4",
    "uuidv7",
];

/// Functions of the server that run a statement, or read an object by name or OID, passed as an
/// argument: the catalog does not record what they reach. Includes functions that are not VOLATILE.
pub(super) const BY_NAME: &[&str] = &[
    "array_in",
    "array_recv",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "domain_in",
    "domain_recv",
    "multirange_in",
    "multirange_recv",
    "pg_input_error_info",
    "pg_input_is_valid",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "range_in",
    "range_recv",
    "record_in",
    "record_recv",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
];

/// Extensions documented by PostgreSQL without a function that runs a statement, reads a table by
/// name or reaches outside of the database (PostgreSQL manual, appendix F).
const EXTENSIONS: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intarray",
    "isn",
    "ltree",
    "moddatetime",
    "pg_trgm",
    "pgcrypto",
    "seg",
    "unaccent",
    "uuid-ossp",
];

/// `true` if a function of the server may do harm in an expression that another role wrote.
/// Functions that are not VOLATILE change nothing.
pub(super) fn is_dangerous(name: &str, volatility: &str) -> bool {
    BY_NAME.contains(&name) || volatility == "v" && !HARMLESS.contains(&name)
}

/// `true` if no function of an extension can be used against the role that runs it.
pub(super) fn is_harmless_extension(name: &str) -> bool {
    EXTENSIONS.contains(&name)
}
