//! Targets of the probes, and how the tenant of the returned rows is determined.

use std::collections::BTreeSet;

use super::types::{JSON, JSONB};
use crate::{
    audit::{
        catalog::{Column, Function, Oid, Relation, RelationKind},
        checks::probe::judge::side_effects,
        model::{AppRole, Belonging, Model},
        reach::words,
        spelling::{self, is_of_users, operator, operator_of, typed},
    },
    quoting::identifier,
};

/// Number of rows that are read from targets without a column that names the tenant.
pub(crate) const UNKEYED_ROWS: usize = 50;

/// A relation or function that rows can be read from.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) object: Oid,
    /// `schema.name`, or `schema.name()`.
    pub(crate) display: String,
    /// SQL text after FROM.
    pub(crate) from: String,
    /// The relation in which the auditor looks up its rows: the table below a view that shows them
    /// only to a tenant's session.
    pub(crate) stored: String,
    pub(crate) tenant_source: TenantSource,
    /// Columns that identify its rows; may be empty.
    pub(crate) id: Vec<IdColumn>,
    /// The relations that rows may come from, if only their values may identify the tenant.
    pub(crate) below: BTreeSet<Oid>,
    pub(crate) is_function: bool,
}

/// Source of a row's tenant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TenantSource {
    /// This column names the tenant.
    Key(i16),
    /// A parent's row names the tenant; known rows are requested.
    Child,
    /// Only the returned values may identify the tenant.
    Values,
}

/// A column of the primary key, or `ctid`.
#[derive(Clone, Debug)]
pub(crate) struct IdColumn {
    /// `None` for `ctid`, which every row of a table has.
    pub(crate) number: Option<i16>,
    pub(crate) name: String,
    pub(crate) type_name: String,
    /// The operator that compares two of its values for equality.
    equals: String,
    base_type: Oid,
}

impl IdColumn {
    fn of(column: &Column) -> Self {
        Self {
            number: Some(column.number),
            name: column.name.clone(),
            type_name: column.type_name.clone(),
            equals: operator_of("=", &column.type_kind, &column.type_name),
            base_type: column.base_type,
        }
    }
}

impl Target {
    /// `true` if only documents in its rows may contain tenant data.
    pub(crate) fn is_of_documents(&self) -> bool {
        self.tenant_source == TenantSource::Values && self.below.is_empty() && !self.is_function
    }

    /// Returns a condition on the rows called `t` that holds for the rows with these identities.
    pub(crate) fn is_one_of(&self, ids: &[Vec<String>]) -> String {
        if let [only] = self.id.as_slice() {
            let values = ids.iter().flatten();
            let values: Vec<String> = values.map(|one| typed(one, &only.type_name)).collect();
            let column = format!("t.{}", identifier(&only.name));
            return spelling::is_one_of(&column, &only.equals, &values);
        }
        let rows = ids.iter().map(|id| {
            let parts = id.iter().zip(&self.id).map(|(value, one)| {
                let (name, value) = (identifier(&one.name), typed(value, &one.type_name));
                format!("t.{name} {} {value}", one.equals)
            });
            format!("({})", parts.collect::<Vec<_>>().join(" AND "))
        });
        format!("({})", rows.collect::<Vec<_>>().join(" OR "))
    }

    /// Returns an expression for the identity of the row called `t`, as an array of texts.
    pub(crate) fn id_of_row(&self) -> String {
        let columns: Vec<String> = self
            .id
            .iter()
            .map(|one| spelling::text(&format!("t.{}", identifier(&one.name)), one.base_type))
            .collect();
        format!("pg_catalog.jsonb_build_array({})", columns.join(", "))
    }

    /// `true` if a role may read the columns that identify the rows.
    pub(crate) fn id_is_readable(&self, model: &Model, role: Oid) -> bool {
        !self.id.is_empty()
            && self.id.iter().all(|one| match one.number {
                Some(number) => model
                    .catalog
                    .rights
                    .on_column(role, self.object, number, "SELECT"),
                None => model.catalog.rights.on_relation(role, self.object).select,
            })
    }

    /// Returns the columns of the row called `t` that a role may read; `None` if it may read
    /// nothing.
    pub(crate) fn readable(&self, model: &Model, role: &AppRole) -> Option<Readable> {
        if self.is_function {
            return self.returned(model);
        }
        let relation = model.catalog.relations.get(&self.object)?;
        if !model.privileges(role.oid, relation).select {
            return None;
        }
        let all = model.catalog.columns_of(self.object);
        let may = |column: &&Column| {
            model
                .catalog
                .rights
                .on_column(role.oid, self.object, column.number, "SELECT")
        };
        let readable: Vec<&Column> = all.iter().filter(may).collect();
        let names = readable
            .iter()
            .map(|column| format!("t.{}", identifier(&column.name)));
        let shown = match readable.len() == all.len() {
            true => "t.*".to_owned(),
            false => names.collect::<Vec<_>>().join(", "),
        };
        let of_users = readable.iter().any(|one| is_of_users(one.base_type));
        let executed = match of_users {
            true => spelling::columns("t", readable),
            false => shown.clone(),
        };
        Some(Readable { shown, executed })
    }

