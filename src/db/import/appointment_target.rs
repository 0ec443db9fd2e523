//! Import of appointments.

use super::{
    references::{
        APPOINTMENT_REFERENCES, OPERATORY_BY_ID, OPERATORY_BY_NAME, PATIENT_BY_EMAIL,
        PATIENT_BY_ID, PATIENT_BY_NAME, PROVIDER_BY_EMAIL, PROVIDER_BY_ID, PROVIDER_BY_NAME,
    },
    targets::{Field, Key, Target, field},
};

const FOUND_BY_EXTERNAL_ID: &str = "
    UPDATE import_rows s SET found = a.id
      FROM appointments a
     WHERE s.organization_id = $1 AND a.organization_id = $1 AND s.faults IS NULL
       AND a.external_id = s.external_id";

/// A canceled appointment may coexist with its replacement at the same time.
const FOUND_BY_TIME: &str = "
    UPDATE import_rows s SET found = found.id
      FROM (SELECT DISTINCT ON (s.record) s.record, a.id
              FROM import_rows s
              JOIN appointments a
                ON a.organization_id = $1 AND a.patient_id = s.patient_id
               AND a.starts_at = s.starts_at AND a.provider_id = s.provider_id
             WHERE s.organization_id = $1 AND s.faults IS NULL AND s.external_id IS NULL
             ORDER BY s.record, (a.status IN ('scheduled', 'confirmed', 'completed')) DESC,
                      a.created_at DESC, a.id) found
     WHERE s.organization_id = $1 AND s.record = found.record";

/// Empty cells change nothing: an appointment that is moved keeps its duration. Uses hours, not
/// days: a day of an interval depends on the time zone of the session.
const FILL_FOUND: &str = "
    UPDATE import_rows s
       SET operatory_id = coalesce(s.operatory_id, a.operatory_id),
           ends_at = coalesce(s.ends_at,
               s.starts_at + make_interval(secs => extract(epoch FROM a.ends_at - a.starts_at)::float8)),
           status = coalesce(s.status, a.status)
      FROM appointments a
     WHERE s.organization_id = $1 AND a.organization_id = $1 AND a.id = s.found
       AND (s.operatory_id IS NULL OR s.ends_at IS NULL OR s.status IS NULL)";

/// The defaults of `appointment create`.
const FILL_NEW: &str = "
    UPDATE import_rows s
       SET ends_at = coalesce(s.ends_at, s.starts_at + interval '30 minutes'),
           status = coalesce(s.status, 'scheduled')
     WHERE s.organization_id = $1 AND s.faults IS NULL AND s.found IS NULL
       AND (s.ends_at IS NULL OR s.status IS NULL)";

/// Condition that the row will be written.
macro_rules! written {
    ($row:literal) => {
        concat!(
            "(",
            $row,
            ".faults IS NULL AND (",
            $row,
            ".existing IS NULL OR ({updates} AND ",
            $row,
            ".differs)))"
        )
    };
}

/// The allowed changes of an existing appointment's status: `AppointmentStatus::may_become` of the
/// domain, which a test compares with this. An appointment that took place is not moved.
const STATUS: &str = concat!(
    "UPDATE import_rows s
        SET faults = jsonb_build_array(CASE WHEN a.status <> s.status
            THEN jsonb_build_object(
                'column', 'status', 'value', s.status,
                'rule', 'the appointment is ' || a.status || ': it cannot become ' || s.status)
            ELSE jsonb_build_object(
                'column', 'starts_at', 'value', '',
                'rule', 'the appointment took place: its time, patient, provider and operatory are fixed') END)
       FROM appointments a
      WHERE s.organization_id = $1 AND a.organization_id = $1 AND a.id = s.existing AND ",
    written!("s"),
    " AND CASE a.status
              WHEN 'completed' THEN s.status <> 'completed'
                   OR (s.patient_id, s.provider_id, s.starts_at, s.ends_at)
                      <> (a.patient_id, a.provider_id, a.starts_at, a.ends_at)
                   OR s.operatory_id IS DISTINCT FROM a.operatory_id
              WHEN 'broken' THEN s.status NOT IN ('broken', 'scheduled')
              WHEN 'cancelled' THEN s.status NOT IN ('cancelled', 'scheduled')
              ELSE false
          END",
);

