//! The probes as a grid: objects × operations, with a mark per context in each cell.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::report::{Attempt, ContextKind, Operation, Verdict};
use crate::output::{Mark, Matrix, MatrixRow};

/// A grid with more rows than this shows only rows with leaks or skipped attempts.
pub(super) const SHOWN_ROWS: usize = 40;

/// The attempts of one role.
pub(super) struct Grid<'a> {
    pub(super) role: &'a str,
    pub(super) operations: Vec<Operation>,
    pub(super) contexts: Vec<ContextKind>,
    pub(super) rows: Vec<GridRow<'a>>,
}

/// The attempts on one object.
pub(super) struct GridRow<'a> {
    pub(super) object: &'a str,
    /// `cells[operation][context]`; `None` if nothing was tried.
    pub(super) cells: Vec<Vec<Option<&'a Verdict>>>,
}

/// The number of rows omitted from a grid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Cut {
    /// Rows omitted because every attempt was blocked or allowed as expected.
    pub(super) closed: usize,
    /// Rows omitted because there was nothing to try.
    pub(super) idle: usize,
    /// Rows with a leak or a skipped attempt, omitted because there are too many.
    pub(super) open: usize,
}

/// A grid for each role, ordered by name.
pub(super) fn grids(attempts: &[Attempt]) -> Vec<Grid<'_>> {
    let mut by_role: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        by_role.entry(&attempt.role).or_default().push(attempt);
    }
    by_role
        .into_iter()
        .map(|(role, attempts)| grid(role, &attempts))
        .collect()
}

fn grid<'a>(role: &'a str, attempts: &[&'a Attempt]) -> Grid<'a> {
    let operations: BTreeSet<Operation> = attempts.iter().map(|one| one.operation).collect();
    let contexts: BTreeSet<ContextKind> = attempts.iter().map(|one| one.context).collect();
    let operations = Vec::from_iter(operations);
    let contexts = Vec::from_iter(contexts);
    let mut rows: BTreeMap<&str, Vec<Vec<Option<&Verdict>>>> = BTreeMap::new();
    for attempt in attempts {
        let cells = rows
            .entry(&attempt.object)
            .or_insert_with(|| vec![vec![None; contexts.len()]; operations.len()]);
        let operation = operations.iter().position(|one| *one == attempt.operation);
        let context = contexts.iter().position(|one| *one == attempt.context);
        if let (Some(operation), Some(context)) = (operation, context) {
            let cell = &mut cells[operation][context];
            if cell.is_none_or(|seen| weight(&attempt.verdict) > weight(seen)) {
                *cell = Some(&attempt.verdict);
            }
        }
    }
    let rows = rows.into_iter();
    Grid {
        role,
        operations,
        contexts,
        rows: rows
            .map(|(object, cells)| GridRow { object, cells })
            .collect(),
    }
}

/// Of two attempts in one cell the more severe is shown: a leak is never hidden.
const fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Leak(_) => 4,
        Verdict::Skipped(_) => 3,
        Verdict::Blocked(_) => 2,
        Verdict::Allowed => 1,
        Verdict::NotApplicable(_) => 0,
    }
}

impl<'a> GridRow<'a> {
    fn verdicts(&self) -> impl Iterator<Item = &'a Verdict> {
        self.cells.iter().flatten().copied().flatten()
    }

    fn has_leak(&self) -> bool {
        self.verdicts().any(|one| matches!(one, Verdict::Leak(_)))
    }

    /// Returns `true` if an attempt was skipped.
    pub(super) fn has_skipped(&self) -> bool {
        self.verdicts()
            .any(|one| matches!(one, Verdict::Skipped(_)))
    }

    fn is_idle(&self) -> bool {
        self.verdicts()
            .all(|one| matches!(one, Verdict::NotApplicable(_)))
    }
}

impl<'a> Grid<'a> {
    /// Omits the rows without leaks and skipped attempts if there are many; of the others the first
    /// are kept, those with a leak before those with skipped attempts.
    pub(super) fn cut(&mut self) -> Cut {
        let mut cut = Cut::default();
        if self.rows.len() <= SHOWN_ROWS {
            return cut;
        }
        self.rows.retain(|row| {
            let shown = row.has_leak() || row.has_skipped();
            match (shown, row.is_idle()) {
                (true, _) => {}
                (false, true) => cut.idle += 1,
                (false, false) => cut.closed += 1,
            }
            shown
        });
        self.rows.sort_by_key(|row| !row.has_leak());
        cut.open = self.rows.len().saturating_sub(SHOWN_ROWS);
        self.rows.truncate(SHOWN_ROWS);
        cut
    }

    /// The number of skipped attempts by reason.
    pub(super) fn skipped(&self) -> BTreeMap<&'a str, usize> {
        let mut reasons = BTreeMap::new();
        for verdict in self.rows.iter().flat_map(GridRow::verdicts) {
            if let Verdict::Skipped(reason) = verdict {
                *reasons.entry(reason.as_str()).or_default() += 1;
            }
        }
        reasons
    }

    /// Converts it for a page.
    pub(super) fn to_matrix(&self) -> Matrix {
        let row = |row: &GridRow<'_>| MatrixRow {
            name: row.object.to_owned(),
            cells: row
                .cells
                .iter()
                .map(|marks| marks.iter().copied().map(mark).collect())
                .collect(),
        };
        Matrix {
            subject: "object".to_owned(),
            operations: self.operations.iter().map(ToString::to_string).collect(),
            contexts: self.contexts.iter().map(|one| context(*one)).collect(),
            rows: self.rows.iter().map(row).collect(),
            names_leaks: false,
        }
    }
}

