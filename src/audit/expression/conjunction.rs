//! Expression as arms (its disjunctive normal form), each a conjunction of conditions.
//!
//! A positive subquery is a part of the conjunction: `EXISTS (SELECT FROM t WHERE c)` holds if
//! there is a row of `t` for which `c` holds, and `x IN (SELECT y …)` adds `x = y` to that. So
//! joins, subqueries, unions and functions with a parsed body all reduce to rows and the conditions
//! between them.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    expr::{BooleanTest, Command, ConstValue, Expr, Grouping, Query, SubKind},
    facts::Facts,
    scope::{POLICY_ROW, Scope, Term, reading, term},
};

/// Largest number of arms to examine: conditions can multiply exponentially.
pub(super) const MAX_ARMS: usize = 128;

/// Value that an expression must have for a condition to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    True,
    False,
    /// False or NULL.
    NotTrue,
    Null,
}

/// A condition that is not split further.
#[derive(Clone, Debug)]
pub(super) struct Atom<'a> {
    pub(super) expr: &'a Expr,
    pub(super) scope: Rc<Scope<'a>>,
    pub(super) polarity: Polarity,
}

/// Conditions that hold together.
#[derive(Clone, Debug, Default)]
pub(super) struct Arm<'a> {
    /// The arm of the outermost OR that it belongs to, from 0.
    pub(super) number: Option<usize>,
    /// The rows of subqueries that must exist.
    pub(super) rows: BTreeSet<usize>,
    pub(super) equal: Vec<(Term<'a>, Term<'a>)>,
    pub(super) atoms: Vec<Atom<'a>>,
}

/// A row of a relation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) relation: u32,
    /// `true` if it is read with the privileges of the owner of a function.
    pub(super) by_definer: bool,
}

/// The arms of an expression, and the rows that they refer to.
pub(super) struct Arms<'a> {
    pub(super) facts: &'a dyn Facts,
    pub(super) rows: Vec<Row>,
    /// `true` if there were too many arms to examine.
    pub(super) overflow: bool,
}

pub(super) type List<'a> = Vec<Arm<'a>>;
pub(super) type Place<'a> = Rc<Scope<'a>>;

impl<'a> Arms<'a> {
    /// Returns the arms of a policy's expression on `table`. Without an arm it never holds.
    pub(super) fn of(expr: &'a Expr, table: u32, facts: &'a dyn Facts) -> (Self, List<'a>) {
        let mut arms = Self {
            facts,
            rows: vec![Row {
                relation: table,
                by_definer: false,
            }],
            overflow: false,
        };
        let start = Arm {
            rows: BTreeSet::from([POLICY_ROW]),
            ..Arm::default()
        };
        let list = arms.holds(expr, Polarity::True, &Scope::policy(), vec![start]);
        (arms, list)
    }

