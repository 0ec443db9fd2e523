//! A tenant's own rows that cross to the other tenant: moved to it, or referring to its rows.

use serde_json::Value;

use super::{WriteProbe, WriteStatement, not_applicable};
use crate::{
    audit::{
        catalog::{Constraint, ConstraintKind},
        checks::probe::prepare::{known::Row, row, survey},
        model::Belonging,
        report::{Operation, Verdict},
    },
    quoting::identifier,
};

impl WriteProbe<'_> {
    /// Sets the columns that name the tenant: the key, or the foreign key that leads to it.
    pub(super) fn move_row(&self) -> Result<Vec<WriteStatement>, Verdict> {
        let own = self.own_row()?;
        let (columns, row) = self.moved(own)?;
        let assignments = self.assignments(&columns, &row)?;
        let update = |assignments: &str| format!("UPDATE {} t SET {assignments}", self.target.from);
        let sql = update(&assignments);
        let shown = update(&self.shown_assignments(&columns, assignments));
        let check = survey::belongs_to(self.inputs.model, self.target, self.other_tenant())
            .and_then(|belongs| row::exists(self.target, &row, &belongs));
        let own_tenant = &self.inputs.pair.own(self.identity.context).user.tenant;
        let mut writes = Vec::new();
        if let Some(condition) = self.row_condition(own, own_tenant) {
            let only = |sql: &str| format!("{sql} WHERE {condition}");
            let write = WriteStatement::conditional(only(&sql), check.clone(), Some(row.clone()));
            writes.push(write.shown_as(only(&shown)));
        }
        if let Some(check) = check.filter(|_| self.is_small()) {
            writes.push(WriteStatement::unconditional(sql, check, Some(row)).shown_as(shown));
        }
        self.at_least_one(writes)
    }

    /// Returns the assignments to show. Keys may be shown; the columns that a generated key is
    /// computed from are user data.
    fn shown_assignments(&self, columns: &[i16], assignments: String) -> String {
        let model = self.inputs.model;
        let key = model.tenancy.key(self.target.object);
        if key.is_none_or(|key| columns.contains(&key)) || self.inputs.options.show_values {
            return assignments;
        }
        let names = columns
            .iter()
            .map(|number| identifier(model.column_name(self.target.object, *number)));
        let hidden: Vec<String> = names.map(|name| format!("{name} = '…'")).collect();
        hidden.join(", ")
    }

    /// Returns the columns that name the tenant, and the tenant's own row with the other tenant in
    /// them.
    fn moved(&self, own: &Row) -> Result<(Vec<i16>, Value), Verdict> {
        let model = self.inputs.model;
        let name = |number| model.column_name(self.target.object, number);
        let mut row = own.value.clone();
        let is_generated = |key| {
            let column = model.catalog.column(self.target.object, key);
            column.is_some_and(|column| column.generated)
        };
        match model.tenancy.of(self.target.object) {
            // The columns that the key is computed from make the row the other tenant's.
            Belonging::Keyed(key) if is_generated(*key) => {
                let other = self.other_row()?;
                let keys = model.catalog.primary_key(self.target.object);
                let columns = model.catalog.columns_of(self.target.object).iter();
                let columns: Vec<i16> = columns
                    .filter(|one| !one.generated && !keys.contains(&one.number))
                    .map(|one| one.number)
                    .filter(|number| self.may(*number, "UPDATE"))
                    .collect();
                if columns.is_empty() {
                    return Err(not_applicable(
                        "no column that determines its tenant can be changed",
                    ));
                }
                for number in &columns {
                    row[name(*number)] = other.value[name(*number)].clone();
                }
                row[name(*key)] = Value::from(self.other_tenant());
                Ok((columns, row))
            }
            Belonging::Keyed(key) => {
                row[name(*key)] = Value::from(self.other_tenant());
                Ok((vec![*key], row))
            }
            Belonging::Child(link) => {
                let other = self.other_row()?;
                for number in &link.columns {
                    let name = name(*number);
                    row[name] = other.value.get(name).cloned().unwrap_or_default();
                }
                Ok((link.columns.clone(), row))
            }
            _ => Err(not_applicable("it is the table of tenants")),
        }
    }

    /// Returns the assignments of an UPDATE.
    fn assignments(&self, columns: &[i16], row: &Value) -> Result<String, Verdict> {
        let assignments = columns.iter().map(|number| {
            let column = self
                .inputs
                .model
                .catalog
                .column(self.target.object, *number);
            let column = column.ok_or_else(|| not_applicable("its key is unknown"))?;
            if !self.may(*number, "UPDATE") {
                let reason = format!("{} may not update {}", self.identity.role.name, column.name);
                return Err(Verdict::Blocked(reason));
            }
            let value = row.get(&column.name);
            let value = value.and_then(|value| row::constant(value, &column.type_name));
            let value = value.ok_or_else(|| not_applicable("its key has no text form"))?;
            Ok(format!("{} = {value}", identifier(&column.name)))
        });
        Ok(assignments.collect::<Result<Vec<_>, _>>()?.join(", "))
    }

    /// Makes the tenant's own row refer to the other tenant's row, through each foreign key.
    pub(super) fn reference(&self) -> Result<Vec<WriteStatement>, Verdict> {
        let mut writes = Vec::new();
        let mut missing = false;
        for constraint in self.inputs.model.catalog.foreign_keys(self.target.object) {
            let Some(pairs) = self.key_columns(constraint) else {
                continue;
            };
            let parent = self
                .inputs
                .targets
                .iter()
                .position(|one| one.object == constraint.target);
            let parent =
                parent.and_then(|place| self.inputs.known[place].other_row(self.identity.context));
            let Some(parent) = parent else {
                missing = true;
                continue;
            };
            let mut row = self.own_row()?.value.clone();
            for (here, there) in &pairs {
                row[*here] = parent.value.get(*there).cloned().unwrap_or_default();
            }
            // With the tenant key in it, a foreign key can only reach an own row with the same
            // identifier.
            let check = self
                .includes_tenant_key(constraint)
                .then(|| "SELECT 'false'::pg_catalog.jsonb".to_owned());
            if let Some(change) = self.update_reference(constraint, &row, check.clone())? {
                writes.push(change);
                continue;
            }
            for column in self.exclusive_columns(constraint) {
                row[column] = Value::Null;
            }
            let new = self.copy_of(&row)?;
            let used: Vec<&str> = pairs.iter().map(|(here, _)| *here).collect();
            writes.push(self.insertion(new, check, &used));
        }
        if writes.is_empty() {
            return Err(not_applicable(if missing {
                "the other tenant has no row to refer to"
            } else {
                "it has no other foreign key to a tenant table"
            }));
        }
        Ok(writes)
    }

    /// Returns an update of the row itself if an exclusion constraint would refuse a copy because
    /// of its original; `None` if a copy works or the role may not update such a row.
    fn update_reference(
        &self,
        constraint: &Constraint,
        row: &Value,
        check: Option<String>,
    ) -> Result<Option<WriteStatement>, Verdict> {
        let model = self.inputs.model;
        let constraints = model.catalog.constraints_of(self.target.object).iter();
        let key = model.tenancy.key(self.target.object);
        let columns: Vec<i16> = constraint
            .columns
            .iter()
            .copied()
            .filter(|column| Some(*column) != key)
            .collect();
        let mut constraints = constraints;
        let is_open = constraints.all(|one| one.kind != ConstraintKind::Exclusion)
            || columns.iter().any(|column| !self.may(*column, "UPDATE"))
            || self.require_possible(Operation::Update).is_err();
        if is_open {
            return Ok(None);
        }
        let own = self.own_row()?;
        let tenant = &self.inputs.pair.own(self.identity.context).user.tenant;
        let Some(condition) = self.row_condition(own, tenant) else {
            return Ok(None);
        };
        let assignments = self.assignments(&columns, row)?;
        let sql = format!(
            "UPDATE {} t SET {assignments} WHERE {condition}",
            self.target.from
        );
        Ok(Some(WriteStatement::conditional(
            sql,
            check,
            Some(row.clone()),
        )))
    }

    /// Returns the columns of other foreign keys that share a CHECK constraint with this one: a row
    /// may be allowed to refer to only one object.
    fn exclusive_columns(&self, constraint: &Constraint) -> Vec<&str> {
        let catalog = &self.inputs.model.catalog;
        let oid = self.target.object;
        let points = |column: &i16| {
            let mut keys = catalog.foreign_keys(oid);
            keys.any(|one| one.columns.contains(column))
        };
        catalog
            .constraints_of(oid)
            .iter()
            .filter(|one| one.kind == ConstraintKind::Check)
            .filter(|one| one.columns.iter().any(|c| constraint.columns.contains(c)))
            .flat_map(|one| &one.columns)
            .filter(|column| !constraint.columns.contains(column) && points(column))
            .filter(|column| {
                catalog
                    .column(oid, **column)
                    .is_some_and(|one| !one.not_null)
            })
            .map(|column| self.inputs.model.column_name(oid, *column))
            .collect()
    }

    /// `true` if a foreign key compares the tenant of the row with that of the row it refers to.
    fn includes_tenant_key(&self, constraint: &Constraint) -> bool {
        let tenancy = &self.inputs.model.tenancy;
        let keys = (
            tenancy.key(self.target.object),
            tenancy.key(constraint.target),
        );
        let mut pairs = constraint.pairs();
        pairs.any(|(here, there)| (Some(here), Some(there)) == keys)
    }

    /// Returns the columns of a foreign key to a tenant table without the tenant key, as pairs of
    /// referring and referred column; `None` for foreign keys that writing into another tenant
    /// already tries.
    fn key_columns(&self, constraint: &Constraint) -> Option<Vec<(&str, &str)>> {
        let model = self.inputs.model;
        let leads = match model.tenancy.of(self.target.object) {
            Belonging::Child(link) => link.constraint == constraint.name,
            _ => false,
        };
        let to_root = matches!(model.tenancy.of(constraint.target), Belonging::Root(_));
        if leads || to_root || !model.tenancy.is_tenants(constraint.target) {
            return None;
        }
        let key = model.tenancy.key(self.target.object);
        let pairs: Vec<(&str, &str)> = constraint
            .pairs()
            .filter(|(here, _)| Some(*here) != key)
            .map(|(here, there)| {
                let here = model.column_name(self.target.object, here);
                (here, model.column_name(constraint.target, there))
            })
            .collect();
        (!pairs.is_empty()).then_some(pairs)
    }
}
