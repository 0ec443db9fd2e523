//! Graph of calls, and the places from which forbidden code is reached.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{
    Access,
    functions::{self, Kind, Names, Traits},
    load::{EdgeRow, FunctionRow, ObjectRow, TreeRow},
    server,
};
use crate::audit::catalog::{Catalog, Oid};

/// The first OID of an object that does not come with the server (access/transam.h).
const FIRST: Oid = Oid(16_384);

/// Stands for every built-in type.
const ANY_TYPE: Oid = Oid(0);

/// Access mode of the transaction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Mode {
    Read,
    Write,
}

/// The author of a call.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Author {
    Trusted,
    Foreign,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Node {
    Relation(Oid, Access),
    Function(Oid, Mode, Author),
    Type(Oid, Mode, Author),
}

/// An object that a name can refer to.
#[derive(Clone, Copy, Debug)]
enum Thing {
    Relation(Oid),
    Function(Oid),
    Type(Oid),
}

const MODES: [Mode; 2] = [Mode::Read, Mode::Write];
const AUTHORS: [Author; 2] = [Author::Trusted, Author::Foreign];

impl Thing {
    fn node(self, mode: Mode, author: Author) -> Node {
        match self {
            Self::Relation(oid) => Node::Relation(oid, mode.access()),
            Self::Function(oid) => Node::Function(oid, mode, author),
            Self::Type(oid) => Node::Type(oid, mode, author),
        }
    }
}

impl Mode {
    fn access(self) -> Access {
        match self {
            Self::Read => Access::Read,
            Self::Write => Access::Write,
        }
    }
}

/// Result: the reason against each object that must not be reached.
pub(super) struct Found {
    pub(super) relations: BTreeMap<(Oid, Access), String>,
    pub(super) functions: BTreeMap<Oid, String>,
    pub(super) names: Names,
    pub(super) everything: Option<String>,
    pub(super) template: Option<String>,
}

/// Input of the graph.
pub(super) struct Parts<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) objects: &'a [ObjectRow],
    pub(super) functions: &'a [FunctionRow],
    pub(super) edges: &'a [EdgeRow],
    pub(super) trees: &'a [TreeRow],
    /// Children and the parents in which their tenants are looked up.
    pub(super) parents: Vec<(Oid, Oid)>,
    /// The statements at the start of every probe session.
    pub(super) template: Option<&'a str>,
    pub(super) is_trusted: &'a dyn Fn(Oid) -> bool,
}

