//! Analysis of whether one arm of an expression confines the row, and the reason if not.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    confine::{Frame, How, Unset, Why},
    conjunction::{Arm, Arms, Atom, Polarity},
    expr::Expr,
    logic::{World, fails, holds},
    scope::{POLICY_ROW, Reading, Term, reading, term},
    session::SessionSource,
    visit::{functions, relations},
};

/// The verdict on one arm of an expression.
pub(super) enum Verdict {
    Confined(How),
    Open(Why),
    Closed,
    Unknown(String),
}

type Column = (usize, i16);

/// Returns the verdict on one arm.
pub(super) fn judge<'a>(arms: &Arms<'a>, arm: &Arm<'a>, frame: &Frame<'a>) -> Verdict {
    let case = Case::new(arms, arm, frame);
    let never = |world: &World| {
        arm.atoms
            .iter()
            .any(|atom| fails(atom, *world, frame.facts))
    };
    if World::ALL.iter().all(never) {
        return Verdict::Closed;
    }
    if let Some(how) = case.confined() {
        return Verdict::Confined(how);
    }
    case.unset()
        .or_else(|| case.ignored_argument())
        .or_else(|| case.null_escape())
        .or_else(|| case.loose_comparison())
        .map(Verdict::Open)
        .or_else(|| case.wrong_column())
        .or_else(|| case.subselect())
        .or_else(|| {
            case.self_comparison(|row| row == POLICY_ROW)
                .map(Verdict::Open)
        })
        .or_else(|| case.not_understood().map(Verdict::Unknown))
        .unwrap_or_else(|| Verdict::Open(case.ignores()))
}

/// An arm and the dependencies of its parts.
struct Case<'c, 'a> {
    arms: &'c Arms<'a>,
    arm: &'c Arm<'a>,
    frame: &'c Frame<'a>,
    atoms: Vec<(&'c Atom<'a>, Reading)>,
    /// Pairs of columns that are equal.
    joined: Vec<(Column, Column)>,
    /// Columns that are equal to a value of the session.
    given: BTreeMap<Column, BTreeSet<SessionSource>>,
}

impl<'c, 'a> Case<'c, 'a> {
    fn new(arms: &'c Arms<'a>, arm: &'c Arm<'a>, frame: &'c Frame<'a>) -> Self {
        let mut case = Self {
            arms,
            arm,
            frame,
            atoms: Vec::new(),
            joined: Vec::new(),
            given: BTreeMap::new(),
        };
        for atom in &arm.atoms {
            let read = reading(atom.expr, &atom.scope, frame.facts);
            case.atoms.push((atom, read));
        }
        for pair in &arm.equal {
            match pair {
                (Term::Column(row, column), Term::Column(other_row, other)) => {
                    case.joined.push(((*row, *column), (*other_row, *other)));
                }
                (Term::Column(row, column), Term::Value(expr, scope))
                | (Term::Value(expr, scope), Term::Column(row, column)) => {
                    let read = reading(expr, scope, frame.facts);
                    if read.is_session() {
                        let known = case.given.entry((*row, *column)).or_default();
                        known.extend(read.sources);
                    }
                }
                _ => {}
            }
        }
        case
    }

    fn relation(&self, row: usize) -> u32 {
        self.arms.rows[row].relation
    }

    fn is_key(&self, column: &Column) -> bool {
        column.0 == POLICY_ROW && self.frame.key_columns.contains(&column.1)
    }

    fn confined(&self) -> Option<How> {
        let direct = self.given.iter().find(|(column, _)| self.is_key(column));
        if let Some(((_, column), sources)) = direct {
            return Some(How::Session {
                column: *column,
                sources: sources.clone(),
            });
        }
        let asked = self.atoms.iter().find_map(|(atom, read)| match atom.expr {
            Expr::Call { function, .. }
                if atom.polarity == Polarity::True
                    && !read.sources.is_empty()
                    && self.uses_key(atom) =>
            {
                Some(How::Function(*function))
            }
            _ => None,
        });
        asked.or_else(|| {
            let mut own = self.own_rows();
            own.remove(&POLICY_ROW)
                .then(|| How::Through(own.into_iter().map(|row| self.relation(row)).collect()))
        })
    }

