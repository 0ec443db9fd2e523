//! Statements that find the rows which references name, in the scope of one organization: another
//! organization's rows are as unknown as those that are nowhere.
//!
//! The tables are asked by equality of texts and ids alone: under row-level security only leakproof
//! comparisons use an index.

use crate::domain::import::SHOWN_CHARACTERS;

/// By external_id, or else by our id.
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

/// By e-mail address, which several may share.
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

/// An active one has its name to itself: archived ones of that name are not meant.
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

/// By name, which several may share as well. `$which` says which of these count.
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

/// The fault of a reference that names nothing, or several; `[]` where there is none.
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
                                   ELSE 'there is no such ",
            $one,
            " in this organization' END))
             END"
        )
    };
}

/// How the statements shorten what a fault shows.
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

/// Tells the references of a schedule that name nothing.
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

/// Tells the references of an appointment that name nothing.
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
