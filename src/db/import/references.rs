//! Statements that resolve references to rows in the scope of one organization. Another
//! organization's rows are not found, like rows that do not exist.
//!
//! The tables are queried only by equality of texts and ids: under row-level security only
//! leakproof comparisons use an index.

use crate::domain::import::SHOWN_CHARACTERS;

/// Resolves by external_id, or else by our id.
macro_rules! by_id {
    ($table:literal, $one:literal) => {
        concat!(
            "UPDATE import_rows s SET ", $one, "_id = found.id
               FROM (SELECT s.record, coalesce(own.id, t.id) AS id
                       FROM import_rows s
                       LEFT JOIN ", $table, " own
                         ON own.organization_id = $1 AND own.external_id = s.", $one, "
                       LEFT JOIN ", $table, " t
                         ON t.organization_id = $1 AND t.id = s.", $one, "_uuid
                      WHERE s.organization_id = $1 AND s.faults IS NULL) found
              WHERE s.organization_id = $1 AND s.record = found.record AND found.id IS NOT NULL"
        )
    };
}

/// Resolves by email address, which several rows may share.
macro_rules! by_email {
    ($table:literal, $one:literal) => {
        concat!(
            "UPDATE import_rows s SET ",
            $one,
            "_id = found.id, ",
            $one,
            "_many = found.many
               FROM (SELECT s.record, count(*) AS many,
                            CASE count(*) WHEN 1 THEN (array_agg(t.id))[1] END AS id
                       FROM import_rows s
                       JOIN ",
            $table,
            " t
                         ON t.organization_id = $1 AND t.email = s.",
            $one,
            "_email
                      WHERE s.organization_id = $1 AND s.faults IS NULL AND s.",
            $one,
            "_id IS NULL
                      GROUP BY s.record) found
              WHERE s.organization_id = $1 AND s.record = found.record"
        )
    };
}

/// Prefers the active row, which has a unique name, to archived ones of the same name.
macro_rules! active_first {
    ($table:literal) => {
        concat!(
            " AND (t.archived_at IS NULL OR NOT EXISTS (SELECT FROM ",
            $table,
            " o WHERE o.organization_id = $1 AND o.sort_name = t.sort_name
                AND o.archived_at IS NULL))"
        )
    };
}

/// Resolves by name, which several rows may share as well. `$which` restricts the candidates.
macro_rules! by_name {
    ($table:literal, $one:literal, $which:expr) => {
        concat!(
            "UPDATE import_rows s SET ",
            $one,
            "_id = found.id, ",
            $one,
            "_many = found.many
               FROM (SELECT s.record, count(DISTINCT t.id) AS many,
                            CASE count(DISTINCT t.id) WHEN 1 THEN (array_agg(t.id))[1] END AS id
                       FROM import_rows s
                      CROSS JOIN unnest(s.",
            $one,
            "_names) AS wanted (name)
                       JOIN ",
            $table,
            " t ON t.organization_id = $1 AND t.sort_name = wanted.name",
            $which,
            "
                      WHERE s.organization_id = $1 AND s.faults IS NULL
                        AND s.",
            $one,
            "_id IS NULL AND s.",
            $one,
            "_many IS NULL
                      GROUP BY s.record) found
              WHERE s.organization_id = $1 AND s.record = found.record"
        )
    };
}

/// The fault of a reference that matches no row or several; `[]` if it is resolved.
macro_rules! unresolved {
    ($table:literal, $one:literal, $shared:literal) => {
        concat!(
            "CASE WHEN s.",
            $one,
            " IS NULL OR s.",
            $one,
            "_id IS NOT NULL THEN '[]'::jsonb
                  ELSE jsonb_build_array(jsonb_build_object(
                      'column', '",
            $one,
            "', 'value', left(s.",
            $one,
            ", 60),
                      'rule', CASE WHEN s.",
            $one,
            "_many > 1
                                   THEN s.",
            $one,
            "_many || ' ",
            $table,
            " have this ' || ",
            $shared,
            "
                                        || ': use the external_id'
                                   ELSE 'no such ",
            $one,
            " in this organization' END))
             END"
        )
    };
}

/// The statements shorten the values shown in faults to this length.
const _: () = assert!(SHOWN_CHARACTERS == 60);

pub(super) const PATIENT_BY_ID: &str = by_id!("patients", "patient");
pub(super) const PATIENT_BY_EMAIL: &str = by_email!("patients", "patient");
pub(super) const PATIENT_BY_NAME: &str = by_name!("patients", "patient", "");
pub(super) const PROVIDER_BY_ID: &str = by_id!("providers", "provider");
pub(super) const PROVIDER_BY_EMAIL: &str = by_email!("providers", "provider");
pub(super) const PROVIDER_BY_NAME: &str =
    by_name!("providers", "provider", active_first!("providers"));
pub(super) const OPERATORY_BY_ID: &str = by_id!("operatories", "operatory");
pub(super) const OPERATORY_BY_NAME: &str =
    by_name!("operatories", "operatory", active_first!("operatories"));

/// Reports unresolved references of a schedule.
pub(super) const SCHEDULE_REFERENCES: &str = concat!(
    "UPDATE import_rows s SET faults = ",
    unresolved!(
        "providers",
        "provider",
        "CASE WHEN s.provider_email IS NULL THEN 'name' ELSE 'e-mail address' END"
    ),
    " || ",
    unresolved!("operatories", "operatory", "'name'"),
    " WHERE s.organization_id = $1 AND s.faults IS NULL
        AND ((s.provider IS NOT NULL AND s.provider_id IS NULL)
             OR (s.operatory IS NOT NULL AND s.operatory_id IS NULL))",
);

/// Reports unresolved references of an appointment.
pub(super) const APPOINTMENT_REFERENCES: &str = concat!(
    "UPDATE import_rows s SET faults = ",
    unresolved!(
        "patients",
        "patient",
        "CASE WHEN s.patient_email IS NULL THEN 'name' ELSE 'e-mail address' END"
    ),
    " || ",
    unresolved!(
        "providers",
        "provider",
        "CASE WHEN s.provider_email IS NULL THEN 'name' ELSE 'e-mail address' END"
    ),
    " || ",
    unresolved!("operatories", "operatory", "'name'"),
    " WHERE s.organization_id = $1 AND s.faults IS NULL
        AND (s.patient_id IS NULL OR s.provider_id IS NULL
             OR (s.operatory IS NOT NULL AND s.operatory_id IS NULL))",
);