impl Parts<'_> {
    pub(super) fn solve(&self) -> Found {
        let mut graph = Graph::new(self);
        let (mut names, things) = self.names();
        for edge in self.edges {
            graph.edge(edge);
        }
        for (child, parent) in &self.parents {
            graph.leads(
                Node::Relation(*child, Access::Scan),
                Node::Relation(*parent, Access::Scan),
            );
        }
        self.add_trees(&mut graph);
        self.add_functions(&mut graph, &names, &things);
        self.add_relations(&mut graph);
        let reasons = graph.spread();
        let of_things = |mode| -> BTreeMap<usize, String> {
            let things = things.iter().enumerate();
            let reached = things.filter_map(|(place, thing)| {
                Some((
                    place,
                    reasons.get(&thing.node(mode, Author::Trusted))?.clone(),
                ))
            });
            reached.collect()
        };
        names.forbid(of_things(Mode::Write));
        let template = self.template.and_then(|text| names.reached(text));
        names.forbid(of_things(Mode::Read));
        let of_types = Node::Type(ANY_TYPE, Mode::Read, Author::Trusted);
        let everything = reasons.get(&of_types).cloned();
        let mut found = Found {
            relations: BTreeMap::new(),
            functions: BTreeMap::new(),
            names,
            everything,
            template,
        };
        for (node, reason) in reasons {
            match node {
                Node::Relation(oid, access) => {
                    found.relations.insert((oid, access), reason);
                }
                Node::Function(oid, Mode::Read, Author::Trusted) => {
                    found.functions.insert(oid, reason);
                }
                _ => {}
            }
        }
        found
    }

    fn names(&self) -> (Names, Vec<Thing>) {
        let mut names = Names::default();
        let mut things = Vec::new();
        let mut add = |name: &str, thing| {
            names.add(name, things.len());
            things.push(thing);
        };
        for object in self.objects {
            let thing = match object.kind.as_str() {
                "c" => Thing::Relation(object.oid),
                "t" => Thing::Type(object.oid),
                _ => Thing::Function(object.oid),
            };
            add(&object.name, thing);
        }
        for function in self.functions {
            add(&function.name, Thing::Function(function.oid));
        }
        (names, things)
    }

    /// Adds the calls of built-in functions, which only stored expressions record.
    fn add_trees(&self, graph: &mut Graph<'_>) {
        for row in self.trees {
            for function in called(&row.tree) {
                for oid in &row.oids {
                    graph.step(&row.kind, *oid, &row.step, Thing::Function(function));
                }
            }
        }
        for policy in self.catalog.policies.values().flatten() {
            for tree in policy.using_tree.iter().chain(&policy.check_tree) {
                for function in called(tree) {
                    graph.step("c", policy.relation, "r", Thing::Function(function));
                }
            }
        }
        for rule in self.catalog.rules.values().flatten() {
            let step = if rule.event == "1" { "s" } else { "w" };
            for function in called(&rule.tree) {
                graph.step("c", rule.relation, step, Thing::Function(function));
            }
        }
        for function in self.catalog.functions.values() {
            for called in function.body_tree.iter().flat_map(|tree| called(tree)) {
                graph.step("p", function.oid, "s", Thing::Function(called));
            }
        }
    }

    fn add_functions(&self, graph: &mut Graph<'_>, names: &Names, things: &[Thing]) {
        for function in self.functions {
            let mut kind = self.kind(function);
            let source = function.source.as_deref().unwrap_or_default();
            if kind != Kind::Foreign && functions::is_disguised(source) {
                kind = Kind::Unknown;
            }
            let called = format!("{}.{}()", function.schema, function.name);
            let (why, authors): (String, &[Author]) = match kind {
                Kind::Foreign => {
                    let owner = self.catalog.role_name(function.owner);
                    (format!("{called} of role {owner}"), &AUTHORS)
                }
                Kind::Unknown => (format!("{called}, with unknown effects,"), &AUTHORS),
                Kind::Dangerous => (format!("{called}, which may do harm,"), &[Author::Foreign]),
                Kind::Plain => (String::new(), &[]),
            };
            for author in authors {
                for mode in MODES {
                    graph.forbid(Node::Function(function.oid, mode, *author), why.clone());
                }
            }
            if kind == Kind::Foreign || source.is_empty() {
                continue;
            }
            for place in names.named(source) {
                graph.step("p", function.oid, "s", things[place]);
            }
        }
    }

    fn kind(&self, function: &FunctionRow) -> Kind {
        if function.oid < FIRST {
            if server::BY_NAME.contains(&function.name.as_str()) {
                return Kind::Unknown;
            }
            return match server::is_dangerous(&function.name, &function.volatility) {
                true => Kind::Dangerous,
                false => Kind::Plain,
            };
        }
        functions::kind(&Traits {
            trusted: (self.is_trusted)(function.owner),
            language: &function.language,
            volatility: &function.volatility,
            extension: function.extension.as_deref(),
            takes_text: function.takes_text,
            source: function.source.as_deref(),
        })
    }

    fn add_relations(&self, graph: &mut Graph<'_>) {
        for object in self.objects.iter().filter(|object| object.kind == "c") {
            let node = |access| Node::Relation(object.oid, access);
            graph.leads(node(Access::Read), node(Access::Scan));
            graph.leads(node(Access::Write), node(Access::Read));
            if object.foreign {
                let why = format!("the foreign table {}.{}", object.schema, object.name);
                graph.forbid(node(Access::Scan), why);
            }
        }
    }
}

/// The edges, in reverse direction.
struct Graph<'a> {
    sources: HashMap<Node, Vec<Node>>,
    forbidden: Vec<(Node, String)>,
    /// Relations and types that belong to another role.
    foreign: HashMap<Oid, &'a ObjectRow>,
    /// Relations on which another role may create a trigger.
    open: HashMap<Oid, bool>,
}

impl<'a> Graph<'a> {
    fn new(parts: &Parts<'a>) -> Self {
        let own = parts.objects.iter().filter(|object| object.kind != "o");
        let foreign = own.clone().filter(|one| !(parts.is_trusted)(one.owner));
        Self {
            sources: HashMap::new(),
            forbidden: Vec::new(),
            foreign: foreign.map(|one| (one.oid, one)).collect(),
            open: own.map(|one| (one.oid, one.open_to_triggers)).collect(),
        }
    }