    /// Returns the columns of a function's result; a single text column if their types are unknown.
    fn returned(&self, model: &Model) -> Option<Readable> {
        let shown = "t.*".to_owned();
        let function = model.catalog.functions.get(&self.object)?;
        let of_row = model.catalog.columns_of(function.return_relation);
        let executed = if !of_row.is_empty() {
            match of_row.iter().any(|one| is_of_users(one.base_type)) {
                true => spelling::columns("t", of_row),
                false => shown.clone(),
            }
        } else {
            let out = function.returned_columns();
            match out.iter().any(|(_, type_oid)| is_of_users(*type_oid)) {
                true => out
                    .iter()
                    .map(|(name, type_oid)| {
                        let name = identifier(name);
                        let value = spelling::document(&format!("t.{name}"), *type_oid);
                        format!("{value} AS {name}")
                    })
                    .collect::<Vec<_>>()
                    .join(", "),
                false if out.is_empty() && is_of_users(function.return_type) => {
                    format!("{} AS value", spelling::text("t", function.return_type))
                }
                false => shown.clone(),
            }
        };
        Some(Readable { shown, executed })
    }
}

/// The columns of a row.
pub(crate) struct Readable {
    /// For the statement that is shown to be pasted.
    pub(crate) shown: String,
    /// For the statement that the audit runs: only output functions convert the values to a
    /// document.
    pub(crate) executed: String,
}

/// `tid` (catalog/pg_type.dat).
const TID: Oid = Oid(27);

/// Returns all targets that may return tenant rows, relations first.
pub(crate) fn all(model: &Model) -> Vec<Target> {
    let relations = model
        .relations()
        .filter_map(|relation| of_relation(model, relation));
    let functions = model
        .catalog
        .functions
        .values()
        .filter(|one| is_callable(model, one));
    let functions = functions.map(|function| of_function(model, function));
    relations.chain(functions).collect()
}

fn of_relation(model: &Model, relation: &Relation) -> Option<Target> {
    let (tenant_source, below) = match model.tenancy.of(relation.oid) {
        Belonging::Root(key) | Belonging::Keyed(key) => (TenantSource::Key(*key), BTreeSet::new()),
        Belonging::Child(_) => (TenantSource::Child, BTreeSet::new()),
        Belonging::Global | Belonging::Reference => {
            let below = tables_below(model, relation.oid);
            let of_tenants = below.iter().any(|table| model.tenancy.is_tenants(*table));
            if !of_tenants && !holds_documents(model, relation) {
                return None;
            }
            (TenantSource::Values, below)
        }
    };
    let id = id(model, relation);
    Some(Target {
        object: relation.oid,
        display: relation.display(),
        from: relation.quoted(),
        stored: stored(model, relation, tenant_source, &id),
        tenant_source,
        id,
        below,
        is_function: false,
    })
}

/// `true` if a table without a tenant may hold documents with one: a history of changes, a queue, a
/// cache. Tables that the operator declared as shared are skipped.
fn holds_documents(model: &Model, relation: &Relation) -> bool {
    let columns = model.catalog.columns_of(relation.oid).iter();
    let mut documents = columns.filter(|one| [JSON, JSONB].contains(&one.base_type));
    relation.is_table()
        && *model.tenancy.of(relation.oid) == Belonging::Reference
        && !model.overrides.is_specified(relation)
        && model
            .app_roles
            .roles
            .iter()
            .any(|role| model.privileges(role.oid, relation).select)
        && documents.next().is_some()
}

fn of_function(model: &Model, function: &Function) -> Target {
    let (schema, name) = (identifier(&function.schema), identifier(&function.name));
    Target {
        object: function.oid,
        display: format!("{}.{}()", function.schema, function.name),
        from: format!("{schema}.{name}()"),
        stored: format!("{schema}.{name}()"),
        tenant_source: TenantSource::Values,
        id: Vec::new(),
        below: tables_of_function(model, function),
        is_function: true,
    }
}

fn stored(
    model: &Model,
    relation: &Relation,
    tenant_source: TenantSource,
    id: &[IdColumn],
) -> String {
    let below = || {
        let table = only_table_below(model, relation.oid)?;
        let TenantSource::Key(key) = tenant_source else {
            return None;
        };
        let key = model.column_name(relation.oid, key);
        let same = model.catalog.column_named(table, key).is_some();
        let table = model.catalog.relations.get(&table)?;
        (same && !id.is_empty() && view_filters_by_session(model, relation.oid))
            .then(|| table.quoted())
    };
    below().unwrap_or_else(|| relation.quoted())
}