    /// Adds the condition to each arm.
    pub(super) fn holds(
        &mut self,
        expr: &'a Expr,
        polarity: Polarity,
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        use Polarity::{False, NotTrue, Null, True};
        if let (Some((arg, answer)), True | False) = (self.compared_with_answer(expr), polarity) {
            let polarity = if answer == (polarity == True) {
                True
            } else {
                False
            };
            return self.holds(arg, polarity, scope, list);
        }
        match (expr, polarity) {
            (Expr::And(args), True) | (Expr::Or(args), False | NotTrue) => {
                self.all(args, polarity, scope, list)
            }
            (Expr::Or(args), True) | (Expr::And(args), False | NotTrue) => {
                self.any(args, polarity, scope, list)
            }
            (Expr::Not(arg), True) => self.holds(arg, False, scope, list),
            (Expr::Not(arg), False) => self.holds(arg, True, scope, list),
            (Expr::BooleanTest { kind, arg }, True) => match kind {
                BooleanTest::True => self.holds(arg, True, scope, list),
                BooleanTest::NotTrue => self.holds(arg, NotTrue, scope, list),
                BooleanTest::False => self.holds(arg, False, scope, list),
                _ => self.atom(expr, polarity, scope, list),
            },
            (Expr::Const { value, .. }, _) => {
                let matches = match value {
                    ConstValue::Bool(true) => polarity == True,
                    ConstValue::Bool(false) => matches!(polarity, False | NotTrue),
                    ConstValue::Null => matches!(polarity, Null | NotTrue),
                    _ => return self.atom(expr, polarity, scope, list),
                };
                if matches { list } else { Vec::new() }
            }
            (Expr::Coalesce(args), True) => self.coalesce(args, scope, list),
            (
                Expr::Case {
                    subject: None,
                    arms,
                    otherwise,
                },
                True,
            ) => self.case(arms, otherwise.as_deref(), scope, list),
            (Expr::Operator { operator, args, .. }, True)
                if self.facts.is_equality(*operator) && args.len() == 2 =>
            {
                self.equality(expr, [(&args[0], scope), (&args[1], scope)], list)
            }
            // NOT (a IS DISTINCT FROM b): equal, or both NULL.
            (Expr::Distinct { args, .. }, False) if args.len() == 2 => {
                let list = self.atom(expr, polarity, scope, list);
                self.equate([(&args[0], scope), (&args[1], scope)], list)
            }
            (
                Expr::AnyOf {
                    operator,
                    use_or: true,
                    args,
                    ..
                },
                True,
            ) if self.facts.is_equality(*operator) && args.len() == 2 => {
                self.membership(expr, args, scope, list)
            }
            (Expr::Sub { kind, test, query }, True) if query.command == Command::Select => {
                match kind {
                    SubKind::Exists if query.grouping == Grouping::Rows => {
                        self.each_row(query, scope, list, |_, _, list| list)
                    }
                    // An aggregate without GROUP BY always returns a row.
                    SubKind::Exists
                        if query.grouping == Grouping::Aggregates && query.others.is_empty() =>
                    {
                        list
                    }
                    SubKind::Any => self.any_of(query, test.as_deref(), scope, list),
                    SubKind::Expr if query.grouping == Grouping::Rows => {
                        self.value(query, scope, list)
                    }
                    _ => self.atom(expr, polarity, scope, list),
                }
            }
            (Expr::Call { function, args }, True) => {
                let facts = self.facts;
                let body = facts
                    .function(*function)
                    .and_then(|one| Some((one, one.body.as_ref()?)));
                match body {
                    Some((one, body)) if !scope.is_inside(*function) => {
                        let inner = Scope::body(scope, *function, one.security_definer, args);
                        self.holds(body, True, &inner, list)
                    }
                    _ => self.atom(expr, polarity, scope, list),
                }
            }
            _ => self.atom(expr, polarity, scope, list),
        }
    }

    /// Returns the call and the answer of `condition = true` or `= false`, a common form for
    /// functions that return a Boolean.
    fn compared_with_answer(&self, expr: &'a Expr) -> Option<(&'a Expr, bool)> {
        let Expr::Operator { operator, args, .. } = expr else {
            return None;
        };
        match args.as_slice() {
            _ if !self.facts.is_equality(*operator) => None,
            [
                condition,
                Expr::Const {
                    value: ConstValue::Bool(answer),
                    ..
                },
            ]
            | [
                Expr::Const {
                    value: ConstValue::Bool(answer),
                    ..
                },
                condition,
            ] => Some((condition, *answer)),
            _ => None,
        }
    }

    fn all(
        &mut self,
        args: &'a [Expr],
        polarity: Polarity,
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        args.iter()
            .fold(list, |list, one| self.holds(one, polarity, scope, list))
    }

    fn any(
        &mut self,
        args: &'a [Expr],
        polarity: Polarity,
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        self.fork(
            args.iter().enumerate(),
            list,
            |arms, (number, one), mut list| {
                for arm in &mut list {
                    arm.number.get_or_insert(number);
                }
                arms.holds(one, polarity, scope, list)
            },
        )
    }

    /// Continues in each possible way.
    pub(super) fn fork<T>(
        &mut self,
        ways: impl IntoIterator<Item = T>,
        list: List<'a>,
        mut go: impl FnMut(&mut Self, T, List<'a>) -> List<'a>,
    ) -> List<'a> {
        let mut found = Vec::new();
        for way in ways {
            found.extend(go(self, way, list.clone()));
            if found.len() > MAX_ARMS {
                self.overflow = true;
                found.truncate(MAX_ARMS);
            }
        }
        found
    }

