//! SELECT: the relations it reads, and the constraints of its predicates.

use sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, SetOperator,
};

use super::{
    graph::{BodyId, Graph, Kind, NodeId, Output, Place, RelationId},
    names::{Scope, folded, qualified},
    nothing,
    predicate::Facts,
    schema::{TenantTable, TenantTables},
    usage::{Access, Problem, Use},
};

/// The analysis of a statement.
pub(super) struct Analysis<'t> {
    pub(super) tables: &'t TenantTables,
    pub(super) graph: Graph<'t>,
    /// Visible common table expressions. A later one hides an earlier one with the same name.
    pub(super) ctes: Vec<(String, Kind<'t>)>,
    /// Tenant tables that are read or written. They are judged at the end of the analysis.
    pub(super) touched: Vec<(RelationId, Access)>,
    /// Uses that are already judged.
    pub(super) uses: Vec<Use>,
}

/// Context of a query in its statement.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'s> {
    pub(super) outer: Option<&'s Scope<'s>>,
    pub(super) level: usize,
    pub(super) floor: usize,
}

impl Surroundings<'_> {
    /// Context of a top-level statement.
    pub(super) const TOP: Surroundings<'static> = Surroundings {
        outer: None,
        level: 0,
        floor: 0,
    };

    /// Returns the context of a nested query that is evaluated independently.
    pub(super) fn within(self) -> Self {
        Self {
            level: self.level + 1,
            floor: self.level + 1,
            ..self
        }
    }

    pub(super) fn scope<'s>(&'s self, relations: &'s [RelationId]) -> Scope<'s> {
        Scope {
            relations,
            outer: self.outer,
            level: self.level,
            floor: self.floor,
        }
    }
}

impl<'t> Analysis<'t> {
    pub(super) fn new(tables: &'t TenantTables) -> Self {
        Self {
            tables,
            graph: Graph::default(),
            ctes: Vec::new(),
            touched: Vec::new(),
            uses: Vec::new(),
        }
    }

    /// Returns every use of a tenant table with its problem.
    pub(super) fn finish(mut self) -> Vec<Use> {
        self.graph.close();
        for (relation, access) in std::mem::take(&mut self.touched) {
            let Kind::Tenant(table) = self.graph.relations[relation].kind else {
                continue;
            };
            let problem = if self.graph.confined(relation) {
                None
            } else if self.graph.linked(relation) {
                Some(Problem::JoinWithoutKey)
            } else {
                Some(access.unfiltered())
            };
            let alias = self.graph.relations[relation].alias.clone();
            self.note(table, alias, access, problem);
        }
        self.uses
    }

    pub(super) fn note(
        &mut self,
        table: &TenantTable,
        alias: String,
        access: Access,
        problem: Option<Problem>,
    ) {
        self.uses.push(Use {
            table: (table.schema.clone(), table.name.clone()),
            alias,
            access,
            problem,
        });
    }

    /// Analyzes a query. Returns its body, which other queries can read.
    pub(super) fn query(&mut self, query: &Query, place: Surroundings<'_>) -> BodyId {
        let hidden = self.ctes.len();
        let before = self.touched.len();
        if let Some(with) = &query.with {
            self.with(with, place);
        }
        let body = self.graph.body();
        let outputs = self.set_expr(&query.body, Some(query), place);
        self.graph.set_outputs(body, outputs);
        self.ctes.truncate(hidden);
        if nothing::is_empty(query) {
            self.touched.truncate(before);
        }
        body
    }

    pub(super) fn set_expr(
        &mut self,
        expr: &SetExpr,
        whole: Option<&Query>,
        place: Surroundings<'_>,
    ) -> Vec<Output> {
        // One arm of a set operation may return no row while the other returns some.
        let apart = Surroundings {
            floor: place.level,
            ..place
        };
        match expr {
            SetExpr::Select(select) => self.select(select, whole, place),
            SetExpr::Query(query) => {
                let body = self.query(query, place);
                self.graph.outputs(body).to_vec()
            }
            SetExpr::SetOperation {
                left, right, op, ..
            } => {
                let left = self.set_expr(left, None, apart);
                let right = self.set_expr(right, None, apart);
                self.combine(*op, left, right)
            }
            SetExpr::Values(values) => {
                let scope = place.scope(&[]);
                let mut columns: Vec<Vec<NodeId>> = Vec::new();
                for row in &values.rows {
                    columns.resize_with(columns.len().max(row.content.len()), Vec::new);
                    for (value, inputs) in row.content.iter().zip(&mut columns) {
                        inputs.extend(self.inputs(value, &scope));
                    }
                }
                let columns = columns.iter().enumerate();
                columns
                    .map(|(place, inputs)| Output::Column {
                        name: Some(format!("column{}", place + 1)),
                        node: self.graph.computed(inputs),
                    })
                    .collect()
            }
            // `prepare` rewrote it as SELECT * FROM.
            SetExpr::Table(_) => Vec::new(),
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => self.write(statement, place),
        }
    }

