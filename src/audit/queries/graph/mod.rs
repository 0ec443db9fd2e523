//! The columns of a statement, and the facts known about each.
//!
//! A column is *constrained* if its value in every returned row comes from outside: a parameter, a
//! literal, a session function. Because of outer joins there are two strengths: *strong* is
//! constrained and not NULL; *weak* is constrained, or NULL because an outer join found no row. A
//! weakly constrained table returns no row of another tenant.

mod belonging;

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use super::{
    flow::{Atom, Implications},
    schema::{SharedTable, TenantTable},
};

pub(super) type NodeId = usize;
pub(super) type RelationId = usize;
pub(super) type BodyId = usize;

/// A column of a relation, or a computed value.
#[derive(Clone, Copy)]
struct Node {
    strong: Atom,
    weak: Atom,
    relation: Option<RelationId>,
    /// The column inside a subquery that this column exposes.
    origin: Option<NodeId>,
}

/// One entry of a FROM list.
pub(super) struct Relation<'t> {
    /// Name used to qualify columns.
    pub(super) alias: String,
    pub(super) kind: Kind<'t>,
    /// Nesting depth of the SELECT that contains it.
    pub(super) level: usize,
    /// `true` if an outer join may fill it with NULL.
    nullable: bool,
    /// Column aliases, as in `AS t (a, b)`.
    pub(super) renamed: Vec<String>,
}

/// Kind of a relation.
#[derive(Clone, Copy)]
pub(super) enum Kind<'t> {
    Tenant(&'t TenantTable),
    /// A shared table. A row of it that is selected by a unique key is treated as an outside value.
    Shared(&'t SharedTable),
    /// An unknown table.
    Other,
    /// A function, or a row that the statement constructs: its columns share one node.
    Values,
    /// A subquery or a common table expression.
    Derived(BodyId),
    /// A common table expression inside its own definition. Facts about the rows of the
    /// non-recursive term are assumed to hold for all rows: this is correct if the recursive term
    /// preserves them, and a recursive term that does not is reported separately.
    Recursive(BodyId),
}

impl<'t> Kind<'t> {
    /// Returns the columns of a table in order, if they are known.
    pub(super) fn columns(self) -> Option<&'t [String]> {
        match self {
            Self::Tenant(table) => Some(&table.columns),
            Self::Shared(table) => Some(&table.columns),
            _ => None,
        }
    }
}

/// An output column of a query.
#[derive(Clone)]
pub(super) enum Output {
    Column {
        name: Option<String>,
        node: NodeId,
    },
    /// `*` of a relation with unknown columns.
    Rest(RelationId),
}

/// A query that other queries read from.
#[derive(Default)]
struct Body {
    outputs: Vec<Output>,
    /// The relations that read from it, except from within itself.
    readers: Vec<RelationId>,
    /// Its nodes that readers have requested.
    asked: BTreeSet<NodeId>,
}

/// Rows that a predicate restricts.
#[derive(Clone)]
pub(super) enum Place {
    /// All rows: WHERE, or ON of an inner join. Below an outer join they may still become NULL.
    Inner { nullable: bool },
    /// ON of an outer join: it only decides if these relations are present or NULL.
    Outer { optional: Range<RelationId> },
    /// ON of a full join.
    Full,
}

/// Meaning of a node of a table.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Column(String),
    /// Every column of a function, or of a row that the statement constructs.
    Any,
    /// Not a column: true if a unique key selects one row of a shared table.
    Row,
    /// Not a column: true if the row's tenant is constrained.
    Tenant,
    /// Not a column: true if a foreign key ties the row to a row with a constrained tenant.
    Linked,
}

/// All nodes of a statement, and the implications between them.
#[derive(Default)]
pub(super) struct Graph<'t> {
    pub(super) flow: Implications,
    pub(super) relations: Vec<Relation<'t>>,
    nodes: Vec<Node>,
    bodies: Vec<Body>,
    columns: HashMap<(RelationId, Key), NodeId>,
    exports: HashMap<(RelationId, NodeId), NodeId>,
    /// Names of the table columns.
    names: HashMap<NodeId, String>,
}

