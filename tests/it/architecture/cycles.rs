//! Cycles of imports between files.

use std::collections::BTreeMap;

use super::imports::{Crate, Module};

/// The largest cycle without a reason.
const LARGEST: usize = 4;

/// Larger cycles: a file of each, and the reason.
const EXCUSED: &[(&str, &str)] = &[(
    "db/connection",
    "a connection, the pool that lends it and the dry run that holds it are each made from another",
)];

#[test]
fn cycles_of_imports_are_small() {
    let read = Crate::read();
    let graph: BTreeMap<&Module, Vec<Module>> = read
        .modules()
        .map(|module| (module, read.imports(module).into_iter().collect()))
        .collect();
    let large: Vec<String> = components(&graph)
        .into_iter()
        .filter(|component| component.len() > LARGEST)
        .map(|component| {
            let names: Vec<String> = component.iter().map(|module| module.join("/")).collect();
            format!("{} files: {}", names.len(), names.join(", "))
        })
        .collect();
    let unexcused: Vec<&String> = large
        .iter()
        .filter(|cycle| !EXCUSED.iter().any(|(file, _)| cycle.contains(file)))
        .collect();
    assert!(unexcused.is_empty(), "{unexcused:#?}");
    for (file, _) in EXCUSED {
        assert!(
            large.iter().any(|cycle| cycle.contains(file)),
            "excused, but in no cycle: {file}"
        );
    }
}

/// The strongly connected components of a graph (Tarjan, 1972).
fn components<'a>(graph: &BTreeMap<&'a Module, Vec<Module>>) -> Vec<Vec<&'a Module>> {
    let mut search = Search {
        graph,
        index: BTreeMap::new(),
        low: BTreeMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for module in graph.keys() {
        if !search.index.contains_key(module) {
            search.visit(module);
        }
    }
    search.found
}

struct Search<'a, 'g> {
    graph: &'g BTreeMap<&'a Module, Vec<Module>>,
    index: BTreeMap<&'a Module, usize>,
    low: BTreeMap<&'a Module, usize>,
    stack: Vec<&'a Module>,
    found: Vec<Vec<&'a Module>>,
}

impl<'a> Search<'a, '_> {
    fn visit(&mut self, module: &'a Module) {
        let index = self.index.len();
        self.index.insert(module, index);
        self.low.insert(module, index);
        self.stack.push(module);
        for next in &self.graph[module] {
            let Some((next, _)) = self.graph.get_key_value(next) else {
                continue;
            };
            let next: &'a Module = next;
            if !self.index.contains_key(next) {
                self.visit(next);
                let low = self.low[module].min(self.low[next]);
                self.low.insert(module, low);
            } else if self.stack.contains(&next) {
                let low = self.low[module].min(self.index[next]);
                self.low.insert(module, low);
            }
        }
        if self.low[module] == index {
            let at = self.stack.iter().rposition(|one| *one == module);
            let component = self.stack.split_off(at.expect("on the stack"));
            self.found.push(component);
        }
    }
}

#[test]
fn a_cycle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let (a, b, c) = (module("a"), module("b"), module("c"));
    let graph = BTreeMap::from([
        (&a, vec![b.clone()]),
        (&b, vec![a.clone(), c.clone()]),
        (&c, vec![]),
    ]);
    let mut sizes: Vec<usize> = components(&graph).iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
}