impl Cut {
    /// A description of the omitted rows, if any.
    pub(super) fn text(self) -> Option<String> {
        use super::wording::count;
        let open = (self.open > 0).then(|| {
            let others = count(self.open as u64, "other object");
            format!("{others} with leaks or skipped attempts")
        });
        let closed = (self.closed > 0).then(|| {
            let others = count(self.closed as u64, "other object");
            format!("{others} without leaks")
        });
        let idle = (self.idle > 0).then(|| {
            let others = count(self.idle as u64, "other object");
            format!("{others} with nothing to try")
        });
        let parts: Vec<String> = open.into_iter().chain(closed).chain(idle).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

const fn mark(verdict: Option<&Verdict>) -> Mark {
    match verdict {
        Some(Verdict::Allowed) => Mark::Allowed,
        Some(Verdict::Blocked(_)) => Mark::Blocked,
        Some(Verdict::Leak(_)) => Mark::Leak,
        Some(Verdict::Skipped(_)) => Mark::Skipped,
        Some(Verdict::NotApplicable(_)) | None => Mark::NotApplicable,
    }
}

/// A cell in formats that show skipped attempts in place: symbol and meaning.
pub(super) const fn sign(verdict: Option<&Verdict>) -> (&'static str, &'static str) {
    match verdict {
        Some(Verdict::Allowed) => ("✓", "allowed"),
        Some(Verdict::Blocked(_)) => ("×", "blocked"),
        Some(Verdict::Leak(_)) => ("!", "leak"),
        Some(Verdict::Skipped(_)) => ("?", "skipped"),
        Some(Verdict::NotApplicable(_)) | None => ("·", "not-applicable"),
    }
}

/// The meaning of the symbols.
pub(super) const LEGEND: &str =
    "✓ allowed (own rows), × blocked, ! LEAK, ? skipped (no proof), · not applicable";

/// The description of a context.
pub(super) fn context(context: ContextKind) -> String {
    match context {
        ContextKind::A => "tenant A".to_owned(),
        ContextKind::B => "tenant B".to_owned(),
        ContextKind::None => "no tenant".to_owned(),
        ContextKind::Empty => "an empty tenant".to_owned(),
        ContextKind::Malformed => "a malformed tenant".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(object: &str, verdict: Verdict) -> Attempt {
        Attempt {
            object: object.to_owned(),
            role: "app".to_owned(),
            operation: Operation::Select,
            context: ContextKind::A,
            verdict,
        }
    }

    fn blocked() -> Verdict {
        Verdict::Blocked("no rows".to_owned())
    }

    #[test]
    fn a_role_has_a_grid_with_what_was_tried() {
        let mut other = attempt("public.a", blocked());
        other.role = "admin".to_owned();
        let mut update = attempt("public.b", blocked());
        update.operation = Operation::Update;
        let attempts = [attempt("public.a", blocked()), update, other];
        let grids = grids(&attempts);
        assert_eq!(grids.len(), 2);
        assert_eq!(grids[0].role, "admin");
        assert_eq!(grids[1].operations, [Operation::Select, Operation::Update]);
        assert_eq!(grids[1].rows[0].cells[1], [None]);
    }

    #[test]
    fn a_leak_is_never_hidden_by_another_attempt() {
        let leak = attempt("public.a", Verdict::Leak("SELECT".to_owned()));
        let closed = attempt("public.a", blocked());
        for attempts in [[leak.clone(), closed.clone()], [closed, leak]] {
            let matrix = grids(&attempts)[0].to_matrix();
            assert_eq!(matrix.count(Mark::Leak), 1);
        }
    }

    #[test]
    fn a_large_grid_shows_leaks_and_what_was_skipped() {
        let name = |index: usize| format!("public.t{index}");
        let mut attempts: Vec<Attempt> = (0..100)
            .map(|index| attempt(&name(index), blocked()))
            .collect();
        attempts[7].verdict = Verdict::Leak("SELECT".to_owned());
        attempts[8].verdict = Verdict::Skipped("locked".to_owned());
        attempts[9].verdict = Verdict::NotApplicable("no rows".to_owned());
        let mut all = grids(&attempts);
        let cut = all[0].cut();
        assert_eq!(
            cut,
            Cut {
                closed: 97,
                idle: 1,
                open: 0
            }
        );
        assert_eq!(
            cut.text().unwrap(),
            "97 other objects without leaks, 1 other object with nothing to try"
        );
        let names: Vec<String> = all[0]
            .to_matrix()
            .rows
            .into_iter()
            .map(|row| row.name)
            .collect();
        assert_eq!(names, ["public.t7", "public.t8"]);
        assert_eq!(all[0].skipped().get("locked"), Some(&1));

        for attempt in &mut attempts {
            attempt.verdict = Verdict::Leak("SELECT".to_owned());
        }
        let mut many = grids(&attempts);
        assert_eq!(many[0].cut().open, 100 - SHOWN_ROWS);

        let mut few = grids(&attempts[..SHOWN_ROWS]);
        assert_eq!(few[0].cut(), Cut::default());
        assert_eq!(few[0].rows.len(), SHOWN_ROWS);
    }
}
