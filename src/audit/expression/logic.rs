//! Three-valued evaluation of an expression in a session without a tenant.
//!
//! Anything that depends on rows is unknown, so "true" means true for every row.

use std::rc::Rc;

use super::{
    conjunction::{Atom, Polarity},
    expr::{BooleanTest, ConstValue, Expr, ParamKind, SqlValue},
    facts::Facts,
    scope::{Scope, Term, reading, term},
    session::is_current_setting,
};

/// Types that accept any text, including the empty one: text, bpchar, varchar, name and unknown.
const TEXT_TYPES: [u32; 5] = [25, 1042, 1043, 19, 705];

/// Settings of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// They have an unknown value.
    Set,
    /// They have no value: `current_setting(…, true)` is NULL.
    Unset,
    /// They are the empty string, as after a transaction with `SET LOCAL` (PostgreSQL manual, 55.1:
    /// customized options remain defined in the session).
    Empty,
}

impl World {
    pub(super) const ALL: [Self; 3] = [Self::Set, Self::Unset, Self::Empty];
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    /// Any value, including NULL.
    Unknown,
    Null,
    /// Any value except NULL.
    Some,
    Bool(bool),
    Text(String),
    Int(i64),
    /// The value of a column. Two values of the same column are equal.
    Column(usize, i16),
    /// The statement fails.
    Error,
}

/// `true` if the condition certainly holds for every row in this world.
pub(super) fn holds<'a>(atom: &Atom<'a>, world: World, facts: &'a dyn Facts) -> bool {
    let evaluator = Evaluator { world, facts };
    let value = evaluator.value(atom.expr, &atom.scope);
    match atom.polarity {
        Polarity::True => value == Value::Bool(true),
        Polarity::False => value == Value::Bool(false),
        Polarity::NotTrue => matches!(value, Value::Bool(false) | Value::Null),
        Polarity::Null => value == Value::Null,
    }
}

/// `true` if the condition certainly does not hold, or fails, for every row.
pub(super) fn fails<'a>(atom: &Atom<'a>, world: World, facts: &'a dyn Facts) -> bool {
    let evaluator = Evaluator { world, facts };
    match evaluator.value(atom.expr, &atom.scope) {
        Value::Unknown | Value::Some | Value::Column(..) => false,
        Value::Error => true,
        _ => !holds(atom, world, facts),
    }
}

struct Evaluator<'a> {
    world: World,
    facts: &'a dyn Facts,
}

impl<'a> Evaluator<'a> {
    fn value(&self, expr: &'a Expr, scope: &Rc<Scope<'a>>) -> Value {
        match expr {
            Expr::Const { value, .. } => constant(value),
            Expr::Column { .. } => self.term(term(expr, scope)),
            Expr::Param {
                kind: ParamKind::Argument | ParamKind::SubColumn,
                ..
            } => self.term(term(expr, scope)),
            Expr::Cast { to, arg, .. } => self.cast(*to, self.value(arg, scope)),
            Expr::SqlValue(SqlValue::CurrentUser | SqlValue::SessionUser) => Value::Some,
            Expr::Call { function, args } => self.call(*function, args, expr, scope),
            Expr::Operator {
                operator,
                function,
                args,
            } => match self.strict(args, scope).as_deref() {
                Ok([left, right]) if self.facts.is_equality(*operator) => equal(left, right),
                Ok([left, right]) if is_inequality(*function) => negated(equal(left, right)),
                Ok(_) => Value::Unknown,
                Err(value) => value.clone(),
            },
            Expr::AnyOf { args, .. } => match self.strict(args, scope) {
                Ok(_) => Value::Unknown,
                Err(value) => value,
            },
            Expr::And(args) => self.junction(args, false, scope),
            Expr::Or(args) => self.junction(args, true, scope),
            Expr::Not(arg) => match self.value(arg, scope) {
                Value::Bool(value) => Value::Bool(!value),
                Value::Some | Value::Column(..) => Value::Unknown,
                other => other,
            },
            Expr::IsNull(arg) => is_null(&self.value(arg, scope)),
            Expr::IsNotNull(arg) => negated(is_null(&self.value(arg, scope))),
            Expr::BooleanTest { kind, arg } => boolean_test(*kind, &self.value(arg, scope)),
            Expr::Distinct { args, .. } => match args.as_slice() {
                [left, right] => distinct(&self.value(left, scope), &self.value(right, scope)),
                _ => Value::Unknown,
            },
            Expr::NullIf { args, .. } => match args.as_slice() {
                [value, void] => null_if(self.value(value, scope), &self.value(void, scope)),
                _ => Value::Unknown,
            },
            Expr::Coalesce(args) => args
                .iter()
                .map(|one| self.value(one, scope))
                .find(|value| *value != Value::Null)
                .unwrap_or(Value::Null),
            Expr::Case {
                subject: None,
                arms,
                otherwise,
            } => {
                for (condition, result) in arms {
                    match self.value(condition, scope) {
                        Value::Bool(true) => return self.value(result, scope),
                        Value::Bool(false) | Value::Null => {}
                        Value::Error => return Value::Error,
                        _ => return Value::Unknown,
                    }
                }
                let otherwise = otherwise.as_deref();
                otherwise.map_or(Value::Null, |one| self.value(one, scope))
            }
            Expr::Sub { query, .. } => match query.only_expression() {
                Some(only) => self.value(only, &Scope::query(scope, query, Vec::new())),
                None => Value::Unknown,
            },
            Expr::Array(_) | Expr::Row(_) => Value::Some,
            _ => Value::Unknown,
        }
    }