/// `true` if a view, or one that it reads, filters by the session and so shows nothing to the
/// auditor, which has no tenant.
pub(crate) fn view_filters_by_session(model: &Model, view: Oid) -> bool {
    let mut seen = BTreeSet::from([view]);
    let mut waiting = vec![view];
    while let Some(view) = waiting.pop() {
        if let Some(rule) = model.catalog.view_rule(view) {
            if model.meaning.filters_by_session(&rule.tree) {
                return true;
            }
            waiting.extend(rule.reads.iter().filter(|read| seen.insert(**read)));
        }
    }
    false
}

/// Returns the columns that identify the rows. A view uses those of the table that it reads, if
/// there is only one.
fn id(model: &Model, relation: &Relation) -> Vec<IdColumn> {
    if relation.kind == RelationKind::View {
        return id_of_view(model, relation).unwrap_or_default();
    }
    let key = model.catalog.primary_key(relation.oid).iter();
    let columns: Option<Vec<IdColumn>> = key
        .map(|number| {
            let column = model.catalog.column(relation.oid, *number)?;
            Some(IdColumn::of(column))
        })
        .collect();
    match columns {
        Some(columns) if !columns.is_empty() => columns,
        // `ctid` is not unique across partitions.
        _ if matches!(
            relation.kind,
            RelationKind::Table | RelationKind::MaterializedView
        ) =>
        {
            vec![IdColumn {
                number: None,
                name: "ctid".to_owned(),
                type_name: "pg_catalog.tid".to_owned(),
                equals: operator("="),
                base_type: TID,
            }]
        }
        _ => Vec::new(),
    }
}

fn id_of_view(model: &Model, view: &Relation) -> Option<Vec<IdColumn>> {
    let table = only_table_below(model, view.oid)?;
    let key = model.catalog.primary_key(table).iter();
    key.map(|number| {
        let below = model.catalog.column(table, *number)?;
        let column = model.catalog.column_named(view.oid, &below.name)?;
        Some(IdColumn::of(column))
    })
    .collect()
}

/// Returns the table that changes of a view apply to: the only one that it reads.
pub(crate) fn only_table_below(model: &Model, view: Oid) -> Option<Oid> {
    let below = tables_below(model, view);
    let mut tables = below.into_iter().filter(|oid| {
        model
            .catalog
            .relations
            .get(oid)
            .is_some_and(|relation| relation.is_table())
    });
    tables.next().filter(|_| tables.next().is_none())
}

/// `true` if a function can be called without arguments and returns rows or documents.
fn is_callable(model: &Model, function: &Function) -> bool {
    let documents = ["record", "json", "jsonb"];
    function.kind == "f"
        && function.required_arguments == 0
        && !function.of_extension
        && model.overrides.includes_schema(&function.schema)
        && (function.returns_set
            || function.return_relation.0 != 0
            || documents.contains(&function.return_type_name.as_str()))
}

/// Returns the reason why a function is not called without `--force`; `None` if calling it is safe.
/// The transaction is READ ONLY, so only effects outside of it can do harm.
pub(crate) fn objection(model: &Model, function: &Function) -> Option<String> {
    if function.volatility != "v" {
        return None;
    }
    if !matches!(function.language.as_str(), "sql" | "plpgsql") {
        return Some(format!(
            "it is volatile and written in {}",
            function.language
        ));
    }
    side_effects::of_function(model, function)
        .map(|what| format!("it is volatile and uses {what}, which a rollback may not undo"))
}

/// Returns the tables that a view reads, directly or through other views.
fn tables_below(model: &Model, view: Oid) -> BTreeSet<Oid> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![view];
    while let Some(relation) = waiting.pop() {
        if let Some(rule) = model.catalog.view_rule(relation) {
            waiting.extend(rule.reads.iter().filter(|read| seen.insert(**read)));
        }
    }
    seen
}

/// Returns the tables that a function may return rows of: the table of its row type, otherwise
/// those with a name that occurs as a word in its source.
fn tables_of_function(model: &Model, function: &Function) -> BTreeSet<Oid> {
    if function.return_relation.0 != 0 {
        let mut tables = tables_below(model, function.return_relation);
        tables.insert(function.return_relation);
        return tables;
    }
    let words = words(&function.source);
    let mut tables = BTreeSet::new();
    for relation in model.relations() {
        let parsed = function.body_tree.as_deref();
        // A parsed body identifies relations by OID.
        let in_tree =
            parsed.is_some_and(|tree| tree.contains(&format!(":relid {} ", relation.oid.0)));
        if in_tree || words.contains(&relation.name.to_lowercase()) {
            tables.insert(relation.oid);
            tables.extend(tables_below(model, relation.oid));
        }
    }
    tables
}
