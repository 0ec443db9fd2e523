//! Rows that are inserted into tables without any, so that there is something to probe. They exist
//! only in the transaction of the probes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{
    row::{constant, uuid_from},
    types,
};
use crate::{
    audit::{
        catalog::{Catalog, Column, Constraint, ConstraintKind, Oid, Relation},
        checks::probe::{
            execute::{
                batch,
                locks::{Access, Locks},
                statement::Statement,
            },
            inputs::SharedOptions,
            judge::{
                change::{self, Change},
                refusal::Refusal,
                side_effects,
            },
        },
        model::{Belonging, Model},
        session::Session,
        spelling::{self, typed},
    },
    error::{Context, Result},
    quoting::{identifier, literal},
};

/// Rows by table and side: 0 is tenant A, 1 is tenant B.
pub(crate) type Rows = BTreeMap<(Oid, usize), Value>;

/// Reasons why no row could be inserted, by table.
pub(crate) type Failures = BTreeMap<Oid, String>;

/// Text formats that a CHECK may require; `#` is a digit. The first is used if none is required,
/// and differs from the other side's even if truncated.
const FORMATS: [&str; 7] = [
    "#_tenantctl_audit",
    "tenantctl-audit-#",
    "tenantctl-audit-#@example.com",
    "+4144668180#",
    "https://example.com/#",
    "en",
    "000000000000000000000000000000000000000000000000000000000000000#",
];

/// Index of the format reached for each column.
type Formats = BTreeMap<i16, usize>;

/// Returns two keys that no tenant has.
pub(crate) fn new_keys(model: &Model) -> [String; 2] {
    let oid = model.tenancy.key_type.as_ref().map(|(oid, _)| *oid);
    [1, 2].map(|number| match oid {
        Some(types::UUID) => uuid_from(&format!("tenant {number}")),
        Some(types::INT2) => format!("{}", 31_000 + number),
        Some(types::INT4 | types::INT8 | types::NUMERIC) => format!("{}", 2_000_000_000 + number),
        _ => format!("{number}_tenantctl_audit"),
    })
}

/// Invents a row of each tenant in every tenant table without one, parents first. `rows` contains
/// the existing rows, and the inserted ones are added.
pub(crate) async fn insert_missing(
    model: &Model,
    connection: &mut Session,
    keys: &[String; 2],
    rows: &mut Rows,
    options: SharedOptions<'_>,
) -> Result<Failures> {
    let wanted: BTreeSet<Oid> = model
        .tenant_tables()
        .filter(|table| !table.partition)
        .map(|table| table.oid)
        .collect();
    let shared = shared_parents(model, &wanted);
    for table in &shared {
        fetch_shared(model, options.locks, connection, *table, rows).await?;
    }
    let mut missing: Vec<(Oid, usize)> = wanted
        .union(&shared)
        .flat_map(|table| [(*table, 0), (*table, 1)])
        .filter(|place| !rows.contains_key(place))
        .collect();
    let mut failures = Failures::new();
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|(table, side)| is_ready(&model.catalog, *table, *side, rows));
        missing = waiting;
        if ready.is_empty() {
            break;
        }
        for (table, side) in ready {
            let inserter = RowInserter {
                model,
                key: &keys[side],
                side,
                rows,
                options,
            };
            match inserter.insert_row(connection, table).await? {
                Ok(row) => {
                    rows.insert((table, side), row);
                }
                Err(reason) => {
                    failures.insert(table, reason);
                }
            }
        }
    }
    for (table, _) in missing {
        failures
            .entry(table)
            .or_insert_with(|| "a row that it must refer to is missing".to_owned());
    }
    failures.retain(|table, _| wanted.contains(table));
    Ok(failures)
}

/// Returns the foreign keys that a row must have.
fn required(catalog: &Catalog, table: Oid) -> impl Iterator<Item = &Constraint> {
    catalog.foreign_keys(table).filter(move |key| {
        key.columns.iter().all(|number| {
            catalog
                .column(table, *number)
                .is_some_and(|column| column.not_null)
        })
    })
}

/// Returns the tables without a tenant that tenant rows must refer to, and the tables that those
/// must refer to.
fn shared_parents(model: &Model, wanted: &BTreeSet<Oid>) -> BTreeSet<Oid> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<Oid> = wanted.iter().copied().collect();
    while let Some(table) = waiting.pop() {
        for key in required(&model.catalog, table) {
            if !wanted.contains(&key.target) && found.insert(key.target) {
                waiting.push(key.target);
            }
        }
    }
    found
}

