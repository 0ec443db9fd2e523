//! FROM: tables, subqueries, functions and joins (PostgreSQL manual, 7.2.1).

use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins, Visit,
};

use super::{
    graph::{Graph, Kind, NodeId, Place, RelationId},
    names::{Scope, folded, qualified},
    predicate::Facts,
    query::{Analysis, Surroundings},
};

/// The sides of a join that may be filled with NULL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Neither,
    Left,
    Right,
    Both,
}

impl<'t> Analysis<'t> {
    /// Returns the relations of a FROM list.
    pub(super) fn from(
        &mut self,
        items: &[TableWithJoins],
        place: Surroundings<'_>,
    ) -> Vec<RelationId> {
        let mut relations = Vec::new();
        for item in items {
            self.joined(item, place, &mut relations, false);
        }
        relations
    }

    /// Adds a table and its joins. `nullable`: an enclosing outer join may find no row.
    pub(super) fn joined(
        &mut self,
        item: &TableWithJoins,
        place: Surroundings<'_>,
        relations: &mut Vec<RelationId>,
        nullable: bool,
    ) {
        let sides: Vec<Side> = item.joins.iter().map(side).collect();
        // Joins are left-associative: a later RIGHT or FULL join makes all before it optional.
        let later = |from: usize| {
            let mut later = sides[from..].iter();
            nullable || later.any(|side| matches!(side, Side::Left | Side::Both))
        };
        let start = self.graph.relations.len();
        let first = relations.len();
        self.factor(&item.relation, place, relations, later(0));
        for (at, join) in item.joins.iter().enumerate() {
            let (middle, boundary) = (self.graph.relations.len(), relations.len());
            let after = later(at + 1);
            let optional = matches!(sides[at], Side::Right | Side::Both);
            self.factor(&join.relation, place, relations, after || optional);
            let on = match sides[at] {
                Side::Neither => Place::Inner { nullable: after },
                Side::Right => Place::Outer {
                    optional: middle..self.graph.relations.len(),
                },
                Side::Left => Place::Outer {
                    optional: start..middle,
                },
                Side::Both => Place::Full,
            };
            let floor = match on {
                Place::Inner { nullable: false } => place.floor,
                _ => usize::MAX,
            };
            let scope = Scope {
                floor,
                ..place.scope(relations)
            };
            let (left, right) = (&relations[first..boundary], &relations[boundary..]);
            let facts = self.constraint(&join.join_operator, left, right, &scope);
            self.apply(facts, &on, &scope);
        }
    }

    fn constraint(
        &mut self,
        operator: &JoinOperator,
        left: &[RelationId],
        right: &[RelationId],
        scope: &Scope<'_>,
    ) -> Facts {
        match condition(operator) {
            Some(JoinConstraint::On(expr)) => self.facts(expr, scope),
            Some(JoinConstraint::Using(columns)) => {
                let names: Vec<String> = columns.iter().map(|name| qualified(name).1).collect();
                self.same_columns(&names, left, right)
            }
            Some(JoinConstraint::Natural) => {
                let names = self.common_columns(left, right);
                self.same_columns(&names, left, right)
            }
            Some(JoinConstraint::None) | None => Facts::default(),
        }
    }

    /// Adds USING: the columns with these names are equal.
    fn same_columns(
        &mut self,
        names: &[String],
        left: &[RelationId],
        right: &[RelationId],
    ) -> Facts {
        let mut facts = Facts::default();
        for name in names {
            let one = self.side_column(left, name);
            let other = self.side_column(right, name);
            if let (Some(one), Some(other)) = (one, other)
                && one != other
            {
                facts.equal.insert((one.min(other), one.max(other)));
            }
        }
        facts
    }