impl<'t> Graph<'t> {
    fn node(&mut self, relation: Option<RelationId>, origin: Option<NodeId>) -> NodeId {
        let (strong, weak) = (self.flow.atom(), self.flow.atom());
        self.flow.rule(&[strong], weak);
        self.nodes.push(Node {
            strong,
            weak,
            relation,
            origin,
        });
        self.nodes.len() - 1
    }

    /// Adds a value computed from `inputs`. It is constrained if all inputs are, or without inputs.
    pub(super) fn computed(&mut self, inputs: &[NodeId]) -> NodeId {
        let node = self.node(None, None);
        let strong: Vec<Atom> = inputs
            .iter()
            .map(|input| self.nodes[*input].strong)
            .collect();
        let weak: Vec<Atom> = inputs.iter().map(|input| self.nodes[*input].weak).collect();
        self.flow.rule(&strong, self.nodes[node].strong);
        self.flow.rule(&weak, self.nodes[node].weak);
        node
    }

    /// Adds a node without any facts.
    pub(super) fn unknown(&mut self) -> NodeId {
        self.node(None, None)
    }

    /// Adds a column of a set operation: facts that hold for every arm also apply to it, and a
    /// filter on it is a filter on every arm.
    pub(super) fn merged(&mut self, arms: &[NodeId]) -> NodeId {
        let node = self.computed(arms);
        for arm in arms {
            self.passes(node, *arm);
        }
        node
    }

    /// Adds the rule that all facts about `from` also hold for `to`.
    pub(super) fn passes(&mut self, from: NodeId, to: NodeId) {
        let (from, to) = (self.nodes[from], self.nodes[to]);
        self.flow.rule(&[from.strong], to.strong);
        self.flow.rule(&[from.weak], to.weak);
    }

    pub(super) fn add(&mut self, relation: Relation<'t>) -> RelationId {
        let id = self.relations.len();
        if let Kind::Derived(body) = relation.kind {
            self.bodies[body].readers.push(id);
        }
        let kind = relation.kind;
        self.relations.push(relation);
        match kind {
            Kind::Tenant(table) => self.know_table(id, table),
            Kind::Shared(table) => self.know_shared(id, table),
            _ => {}
        }
        id
    }

