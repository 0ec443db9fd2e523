//! Implications between facts, such as "if the key of `b` is constrained, so is that of `a`".
//! Unit propagation over Horn clauses (Dowling and Gallier, 1984): linear in the size of the rules.

/// A fact that may turn out to be true.
pub(super) type Atom = usize;

/// Facts and the rules between them.
#[derive(Default)]
pub(super) struct Implications {
    known: Vec<bool>,
    /// For each rule, the number of conditions not yet known to be true, and the conclusion.
    rules: Vec<(usize, Atom)>,
    /// For each atom, the rules that wait for it.
    waiting: Vec<Vec<usize>>,
    fresh: Vec<Atom>,
}

impl Implications {
    /// Adds an atom that is not known to be true.
    pub(super) fn atom(&mut self) -> Atom {
        self.known.push(false);
        self.waiting.push(Vec::new());
        self.known.len() - 1
    }

    /// Marks `atom` as true.
    pub(super) fn fact(&mut self, atom: Atom) {
        if !std::mem::replace(&mut self.known[atom], true) {
            self.fresh.push(atom);
        }
    }

    /// Adds the rule that `head` is true if all of `body` are.
    pub(super) fn rule(&mut self, body: &[Atom], head: Atom) {
        let open: Vec<Atom> = body
            .iter()
            .copied()
            .filter(|atom| !self.known[*atom])
            .collect();
        if open.is_empty() {
            return self.fact(head);
        }
        for atom in &open {
            self.waiting[*atom].push(self.rules.len());
        }
        self.rules.push((open.len(), head));
    }

    /// Derives all conclusions.
    pub(super) fn solve(&mut self) {
        while let Some(atom) = self.fresh.pop() {
            for rule in std::mem::take(&mut self.waiting[atom]) {
                let (missing, head) = &mut self.rules[rule];
                *missing -= 1;
                if *missing == 0 {
                    let head = *head;
                    self.fact(head);
                }
            }
        }
    }

    /// Returns `true` if `atom` is known to be true after the last [`Self::solve`].
    pub(super) fn holds(&self, atom: Atom) -> bool {
        self.known[atom]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conclusion_needs_all_of_its_conditions() {
        let mut flow = Implications::default();
        let [a, b, c, d] = [flow.atom(), flow.atom(), flow.atom(), flow.atom()];
        flow.rule(&[a, b], c);
        flow.rule(&[c], d);
        flow.fact(a);
        flow.solve();
        assert!(!flow.holds(c) && !flow.holds(d));
        flow.fact(b);
        flow.solve();
        assert!(flow.holds(c) && flow.holds(d));
    }

    #[test]
    fn a_circle_proves_nothing() {
        let mut flow = Implications::default();
        let [a, b] = [flow.atom(), flow.atom()];
        flow.rule(&[a], b);
        flow.rule(&[b], a);
        flow.solve();
        assert!(!flow.holds(a) && !flow.holds(b));
    }

    #[test]
    fn a_condition_that_is_known_already_is_not_waited_for() {
        let mut flow = Implications::default();
        let [a, b, c] = [flow.atom(), flow.atom(), flow.atom()];
        flow.fact(a);
        flow.rule(&[a, b, b], c);
        flow.fact(b);
        flow.solve();
        assert!(flow.holds(c));
    }
}
