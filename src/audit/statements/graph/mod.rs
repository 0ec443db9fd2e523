//! The columns of a statement, and what is known of each of them.
//!
//! A column is *constrained* when every row that comes out has a value in it that the statement
//! named from outside: a parameter, a literal, a function of the session. Outer joins make two
//! strengths of it: *strong* is constrained and not NULL; *weak* is constrained, or NULL because
//! an outer join found no row. A table that is weakly constrained gives up no foreign row.

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
    /// The column inside a sub-select that this one passes on.
    origin: Option<NodeId>,
}

/// One entry of a FROM list.
pub(super) struct Relation<'t> {
    /// The name that columns are qualified with.
    pub(super) alias: String,
    pub(super) kind: Kind<'t>,
    /// The nesting depth of the SELECT that it stands in.
    pub(super) level: usize,
    /// Whether an outer join may fill it with NULL.
    nullable: bool,
    /// Names given to the columns by the alias, as in `AS t (a, b)`.
    pub(super) renamed: Vec<String>,
}

/// What a relation is.
#[derive(Clone, Copy)]
pub(super) enum Kind<'t> {
    Tenant(&'t TenantTable),
    /// A table of no one tenant. One row of it, picked by a unique key, is a value from outside.
    Shared(&'t SharedTable),
    /// A table of which nothing is known.
    Other,
    /// A function, or a row that the statement makes: its columns share one node.
    Values,
    /// A sub-select or a common table expression.
    Derived(BodyId),
    /// A common table expression within itself. What holds of the rows it starts with is taken to
    /// hold of all: it does if each step keeps it, and a step that does not is found by itself.
    Recursive(BodyId),
}

impl<'t> Kind<'t> {
    /// The columns of a table in their order, if they are known.
    pub(super) fn columns(self) -> Option<&'t [String]> {
        match self {
            Self::Tenant(table) => Some(&table.columns),
            Self::Shared(table) => Some(&table.columns),
            _ => None,
        }
    }
}

/// A column that a query gives out.
#[derive(Clone)]
pub(super) enum Output {
    Column {
        name: Option<String>,
        node: NodeId,
    },
    /// `*` of a relation whose columns are not known.
    Rest(RelationId),
}

/// A query that others read from.
#[derive(Default)]
struct Body {
    outputs: Vec<Output>,
    /// The relations that read from it, except from within itself.
    readers: Vec<RelationId>,
    /// The nodes of it that readers have asked for.
    asked: BTreeSet<NodeId>,
}

/// Which rows a predicate decides about.
#[derive(Clone)]
pub(super) enum Place {
    /// All: WHERE, or ON of an inner join. Below an outer join the rows may still become NULL.
    Inner { nullable: bool },
    /// ON of an outer join: it decides only whether these relations are there or NULL.
    Outer { optional: Range<RelationId> },
    /// ON of a full join.
    Full,
}

/// What a node of a table stands for.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Column(String),
    /// Every column of a function, or of a row that the statement makes.
    Any,
    /// Not a column: whether a unique key picks one row of a table of no tenant.
    Row,
    /// Not a column: whether the row's tenant is constrained.
    Tenant,
    /// Not a column: whether a foreign key ties the row to one whose tenant is constrained.
    Linked,
}

/// Every node of a statement, and the implications between them.
#[derive(Default)]
pub(super) struct Graph<'t> {
    pub(super) flow: Implications,
    pub(super) relations: Vec<Relation<'t>>,
    nodes: Vec<Node>,
    bodies: Vec<Body>,
    columns: HashMap<(RelationId, Key), NodeId>,
    exports: HashMap<(RelationId, NodeId), NodeId>,
    /// The names of the tables' columns.
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

    /// A value computed from `inputs`: constrained when all of them are, and so if there are none.
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

    /// A node about which nothing is known.
    pub(super) fn unknown(&mut self) -> NodeId {
        self.node(None, None)
    }

    /// One column of a set operation: what holds of every arm holds of it, and a filter on it is
    /// a filter on every arm.
    pub(super) fn merged(&mut self, arms: &[NodeId]) -> NodeId {
        let node = self.computed(arms);
        for arm in arms {
            self.passes(node, *arm);
        }
        node
    }

    /// Whatever is known of `from` is known of `to`.
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

    /// A relation with this alias.
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

    /// The node of a table's column.
    pub(super) fn column(&mut self, relation: RelationId, name: &str) -> NodeId {
        self.keyed(relation, Key::Column(name.to_owned()))
    }

    /// The node that all columns of a function share.
    pub(super) fn any_column(&mut self, relation: RelationId) -> NodeId {
        self.keyed(relation, Key::Any)
    }

    /// Says that the values of a function in FROM follow from `inputs`.
    pub(super) fn supply(&mut self, relation: RelationId, inputs: &[NodeId]) {
        let node = self.any_column(relation);
        let place = Place::Inner {
            nullable: self.relations[relation].nullable,
        };
        self.fixes(node, inputs, &place);
    }

    /// A query that nothing is known of yet.
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

    /// A column of `inner`, seen through `relation` that reads the query it is in.
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

    /// A filter outside a query is a filter inside it, if all that read the query have it.
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

    /// `value` decides the column `node`: `node = value`, or `node IN (…)`.
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

    /// The half of an equality in which what is known of `from` becomes known of `to`.
    pub(super) fn implies_equal(&mut self, from: NodeId, to: NodeId, place: &Place) {
        let (from, to) = (self.nodes[from], self.nodes[to]);
        match place {
            // `=` is strict: a row that passed had no NULL on either side.
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
                // Where the optional side is not NULL, the join has found a row.
                (true, false) => self.flow.rule(&[from.strong], to.strong),
                (false, true) => self.flow.rule(&[from.weak], to.weak),
                (false, false) => {}
            },
            Place::Full => self.flow.rule(&[from.strong], to.weak),
        }
    }

    /// The nesting depth of the SELECT that the column belongs to; none for a computed value.
    pub(super) fn level(&self, node: NodeId) -> Option<usize> {
        Some(self.relations[self.nodes[node].relation?].level)
    }
}

fn within(range: &Range<RelationId>, node: Node) -> bool {
    node.relation
        .is_some_and(|relation| range.contains(&relation))
}