    /// Adds the first argument that is not NULL.
    fn coalesce(&mut self, args: &'a [Expr], scope: &Place<'a>, list: List<'a>) -> List<'a> {
        self.fork(0..args.len(), list, |arms, chosen, list| {
            let list = args[..chosen].iter().fold(list, |list, one| {
                arms.atom(one, Polarity::Null, scope, list)
            });
            arms.holds(&args[chosen], Polarity::True, scope, list)
        })
    }

    /// Adds a condition and its result, or no condition and the default.
    fn case(
        &mut self,
        whens: &'a [(Expr, Expr)],
        otherwise: Option<&'a Expr>,
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        self.fork(0..=whens.len(), list, |arms, chosen, mut list| {
            for arm in &mut list {
                arm.number.get_or_insert(chosen);
            }
            let result = match whens.get(chosen) {
                Some((condition, result)) => {
                    list = arms.holds(condition, Polarity::True, scope, list);
                    Some(result)
                }
                None => otherwise,
            };
            let Some(result) = result else {
                return Vec::new();
            };
            list = arms.holds(result, Polarity::True, scope, list);
            whens[..chosen].iter().fold(list, |list, (earlier, _)| {
                arms.holds(earlier, Polarity::NotTrue, scope, list)
            })
        })
    }

    fn atom(
        &mut self,
        expr: &'a Expr,
        polarity: Polarity,
        scope: &Place<'a>,
        mut list: List<'a>,
    ) -> List<'a> {
        for arm in &mut list {
            arm.atoms.push(Atom {
                expr,
                scope: Rc::clone(scope),
                polarity,
            });
        }
        list
    }

    /// Adds the equality of two sides. If a side is a subquery, the condition refers to its rows.
    fn equality(
        &mut self,
        expr: &'a Expr,
        sides: [(&'a Expr, &Place<'a>); 2],
        list: List<'a>,
    ) -> List<'a> {
        if sides.iter().any(|(side, _)| subselect(side).is_some()) {
            return self.equate(sides, list);
        }
        let scope = sides[0].1;
        let list = self.atom(expr, Polarity::True, scope, list);
        self.equate(sides, list)
    }

    fn equate(&mut self, sides: [(&'a Expr, &Place<'a>); 2], list: List<'a>) -> List<'a> {
        let [left, right] = sides;
        for ((side, scope), other) in [(left, right), (right, left)] {
            if let Some(query) = subselect(side) {
                return self.each_row(query, scope, list, |arms, inner, list| {
                    match inner.target(1) {
                        Some((target, place)) => arms.equate([(target, &place), other], list),
                        None => list,
                    }
                });
            }
        }
        let pair = (term(left.0, left.1), term(right.0, right.1));
        let mut list = list;
        for arm in &mut list {
            arm.equal.push(pair.clone());
        }
        list
    }

    /// Adds `x = ANY (array)`.
    fn membership(
        &mut self,
        expr: &'a Expr,
        args: &'a [Expr],
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        let side = (&args[0], scope);
        match args[1].uncast() {
            Expr::Sub {
                kind: SubKind::Array,
                query,
                ..
            } => self.each_row(query, scope, list, |arms, inner, list| {
                match inner.target(1) {
                    Some((target, place)) => arms.equate([side, (target, &place)], list),
                    None => list,
                }
            }),
            Expr::Array(elements) if elements.iter().any(|one| self.is_session(one, scope)) => self
                .fork(elements, list, |arms, one, list| {
                    let list = arms.atom(expr, Polarity::True, scope, list);
                    arms.equate([side, (one, scope)], list)
                }),
            _ => self.equality(expr, [side, (&args[1], scope)], list),
        }
    }

    fn is_session(&self, expr: &'a Expr, scope: &Place<'a>) -> bool {
        reading(expr, scope, self.facts).is_session()
    }

    fn any_of(
        &mut self,
        query: &'a Query,
        test: Option<&'a Expr>,
        scope: &Place<'a>,
        list: List<'a>,
    ) -> List<'a> {
        self.each_row(query, scope, list, |arms, inner, list| match test {
            Some(test) => {
                let place = Scope::test(scope, Rc::clone(inner));
                arms.holds(test, Polarity::True, &place, list)
            }
            None => list,
        })
    }

    /// Adds a subquery with a single value that holds.
    fn value(&mut self, query: &'a Query, scope: &Place<'a>, list: List<'a>) -> List<'a> {
        self.each_row(query, scope, list, |arms, inner, list| {
            match inner.target(1) {
                Some((target, place)) => arms.holds(target, Polarity::True, &place, list),
                None => list,
            }
        })
    }
}

/// Returns the subquery that provides the value of an expression, if it reads a table.
fn subselect(expr: &Expr) -> Option<&Query> {
    match expr.uncast() {
        Expr::Sub {
            kind: SubKind::Expr,
            query,
            ..
        } if query.only_expression().is_none()
            && query.command == Command::Select
            && query.grouping == Grouping::Rows =>
        {
            Some(query)
        }
        _ => None,
    }
}
