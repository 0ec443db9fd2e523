//! Which tables and views carry a tenant, and which foreign keys point at another such table.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::Boundary;
use crate::error::Result;

/// A table, or something that is read like one, with a tenant in every row.
#[derive(Clone, Debug)]
pub(super) struct TenantTable {
    pub(super) name: String,
    /// The column that carries the tenant.
    pub(super) key: String,
    /// Whether the role may read all of it.
    pub(super) readable: bool,
    pub(super) changes: Changes,
    /// A column that the role may update, if there is one.
    pub(super) updatable: Option<String>,
    pub(super) references: Vec<Reference>,
}

/// Which statements PostgreSQL could carry out on it, whoever asks: all of them on a table, none
/// on a materialized view, and on a view what it or its triggers pass on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

impl Changes {
    /// From `pg_relation_is_updatable`, whose bits are those of `1 << CmdType` (nodes/nodes.h).
    const fn from_bits(bits: i32) -> Self {
        Self {
            update: bits & (1 << 2) != 0,
            insert: bits & (1 << 3) != 0,
            delete: bits & (1 << 4) != 0,
        }
    }
}

/// A foreign key to another tenant table.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) parent: String,
    /// Column here, column there; the tenant's own column is left out.
    pub(super) columns: Vec<(String, String)>,
}

/// The tenant tables and views of the current schema, by name: those with the tenant column, and
/// the root.
pub(super) async fn tenant_tables(
    connection: &mut PgConnection,
    boundary: &Boundary,
) -> Result<Vec<TenantTable>> {
    let (root, root_key) = &boundary.root;
    let rows = sqlx::query!(
        r#"SELECT c.relname::text AS "name!", a.attname::text AS "key!",
                  (SELECT u.attname::text FROM pg_attribute u
                    WHERE u.attrelid = c.oid AND u.attnum > 0 AND NOT u.attisdropped
                      AND u.attgenerated = ''
                      AND has_column_privilege($4::text::name, c.oid, u.attnum, 'UPDATE')
                    ORDER BY u.attname = a.attname, u.attnum LIMIT 1) AS updatable,
                  has_table_privilege($4::text::name, c.oid, 'SELECT') AS "readable!",
                  pg_relation_is_updatable(c.oid, true) AS "changes!"
             FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = to_regnamespace(current_schema())
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND (a.attname = $1 OR (c.relname = $2 AND a.attname = $3))
            ORDER BY c.relname"#,
        boundary.key,
        root,
        root_key,
        boundary.role,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut tables: Vec<TenantTable> = rows
        .into_iter()
        .map(|row| TenantTable {
            name: row.name,
            key: row.key,
            readable: row.readable,
            changes: Changes::from_bits(row.changes),
            updatable: row.updatable,
            references: Vec::new(),
        })
        .collect();
    let names: BTreeSet<String> = tables.iter().map(|table| table.name.clone()).collect();
    for table in &mut tables {
        table.references = references(connection, table, &names, root).await?;
    }
    Ok(tables)
}

/// A key to the root itself is the tenant column: inserting tries it already.
async fn references(
    connection: &mut PgConnection,
    table: &TenantTable,
    names: &BTreeSet<String>,
    root: &str,
) -> Result<Vec<Reference>> {
    let rows = sqlx::query!(
        r#"SELECT p.relname::text AS "parent!",
                  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (num, place)
                          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num
                         ORDER BY u.place) AS "here!",
                  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (num, place)
                          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num
                         ORDER BY u.place) AS "there!"
             FROM pg_constraint k
             JOIN pg_class c ON c.oid = k.conrelid
             JOIN pg_class p ON p.oid = k.confrelid
            WHERE k.contype = 'f' AND c.relname = $1
              AND c.relnamespace = to_regnamespace(current_schema())
            ORDER BY k.conname"#,
        table.name,
    )
    .fetch_all(connection)
    .await?;
    let references = rows.into_iter().filter_map(|row| {
        if row.parent == root || !names.contains(&row.parent) {
            return None;
        }
        let columns = row
            .here
            .into_iter()
            .zip(row.there)
            .filter(|(here, _)| *here != table.key)
            .collect();
        Some(Reference {
            parent: row.parent,
            columns,
        })
    });
    Ok(references.collect())
}