    /// Returns the columns of a set operation.
    pub(super) fn combine(
        &mut self,
        op: SetOperator,
        left: Vec<Output>,
        right: Vec<Output>,
    ) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (left, right) in left.into_iter().zip(right) {
            let (Output::Column { name, node }, Output::Column { node: other, .. }) = (left, right)
            else {
                // The positions of the following columns are unknown.
                break;
            };
            let node = match op {
                SetOperator::Union => self.graph.merged(&[node, other]),
                // The result consists of left rows; only equal right rows matter.
                _ => {
                    self.graph.passes(node, other);
                    node
                }
            };
            outputs.push(Output::Column { name, node });
        }
        outputs
    }

    fn select(
        &mut self,
        select: &Select,
        whole: Option<&Query>,
        place: Surroundings<'_>,
    ) -> Vec<Output> {
        let before = self.touched.len();
        let relations = self.from(&select.from, place);
        let scope = place.scope(&relations);
        if let Some(filter) = &select.selection {
            self.restrict(filter, before, &scope);
        }
        if let Some(filter) = &select.having {
            self.filter(filter, &scope);
        }
        if let Some(GroupByExpr::Expressions(columns, _)) = Some(&select.group_by) {
            self.visit_sub_selects(columns, &scope);
        }
        self.visit_sub_selects(&select.distinct, &scope);
        self.visit_sub_selects(&select.named_window, &scope);
        if let Some(whole) = whole {
            self.visit_sub_selects(&whole.order_by, &scope);
            self.visit_sub_selects(&whole.limit_clause, &scope);
            self.visit_sub_selects(&whole.fetch, &scope);
        }
        self.projection(&select.projection, &scope)
    }

    /// Returns the output columns of a SELECT or RETURNING list.
    pub(super) fn projection(&mut self, items: &[SelectItem], scope: &Scope<'_>) -> Vec<Output> {
        let mut outputs = Vec::new();
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => outputs.push(self.output_of(expr, None, scope)),
                SelectItem::ExprWithAlias { expr, alias } => {
                    outputs.push(self.output_of(expr, Some(folded(alias)), scope));
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    for alias in aliases {
                        outputs.push(self.output_of(expr, Some(folded(alias)), scope));
                    }
                }
                SelectItem::Wildcard(_) => {
                    for relation in scope.relations {
                        outputs.extend(self.graph.expand(*relation));
                    }
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind
                        && let Some(relation) = self.graph.find(&qualified(name).1, scope)
                    {
                        outputs.extend(self.graph.expand(relation));
                    }
                }
            }
        }
        outputs
    }

    fn output_of(&mut self, expr: &Expr, alias: Option<String>, scope: &Scope<'_>) -> Output {
        let name = alias.or_else(|| match expr {
            Expr::Identifier(name) => Some(folded(name)),
            Expr::CompoundIdentifier(parts) => parts.last().map(folded),
            _ => None,
        });
        let node = match self.value(expr, scope) {
            super::predicate::Value::Column(node) => node,
            super::predicate::Value::Computed(inputs) => self.graph.computed(&inputs),
        };
        Output::Column { name, node }
    }

    /// Applies WHERE. If no row can pass, the tables of FROM, touched since `before`, are not read.
    pub(super) fn restrict(&mut self, filter: &Expr, before: usize, scope: &Scope<'_>) {
        self.filter(filter, scope);
        if nothing::never_holds(filter) {
            self.touched.truncate(before);
        }
    }

    /// Applies WHERE or HAVING.
    pub(super) fn filter(&mut self, expr: &Expr, scope: &Scope<'_>) {
        let facts = self.facts(expr, scope);
        self.apply(facts, &Place::Inner { nullable: false }, scope);
    }

    /// Adds the facts of a predicate to the graph.
    pub(super) fn apply(&mut self, mut facts: Facts, place: &Place, scope: &Scope<'_>) {
        facts.close();
        let decides = |graph: &Graph<'t>, node: NodeId| {
            let level = graph.level(node).unwrap_or(scope.level);
            level >= scope.level.min(scope.floor)
        };
        let mut pairs: Vec<(NodeId, NodeId)> = facts.equal.into_iter().collect();
        pairs.extend(self.graph.companions(&pairs));
        for (one, other) in pairs {
            for (from, to) in [(one, other), (other, one)] {
                if decides(&self.graph, to) {
                    self.graph.implies_equal(from, to, place);
                }
            }
        }
        for (node, inputs) in facts.fixed {
            if decides(&self.graph, node) {
                self.graph.fixes(node, &inputs, place);
            }
        }
    }

    /// Adds the relation that a name in FROM refers to.
    pub(super) fn named_relation(
        &mut self,
        schema: Option<String>,
        name: String,
        alias: String,
        level: usize,
        nullable: bool,
    ) -> RelationId {
        let cte = match schema {
            None => self.cte(&name),
            Some(_) => None,
        };
        let kind = cte.unwrap_or_else(|| self.table(schema.as_deref(), &name));
        let relation = self
            .graph
            .add(Graph::relation(alias, kind, level, nullable));
        if let Kind::Tenant(table) = kind {
            self.graph.know_identity(relation, table);
            self.touched.push((relation, Access::Read));
        }
        relation
    }

    /// Adds the target table of a statement.
    pub(super) fn target(
        &mut self,
        name: &ObjectName,
        alias: Option<String>,
        access: Access,
        level: usize,
    ) -> RelationId {
        let (schema, name) = qualified(name);
        let kind = self.table(schema.as_deref(), &name);
        let alias = alias.unwrap_or(name);
        let relation = Graph::relation(alias, kind, level, false);
        let relation = self.graph.add(relation);
        if matches!(kind, Kind::Tenant(_)) {
            self.touched.push((relation, access));
        }
        relation
    }

    /// Resolves a table name. If it exists in several schemas, the tenant table is chosen: a false
    /// positive is better than a missed problem.
    fn table(&self, schema: Option<&str>, name: &str) -> Kind<'t> {
        let tenant = self.tables.find(schema, name).map(Kind::Tenant);
        let shared = || self.tables.find_shared(schema, name).map(Kind::Shared);
        tenant.or_else(shared).unwrap_or(Kind::Other)
    }
}
