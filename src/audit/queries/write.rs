//! INSERT, UPDATE, DELETE, MERGE and TRUNCATE.

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, ConflictTarget, CopySource, Delete, DoUpdate,
    Expr, FromTable, Ident, Insert, ObjectName, OnConflictAction, OnInsert, Query, SelectItem,
    SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind,
};

use super::{
    from::alias_name,
    graph::{BodyId, Graph, Kind, Output, Place, RelationId},
    names::{folded, qualified},
    predicate::{bare, operands},
    query::{Analysis, Surroundings},
    schema::{TenantKey, TenantTable},
    usage::{Access, Problem},
};

/// A predicate that restricts every row.
const WHERE: Place = Place::Inner { nullable: false };

impl<'t> Analysis<'t> {
    /// Analyzes a statement, at the top level or in WITH. Returns the output of RETURNING.
    pub(super) fn write(&mut self, statement: &Statement, place: Surroundings<'_>) -> Vec<Output> {
        match statement {
            Statement::Query(query) => {
                let body = self.query(query, place);
                self.graph.outputs(body).to_vec()
            }
            Statement::Insert(insert) => self.insert(insert, place),
            Statement::Update(update) => self.update(update, place),
            Statement::Delete(delete) => self.delete(delete, place),
            Statement::Merge(merge) => self.merge(merge, place),
            Statement::Truncate(truncate) => {
                for table in &truncate.table_names {
                    self.target(&table.name, None, Access::Delete, place.level);
                }
                Vec::new()
            }
            Statement::Copy {
                source:
                    CopySource::Table {
                        table_name,
                        columns,
                    },
                to,
                ..
            } => {
                self.copy(table_name, columns, *to, place);
                Vec::new()
            }
            // Statements that change no rows.
            _ => Vec::new(),
        }
    }

    /// Analyzes COPY of a table, which reads all rows or inserts.
    fn copy(&mut self, name: &ObjectName, columns: &[Ident], to: bool, place: Surroundings<'_>) {
        let (schema, name_only) = qualified(name);
        let Some(table) = self.tables.find(schema.as_deref(), &name_only) else {
            return;
        };
        if to {
            self.target(name, None, Access::Read, place.level);
        } else {
            let given = match columns {
                [] => table.columns.clone(),
                columns => columns.iter().map(folded).collect(),
            };
            self.note_insert(table, &name_only, &given);
        }
    }

    fn insert(&mut self, insert: &Insert, place: Surroundings<'_>) -> Vec<Output> {
        let TableObject::TableName(name) = &insert.table else {
            return Vec::new();
        };
        let source = insert
            .source
            .as_deref()
            .map(|source| (source, self.query(source, place.within())));
        let alias = insert
            .table_alias
            .as_ref()
            .map(|alias| folded(&alias.alias));
        let (schema, table_name) = qualified(name);
        let alias = alias.unwrap_or(table_name.clone());
        let Some(table) = self.tables.find(schema.as_deref(), &table_name) else {
            return self.returned(Kind::Values, alias, &insert.returning, place);
        };
        let columns: Vec<String> = insert
            .columns
            .iter()
            .map(|name| qualified(name).1)
            .collect();
        let given = self.filled(table, &columns, source);
        self.note_insert(table, &alias, &given);
        if let Some(OnInsert::OnConflict(conflict)) = &insert.on
            && let OnConflictAction::DoUpdate(update) = &conflict.action
        {
            self.upsert(table, &alias, &conflict.conflict_target, update, place);
        }
        self.returned(Kind::Tenant(table), alias, &insert.returning, place)
    }

    /// Returns the columns of `table` that an INSERT sets.
    fn filled(
        &self,
        table: &TenantTable,
        columns: &[String],
        source: Option<(&Query, BodyId)>,
    ) -> Vec<String> {
        let Some((query, body)) = source else {
            // DEFAULT VALUES
            return Vec::new();
        };
        let outputs = self.graph.outputs(body);
        let complete = outputs
            .iter()
            .all(|output| matches!(output, Output::Column { .. }));
        let width = if complete { outputs.len() } else { usize::MAX };
        let columns = if columns.is_empty() {
            &table.columns
        } else {
            columns
        };
        let defaulted = |place: usize| match &*query.body {
            SetExpr::Values(values) => {
                let rows = values.rows.iter();
                rows.clone()
                    .any(|row| row.content.get(place).is_some_and(is_default))
            }
            _ => false,
        };
        let columns = columns.iter().take(width).enumerate();
        columns
            .filter(|(place, _)| !defaulted(*place))
            .map(|(_, column)| column.clone())
            .collect()
    }

