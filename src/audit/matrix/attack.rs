//! The attacks on one table in one context.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::{
    Boundary, Context, Operation, Tenants, Trial, Verdict,
    catalog::{Reference, TenantTable},
};
use crate::{
    error::Result,
    quoting::{identifier, literal},
};

/// The SQLSTATEs with which PostgreSQL shuts a door.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const FOREIGN_KEY_VIOLATION: &str = "23503";

/// Tries every operation on every table in one context.
pub(super) async fn in_context(
    connection: &mut PgConnection,
    boundary: &Boundary,
    tenants: &Tenants,
    context: Context,
    tables: &[TenantTable],
) -> Result<Vec<Trial>> {
    let (own, other) = context.sides(tenants);
    let mut attacker = Attacker {
        own_rows: rows_of(connection, boundary, own, tables).await?,
        other_rows: rows_of(connection, boundary, other, tables).await?,
        connection,
        own,
        other,
        context,
        tables,
    };
    let named = match context {
        Context::None => None,
        Context::A | Context::B => Some(own),
    };
    enter(attacker.connection, boundary, named).await?;
    let mut trials = Vec::new();
    for (place, table) in tables.iter().enumerate() {
        for operation in Operation::ALL {
            trials.push(Trial {
                table: table.name.clone(),
                operation,
                context,
                verdict: attacker.attempt(place, operation).await?,
            });
        }
    }
    attacker.connection.execute("ROLLBACK").await?;
    Ok(trials)
}

/// Opens a transaction as the application does, or as it would if it forgot to name the tenant.
async fn enter(
    connection: &mut PgConnection,
    boundary: &Boundary,
    tenant: Option<&str>,
) -> Result<()> {
    let mut sql = format!("BEGIN; SET LOCAL ROLE {}", identifier(&boundary.role));
    if let Some(tenant) = tenant {
        // A setting's name is dotted, so it is quoted part by part.
        let setting: Vec<String> = boundary.setting.split('.').map(identifier).collect();
        sql.push_str(&format!(
            "; SET LOCAL {} = {}",
            setting.join("."),
            literal(tenant)
        ));
    }
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// One row of each table, as its own tenant sees it.
async fn rows_of(
    connection: &mut PgConnection,
    boundary: &Boundary,
    tenant: &str,
    tables: &[TenantTable],
) -> Result<Vec<Option<Value>>> {
    enter(connection, boundary, Some(tenant)).await?;
    let mut rows = Vec::with_capacity(tables.len());
    for table in tables {
        if !table.readable {
            rows.push(None);
            continue;
        }
        let sql = format!(
            "SELECT to_jsonb(t) FROM {} t WHERE {} = {} LIMIT 1",
            identifier(&table.name),
            identifier(&table.key),
            literal(tenant)
        );
        let row = connection.fetch_optional(AssertSqlSafe(sql)).await?;
        rows.push(row.map(|row| row.try_get(0)).transpose()?);
    }
    connection.execute("ROLLBACK").await?;
    Ok(rows)
}

struct Attacker<'a> {
    connection: &'a mut PgConnection,
    own: &'a str,
    other: &'a str,
    context: Context,
    tables: &'a [TenantTable],
    own_rows: Vec<Option<Value>>,
    other_rows: Vec<Option<Value>>,
}

/// What became of a statement: rows touched, or the SQLSTATE and message of the refusal.
type Tried = std::result::Result<u64, (String, String)>;

