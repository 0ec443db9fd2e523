//! The set-based statements of an import, in the scope of one organization.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::targets::{Field, Key, Target};
use crate::{
    db::TenantTx,
    domain::{
        PatientId,
        import::{Counts, Fault, ImportKind, OnConflict, SHOWN_CHARACTERS},
    },
    error::{Error, Result},
};

/// Checks the organization's staged rows for faults beyond each row itself: duplicate keys in the
/// file, and existing rows where they are not allowed. Also finds the existing rows.
pub async fn judge(tx: &mut TenantTx, kind: ImportKind, on_conflict: OnConflict) -> Result<()> {
    let target = Target::of(kind);
    for statement in target.prepare {
        run(tx, (*statement).to_owned()).await?;
    }
    let mut matched = 0;
    for key in target.keys {
        let (applies, matches) = (key.applies, key.matches);
        reject_repeated(tx, key).await?;
        let differs = differs(target);
        let table = target.table;
        matched += run(
            tx,
            format!(
                "UPDATE import_rows s SET existing = t.id, differs = {differs}
                   FROM {table} t
                  WHERE t.organization_id = $1 AND s.organization_id = $1 AND s.faults IS NULL
                    AND {applies} AND {matches}"
            ),
        )
        .await?;
    }
    if target.keys.len() > 1 && matched > 0 {
        reject_repeated(tx, &BY_ANOTHER_KEY).await?;
    }
    if on_conflict == OnConflict::Fail && matched > 0 {
        reject(tx, "s.differs", &other_values(kind)).await?;
    }
    let is_update = on_conflict == OnConflict::Update;
    for statement in target.checks {
        run(tx, with(statement, "{updates}", is_update)).await?;
    }
    reject_colliding(tx, target, is_update).await
}

/// Maximum number of rounds of checking rows for conflicts at their new positions.
const MOST_ROUNDS: u32 = 20;

/// Rejects rows that conflict with existing ones. A rejected row keeps its old position, where
/// other rows may conflict with it, so this repeats; in the last round all existing rows count at
/// their current position.
async fn reject_colliding(tx: &mut TenantTx, target: &Target, is_update: bool) -> Result<()> {
    for round in 1..=MOST_ROUNDS {
        let counts_changes = is_update && round < MOST_ROUNDS;
        let mut found = 0;
        for statement in target.collisions {
            let statement = with(statement, "{updates}", is_update);
            found += run(tx, with(&statement, "{changes}", counts_changes)).await?;
        }
        if found == 0 || !counts_changes {
            break;
        }
    }
    Ok(())
}

/// Replaces a placeholder of a statement with a boolean.
fn with(statement: &str, mark: &str, value: bool) -> String {
    statement.replace(mark, if value { "true" } else { "false" })
}

/// Returns the fault of rows that differ, for [`OnConflict::Fail`].
pub(super) fn other_values(kind: ImportKind) -> Fault {
    Fault::of_row(format!(
        "this {} already exists with other values (--on-conflict)",
        kind.singular()
    ))
}