/// Rejects upcoming appointments with an archived patient, provider or operatory. An existing
/// appointment may keep them as long as it is not moved.
const ARCHIVED: &str = concat!(
    "UPDATE import_rows s SET faults = archived.faults
       FROM (SELECT s.record, jsonb_agg(jsonb_build_object(
                        'column', parent.what, 'value', left(coalesce(parent.cell, ''), 60),
                        'rule', 'this ' || parent.what || ' is archived') ORDER BY parent.place) AS faults
               FROM import_rows s
               LEFT JOIN appointments a ON a.organization_id = $1 AND a.id = s.existing
               LEFT JOIN patients p
                 ON p.organization_id = $1 AND p.id = s.patient_id AND p.archived_at IS NOT NULL
               LEFT JOIN providers v
                 ON v.organization_id = $1 AND v.id = s.provider_id AND v.archived_at IS NOT NULL
               LEFT JOIN operatories o
                 ON o.organization_id = $1 AND o.id = s.operatory_id AND o.archived_at IS NOT NULL
              CROSS JOIN LATERAL (VALUES
                    (1, 'patient', s.patient, p.id, a.patient_id),
                    (2, 'provider', s.provider, v.id, a.provider_id),
                    (3, 'operatory', s.operatory, o.id, a.operatory_id))
                    AS parent (place, what, cell, id, before)
              WHERE s.organization_id = $1 AND ",
    written!("s"),
    "           AND s.status IN ('scheduled', 'confirmed') AND parent.id IS NOT NULL
                AND (a.id IS NULL
                     OR parent.id IS DISTINCT FROM parent.before
                     OR a.status NOT IN ('scheduled', 'confirmed', 'completed')
                     OR (s.provider_id, s.starts_at, s.ends_at)
                        <> (a.provider_id, a.starts_at, a.ends_at)
                     OR s.operatory_id IS DISTINCT FROM a.operatory_id)
              GROUP BY s.record) archived
      WHERE s.organization_id = $1 AND s.record = archived.record",
);