    fn note_insert(&mut self, table: &TenantTable, alias: &str, given: &[String]) {
        let missing = match &table.key {
            // A new tenant does not belong to an existing one.
            TenantKey::Root { .. } => false,
            key => {
                let mut columns = key.columns().into_iter();
                columns.any(|column| !given.iter().any(|one| one == column))
            }
        };
        let problem = (missing && !table.key_has_default).then_some(Problem::InsertWithoutKey);
        self.note(table, alias.to_owned(), Access::Insert, problem);
    }

    /// Analyzes ON CONFLICT DO UPDATE, which changes an existing row: the conflict columns
    /// determine its tenant.
    fn upsert(
        &mut self,
        table: &'t TenantTable,
        alias: &str,
        conflict: &Option<ConflictTarget>,
        update: &DoUpdate,
        place: Surroundings<'_>,
    ) {
        let level = place.level;
        let relation = Graph::relation(alias.to_owned(), Kind::Tenant(table), level, false);
        let relation = self.graph.add(relation);
        let excluded = Graph::relation("excluded".to_owned(), Kind::Values, level, false);
        let excluded = self.graph.add(excluded);
        self.graph.supply(excluded, &[]);
        let arbiters: Vec<String> = match conflict {
            Some(ConflictTarget::Columns(columns)) => columns.iter().map(folded).collect(),
            // The columns of a named constraint are unknown: assume that they include the key.
            Some(ConflictTarget::OnConstraint(_)) | None => {
                table.key.columns().into_iter().map(str::to_owned).collect()
            }
        };
        for column in &arbiters {
            let node = self.graph.column(relation, column);
            self.graph.fixes(node, &[], &WHERE);
        }
        let keyed = |column: &str| arbiters.iter().any(|arbiter| arbiter == column);
        // A conflict on the parent key of a child is as safe as the insertion.
        let child = matches!(table.key, TenantKey::Parent(_));
        if !(child && table.key.columns().into_iter().all(keyed)) {
            self.touched.push((relation, Access::Update));
        }
        let relations = [relation, excluded];
        let scope = place.scope(&relations);
        if let Some(filter) = &update.selection {
            self.filter(filter, &scope);
        }
        self.visit_sub_selects(&update.assignments, &scope);
        if !table.key.columns().into_iter().all(keyed) {
            self.assignments(relation, &update.assignments, update.selection.as_ref());
        }
    }