/// Rejects the organization's valid rows that match `which`, a condition of constants only.
pub(super) async fn reject(tx: &mut TenantTx, which: &str, fault: &Fault) -> Result<u64> {
    let done = sqlx::query(AssertSqlSafe(format!(
        "UPDATE import_rows s SET faults = $2
          WHERE s.organization_id = $1 AND s.faults IS NULL AND {which}"
    )))
    .bind(tx.organization_id().as_uuid())
    .bind(Json([fault]))
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Matches two rows of the file that found the same existing row by different keys.
const BY_ANOTHER_KEY: Key = Key {
    column: "",
    applies: "s.existing IS NOT NULL",
    matches: "false",
    columns: "existing",
    shown: "s.existing",
};

/// Rejects rows with the same key as an earlier one.
pub(super) async fn reject_repeated(tx: &mut TenantTx, key: &Key) -> Result<()> {
    let Key {
        column,
        applies,
        columns,
        shown,
        ..
    } = key;
    let statement = format!(
        "UPDATE import_rows s
            SET faults = jsonb_build_array(jsonb_build_object(
                    'column', $2::text, 'value', left(concat_ws(' ', {shown}), {SHOWN_CHARACTERS}),
                    'rule', 'duplicate of line ' || repeated.first_line))
           FROM (SELECT s.record, first_value(s.line) OVER same AS first_line,
                        row_number() OVER same AS place
                   FROM import_rows s
                  WHERE s.organization_id = $1 AND s.faults IS NULL AND {applies}
                 WINDOW same AS (PARTITION BY {columns} ORDER BY s.record)) repeated
          WHERE s.organization_id = $1 AND s.record = repeated.record AND repeated.place > 1"
    );
    // Safe: constants only.
    sqlx::query(AssertSqlSafe(statement))
        .bind(tx.organization_id().as_uuid())
        .bind(*column)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Writes the organization's staged rows without faults: new ones, and with [`OnConflict::Update`]
/// those that differ.
///
/// # Errors
/// `Conflict` if another session has added rows with the same keys in the meantime.
pub async fn apply(
    tx: &mut TenantTx,
    kind: ImportKind,
    on_conflict: OnConflict,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<()> {
    let target = Target::of(kind);
    let table = target.table;
    if on_conflict == OnConflict::Update && counts.changed > 0 {
        for statement in target.make_room {
            run(tx, (*statement).to_owned()).await?;
        }
    }
    if counts.new > 0 {
        let names = joined(target.fields, |field| field.name.to_owned());
        let values = joined(target.fields, |field| field.new.to_owned());
        let inserted = run_at(
            tx,
            format!(
                "INSERT INTO {table} (organization_id, id, {names}, created_at, updated_at)
                 SELECT $1, s.id, {values}, $2, $2 FROM import_rows s
                  WHERE s.organization_id = $1 AND s.faults IS NULL AND s.existing IS NULL
                 ON CONFLICT DO NOTHING"
            ),
            now,
        )
        .await?;
        if inserted != counts.new {
            return Err(Error::conflict(format!(
                "{} {kind} in the file were added by another session in the meantime",
                counts.new - inserted
            ))
            .hint("nothing was changed; run the command again"));
        }
        for statement in target.after_insert {
            run(tx, (*statement).to_owned()).await?;
        }
    }
    if on_conflict == OnConflict::Update && counts.changed > 0 {
        let set = target.fields.iter().filter_map(|field| {
            let value = field.updated?;
            Some(format!("{} = {value}", field.name))
        });
        let set = set.collect::<Vec<_>>().join(", ");
        run_at(
            tx,
            format!(
                "UPDATE {table} t SET {set}, updated_at = $2 FROM import_rows s
                  WHERE t.organization_id = $1 AND s.organization_id = $1 AND t.id = s.existing
                    AND s.differs AND s.faults IS NULL"
            ),
            now,
        )
        .await?;
        for statement in target.after_update {
            run(tx, (*statement).to_owned()).await?;
        }
    }
    Ok(())
}

/// Counts the organization's staged rows by outcome. Excludes rows that name no organization.
pub async fn counts(tx: &mut TenantTx, on_conflict: OnConflict) -> Result<Counts> {
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE faults IS NULL AND existing IS NULL) AS new,
                count(*) FILTER (WHERE faults IS NULL AND differs) AS differing,
                count(*) FILTER (WHERE faults IS NULL AND NOT differs) AS unchanged,
                count(*) FILTER (WHERE faults IS NOT NULL) AS rejected
           FROM import_rows WHERE organization_id = $1",
    )
    .bind(tx.organization_id().as_uuid())
    .fetch_one(tx.connection())
    .await?;
    counts_of(&row, on_conflict)
}

/// Reads a row of counts.
pub(super) fn counts_of(row: &PgRow, on_conflict: OnConflict) -> Result<Counts> {
    let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let differing = count("differing")?;
    let is_update = on_conflict == OnConflict::Update;
    Ok(Counts {
        new: count("new")?,
        changed: if is_update { differing } else { 0 },
        unchanged: count("unchanged")?,
        skipped: if is_update { 0 } else { differing },
        rejected: count("rejected")?,
    })
}

/// A row of the file that differs from the existing row.
#[derive(Clone, Debug)]
pub struct Difference {
    pub line: u64,
    /// The id of the existing row.
    pub id: uuid::Uuid,
    /// The columns that differ, each with the existing value and the value in the file.
    pub columns: BTreeMap<String, [Value; 2]>,
}

/// Returns the first rows of the organization that differ from the existing ones.
pub async fn differences(
    tx: &mut TenantTx,
    kind: ImportKind,
    limit: i64,
) -> Result<Vec<Difference>> {
    let target = Target::of(kind);
    let compared: Vec<&Field> = target.fields.iter().filter(|f| f.is_compared).collect();
    let pairs = compared.iter().map(|field| {
        let name = field.name;
        format!("'{name}', jsonb_build_array(t.{name}, {})", field.new)
    });
    let statement = format!(
        "SELECT s.line, t.id, jsonb_build_object({}) AS columns
           FROM import_rows s JOIN {} t ON t.organization_id = $1 AND t.id = s.existing
          WHERE s.organization_id = $1 AND s.faults IS NULL AND s.differs
          ORDER BY s.record LIMIT $2",
        pairs.collect::<Vec<_>>().join(", "),
        target.table
    );
    // Safe: constants only.
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(tx.organization_id().as_uuid())
        .bind(limit)
        .fetch_all(tx.connection())
        .await?;
    rows.iter().map(difference_of).collect()
}

/// Reads a row of line, id, and pairs of the existing value and the value in the file.
pub(super) fn difference_of(row: &PgRow) -> Result<Difference> {
    let Json(columns) = row.try_get::<Json<BTreeMap<String, [Value; 2]>>, _>("columns")?;
    Ok(Difference {
        line: row.try_get::<i64, _>("line")?.cast_unsigned(),
        id: row.try_get("id")?,
        columns: columns
            .into_iter()
            .filter(|(_, [there, given])| !given.is_null() && there != given)
            .collect(),
    })
}

/// Returns the condition that a staged row differs from the existing one. Empty cells do not
/// differ.
fn differs(target: &Target) -> String {
    let compared = target.fields.iter().filter(|field| field.is_compared);
    let differences = compared.map(|field| {
        let (name, new) = (field.name, field.new);
        format!("({new} IS NOT NULL AND {new} IS DISTINCT FROM t.{name})")
    });
    let differences: Vec<String> = differences.collect();
    format!("({})", differences.join(" OR "))
}

fn joined(fields: &[Field], part: impl Fn(&Field) -> String) -> String {
    fields.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// Runs a statement of constants with the organization as `$1`.
pub(super) async fn run(tx: &mut TenantTx, statement: String) -> Result<u64> {
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(tx.organization_id().as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected())
}

/// Like [`run`], with the time as `$2`.
pub(super) async fn run_at(
    tx: &mut TenantTx,
    statement: String,
    now: DateTime<Utc>,
) -> Result<u64> {
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(tx.organization_id().as_uuid())
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected())
}

/// The patients with records that the organization's rows were compared with, without
/// duplicates: the matched ones, and for appointments also those referenced, including several that
/// share a name, and those of the existing appointments.
const PATIENTS_READ: &str =
    "SELECT DISTINCT existing FROM import_rows WHERE organization_id = $1 AND existing IS NOT NULL";

/// See [`PATIENTS_READ`].
const PATIENTS_READ_BY_APPOINTMENTS: &str = "
    SELECT s.patient_id FROM import_rows s
     WHERE s.organization_id = $1 AND s.patient_id IS NOT NULL
     UNION
    SELECT a.patient_id
      FROM (SELECT DISTINCT unnest(ARRAY[existing, found, taken_by]) AS id FROM import_rows
             WHERE organization_id = $1) known
      JOIN appointments a ON a.organization_id = $1 AND a.id = known.id
     UNION
    SELECT t.id FROM import_rows s
      JOIN patients t ON t.organization_id = $1 AND t.email = s.patient_email
     WHERE s.organization_id = $1 AND s.patient_many > 1
     UNION
    SELECT t.id FROM import_rows s
     CROSS JOIN unnest(s.patient_names) AS wanted (name)
      JOIN patients t ON t.organization_id = $1 AND t.sort_name = wanted.name
     WHERE s.organization_id = $1 AND s.patient_many > 1 AND s.patient_email IS NULL";

/// Returns the patients with records that the organization's rows were compared with, without
/// duplicates. Empty for kinds that are not compared with patients.
pub async fn patients_read(tx: &mut TenantTx, kind: ImportKind) -> Result<Vec<PatientId>> {
    let statement = match kind {
        ImportKind::Patients => PATIENTS_READ,
        ImportKind::Appointments => PATIENTS_READ_BY_APPOINTMENTS,
        _ => return Ok(Vec::new()),
    };
    let ids: Vec<Uuid> = sqlx::query_scalar(statement)
        .bind(tx.organization_id().as_uuid())
        .fetch_all(tx.connection())
        .await?;
    Ok(ids.into_iter().map(PatientId::from).collect())
}
