//! Staging, matching and writing of the rows of each kind. Constants only: statements are built
//! from them.

use super::{appointment_target::APPOINTMENTS, schedule_target::SCHEDULES};
use crate::domain::import::ImportKind;

/// The columns that every staging table starts with.
pub(super) const COMMON: &[(&str, &str)] = &[
    ("record", "bigint NOT NULL"),
    ("line", "bigint NOT NULL"),
    // Null if the file names an organization that does not exist.
    ("organization_id", "uuid"),
    // The id of the row if it is new.
    ("id", "uuid"),
    // The existing row with its key.
    ("existing", "uuid"),
    ("differs", "boolean"),
    // The faults of the row; null for none.
    ("faults", "jsonb"),
];

/// The description of an import into a table. In its expressions `s` is the staged row and `t` the
/// row in the table.
pub(super) struct Target {
    pub(super) table: &'static str,
    /// Name and type of the kind's own columns, in the order in which its reader returns them.
    pub(super) staged: &'static [(&'static str, &'static str)],
    /// Statements that run before rows are checked, with the organization as `$1`: they resolve
    /// references and write faults.
    pub(super) prepare: &'static [&'static str],
    /// The keys that identify a row; the first one that a row has is used.
    pub(super) keys: &'static [Key],
    /// The columns that are written.
    pub(super) fields: &'static [Field],
    /// Statements that run after rows are checked, with the organization as `$1`: they write faults
    /// that depend on existing rows. `{updates}` is replaced with whether rows that differ will be
    /// written.
    pub(super) checks: &'static [&'static str],
    /// Like [`Self::checks`]; `{changes}` is replaced with whether the changes of the file's rows
    /// are taken into account. They run until they find no more faults: a rejected row makes no
    /// change.
    pub(super) collisions: &'static [&'static str],
    /// Statements that run before any write if existing rows change.
    pub(super) make_room: &'static [&'static str],
    /// Statements that run after the insert, with the organization as `$1`: they add the dependent
    /// rows of new rows.
    pub(super) after_insert: &'static [&'static str],
    /// Statements that run after the update.
    pub(super) after_update: &'static [&'static str],
}

/// A natural key.
pub(super) struct Key {
    /// The column named in a fault.
    pub(super) column: &'static str,
    /// The condition that a row has this key.
    pub(super) applies: &'static str,
    /// The condition that a row of the table has the same key.
    pub(super) matches: &'static str,
    /// Its columns in the staging table.
    pub(super) columns: &'static str,
    /// The values shown in a fault.
    pub(super) shown: &'static str,
}

/// A column that is written.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The value for a new row.
    pub(super) new: &'static str,
    /// The value for an existing row; `None` keeps the current one.
    pub(super) updated: Option<&'static str>,
    /// `true` if a different value counts as a difference. Derived columns follow others.
    pub(super) is_compared: bool,
}

macro_rules! field {
    // Written as is; an empty cell changes nothing.
    ($name:literal) => {
        Field {
            name: $name,
            new: concat!("s.", $name),
            updated: Some(concat!("coalesce(s.", $name, ", t.", $name, ")")),
            is_compared: true,
        }
    };
    // Part of the key.
    ($name:literal, key) => {
        Field {
            name: $name,
            new: concat!("s.", $name),
            updated: None,
            is_compared: false,
        }
    };
    ($name:literal, derived $new:literal, $updated:literal) => {
        Field {
            name: $name,
            new: $new,
            updated: Some($updated),
            is_compared: false,
        }
    };
}

pub(super) use field;

impl Target {
    pub(super) const fn of(kind: ImportKind) -> &'static Self {
        match kind {
            ImportKind::Patients => &PATIENTS,
            ImportKind::Providers => &PROVIDERS,
            ImportKind::Operatories => &OPERATORIES,
            ImportKind::Schedules => &SCHEDULES,
            ImportKind::Appointments => &APPOINTMENTS,
            ImportKind::Members => &MEMBERS,
            ImportKind::Organizations => &ORGANIZATIONS,
        }
    }
}

/// Condition that a row of the table has the name of a row without any other key: the active one,
/// which has a unique name except for rows that shared a name before names were unique; otherwise the
/// newest of the archived ones.
macro_rules! same_name {
    ($table:literal) => {
        concat!(
            "t.sort_name = s.sort_name AND NOT t.shares_name
             AND (t.archived_at IS NULL OR NOT EXISTS (
                     SELECT FROM ",
            $table,
            " o WHERE o.organization_id = $1 AND o.sort_name = s.sort_name
                   AND (o.archived_at IS NULL OR o.id > t.id)))"
        )
    };
}