    fn side_column(&mut self, side: &[RelationId], name: &str) -> Option<NodeId> {
        let known = |graph: &Graph<'t>, id: RelationId| {
            !matches!(graph.relations[id].kind, Kind::Other | Kind::Values)
        };
        let (sure, unsure): (Vec<RelationId>, Vec<RelationId>) =
            side.iter().partition(|id| known(&self.graph, **id));
        let mut all = sure.into_iter().chain(unsure);
        all.find_map(|id| self.graph.column_of(id, name))
    }

    fn common_columns(&mut self, left: &[RelationId], right: &[RelationId]) -> Vec<String> {
        let left = self.column_names(left);
        let mut common = self.column_names(right);
        common.retain(|name| left.contains(name));
        common
    }

    fn column_names(&mut self, side: &[RelationId]) -> Vec<String> {
        let mut names = Vec::new();
        for relation in side {
            for output in self.graph.expand(*relation) {
                if let super::graph::Output::Column { name, .. } = output {
                    names.extend(name);
                }
            }
        }
        names
    }

    /// Adds a FROM item.
    pub(super) fn factor(
        &mut self,
        factor: &TableFactor,
        place: Surroundings<'_>,
        relations: &mut Vec<RelationId>,
        nullable: bool,
    ) {
        let relation = match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let (schema, name) = qualified(name);
                let shown = alias_name(alias).unwrap_or_else(|| name.clone());
                self.named_relation(schema, name, shown, place.level, nullable)
            }
            TableFactor::Table {
                name,
                alias,
                args: Some(args),
                ..
            } => self.function(Some(name), alias, &args.args, place, relations, nullable),
            TableFactor::Function {
                name, alias, args, ..
            } => self.function(Some(name), alias, args, place, relations, nullable),
            TableFactor::UNNEST {
                alias, array_exprs, ..
            } => self.function(None, alias, array_exprs, place, relations, nullable),
            TableFactor::TableFunction { expr, alias } => {
                self.function(None, alias, expr, place, relations, nullable)
            }
            TableFactor::JsonTable {
                json_expr, alias, ..
            } => self.function(None, alias, json_expr, place, relations, nullable),
            TableFactor::XmlTable {
                row_expression,
                passing,
                alias,
                ..
            } => {
                let relation =
                    self.function(None, alias, row_expression, place, relations, nullable);
                self.visit_sub_selects(passing, &place.scope(relations));
                relation
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                let scope = place.scope(relations);
                let inside = Surroundings {
                    outer: if *lateral { Some(&scope) } else { place.outer },
                    ..place.within()
                };
                let body = self.query(subquery, inside);
                let shown = alias_name(alias).unwrap_or_default();
                let kind = Kind::Derived(body);
                self.graph
                    .add(Graph::relation(shown, kind, place.level, nullable))
            }
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => return self.joined(table_with_joins, place, relations, nullable),
            // Not PostgreSQL.
            _ => return,
        };
        if let Some(alias) = alias_of(factor) {
            self.graph.relations[relation].renamed =
                alias.columns.iter().map(|one| folded(&one.name)).collect();
        }
        relations.push(relation);
    }

    /// Adds a function in FROM, which can refer to the items to its left.
    fn function<V: Visit>(
        &mut self,
        name: Option<&ObjectName>,
        alias: &Option<TableAlias>,
        arguments: &V,
        place: Surroundings<'_>,
        relations: &[RelationId],
        nullable: bool,
    ) -> RelationId {
        let inputs = self.columns_in(arguments, &place.scope(relations));
        let shown = alias_name(alias).or_else(|| name.map(|name| qualified(name).1));
        let relation = Graph::relation(
            shown.unwrap_or_default(),
            Kind::Values,
            place.level,
            nullable,
        );
        let relation = self.graph.add(relation);
        self.graph.supply(relation, &inputs);
        relation
    }
}

fn side(join: &Join) -> Side {
    match &join.join_operator {
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => Side::Right,
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Side::Left,
        JoinOperator::FullOuter(_) => Side::Both,
        _ => Side::Neither,
    }
}

fn condition(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(condition)
        | JoinOperator::Inner(condition)
        | JoinOperator::Left(condition)
        | JoinOperator::LeftOuter(condition)
        | JoinOperator::Right(condition)
        | JoinOperator::RightOuter(condition)
        | JoinOperator::FullOuter(condition)
        | JoinOperator::CrossJoin(condition) => Some(condition),
        _ => None,
    }
}

fn alias_of(factor: &TableFactor) -> Option<&TableAlias> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::JsonTable { alias, .. }
        | TableFactor::XmlTable { alias, .. }
        | TableFactor::Derived { alias, .. } => alias.as_ref(),
        _ => None,
    }
}

pub(super) fn alias_name(alias: &Option<TableAlias>) -> Option<String> {
    alias.as_ref().map(|alias| folded(&alias.name))
}
