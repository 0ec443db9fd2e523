//! Import of schedules.

use super::{
    references::{
        OPERATORY_BY_ID, OPERATORY_BY_NAME, PROVIDER_BY_EMAIL, PROVIDER_BY_ID, PROVIDER_BY_NAME,
        SCHEDULE_REFERENCES,
    },
    targets::{Field, Key, Target, field},
};

pub(super) const SCHEDULES: Target = Target {
    table: "schedules",
    staged: &[
        ("kind", "text"),
        ("provider", "text"),
        ("provider_uuid", "uuid"),
        ("provider_email", "text"),
        ("provider_names", "text[] COLLATE \"C\""),
        ("provider_id", "uuid"),
        ("provider_many", "bigint"),
        ("operatory", "text"),
        ("operatory_uuid", "uuid"),
        ("operatory_names", "text[] COLLATE \"C\""),
        ("operatory_id", "uuid"),
        ("operatory_many", "bigint"),
        ("weekday", "smallint"),
        ("valid_from", "date"),
        ("valid_until", "date"),
        ("start_minute", "smallint"),
        ("end_minute", "smallint"),
        ("note", "text"),
    ],
    prepare: &[
        PROVIDER_BY_ID,
        PROVIDER_BY_EMAIL,
        PROVIDER_BY_NAME,
        OPERATORY_BY_ID,
        OPERATORY_BY_NAME,
        SCHEDULE_REFERENCES,
    ],
    // All columns but the note. Missing values are compared as a value that no row has, so that
    // both sides can be hash joined.
    keys: &[Key {
        column: "",
        applies: "true",
        matches: "t.kind = s.kind
            AND coalesce(t.provider_id, t.operatory_id, '00000000-0000-0000-0000-000000000000')
                = coalesce(s.provider_id, s.operatory_id, '00000000-0000-0000-0000-000000000000')
            AND (t.operatory_id IS NULL) = (s.operatory_id IS NULL)
            AND coalesce(t.weekday, 0) = coalesce(s.weekday, 0)
            AND coalesce(t.valid_from, '-infinity') = coalesce(s.valid_from, '-infinity')
            AND coalesce(t.valid_until, 'infinity') = coalesce(s.valid_until, 'infinity')
            AND coalesce(t.start_minute, -1) = coalesce(s.start_minute, -1)
            AND coalesce(t.end_minute, -1) = coalesce(s.end_minute, -1)",
        columns: "kind, provider_id, operatory_id, weekday, valid_from, valid_until, start_minute,
                  end_minute",
        shown: "s.kind, s.provider, s.operatory",
    }],
    fields: &[
        field!("kind", key),
        field!("provider_id", key),
        field!("operatory_id", key),
        field!("weekday", key),
        field!("valid_from", key),
        field!("valid_until", key),
        field!("start_minute", key),
        field!("end_minute", key),
        field!("note"),
    ],
    checks: &[ARCHIVED, OVERLAP, OVERLAP_IN_FILE],
    collisions: &[],
    make_room: &[],
    after_insert: &[],
    after_update: &[],
};

/// Rejects new schedules of an archived provider or operatory. The note of an existing one may
/// change.
const ARCHIVED: &str = "
    UPDATE import_rows s
       SET faults = jsonb_build_array(jsonb_build_object(
               'column', archived.what, 'value', left(archived.cell, 60),
               'rule', 'this ' || archived.what || ' is archived'))
      FROM (SELECT s.record, 'provider' AS what, s.provider AS cell
              FROM import_rows s
              JOIN providers p ON p.organization_id = $1 AND p.id = s.provider_id
             WHERE s.organization_id = $1 AND p.archived_at IS NOT NULL
             UNION ALL
            SELECT s.record, 'operatory', s.operatory
              FROM import_rows s
              JOIN operatories o ON o.organization_id = $1 AND o.id = s.operatory_id
             WHERE s.organization_id = $1 AND o.archived_at IS NOT NULL) archived
     WHERE s.organization_id = $1 AND s.record = archived.record AND s.faults IS NULL
       AND s.existing IS NULL";

/// Condition that two schedules `o` and `s` are working hours of the same kind and subject and
/// share a minute on some date: `Schedule::overlaps` of the domain, which a test compares with
/// this.
macro_rules! overlaps {
    () => {
        "o.kind = s.kind AND s.kind IN ('weekly', 'date')
         AND coalesce(o.provider_id, o.operatory_id, '00000000-0000-0000-0000-000000000000')
             = coalesce(s.provider_id, s.operatory_id, '00000000-0000-0000-0000-000000000000')
         AND (o.operatory_id IS NULL) = (s.operatory_id IS NULL)
         AND coalesce(o.weekday, 0) = coalesce(s.weekday, 0)
         AND o.start_minute < s.end_minute AND s.start_minute < o.end_minute
         AND (greatest(o.valid_from, s.valid_from) IS NULL
              OR least(o.valid_until, s.valid_until) IS NULL
              OR least(o.valid_until, s.valid_until) >= greatest(o.valid_from, s.valid_from)
                 + coalesce((s.weekday - extract(isodow FROM greatest(o.valid_from, s.valid_from))::int
                             + 7) % 7, 0))"
    };
}

/// Rejects new working hours that overlap existing ones.
const OVERLAP: &str = concat!(
    "UPDATE import_rows s
        SET faults = jsonb_build_array(jsonb_build_object(
                'column', 'start', 'value', '',
                'rule', 'these working hours overlap those of schedule ' || other.id))
       FROM (SELECT DISTINCT ON (s.record) s.record, o.id
               FROM import_rows s JOIN schedules o ON ",
    overlaps!(),
    "         WHERE s.organization_id = $1 AND o.organization_id = $1 AND s.faults IS NULL
                AND s.existing IS NULL
              ORDER BY s.record, o.id) other
      WHERE s.organization_id = $1 AND s.record = other.record",
);

/// Rejects new working hours that overlap those of an earlier row.
const OVERLAP_IN_FILE: &str = concat!(
    "UPDATE import_rows s
        SET faults = jsonb_build_array(jsonb_build_object(
                'column', 'start', 'value', '',
                'rule', 'these working hours overlap those in line ' || other.line))
       FROM (SELECT s.record, min(o.line) AS line
               FROM import_rows s JOIN import_rows o ON o.record < s.record AND ",
    overlaps!(),
    "         WHERE s.organization_id = $1 AND o.organization_id = $1
                AND s.faults IS NULL AND s.existing IS NULL
                AND o.faults IS NULL AND o.existing IS NULL
              GROUP BY s.record) other
      WHERE s.organization_id = $1 AND s.record = other.record",
);