    fn update(&mut self, update: &Update, place: Surroundings<'_>) -> Vec<Output> {
        let before = self.touched.len();
        let Some(target) = self.written(&update.table, Access::Update, place) else {
            return Vec::new();
        };
        let mut relations = vec![target];
        if let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) =
            &update.from
        {
            self.beside(from, place, &mut relations);
        }
        let scope = place.scope(&relations);
        if let Some(filter) = &update.selection {
            self.restrict(filter, before, &scope);
        }
        self.visit_sub_selects(&update.assignments, &scope);
        self.assignments(target, &update.assignments, update.selection.as_ref());
        self.projection(update.returning.as_deref().unwrap_or_default(), &scope)
    }

    fn delete(&mut self, delete: &Delete, place: Surroundings<'_>) -> Vec<Output> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let before = self.touched.len();
        let mut relations = Vec::new();
        for table in tables {
            relations.extend(self.written(table, Access::Delete, place));
        }
        self.beside(
            delete.using.as_deref().unwrap_or_default(),
            place,
            &mut relations,
        );
        let scope = place.scope(&relations);
        if let Some(filter) = &delete.selection {
            self.restrict(filter, before, &scope);
        }
        self.projection(delete.returning.as_deref().unwrap_or_default(), &scope)
    }

    fn merge(&mut self, merge: &sqlparser::ast::Merge, place: Surroundings<'_>) -> Vec<Output> {
        super::merge::analyse(self, merge, place);
        Vec::new()
    }

    /// Adds the table that UPDATE or DELETE changes.
    fn written(
        &mut self,
        table: &TableWithJoins,
        access: Access,
        place: Surroundings<'_>,
    ) -> Option<RelationId> {
        match &table.relation {
            TableFactor::Table { name, alias, .. } => {
                Some(self.target(name, alias_name(alias), access, place.level))
            }
            _ => None,
        }
    }

    /// Adds FROM of UPDATE or USING of DELETE.
    fn beside(
        &mut self,
        items: &[TableWithJoins],
        place: Surroundings<'_>,
        relations: &mut Vec<RelationId>,
    ) {
        for item in items {
            self.joined(item, place, relations, false);
        }
    }

    /// Records an assignment that moves a row to another tenant.
    pub(super) fn assignments(
        &mut self,
        target: RelationId,
        assignments: &[Assignment],
        filter: Option<&Expr>,
    ) {
        let Kind::Tenant(table) = self.graph.relations[target].kind else {
            return;
        };
        let (TenantKey::Column(key) | TenantKey::Root { column: key, .. }) = &table.key else {
            return;
        };
        let sets = assignments.iter().any(|one| match &one.target {
            AssignmentTarget::ColumnName(name) => {
                assigned(name).is_some_and(|name| name == *key)
                    && !filter.is_some_and(|filter| compares(filter, key, &one.value))
                    && column_name(&one.value).is_none_or(|(of, name)| name != *key || of.is_some())
            }
            AssignmentTarget::Tuple(names) => names
                .iter()
                .any(|name| assigned(name).is_some_and(|name| name == *key)),
        });
        if sets {
            let alias = self.graph.relations[target].alias.clone();
            self.note(table, alias, Access::Update, Some(Problem::SetsKey));
        }
    }

    /// Analyzes RETURNING of an INSERT: the statement set the key of these rows.
    fn returned(
        &mut self,
        kind: Kind<'t>,
        alias: String,
        returning: &Option<Vec<SelectItem>>,
        place: Surroundings<'_>,
    ) -> Vec<Output> {
        let relation = Graph::relation(alias, kind, place.level, false);
        let relation = self.graph.add(relation);
        match kind {
            Kind::Tenant(table) => self.graph.confine(relation, table),
            _ => self.graph.supply(relation, &[]),
        }
        let relations = [relation];
        self.projection(
            returning.as_deref().unwrap_or_default(),
            &place.scope(&relations),
        )
    }

    /// Records the inserts of MERGE.
    pub(super) fn merged_insert(
        &mut self,
        target: RelationId,
        columns: &[ObjectName],
        values: Option<&[Expr]>,
    ) {
        let relation = &self.graph.relations[target];
        let Kind::Tenant(table) = relation.kind else {
            return;
        };
        let alias = relation.alias.clone();
        let named: Vec<String> = columns.iter().map(|name| qualified(name).1).collect();
        let columns = if named.is_empty() {
            &table.columns
        } else {
            &named
        };
        let values = values.unwrap_or_default().iter();
        let given: Vec<String> = columns
            .iter()
            .zip(values)
            .filter(|(_, value)| !is_default(value))
            .map(|(column, _)| column.clone())
            .collect();
        self.note_insert(table, &alias, &given);
    }
}

/// Returns the column of an assignment, without a field or an element of it.
fn assigned(name: &ObjectName) -> Option<String> {
    name.0.first()?.as_ident().map(folded)
}

fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(Ident { value, quote_style: None, .. })
        if value.eq_ignore_ascii_case("default"))
}

/// Returns the qualifier and name of a column.
fn column_name(expr: &Expr) -> Option<(Option<String>, String)> {
    match bare(expr) {
        Expr::Identifier(name) => Some((None, folded(name))),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., table, name] => Some((Some(folded(table)), folded(name))),
            _ => None,
        },
        _ => None,
    }
}

/// Returns `true` if a row passes `filter` only if its `key` already equals `value`.
fn compares(filter: &Expr, key: &str, value: &Expr) -> bool {
    let conjuncts = operands(filter, &BinaryOperator::And);
    conjuncts.into_iter().any(|conjunct| match conjunct {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => [(left, right), (right, left)]
            .into_iter()
            .any(|(column, other)| {
                column_name(column).is_some_and(|(_, name)| name == key)
                    && bare(other) == bare(value)
            }),
        _ => false,
    })
}