    /// Creates a relation with this alias.
    pub(super) fn relation(
        alias: String,
        kind: Kind<'t>,
        level: usize,
        nullable: bool,
    ) -> Relation<'t> {
        Relation {
            alias,
            kind,
            level,
            nullable,
            renamed: Vec::new(),
        }
    }

    fn keyed(&mut self, relation: RelationId, key: Key) -> NodeId {
        if let Some(node) = self.columns.get(&(relation, key.clone())) {
            return *node;
        }
        let node = self.node(Some(relation), None);
        self.columns.insert((relation, key.clone()), node);
        if let Key::Column(name) = key {
            self.names.insert(node, name);
            if matches!(self.relations[relation].kind, Kind::Shared(_)) {
                let row = self.keyed(relation, Key::Row);
                self.passes(row, node);
            }
        }
        node
    }

    /// Returns the node of a table column.
    pub(super) fn column(&mut self, relation: RelationId, name: &str) -> NodeId {
        self.keyed(relation, Key::Column(name.to_owned()))
    }

    /// Returns the node that all columns of a function share.
    pub(super) fn any_column(&mut self, relation: RelationId) -> NodeId {
        self.keyed(relation, Key::Any)
    }

    /// Adds the rule that the values of a function in FROM are determined by `inputs`.
    pub(super) fn supply(&mut self, relation: RelationId, inputs: &[NodeId]) {
        let node = self.any_column(relation);
        let place = Place::Inner {
            nullable: self.relations[relation].nullable,
        };
        self.fixes(node, inputs, &place);
    }

    /// Adds a query without any facts.
    pub(super) fn body(&mut self) -> BodyId {
        self.bodies.push(Body::default());
        self.bodies.len() - 1
    }

    pub(super) fn set_outputs(&mut self, body: BodyId, outputs: Vec<Output>) {
        self.bodies[body].outputs = outputs;
    }

    pub(super) fn outputs(&self, body: BodyId) -> &[Output] {
        &self.bodies[body].outputs
    }

    /// Returns the column `inner` of a query as exposed by `relation`, which reads that query.
    pub(super) fn export(&mut self, relation: RelationId, inner: NodeId) -> NodeId {
        if let Some(node) = self.exports.get(&(relation, inner)) {
            return *node;
        }
        let origin = self.nodes[inner].relation.is_some().then_some(inner);
        let outer = self.node(Some(relation), origin);
        let (within, without) = (self.nodes[inner], self.nodes[outer]);
        let strong = match self.relations[relation].nullable {
            true => without.weak,
            false => without.strong,
        };
        self.flow.rule(&[within.strong], strong);
        self.flow.rule(&[within.weak], without.weak);
        if let Kind::Derived(body) = self.relations[relation].kind {
            self.bodies[body].asked.insert(inner);
        }
        self.exports.insert((relation, inner), outer);
        outer
    }

    /// Pushes a filter outside a query into it, if all readers of the query have the filter.
    pub(super) fn close(&mut self) {
        let mut body = 0;
        while body < self.bodies.len() {
            let readers = self.bodies[body].readers.clone();
            let asked = match readers.is_empty() {
                true => BTreeSet::new(),
                false => self.bodies[body].asked.clone(),
            };
            for inner in asked {
                let outer: Vec<Node> = readers
                    .iter()
                    .map(|reader| {
                        let node = self.export(*reader, inner);
                        self.nodes[node]
                    })
                    .collect();
                let strong: Vec<Atom> = outer.iter().map(|node| node.strong).collect();
                let weak: Vec<Atom> = outer.iter().map(|node| node.weak).collect();
                self.flow.rule(&strong, self.nodes[inner].strong);
                self.flow.rule(&weak, self.nodes[inner].weak);
            }
            body += 1;
        }
        self.flow.solve();
    }

    /// Adds the fact that `value` determines the column `node`: `node = value`, or `node IN (…)`.
    pub(super) fn fixes(&mut self, node: NodeId, inputs: &[NodeId], place: &Place) {
        let target = self.nodes[node];
        let head = match place {
            Place::Inner { nullable: false } => target.strong,
            Place::Inner { nullable: true } => target.weak,
            Place::Outer { optional } if within(optional, target) => target.weak,
            Place::Outer { .. } | Place::Full => return,
        };
        let strong: Vec<Atom> = inputs
            .iter()
            .map(|input| self.nodes[*input].strong)
            .collect();
        self.flow.rule(&strong, head);
    }

    /// Adds one direction of an equality: facts about `from` also hold for `to`.
    pub(super) fn implies_equal(&mut self, from: NodeId, to: NodeId, place: &Place) {
        let (from, to) = (self.nodes[from], self.nodes[to]);
        match place {
            // `=` is strict: a row that passed has no NULL on either side.
            Place::Inner { nullable: false } => self.flow.rule(&[from.weak], to.strong),
            Place::Inner { nullable: true } => {
                self.flow.rule(&[from.strong], to.strong);
                self.flow.rule(&[from.weak], to.weak);
            }
            Place::Outer { optional } => match (within(optional, from), within(optional, to)) {
                (true, true) => {
                    self.flow.rule(&[from.strong], to.strong);
                    self.flow.rule(&[from.weak], to.weak);
                }
                // If the optional side is not NULL, the join found a row.
                (true, false) => self.flow.rule(&[from.strong], to.strong),
                (false, true) => self.flow.rule(&[from.weak], to.weak),
                (false, false) => {}
            },
            Place::Full => self.flow.rule(&[from.strong], to.weak),
        }
    }

    /// Returns the nesting depth of the SELECT that the column belongs to; `None` for a computed
    /// value.
    pub(super) fn level(&self, node: NodeId) -> Option<usize> {
        Some(self.relations[self.nodes[node].relation?].level)
    }
}

fn within(range: &Range<RelationId>, node: Node) -> bool {
    node.relation
        .is_some_and(|relation| range.contains(&relation))
}