/// Condition that a row will take a name: it is new, or it renames an active one. `e` is the
/// existing row.
macro_rules! takes_name {
    () => {
        "(s.existing IS NULL OR ({updates} AND s.differs AND e.archived_at IS NULL
                                 AND e.sort_name <> s.sort_name))"
    };
}

/// Rejects rows that take the same name as an earlier one.
macro_rules! name_in_file {
    ($table:literal) => {
        concat!(
            "UPDATE import_rows s
                SET faults = jsonb_build_array(jsonb_build_object(
                        'column', 'name', 'value', left(s.name, 60),
                        'rule', 'duplicate of line ' || repeated.first_line))
               FROM (SELECT s.record, first_value(s.line) OVER same AS first_line,
                            row_number() OVER same AS place
                       FROM import_rows s
                       LEFT JOIN ",
            $table,
            " e ON e.organization_id = $1 AND e.id = s.existing
                      WHERE s.organization_id = $1 AND s.faults IS NULL AND ",
            takes_name!(),
            "        WINDOW same AS (PARTITION BY s.sort_name ORDER BY s.record)) repeated
              WHERE s.organization_id = $1 AND s.record = repeated.record AND repeated.place > 1"
        )
    };
}

/// Rejects rows that take the name of another active row, even if the file renames that one: of two
/// rows that swap names, neither can be first.
macro_rules! name_taken {
    ($table:literal, $one:literal) => {
        concat!(
            "UPDATE import_rows s
                SET faults = jsonb_build_array(jsonb_build_object(
                        'column', 'name', 'value', left(s.name, 60),
                        'rule', 'another active ",
            $one,
            " has this name'))
               FROM (SELECT DISTINCT s.record
                       FROM import_rows s
                       LEFT JOIN ",
            $table,
            " e ON e.organization_id = $1 AND e.id = s.existing
                       JOIN ",
            $table,
            " t ON t.organization_id = $1 AND t.sort_name = s.sort_name
                          AND t.archived_at IS NULL AND t.id IS DISTINCT FROM s.existing
                      WHERE s.organization_id = $1 AND s.faults IS NULL AND ",
            takes_name!(),
            "       ) taken
              WHERE s.organization_id = $1 AND s.record = taken.record"
        )
    };
}

const BY_EXTERNAL_ID: Key = Key {
    column: "external_id",
    applies: "s.external_id IS NOT NULL",
    matches: "t.external_id = s.external_id",
    columns: "external_id",
    shown: "s.external_id",
};

const PATIENTS: Target = Target {
    table: "patients",
    staged: &[
        ("external_id", "text"),
        ("first_name", "text"),
        ("last_name", "text"),
        ("sort_name", "text COLLATE \"C\""),
        ("name_parts", "text[]"),
        ("birth_date", "date"),
        ("phone", "text"),
        ("email", "text"),
        ("language", "text"),
        ("notes", "text"),
    ],
    prepare: &[],
    keys: &[
        BY_EXTERNAL_ID,
        Key {
            column: "first_name, last_name, birth_date, phone",
            applies: "s.external_id IS NULL",
            matches: "t.sort_name = s.sort_name AND t.birth_date IS NOT DISTINCT FROM s.birth_date
                      AND t.phone IS NOT DISTINCT FROM s.phone",
            columns: "sort_name, birth_date, phone",
            shown: "s.first_name, s.last_name, s.birth_date, s.phone",
        },
    ],
    fields: &[
        field!("external_id", key),
        field!("first_name"),
        field!("last_name"),
        field!("sort_name", derived "s.sort_name", "s.sort_name"),
        field!("birth_date"),
        field!("phone"),
        field!("email"),
        field!("language"),
        field!("notes"),
    ],
    checks: &[],
    collisions: &[],
    make_room: &[],
    after_insert: &[
        "INSERT INTO patient_name_parts (organization_id, part, patient_id)
         SELECT $1, part, s.id FROM import_rows s, unnest(s.name_parts) part
          WHERE s.organization_id = $1 AND s.faults IS NULL AND s.existing IS NULL",
    ],
    after_update: &[
        "DELETE FROM patient_name_parts n USING import_rows s
          WHERE n.organization_id = $1 AND s.organization_id = $1 AND n.patient_id = s.existing
            AND s.differs AND s.faults IS NULL AND n.part <> ALL (s.name_parts)",
        "INSERT INTO patient_name_parts (organization_id, part, patient_id)
         SELECT $1, part, s.existing FROM import_rows s, unnest(s.name_parts) part
          WHERE s.organization_id = $1 AND s.differs AND s.faults IS NULL
         ON CONFLICT DO NOTHING",
    ],
};

const PROVIDERS: Target = Target {
    table: "providers",
    staged: &[
        ("external_id", "text"),
        ("name", "text"),
        ("sort_name", "text COLLATE \"C\""),
        ("specialty", "text"),
        ("folded_specialty", "text"),
        ("email", "text"),
        ("phone", "text"),
    ],
    prepare: &[],
    keys: &[
        BY_EXTERNAL_ID,
        Key {
            column: "email",
            applies: "s.external_id IS NULL AND s.email IS NOT NULL",
            matches: "t.email = s.email",
            columns: "email",
            shown: "s.email",
        },
        Key {
            column: "name",
            applies: "s.external_id IS NULL AND s.email IS NULL",
            matches: same_name!("providers"),
            columns: "sort_name",
            shown: "s.name",
        },
    ],
    fields: &[
        field!("external_id", key),
        field!("name"),
        field!("sort_name", derived "s.sort_name", "s.sort_name"),
        field!("shares_name", derived "false", "t.shares_name AND t.sort_name = s.sort_name"),
        field!(
            "search_text",
            derived "s.sort_name || ' ' || coalesce(s.folded_specialty, '')",
            "s.sort_name || ' ' || coalesce(s.folded_specialty, substr(t.search_text, length(t.sort_name) + 2))"
        ),
        field!("specialty"),
        field!("email"),
        field!("phone"),
    ],
    checks: &[
        name_in_file!("providers"),
        name_taken!("providers", "provider"),
    ],
    collisions: &[],
    make_room: &[],
    after_insert: &[],
    after_update: &[],
};

const OPERATORIES: Target = Target {
    table: "operatories",
    staged: &[
        ("external_id", "text"),
        ("name", "text"),
        ("sort_name", "text COLLATE \"C\""),
        ("notes", "text"),
    ],
    prepare: &[],
    keys: &[
        BY_EXTERNAL_ID,
        Key {
            column: "name",
            applies: "s.external_id IS NULL",
            matches: same_name!("operatories"),
            columns: "sort_name",
            shown: "s.name",
        },
    ],
    fields: &[
        field!("external_id", key),
        field!("name"),
        field!("sort_name", derived "s.sort_name", "s.sort_name"),
        field!("shares_name", derived "false", "t.shares_name AND t.sort_name = s.sort_name"),
        field!("notes"),
    ],
    checks: &[
        name_in_file!("operatories"),
        name_taken!("operatories", "operatory"),
    ],
    collisions: &[],
    make_room: &[],
    after_insert: &[],
    after_update: &[],
};

/// Only staged: a row is matched with two tables and may become a row of either, see
/// [`super::members`].
const MEMBERS: Target = Target {
    table: "organization_members",
    staged: &[
        ("email", "text"),
        ("email_domain", "text"),
        // Null: `member` for new members, the current role for existing ones.
        ("role", "text"),
        // Set in the database if people are added.
        ("user_id", "uuid"),
        ("user_name", "text"),
        // Null if no invitation is created.
        ("token_hash", "bytea"),
        // Null if no mail is sent.
        ("sealed_token", "bytea"),
    ],
    prepare: &[],
    keys: &[],
    fields: &[],
    checks: &[],
    collisions: &[],
    make_room: &[],
    after_insert: &[],
    after_update: &[],
};

/// Only staged: each row is a separate organization, see [`super::organizations`].
const ORGANIZATIONS: Target = Target {
    table: "organizations",
    staged: &[
        ("name", "text"),
        ("slug", "text"),
        ("owner", "text"),
        ("time_zone", "text"),
        ("locale", "text"),
    ],
    prepare: &[],
    keys: &[],
    fields: &[],
    checks: &[],
    collisions: &[],
    make_room: &[],
    after_insert: &[],
    after_update: &[],
};