/// Reads up to two rows of a shared table. Each side gets a different one if there are two: a user
/// of both tenants could not be used.
async fn fetch_shared(
    model: &Model,
    locks: &Locks,
    connection: &mut Session,
    table: Oid,
    rows: &mut Rows,
) -> Result<()> {
    let Some(relation) = model.catalog.relations.get(&table) else {
        return Ok(());
    };
    let sql = format!(
        "SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM (SELECT {} FROM {} t LIMIT 2) s",
        spelling::columns("t", model.catalog.columns_of(table)),
        relation.quoted()
    );
    let reply = batch::run(connection, locks, &[Statement::scan(sql).on(table)])
        .await?
        .pop();
    let found = reply.and_then(|reply| reply.value);
    let found = found
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    rows.extend(
        found
            .enumerate()
            .map(|(side, row)| ((table, side), row.clone())),
    );
    Ok(())
}

fn is_ready(catalog: &Catalog, table: Oid, side: usize, rows: &Rows) -> bool {
    required(catalog, table).all(|key| rows.contains_key(&(key.target, side)))
}

/// Inserts one row.
struct RowInserter<'a> {
    model: &'a Model,
    key: &'a str,
    side: usize,
    rows: &'a Rows,
    options: SharedOptions<'a>,
}

impl RowInserter<'_> {
    async fn insert_row(
        &self,
        connection: &mut Session,
        table: Oid,
    ) -> Result<std::result::Result<Value, String>> {
        let Some(relation) = self.model.catalog.relations.get(&table) else {
            return Ok(Err("it is not in the catalog".to_owned()));
        };
        if let Some(reason) = change::side_effect(
            self.model,
            relation,
            Change::Insert,
            self.model.catalog.probe_role,
        )
        .filter(|_| !self.options.force)
        {
            return Ok(Err(reason));
        }
        let SharedOptions {
            locks, show_values, ..
        } = self.options;
        if let Some(refusal) = locks.refusal(table, Access::Write) {
            return Ok(Err(refusal.text(show_values)));
        }
        let mut formats = Formats::new();
        loop {
            let sql = match self.insert(relation, &formats) {
                Ok(sql) => sql,
                Err(reason) => return Ok(Err(reason)),
            };
            let refusal = match insert(connection, sql).await? {
                Ok(row) => return Ok(Ok(row)),
                Err(refusal) => refusal,
            };
            locks.remember(table, Access::Write, &refusal);
            if !self.try_next_format(table, &refusal, &mut formats) {
                return Ok(Err(refusal.text(show_values)));
            }
        }
    }

    /// Selects the next format after a CHECK refused a text; returns `false` if none is left.
    fn try_next_format(&self, table: Oid, refusal: &Refusal, formats: &mut Formats) -> bool {
        let constraints = self.model.catalog.constraints_of(table).iter();
        let mut checks = constraints.filter(|one| one.kind == ConstraintKind::Check);
        let Some(check) = checks.find(|one| refusal.constraint.as_ref() == Some(&one.name)) else {
            return false;
        };
        let mut changed = false;
        for column in &check.columns {
            let form = formats.entry(*column).or_default();
            *form += 1;
            changed |= *form < FORMATS.len();
        }
        changed
    }

    fn insert(&self, table: &Relation, formats: &Formats) -> std::result::Result<String, String> {
        let referred = self.referred(table.oid);
        let mut names = Vec::new();
        let mut values = Vec::new();
        for column in self.model.catalog.columns_of(table.oid) {
            let key = match self.model.tenancy.of(table.oid) {
                Belonging::Root(key) | Belonging::Keyed(key) => *key == column.number,
                _ => false,
            };
            let value = if key {
                Some(typed(self.key, &column.type_name))
            } else if let Some(value) = referred.get(&column.number) {
                Some(value.clone())
            } else if self.is_needed(column) {
                let form = formats.get(&column.number).copied().unwrap_or_default();
                let value = self.value(table, column, form);
                Some(value.ok_or_else(|| {
                    format!(
                        "could not invent a value of type {} for {}",
                        column.type_name, column.name
                    )
                })?)
            } else {
                None
            };
            if let Some(value) = value {
                names.push(identifier(&column.name));
                values.push(value);
            }
        }
        Ok(format!(
            "INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE VALUES ({}) \
             RETURNING {}",
            table.quoted(),
            names.join(", "),
            values.join(", "),
            spelling::row("t", self.model.catalog.columns_of(table.oid))
        ))
    }

    /// `true` if a column needs a value. A default is enough unless it advances a sequence.
    fn is_needed(&self, column: &Column) -> bool {
        let default = column.default_text.as_deref();
        let has_side_effects =
            default.is_some_and(|text| side_effects::default_has_side_effects(self.model, text));
        !column.generated
            && (column.identity || has_side_effects || (column.not_null && default.is_none()))
    }

    /// Returns the values of the columns of required foreign keys, and of the foreign key that
    /// leads to the tenant.
    fn referred(&self, table: Oid) -> BTreeMap<i16, String> {
        let catalog = &self.model.catalog;
        let link = match self.model.tenancy.of(table) {
            Belonging::Child(link) => Some(&link.constraint),
            _ => None,
        };
        let leads = catalog
            .foreign_keys(table)
            .filter(|key| Some(&key.name) == link);
        let mut values = BTreeMap::new();
        for key in required(catalog, table).chain(leads) {
            let Some(parent) = self.rows.get(&(key.target, self.side)) else {
                continue;
            };
            for (here, there) in key.pairs() {
                let column = catalog.column(table, here);
                let name = self.model.column_name(key.target, there);
                let value = column.zip(parent.get(name));
                let value = value.and_then(|(column, value)| constant(value, &column.type_name));
                values.extend(value.map(|value| (here, value)));
            }
        }
        values
    }

    /// Returns a value of the column's type (catalog/pg_type.dat) that differs from the other
    /// side's.
    fn value(&self, table: &Relation, column: &Column, form: usize) -> Option<String> {
        let number = self.side + 1;
        let of_type = |text: String| Some(typed(&text, &column.type_name));
        if column.type_kind == "e" {
            return Some(format!(
                "(pg_catalog.enum_range(NULL::{}))[1]",
                spelling::type_name(&column.type_name)
            ));
        }
        if column.type_name.ends_with("[]") {
            return of_type("{}".to_owned());
        }
        match column.base_type {
            types::UUID => of_type(uuid_from(&format!(
                "{}.{} {number}",
                table.display(),
                column.name
            ))),
            types::INT2 => of_type(format!("{}", 31_000 + number)),
            types::INT4 | types::INT8 => of_type(format!("{}", 2_000_000_000 + number)),
            types::TEXT | types::VARCHAR | types::BPCHAR => Some(format!(
                "{}::{}",
                self.text(table, column, form),
                spelling::type_name(&column.type_name)
            )),
            Oid(16) => of_type("true".to_owned()),
            Oid(700 | 701) | types::NUMERIC => of_type(number.to_string()),
            Oid(1082 | 1114 | 1184) => of_type(format!("2000-01-0{number}")),
            Oid(1083 | 1266) => of_type(format!("0{number}:00")),
            Oid(1186) => of_type(format!("{number} days")),
            Oid(114 | 3802) => of_type("{}".to_owned()),
            // The length of a SHA-256, which most bytea columns contain.
            Oid(17) => of_type(format!("\\x{number:064}")),
            Oid(869 | 650) => of_type(format!("127.0.0.{number}")),
            _ if column.type_kind == "r" => of_type("empty".to_owned()),
            _ if column.type_name.ends_with("citext") => {
                of_type(format!("{number}_tenantctl_audit"))
            }
            _ => None,
        }
    }

    /// Returns the first text that a CHECK on the column alone lists; otherwise a text that differs
    /// between the sides.
    fn text(&self, table: &Relation, column: &Column, form: usize) -> String {
        let constraints = self.model.catalog.constraints_of(table.oid).iter();
        let mut checks = constraints
            .filter(|one| one.kind == ConstraintKind::Check && one.columns == [column.number]);
        let listed = checks.find_map(|one| {
            let lists = one.definition.contains("= ANY (") || one.definition.contains(" = '");
            one.definition.split('\'').nth(1).filter(|_| lists)
        });
        let form = FORMATS.get(form).copied().unwrap_or_default();
        let text = form.replace('#', &(self.side + 1).to_string());
        literal(listed.unwrap_or(&text))
    }
}

/// Inserts a row, which exists until the transaction ends.
async fn insert(
    connection: &mut Session,
    sql: String,
) -> Result<std::result::Result<Value, Refusal>> {
    let lost = "could not continue the transaction of the probes";
    connection
        .pass("SAVEPOINT tenantctl_row")
        .await
        .context(lost)?;
    // Safe: names and values are quoted where the statement is built.
    let inserted = match connection.fetch_one(AssertSqlSafe(sql)).await {
        Ok(row) => Ok(row.try_get(0).context("no row was returned")?),
        Err(error) => {
            let refusal = Refusal::of(error)?;
            connection
                .pass("ROLLBACK TO SAVEPOINT tenantctl_row")
                .await
                .context(lost)?;
            Err(refusal)
        }
    };
    connection
        .pass("RELEASE SAVEPOINT tenantctl_row")
        .await
        .context(lost)?;
    Ok(inserted)
}