impl Attacker<'_> {
    async fn attempt(&mut self, place: usize, operation: Operation) -> Result<Verdict> {
        let table = &self.tables[place];
        if let Some(reason) = nothing_to_try(table, operation) {
            return Ok(Verdict::NotApplicable(reason.to_owned()));
        }
        let has_rows = self.other_rows[place].is_some() && self.own_rows[place].is_some();
        if table.readable && !has_rows {
            return Ok(Verdict::NotApplicable(
                "a tenant has no row here".to_owned(),
            ));
        }
        match operation {
            Operation::Own => self.own_rows_are_seen(table).await,
            Operation::Select => {
                let sql = format!("SELECT FROM {} WHERE {}", name(table), self.not_mine(table));
                self.expect_nothing(sql).await
            }
            Operation::Insert => {
                let row = self.other_rows[place].clone().unwrap_or_default();
                self.expect_refusal(insert(table, &row)).await
            }
            Operation::Update => match &table.updatable {
                None => Ok(Verdict::Blocked("no column may be updated".to_owned())),
                Some(column) => {
                    let column = identifier(column);
                    let sql = format!(
                        "UPDATE {} SET {column} = {column} WHERE {}",
                        name(table),
                        self.not_mine(table)
                    );
                    self.expect_nothing(sql).await
                }
            },
            Operation::Delete => {
                let sql = format!("DELETE FROM {} WHERE {}", name(table), self.not_mine(table));
                self.expect_nothing(sql).await
            }
            Operation::Move => {
                let key = identifier(&table.key);
                let sql = format!(
                    "UPDATE {} SET {key} = {} WHERE {key} = {}",
                    name(table),
                    literal(self.other),
                    literal(self.own)
                );
                self.expect_nothing(sql).await
            }
            Operation::Reference => self.refer(place, table).await,
        }
    }

    /// In the name of a tenant: all that is another's. Without a name: all.
    fn not_mine(&self, table: &TenantTable) -> String {
        match self.context {
            Context::None => "true".to_owned(),
            Context::A | Context::B => {
                format!("{} <> {}", identifier(&table.key), literal(self.own))
            }
        }
    }

    async fn own_rows_are_seen(&mut self, table: &TenantTable) -> Result<Verdict> {
        let sql = format!(
            "SELECT FROM {} WHERE {} = {}",
            name(table),
            identifier(&table.key),
            literal(self.own)
        );
        let tried = self.try_out(&sql).await?;
        Ok(match (tried, self.context) {
            (Ok(1..), Context::None) => Verdict::Leak(sql),
            (Ok(1..), _) => Verdict::Allowed,
            (Ok(0), _) => Verdict::Blocked("no row is visible".to_owned()),
            (Err((_, message)), _) => Verdict::Blocked(message),
        })
    }

    /// A statement that must touch no row, or be refused for want of a right.
    async fn expect_nothing(&mut self, sql: String) -> Result<Verdict> {
        Ok(match self.try_out(&sql).await? {
            Ok(0) => Verdict::Blocked("no row is reached".to_owned()),
            Err((code, message)) if code == INSUFFICIENT_PRIVILEGE => Verdict::Blocked(message),
            Ok(_) => Verdict::Leak(sql),
            // Refused for another reason, after row-level security had let it pass.
            Err((_, message)) => Verdict::Leak(format!("{sql} -- {message}")),
        })
    }

    /// A statement that must be refused for want of a right. Any other refusal came after
    /// row-level security had let it pass, and tells whether a row exists.
    async fn expect_refusal(&mut self, sql: String) -> Result<Verdict> {
        Ok(match self.try_out(&sql).await? {
            Err((code, message)) if code == INSUFFICIENT_PRIVILEGE => Verdict::Blocked(message),
            Ok(_) => Verdict::Leak(sql),
            Err((_, message)) => Verdict::Leak(format!("{sql} -- {message}")),
        })
    }

    /// A row of one's own that points at the other's row, through each foreign key.
    async fn refer(&mut self, place: usize, table: &TenantTable) -> Result<Verdict> {
        let mut refused = None;
        for reference in &table.references {
            let Some(row) = self.pointing_across(place, reference) else {
                continue;
            };
            let sql = insert(table, &row);
            refused = match self.try_out(&sql).await? {
                Err((code, message))
                    if code == FOREIGN_KEY_VIOLATION || code == INSUFFICIENT_PRIVILEGE =>
                {
                    Some(message)
                }
                Ok(_) => return Ok(Verdict::Leak(sql)),
                Err((_, message)) => return Ok(Verdict::Leak(format!("{sql} -- {message}"))),
            };
            if reference.columns.is_empty() {
                break;
            }
        }
        Ok(match refused {
            Some(message) => Verdict::Blocked(message),
            None => Verdict::NotApplicable("refers to no other tenant table".to_owned()),
        })
    }

    fn pointing_across(&self, place: usize, reference: &Reference) -> Option<Value> {
        let parent = self
            .tables
            .iter()
            .position(|table| table.name == reference.parent)?;
        let target = self.other_rows[parent].as_ref()?;
        let mut row = self.own_rows[place].clone()?;
        for (here, there) in &reference.columns {
            row[here.as_str()] = target.get(there.as_str())?.clone();
        }
        Some(row)
    }

    /// Runs a statement and takes it back.
    async fn try_out(&mut self, sql: &str) -> Result<Tried> {
        self.connection
            .execute("SAVEPOINT attack; SET CONSTRAINTS ALL IMMEDIATE")
            .await?;
        let ran = self.connection.execute(AssertSqlSafe(sql.to_owned())).await;
        let tried = match ran {
            Ok(done) => Ok(done.rows_affected()),
            Err(sqlx::Error::Database(error)) => Err((
                error.code().unwrap_or_default().into_owned(),
                error.message().to_owned(),
            )),
            Err(error) => return Err(error.into()),
        };
        self.connection
            .execute("ROLLBACK TO SAVEPOINT attack; RELEASE SAVEPOINT attack")
            .await?;
        Ok(tried)
    }
}

/// Why an operation cannot even be tried.
fn nothing_to_try(table: &TenantTable, operation: Operation) -> Option<&'static str> {
    use Operation::{Delete, Insert, Move, Own, Reference, Select, Update};
    let possible = match operation {
        Own | Select => true,
        Insert | Reference => table.changes.insert,
        Update | Move => table.changes.update,
        Delete => table.changes.delete,
    };
    if !possible {
        return Some("it is a view that nothing can be changed through");
    }
    match operation {
        Own if !table.readable => Some("the role may not read it"),
        Insert | Reference if !table.readable => Some("the role reads no row to imitate"),
        _ => None,
    }
}

fn name(table: &TenantTable) -> String {
    identifier(&table.name)
}

fn insert(table: &TenantTable, row: &Value) -> String {
    let table = identifier(&table.name);
    format!(
        "INSERT INTO {table} SELECT * FROM jsonb_populate_record(null::{table}, {}::jsonb)",
        literal(&row.to_string())
    )
}