    fn leads(&mut self, from: Node, to: Node) {
        self.sources.entry(to).or_default().push(from);
    }

    fn forbid(&mut self, node: Node, why: String) {
        self.forbidden.push((node, why));
    }

    fn edge(&mut self, edge: &EdgeRow) {
        let (from, to) = (edge.owner, edge.target);
        let relation = Node::Relation;
        match edge.step.as_str() {
            "f" => {
                self.leads(relation(from, Access::Write), relation(to, Access::Read));
                self.leads(relation(to, Access::Write), relation(from, Access::Write));
            }
            "i" => {
                self.leads(relation(from, Access::Scan), relation(to, Access::Scan));
                self.leads(relation(to, Access::Scan), relation(from, Access::Scan));
                self.leads(relation(from, Access::Write), relation(to, Access::Write));
            }
            step => {
                let thing = match edge.to_kind.as_str() {
                    "c" => Thing::Relation(to),
                    "t" => Thing::Type(to),
                    _ => Thing::Function(to),
                };
                self.step(&edge.kind, from, step, thing);
            }
        }
    }

    /// Adds an edge from an object of that kind to a thing: see edges.sql.
    fn step(&mut self, kind: &str, from: Oid, step: &str, to: Thing) {
        match kind {
            "c" => {
                let by_trigger = step == "g" && self.open.get(&from).is_none_or(|open| *open);
                let author = match self.foreign.contains_key(&from) || by_trigger {
                    true => Author::Foreign,
                    false => Author::Trusted,
                };
                let reading = match step {
                    "s" => Some(Access::Scan),
                    "r" => Some(Access::Read),
                    _ => None,
                };
                if let Some(access) = reading {
                    self.leads(Node::Relation(from, access), to.node(Mode::Read, author));
                }
                // A policy reads the tables that it looks up.
                let mode = match (step, to) {
                    ("r", Thing::Relation(_)) => Mode::Read,
                    _ => Mode::Write,
                };
                self.leads(Node::Relation(from, Access::Write), to.node(mode, author));
            }
            "p" => {
                for mode in MODES {
                    for author in AUTHORS {
                        self.leads(Node::Function(from, mode, author), to.node(mode, author));
                    }
                }
            }
            _ => {
                let is_foreign = self.foreign.contains_key(&from);
                for mode in MODES {
                    for author in AUTHORS {
                        let by = if is_foreign { Author::Foreign } else { author };
                        let to = match to {
                            Thing::Relation(_) => to.node(Mode::Read, by),
                            _ => to.node(mode, by),
                        };
                        self.leads(Node::Type(from, mode, author), to);
                    }
                }
            }
        }
    }

    /// Returns all nodes from which forbidden code is reached, each with the first reason found.
    fn spread(self) -> HashMap<Node, String> {
        let mut reasons: HashMap<Node, String> = HashMap::new();
        let mut waiting = Vec::new();
        for (node, why) in self.forbidden {
            if let Entry::Vacant(place) = reasons.entry(node) {
                place.insert(why);
                waiting.push(node);
            }
        }
        while let Some(node) = waiting.pop() {
            let why = reasons[&node].clone();
            for source in self.sources.get(&node).into_iter().flatten() {
                if let Entry::Vacant(place) = reasons.entry(*source) {
                    place.insert(why.clone());
                    waiting.push(*source);
                }
            }
        }
        reasons
    }
}

/// Returns the built-in functions that a stored expression calls: `:funcid 1234`. A constant that
/// looks like one adds a call that does not exist, and hides none.
fn called(tree: &str) -> impl Iterator<Item = Oid> + '_ {
    const MARK: &str = ":funcid ";
    tree.match_indices(MARK).filter_map(|(place, _)| {
        let rest = &tree[place + MARK.len()..];
        let end = rest.find(|letter: char| !letter.is_ascii_digit());
        let number = rest[..end.unwrap_or(rest.len())].parse().ok()?;
        Some(Oid(number)).filter(|oid| *oid < FIRST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_in_trees() {
        let tree =
            "({FUNCEXPR :funcid 2077 :args ({FUNCEXPR :funcid 16400 :x 1}{OPEXPR :opfuncid 5})})";
        assert_eq!(called(tree).collect::<Vec<_>>(), [Oid(2077)]);
    }
}