    fn term(&self, term: Term<'a>) -> Value {
        match term {
            Term::Column(row, number) => Value::Column(row, number),
            Term::Value(Expr::Param { .. } | Expr::Column { .. }, _) | Term::Opaque => {
                Value::Unknown
            }
            Term::Value(expr, scope) => self.value(expr, &scope),
        }
    }

    /// Returns the arguments of a strict function, or the NULL or error that it returns for one of
    /// them.
    fn strict(&self, args: &'a [Expr], scope: &Rc<Scope<'a>>) -> Result<Vec<Value>, Value> {
        let values: Vec<Value> = args.iter().map(|one| self.value(one, scope)).collect();
        let stopper = |wanted: &Value| values.contains(wanted).then(|| wanted.clone());
        match stopper(&Value::Error).or_else(|| stopper(&Value::Null)) {
            Some(value) => Err(value),
            None => Ok(values),
        }
    }

    fn call(
        &self,
        function: u32,
        args: &'a [Expr],
        expr: &'a Expr,
        scope: &Rc<Scope<'a>>,
    ) -> Value {
        if is_current_setting(function) {
            return match self.world {
                World::Set => Value::Some,
                // With one argument, a missing setting is an error.
                World::Unset if args.len() < 2 => Value::Error,
                World::Unset => Value::Null,
                World::Empty => Value::Text(String::new()),
            };
        }
        if !is_strict(function) {
            return Value::Unknown;
        }
        let Some(facts) = self.facts.function(function) else {
            return match self.strict(args, scope) {
                Ok(_) => Value::Unknown,
                Err(value) => value,
            };
        };
        if let Some(body) = &facts.body
            && !scope.is_inside(function)
        {
            let inner = Scope::body(scope, function, facts.security_definer, args);
            return self.value(body, &inner);
        }
        // A function that returns the session's value has no value to return.
        match (reading(expr, scope, self.facts).is_session(), self.world) {
            (true, World::Set) => Value::Some,
            (true, World::Unset | World::Empty) => Value::Null,
            (false, _) => Value::Unknown,
        }
    }

    /// Changes the type. Only text types accept the empty string.
    fn cast(&self, to: u32, value: Value) -> Value {
        let keeps = to == 0 || TEXT_TYPES.contains(&to);
        match value {
            Value::Text(text) if !keeps && text.is_empty() => Value::Error,
            Value::Text(_) if !keeps => Value::Some,
            other => other,
        }
    }

    /// Evaluates AND or OR. `decides` is the value of one argument that decides the result.
    fn junction(&self, args: &'a [Expr], decides: bool, scope: &Rc<Scope<'a>>) -> Value {
        let values: Vec<Value> = args.iter().map(|one| self.value(one, scope)).collect();
        if values.contains(&Value::Bool(decides)) {
            Value::Bool(decides)
        } else if values.contains(&Value::Error) {
            Value::Error
        } else if values.iter().all(|one| *one == Value::Bool(!decides)) {
            Value::Bool(!decides)
        } else if values
            .iter()
            .all(|one| matches!(one, Value::Null | Value::Bool(_)))
        {
            Value::Null
        } else {
            Value::Unknown
        }
    }
}

fn constant(value: &ConstValue) -> Value {
    match value {
        ConstValue::Null => Value::Null,
        ConstValue::Bool(value) => Value::Bool(*value),
        ConstValue::Int(value) => Value::Int(*value),
        ConstValue::Text(value) => Value::Text(value.clone()),
        ConstValue::Texts(_) | ConstValue::Other(_) => Value::Some,
    }
}

fn equal(left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Value::Bool(_), Value::Bool(_))
        | (Value::Int(_), Value::Int(_))
        | (Value::Text(_), Value::Text(_)) => Value::Bool(left == right),
        (Value::Column(..), Value::Column(..)) if left == right => Value::Bool(true),
        _ => Value::Unknown,
    }
}

fn distinct(left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Value::Error, _) | (_, Value::Error) => Value::Error,
        (Value::Null, other) | (other, Value::Null) => negated(is_null(other)),
        _ => negated(equal(left, right)),
    }
}

/// `true` if a built-in function returns NULL for a NULL argument. Exceptions relevant for
/// policies: num_nulls, num_nonnulls, array_append, array_prepend, array_cat, concat, concat_ws and
/// format (pg_proc.dat).
fn is_strict(function: u32) -> bool {
    !matches!(
        function,
        438 | 440 | 378 | 379 | 383 | 3058 | 3059 | 3539 | 3540
    )
}

/// `true` for `<>` of text and boolean (pg_proc.dat), the types of settings and flags.
fn is_inequality(function: u32) -> bool {
    matches!(function, 157 | 84)
}

fn negated(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::Bool(!value),
        other => other,
    }
}

fn is_null(value: &Value) -> Value {
    match value {
        Value::Null => Value::Bool(true),
        Value::Unknown | Value::Column(..) => Value::Unknown,
        Value::Error => Value::Error,
        Value::Some | Value::Bool(_) | Value::Text(_) | Value::Int(_) => Value::Bool(false),
    }
}

fn null_if(value: Value, void: &Value) -> Value {
    match equal(&value, void) {
        Value::Bool(true) => Value::Null,
        // An unknown value is assumed to differ.
        _ => value,
    }
}

fn boolean_test(kind: BooleanTest, value: &Value) -> Value {
    let value = match value {
        Value::Bool(value) => Some(*value),
        Value::Null => None,
        Value::Error => return Value::Error,
        _ => return Value::Unknown,
    };
    Value::Bool(match kind {
        BooleanTest::True => value == Some(true),
        BooleanTest::NotTrue => value != Some(true),
        BooleanTest::False => value == Some(false),
        BooleanTest::NotFalse => value != Some(false),
        BooleanTest::Unknown => value.is_none(),
        BooleanTest::NotUnknown => value.is_some(),
    })
}