    /// `true` if the function in an atom receives a key and uses it.
    fn uses_key(&self, atom: &Atom<'a>) -> bool {
        let Expr::Call { function, args } = atom.expr else {
            return false;
        };
        let facts = self.frame.facts;
        args.iter().enumerate().any(|(place, arg)| {
            let read = reading(arg, &atom.scope, facts);
            read.columns.iter().any(|column| self.is_key(column))
                && !facts.ignores_argument(*function, place)
        })
    }

    /// Returns the reason if the arm is only a function that receives a key and ignores it.
    fn ignored_argument(&self) -> Option<Why> {
        let [(atom, read)] = self.atoms.as_slice() else {
            return None;
        };
        let Expr::Call { function, .. } = atom.expr else {
            return None;
        };
        let handed = read.columns.iter().any(|column| self.is_key(column));
        (handed && atom.polarity == Polarity::True && !self.uses_key(atom)).then_some(
            Why::IgnoredArgument {
                function: *function,
            },
        )
    }

    /// Returns the rows that belong to the session's tenant or user: those that row-level security
    /// lets through, those that a value of the session identifies, and those that belong to such a
    /// row.
    fn own_rows(&self) -> BTreeSet<usize> {
        let facts = self.frame.facts;
        let guarded = |row: &usize| {
            let read = self.arms.rows[*row];
            *row != POLICY_ROW && !read.by_definer && facts.is_protected(read.relation)
        };
        let mut own: BTreeSet<usize> = self.arm.rows.iter().copied().filter(guarded).collect();
        let mut bound: BTreeSet<Column> = self.given.keys().copied().collect();
        loop {
            let before = (own.len(), bound.len());
            for (one, other) in &self.joined {
                if bound.contains(one) || bound.contains(other) {
                    bound.extend([*one, *other]);
                }
            }
            own.extend(
                bound
                    .iter()
                    .filter(|one| self.identifies(one))
                    .map(|one| one.0),
            );
            for row in own.iter().filter(|row| **row != POLICY_ROW) {
                let tenant = facts.tenant_columns(self.relation(*row));
                bound.extend(tenant.into_iter().map(|column| (*row, column)));
            }
            let mut linked = Vec::new();
            for row in &self.arm.rows {
                if !own.contains(row) && own.iter().any(|one| self.linked(*one, *row)) {
                    linked.push(*row);
                }
            }
            own.extend(linked);
            if before == (own.len(), bound.len()) {
                return own;
            }
        }
    }

    /// `true` if equality of the column with the session's value means that the row belongs to the
    /// session.
    fn identifies(&self, column: &Column) -> bool {
        let (row, number) = column;
        let facts = self.frame.facts;
        let relation = self.relation(*row);
        let named = facts.identity_columns(relation).contains(number);
        if *row == POLICY_ROW {
            return named || self.is_key(column);
        }
        let of_user =
            |sources: &BTreeSet<SessionSource>| sources.iter().any(|one| one.names_user());
        named
            || facts.tenant_columns(relation).contains(number)
            || facts.is_membership(relation) && self.given.get(column).is_some_and(of_user)
    }

    /// `true` if a foreign key, in either direction, connects the two rows.
    fn linked(&self, one: usize, other: usize) -> bool {
        let pairs: Vec<(i16, i16)> = self
            .joined
            .iter()
            .filter_map(|(left, right)| match (left.0, right.0) {
                rows if rows == (one, other) => Some((left.1, right.1)),
                rows if rows == (other, one) => Some((right.1, left.1)),
                _ => None,
            })
            .collect();
        let (from, to) = (self.relation(one), self.relation(other));
        let facts = self.frame.facts;
        let follows = |pairs: &[(i16, i16)]| {
            let (left, right): (Vec<i16>, Vec<i16>) = pairs.iter().copied().unzip();
            facts.parent_link(from, &left, to, &right) || facts.parent_link(to, &right, from, &left)
        };
        !pairs.is_empty() && (follows(&pairs) || pairs.iter().any(|pair| follows(&[*pair])))
    }

