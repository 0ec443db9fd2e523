//! Updates and deletions of the other tenant's rows, with and without a condition on one row.

use serde_json::Value;

use super::{WriteProbe, WriteStatement};
use crate::{
    audit::{
        catalog::Column,
        checks::probe::prepare::{known::Row, row, survey, target::TenantSource},
        report::Verdict,
        spelling::typed,
    },
    quoting::identifier,
};

/// Maximum number of rows in a table that is also changed without a condition: policies for SELECT,
/// which protect the columns in a condition, then do not apply (PostgreSQL manual, CREATE POLICY,
/// table "Policies Applied by Command Type").
const SMALL: f64 = 10_000.0;

impl WriteProbe<'_> {
    pub(super) fn update(&self) -> Result<Vec<WriteStatement>, Verdict> {
        let row = self.other_row()?;
        let (column, value) = self.updatable(&row.value)?;
        let sql = |value: &str| {
            let name = identifier(&column.name);
            format!("UPDATE {} t SET {name} = {value}", self.target.from)
        };
        let options = self.inputs.options;
        let is_shown = options.show_values || self.key_names().contains(column.name.as_str());
        let shown = match row::constant(&row::blank(column), &column.type_name) {
            Some(blank) if !is_shown => sql(&blank),
            _ => sql(&value),
        };
        // Without identifying columns, the row cannot be found again to compare its version.
        let changed = row
            .version
            .as_ref()
            .filter(|_| !self.target.id.is_empty())
            .map(|version| {
                let version = typed(version, "pg_catalog.tid");
                self.is_gone(row, &format!("t.ctid OPERATOR(pg_catalog.=) {version}"))
            });
        self.both(sql(&value), shown, row, changed)
    }

    pub(super) fn delete(&self) -> Result<Vec<WriteStatement>, Verdict> {
        let row = self.other_row()?;
        let gone = (!self.target.id.is_empty()).then(|| self.is_gone(row, "true"));
        let sql = format!("DELETE FROM {} t", self.target.from);
        self.both(sql.clone(), sql, row, gone)
    }

    /// Returns the statement with a condition that identifies the row, and for a small table also
    /// without one. `shown` is the part of the statement that may be shown.
    fn both(
        &self,
        sql: String,
        shown: String,
        row: &Row,
        check: Option<String>,
    ) -> Result<Vec<WriteStatement>, Verdict> {
        let reached = Some(row.value.clone());
        let mut writes = Vec::new();
        if let Some(condition) = self.row_condition(row, self.other_tenant()) {
            let sql = format!("{sql} WHERE {condition}");
            let shown = format!("{shown} WHERE {condition}");
            writes.push(WriteStatement::conditional(sql, None, reached.clone()).shown_as(shown));
        }
        if let Some(check) = check.filter(|_| self.is_small()) {
            writes.push(WriteStatement::unconditional(sql, check, reached).shown_as(shown));
        }
        self.at_least_one(writes)
    }

    pub(super) fn at_least_one(
        &self,
        writes: Vec<WriteStatement>,
    ) -> Result<Vec<WriteStatement>, Verdict> {
        if writes.is_empty() {
            let reason = format!(
                "{} can read no column that identifies a row",
                self.identity.role.name
            );
            return Err(Verdict::NotApplicable(reason));
        }
        Ok(writes)
    }

    pub(super) fn is_small(&self) -> bool {
        self.relation.is_table() && self.relation.tuples <= SMALL
    }

    /// Returns a condition on one row that the role has the privilege to use.
    pub(super) fn row_condition(&self, row: &Row, tenant: &str) -> Option<String> {
        if self
            .target
            .id_is_readable(self.inputs.model, self.identity.role.oid)
        {
            return Some(self.target.is_one_of(std::slice::from_ref(&row.id)));
        }
        match self.target.tenant_source {
            TenantSource::Key(key) if self.may(key, "SELECT") => {
                survey::belongs_to(self.inputs.model, self.target, tenant)
            }
            _ => None,
        }
    }

    fn is_gone(&self, row: &Row, version: &str) -> String {
        format!(
            "SELECT pg_catalog.to_jsonb(NOT EXISTS (SELECT FROM {} t WHERE {} AND {version}))",
            self.target.stored,
            self.target.is_one_of(std::slice::from_ref(&row.id))
        )
    }

    /// Returns a column that the role may set, and its current value. A column without key or index
    /// is preferred, so that only privileges and policies decide.
    fn updatable(&self, row: &Value) -> Result<(&Column, String), Verdict> {
        let catalog = &self.inputs.model.catalog;
        let oid = self.target.object;
        let columns = catalog.columns_of(oid).iter();
        let mut settable: Vec<(&Column, String)> = columns
            .filter(|column| {
                !column.generated && !column.identity && self.may(column.number, "UPDATE")
            })
            .filter_map(|column| {
                let value = row::constant(row.get(&column.name)?, &column.type_name)?;
                Some((column, value))
            })
            .collect();
        settable.sort_by_key(|(column, _)| {
            let number = column.number;
            let of_key = self.target.tenant_source == TenantSource::Key(number);
            let in_index = catalog
                .indexes_of(oid)
                .iter()
                .any(|one| one.keys.contains(&number));
            let in_constraint = catalog
                .constraints_of(oid)
                .iter()
                .any(|one| one.columns.contains(&number));
            (of_key, in_index || in_constraint, number)
        });
        let chosen = settable.into_iter().next();
        chosen.ok_or_else(|| Verdict::Blocked("no column may be updated".to_owned()))
    }
}