/// Rejects rows that start before an earlier row of the same provider or operatory has ended;
/// earlier by start time, or by line if both start at the same time. The latest end so far is kept
/// with its line.
macro_rules! overlap_in_file {
    ($one:literal) => {
        concat!(
            "UPDATE import_rows s
                SET faults = jsonb_build_array(jsonb_build_object(
                        'column', '",
            $one,
            "', 'value', left(coalesce(s.",
            $one,
            ", ''), 60),
                        'rule', 'the ",
            $one,
            " is booked twice: it overlaps with line ' || - before.latest[2]))
               FROM (SELECT s.record, s.starts_at,
                            max(ARRAY[extract(epoch FROM s.ends_at)::bigint, - s.line]) OVER (
                                PARTITION BY s.",
            $one,
            "_id ORDER BY s.starts_at, s.record
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
                       FROM import_rows s
                      WHERE s.organization_id = $1 AND s.",
            $one,
            "_id IS NOT NULL
                        AND s.status IN ('scheduled', 'confirmed', 'completed') AND ",
            written!("s"),
            "       ) before
              WHERE s.organization_id = $1 AND s.record = before.record
                AND before.latest[1] > extract(epoch FROM before.starts_at)::bigint"
        )
    };
}

/// Rejects rows with a provider or operatory that is booked by an existing appointment. With `{changes}`,
/// appointments that the file moves or cancels are ignored; otherwise only the row's own. An
/// appointment in progress at a given time started at most 24 hours before it, which makes this a
/// range scan of the index; OFFSET keeps the planner on that. The status is checked outside of it,
/// because otherwise the planner could choose the exclusion constraint's index, and use only the
/// provider or operatory of it. The file's changes are a set that is hashed once: the planner has no
/// statistics for columns filled in after the COPY and would join them row by row.
macro_rules! booked {
    ($one:literal) => {
        concat!(
            "UPDATE import_rows s
                SET taken_by = taken.id, faults = jsonb_build_array(jsonb_build_object(
                        'column', '", $one, "', 'value', left(coalesce(s.", $one, ", ''), 60),
                        'rule', format('the ", $one, " is already booked from %s to %s (appointment %s)',
                            to_char(taken.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI\"Z\"'),
                            to_char(taken.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI\"Z\"'),
                            taken.id)))
               FROM (SELECT DISTINCT ON (s.record) s.record, a.id, a.starts_at, a.ends_at
                       FROM import_rows s
                      CROSS JOIN LATERAL (
                            SELECT a.id, a.starts_at, a.ends_at, a.status
                              FROM appointments a
                             WHERE a.organization_id = $1 AND a.", $one, "_id = s.", $one, "_id
                               AND a.starts_at > s.starts_at - interval '24 hours'
                               AND a.starts_at < s.ends_at AND a.ends_at > s.starts_at
                            OFFSET 0) a
                      WHERE s.organization_id = $1 AND a.id IS DISTINCT FROM s.existing
                        AND a.status IN ('scheduled', 'confirmed', 'completed')
                        AND NOT ({changes} AND a.id IN (
                            SELECT o.existing FROM import_rows o
                             WHERE o.organization_id = $1 AND o.existing IS NOT NULL AND ",
            written!("o"),
            "           ))
                        AND s.status IN ('scheduled', 'confirmed', 'completed') AND ",
            written!("s"),
            "         ORDER BY s.record, a.starts_at) taken
              WHERE s.organization_id = $1 AND s.record = taken.record"
        )
    };
}

/// Moves appointments that are about to change out of the way, so that no order of the rows causes
/// a temporary overlap: only at the end of the transaction are all of them in place. The update
/// that follows sets their status again.
const MAKE_ROOM: &str = "
    UPDATE appointments a SET status = 'cancelled'
      FROM import_rows s
     WHERE a.organization_id = $1 AND s.organization_id = $1 AND a.id = s.existing
       AND s.differs AND s.faults IS NULL
       AND a.status IN ('scheduled', 'confirmed', 'completed')
       AND ((s.provider_id, s.starts_at, s.ends_at) <> (a.provider_id, a.starts_at, a.ends_at)
            OR s.operatory_id IS DISTINCT FROM a.operatory_id
            OR s.status NOT IN ('scheduled', 'confirmed', 'completed'))";

pub(super) const APPOINTMENTS: Target = Target {
    table: "appointments",
    staged: &[
        ("external_id", "text"),
        ("patient", "text"),
        ("patient_uuid", "uuid"),
        ("patient_email", "text"),
        ("patient_names", "text[] COLLATE \"C\""),
        ("patient_id", "uuid"),
        ("patient_many", "bigint"),
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
        ("starts_at", "timestamptz"),
        ("ends_at", "timestamptz"),
        ("status", "text"),
        ("service", "text"),
        ("notes", "text"),
        ("broken_reason", "text"),
        // The appointment with the row's key. Before rows are checked, empty cells of the row are
        // filled in from it.
        ("found", "uuid"),
        // The appointment that conflicts with the row.
        ("taken_by", "uuid"),
    ],
    prepare: &[
        PATIENT_BY_ID,
        PATIENT_BY_EMAIL,
        PATIENT_BY_NAME,
        PROVIDER_BY_ID,
        PROVIDER_BY_EMAIL,
        PROVIDER_BY_NAME,
        OPERATORY_BY_ID,
        OPERATORY_BY_NAME,
        APPOINTMENT_REFERENCES,
        FOUND_BY_EXTERNAL_ID,
        FOUND_BY_TIME,
        FILL_FOUND,
        FILL_NEW,
    ],
    keys: &[
        Key {
            column: "external_id",
            applies: "s.external_id IS NOT NULL",
            matches: "t.id = s.found",
            columns: "external_id",
            shown: "s.external_id",
        },
        Key {
            column: "patient, provider, starts_at",
            applies: "s.external_id IS NULL",
            matches: "t.id = s.found",
            columns: "patient_id, provider_id, starts_at",
            shown: "s.patient, s.provider",
        },
    ],
    fields: &[
        field!("external_id", key),
        field!("patient_id"),
        field!("provider_id"),
        field!("operatory_id"),
        field!("starts_at"),
        field!("ends_at"),
        field!("status"),
        field!("service"),
        field!("notes"),
        field!("broken_reason"),
    ],
    checks: &[
        STATUS,
        ARCHIVED,
        overlap_in_file!("provider"),
        overlap_in_file!("operatory"),
    ],
    collisions: &[booked!("provider"), booked!("operatory")],
    make_room: &[MAKE_ROOM],
    after_insert: &[],
    after_update: &[],
};