    /// Returns the reason if the arm is true for every row in a session without a tenant.
    fn unset(&self) -> Option<Why> {
        if self.arm.rows.len() > 1 {
            return None;
        }
        let (of_session, others): (Vec<_>, Vec<_>) = self
            .atoms
            .iter()
            .partition(|(_, read)| !read.sources.is_empty());
        let plain = |(atom, read): &&(&Atom<'a>, Reading)| {
            !read.reads_tables && !self.calls_user_function(atom.expr)
        };
        if !others.iter().all(plain) {
            return None;
        }
        let facts = self.frame.facts;
        let always = |(atom, _): &&(&Atom<'a>, Reading)| holds(atom, World::Set, facts);
        if of_session.iter().all(always) {
            return None;
        }
        [(World::Unset, Unset::Missing), (World::Empty, Unset::Empty)]
            .into_iter()
            .find(|(world, _)| {
                of_session
                    .iter()
                    .all(|(atom, _)| holds(atom, *world, facts))
            })
            .map(|(_, when)| Why::OpenWhenUnset {
                sources: self.sources(),
                when,
            })
    }

    fn calls_user_function(&self, expr: &Expr) -> bool {
        let mut called = functions(expr).into_iter();
        called.any(|function| self.frame.facts.function(function).is_some())
    }

    fn sources(&self) -> BTreeSet<SessionSource> {
        let of_atoms = self.atoms.iter().flat_map(|(_, read)| &read.sources);
        of_atoms
            .chain(self.given.values().flatten())
            .cloned()
            .collect()
    }

    fn null_escape(&self) -> Option<Why> {
        self.arm.atoms.iter().find_map(|atom| {
            let tested = match (atom.expr, atom.polarity) {
                (Expr::IsNull(arg), Polarity::True)
                | (Expr::IsNotNull(arg), Polarity::False | Polarity::NotTrue) => arg,
                (other, Polarity::Null) => other,
                _ => return None,
            };
            match term(tested, &atom.scope) {
                Term::Column(row, column) if self.is_key(&(row, column)) => {
                    Some(Why::NullEscape { column })
                }
                _ => None,
            }
        })
    }

    /// Returns the reason if the arm is only a comparison of the key with the session that is not
    /// an equality.
    fn loose_comparison(&self) -> Option<Why> {
        let [(atom, read)] = self.atoms.as_slice() else {
            return None;
        };
        let Expr::Operator { function, .. } = atom.expr else {
            return None;
        };
        let mut columns = read.columns.iter();
        let column = columns.next().filter(|column| self.is_key(column))?;
        let alone = columns.next().is_none() && !read.reads_tables && !read.sources.is_empty();
        (alone && atom.polarity == Polarity::True && is_loose(*function)).then(|| {
            Why::LooseComparison {
                column: column.1,
                sources: read.sources.clone(),
            }
        })
    }

    /// Returns the verdict if a value of the session is compared with a column of the row that is
    /// not a key.
    fn wrong_column(&self) -> Option<Verdict> {
        let found = self.given.iter().find(|((row, _), _)| *row == POLICY_ROW);
        let ((_, column), sources) = found?;
        let mut named = sources.iter();
        Some(
            if named.any(|source| self.frame.facts.names_tenant(source)) {
                Verdict::Open(Why::WrongColumn {
                    column: *column,
                    sources: sources.clone(),
                })
            } else {
                Verdict::Unknown(
                "it compares a value of the session with a column that is not known to name the \
                 tenant"
                    .to_owned(),
            )
            },
        )
    }

    /// Returns the verdict on subqueries that did not confine the row.
    fn subselect(&self) -> Option<Verdict> {
        let mut read: BTreeSet<u32> = BTreeSet::new();
        let mut tied = false;
        for row in self.arm.rows.iter().filter(|row| **row != POLICY_ROW) {
            read.insert(self.relation(*row));
        }
        for (atom, reading) in self
            .atoms
            .iter()
            .filter(|(_, reading)| reading.reads_tables)
        {
            read.extend(relations(atom.expr));
            tied |= reading.columns.iter().any(|column| column.0 == POLICY_ROW);
        }
        if read.is_empty() && !self.atoms.iter().any(|(_, reading)| reading.reads_tables) {
            return None;
        }
        if tied || self.is_joined() {
            return Some(Verdict::Unknown(
                "its subquery is correlated with the row, but not in a way that is known to lead \
                 to the session's tenant"
                    .to_owned(),
            ));
        }
        let captured = self.self_comparison(|row| row != POLICY_ROW);
        Some(Verdict::Open(captured.unwrap_or_else(|| {
            Why::UncorrelatedSubselect {
                relations: read,
                sources: self.sources(),
            }
        })))
    }

    /// `true` if a condition connects the policy's row to another.
    fn is_joined(&self) -> bool {
        let mixed = |rows: &mut dyn Iterator<Item = usize>| {
            let rows: BTreeSet<usize> = rows.collect();
            rows.len() > 1 && rows.contains(&POLICY_ROW)
        };
        let pairs = self.arm.equal.iter().any(|(left, right)| {
            let mut rows = [left, right]
                .into_iter()
                .flat_map(|side| self.rows_of(side));
            mixed(&mut rows)
        });
        let opaque = self.arm.equal.iter().any(|pair| {
            matches!(pair, (Term::Column(POLICY_ROW, _), Term::Opaque))
                || matches!(pair, (Term::Opaque, Term::Column(POLICY_ROW, _)))
        });
        let atoms = self.atoms.iter();
        pairs
            || opaque
            || atoms
                .clone()
                .any(|(_, read)| mixed(&mut read.columns.iter().map(|one| one.0)))
    }

    fn rows_of(&self, side: &Term<'a>) -> Vec<usize> {
        match side {
            Term::Column(row, _) => vec![*row],
            Term::Value(expr, scope) => {
                let read = reading(expr, scope, self.frame.facts);
                read.columns.into_iter().map(|column| column.0).collect()
            }
            Term::Opaque => Vec::new(),
        }
    }

    fn self_comparison(&self, wanted: impl Fn(usize) -> bool) -> Option<Why> {
        let same = |(one, other): &&(Column, Column)| one == other && wanted(one.0);
        let ((row, column), _) = self.joined.iter().find(same)?;
        Some(Why::SelfComparison {
            relation: self.relation(*row),
            column: *column,
        })
    }

    /// Returns the reason that the arm cannot be said to ignore the tenant.
    fn not_understood(&self) -> Option<String> {
        for (atom, read) in &self.atoms {
            let is_key = |column: &Column| self.is_key(column) || *column == (POLICY_ROW, 0);
            if read.columns.iter().any(is_key) && !is_presence(atom) {
                return Some(
                    "it compares the tenant column with something other than the session"
                        .to_owned(),
                );
            }
            let of_session = !read.sources.is_empty();
            let of_row = read.columns.iter().any(|column| column.0 == POLICY_ROW);
            if of_session && of_row {
                return Some(
                    "it combines the row and the session in a way that could not be analyzed"
                        .to_owned(),
                );
            }
            if self.calls_user_function(atom.expr) && !of_session {
                return Some("it calls a function that could not be analyzed".to_owned());
            }
        }
        let opaque = |side: &Term<'_>| matches!(side, Term::Opaque);
        let mut pairs = self.arm.equal.iter();
        pairs
            .any(|(left, right)| opaque(left) || opaque(right))
            .then(|| "it compares with an expression that could not be analyzed".to_owned())
    }

    /// Returns the reason for an arm without a condition on the tenant.
    fn ignores(&self) -> Why {
        let facts = self.frame.facts;
        let says_nothing = |(atom, read): &(&Atom<'a>, Reading)| {
            let empty = read.sources.is_empty() && holds(atom, World::Set, facts);
            empty || is_presence(atom) && read.columns.iter().any(|column| self.is_key(column))
        };
        if self.atoms.iter().all(says_nothing) {
            return Why::AlwaysTrue;
        }
        let columns = self.atoms.iter().flat_map(|(_, read)| &read.columns);
        Why::IgnoresTenantColumn {
            columns: columns.map(|column| column.1).collect(),
            sources: self.sources(),
        }
    }
}

/// `true` if the condition only tests that a value is not NULL.
fn is_presence(atom: &Atom<'_>) -> bool {
    matches!(
        (atom.expr, atom.polarity),
        (Expr::IsNotNull(_), Polarity::True) | (Expr::IsNull(_), Polarity::False)
    )
}

/// `true` if the function of an operator accepts many values (pg_proc.dat): `<`, `>`, `<=`, `>=`
/// and `<>` of int4, int8, text and uuid; LIKE, ILIKE and regular expressions.
fn is_loose(function: u32) -> bool {
    let inequality = matches!(function, 66 | 144 | 147 | 149 | 150 | 157 | 468..=472 | 740..=743);
    let of_uuid = matches!(function, 2954 | 2955 | 2957 | 2958 | 2959);
    let pattern = matches!(function, 850 | 1254 | 1633 | 1238);
    inequality || of_uuid || pattern
}
