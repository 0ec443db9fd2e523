//! The `DO` block that runs many statements in one round trip.
//!
//! Each statement runs in a separate subtransaction (PostgreSQL manual, 43.6.8), which is always
//! rolled back: an error is a result, no change is kept, and no lock is kept, so that thousands of
//! tables fit into the lock table.
//!
//! The database under audit may be hostile. Statements are array elements that are quoted twice,
//! replies are built by PostgreSQL's own JSON functions, and every name and operator of
//! PostgreSQL's own is schema-qualified: the search path is the application's.

use super::statement::{Kind, Statement};
use crate::{audit::checks::probe::judge::refusal::MESSAGE, quoting::literal};

/// The setting in which a block stores its replies for the next statement.
pub(crate) const REPLIES: &str = "tenantctl_audit.replies";

/// The SQLSTATE that the block itself raises to undo a statement; no SQLSTATE of PostgreSQL has
/// this prefix.
const UNDO: &str = "TA000";

/// Size in bytes above which a reply is truncated, and the number of characters kept of each text
/// in it.
const LARGE: usize = 1 << 20;
const LONG: usize = 8 << 10;

/// Returns the statement that runs the given statements. It ends early after a canceled one: the
/// time-out applies to the whole block and does not fire twice. It also ends early after a lock
/// that could not be acquired, which the next statement may wait for too.
pub(crate) fn sql(statements: &[Statement]) -> String {
    format!("DO {}", literal(&body(statements)))
}

fn body(statements: &[Statement]) -> String {
    let list = |each: fn(&Statement) -> String| -> String {
        statements.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let sql = list(|one| literal(&one.sql));
    let reads = list(|one| matches!(one.kind, Kind::Read).to_string());
    let checks = list(|one| one.check().map_or_else(|| "NULL".to_owned(), literal));
    let fit = fit("value");
    format!(
        "DECLARE
  statements pg_catalog.text[] := ARRAY[{sql}]::pg_catalog.text[];
  reads pg_catalog.bool[] := ARRAY[{reads}]::pg_catalog.bool[];
  checks pg_catalog.text[] := ARRAY[{checks}]::pg_catalog.text[];
  replies pg_catalog.json[] := '{{}}';
  value pg_catalog.jsonb;
  touched pg_catalog.int8;
  code pg_catalog.text;
  said pg_catalog.text;
  broken pg_catalog.text;
  missing pg_catalog.text;
  ended pg_catalog.bool := false;
BEGIN
  FOR place IN 1 .. pg_catalog.cardinality(statements) LOOP
    value := NULL; touched := 0; code := NULL; said := NULL;
    BEGIN
      IF reads[place] THEN
        EXECUTE statements[place] INTO value;
        IF pg_catalog.pg_column_size(value) OPERATOR(pg_catalog.>) {LARGE} THEN
          value := {fit};
        END IF;
      ELSE
        EXECUTE statements[place];
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched OPERATOR(pg_catalog.>) 0 AND checks[place] IS NOT NULL THEN
          BEGIN
            SET LOCAL ROLE NONE;
            SET LOCAL search_path TO pg_catalog, pg_temp;
            SET LOCAL row_security TO off;
            EXECUTE checks[place] INTO value;
          EXCEPTION WHEN ASSERT_FAILURE OR OTHERS THEN
            value := NULL;
          END;
        END IF;
      END IF;
      RAISE EXCEPTION USING ERRCODE = '{UNDO}';
    EXCEPTION
      WHEN SQLSTATE '{UNDO}' THEN
        NULL;
      WHEN QUERY_CANCELED OR ASSERT_FAILURE OR OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT,
          broken = CONSTRAINT_NAME, missing = COLUMN_NAME;
        ended := code OPERATOR(pg_catalog.=) ANY (ARRAY['57014', '55P03']::pg_catalog.text[]);
    END;
    replies := pg_catalog.array_append(replies, CASE WHEN code IS NULL
      THEN pg_catalog.json_build_object('value', value, 'rows', touched)
      ELSE pg_catalog.json_build_object('state', code,
        'message', pg_catalog.left(said, {MESSAGE}), 'constraint',
        CASE WHEN broken OPERATOR(pg_catalog.<>) '' THEN broken
             WHEN missing OPERATOR(pg_catalog.<>) '' THEN missing END) END);
    EXIT WHEN ended;
  END LOOP;
  PERFORM pg_catalog.set_config('{REPLIES}', pg_catalog.array_to_json(replies)::pg_catalog.text, true);
END"
    )
}

/// Returns an SQL expression for the document, with its rows truncated if it is large. 100 MB of
/// proof is of no use to a reader.
pub(crate) fn fit(document: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.pg_column_size({document}) OPERATOR(pg_catalog.<=) {LARGE} \
              THEN {document} \
              WHEN pg_catalog.jsonb_typeof({document}) OPERATOR(pg_catalog.=) 'array' \
              THEN (SELECT pg_catalog.jsonb_agg({element}) \
                      FROM pg_catalog.jsonb_array_elements({document}) e) \
              ELSE {whole} END",
        element = cut("e.value"),
        whole = cut(document),
    )
}

/// Returns an SQL expression for the row with its long values truncated. Objects and arrays become
/// empty documents: half of one would not be valid.
fn cut(row: &str) -> String {
    let is =
        |kind: &str| format!("pg_catalog.jsonb_typeof(v.value) OPERATOR(pg_catalog.=) '{kind}'");
    format!(
        "CASE WHEN pg_catalog.jsonb_typeof({row}) OPERATOR(pg_catalog.=) 'object' THEN \
         (SELECT pg_catalog.jsonb_object_agg(v.key, CASE \
           WHEN pg_catalog.pg_column_size(v.value) OPERATOR(pg_catalog.<=) {LONG} THEN v.value \
           WHEN {text} THEN pg_catalog.to_jsonb(pg_catalog.left(\
             v.value OPERATOR(pg_catalog.#>>) '{{}}'::pg_catalog.text[], {LONG})) \
           WHEN {object} THEN '{{}}'::pg_catalog.jsonb \
           WHEN {array} THEN '[]'::pg_catalog.jsonb \
           ELSE v.value END) FROM pg_catalog.jsonb_each({row}) v) ELSE {row} END",
        text = is("string"),
        object = is("object"),
        array = is("array"),
    )
}
