//! Parts of the session that an expression reads.

use std::collections::BTreeSet;

use super::{
    expr::{ConstValue, Expr, SqlValue},
    facts::{FunctionFacts, Functions},
    scan,
    visit::walk,
};

/// The setting in which PostgREST and Supabase provide the claims of a token.
pub(super) const CLAIMS: &str = "request.jwt.claims";

/// A value of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionSource {
    /// `current_setting('…')`.
    Setting(String),
    /// A part of a setting that holds JSON.
    Claim {
        setting: String,
        path: Vec<String>,
    },
    CurrentUser,
    SessionUser,
    /// A user-defined function that reads one of the others.
    UserFunction(u32),
}

impl SessionSource {
    /// `true` if the value always identifies the session's user: the database user, or a claim with
    /// that meaning in RFC 7519 (4.1.2) or OpenID Connect Core (5.1).
    pub fn names_user(&self) -> bool {
        match self {
            Self::CurrentUser | Self::SessionUser => true,
            Self::Claim { path, .. } => {
                matches!(path.as_slice(), [one] if matches!(one.as_str(), "sub" | "email"))
            }
            Self::Setting(_) | Self::UserFunction(_) => false,
        }
    }
}

/// Returns the parts of the session that an expression reads, including through functions.
pub fn session_sources(expr: &Expr, functions: &Functions<'_>) -> BTreeSet<SessionSource> {
    let mut search = Search {
        functions,
        found: BTreeSet::new(),
        open: Vec::new(),
    };
    search.expr(expr);
    search.found
}

/// Returns the settings that an expression reads, completely or in part.
pub fn settings_read(expr: &Expr, functions: &Functions<'_>) -> BTreeSet<String> {
    let sources = session_sources(expr, functions).into_iter();
    sources
        .filter_map(|source| match source {
            SessionSource::Setting(setting) | SessionSource::Claim { setting, .. } => Some(setting),
            _ => None,
        })
        .collect()
}

/// `true` if an expression reads claims that users can edit themselves: Supabase lets users change
/// their own `user_metadata` (column `raw_user_meta_data` of `auth.users`).
pub fn reads_user_metadata(expr: &Expr, functions: &Functions<'_>) -> bool {
    let edited = |name: &String| matches!(name.as_str(), "user_metadata" | "raw_user_meta_data");
    session_sources(expr, functions).iter().any(
        |source| matches!(source, SessionSource::Claim { path, .. } if path.iter().any(edited)),
    )
}

/// Returns a setting, or the part of it at `path`.
pub(super) fn claim(setting: String, path: Vec<String>) -> SessionSource {
    if path.is_empty() {
        SessionSource::Setting(setting)
    } else {
        SessionSource::Claim { setting, path }
    }
}

/// `true` if the function is `current_setting` (pg_proc.dat).
pub(super) fn is_current_setting(function: u32) -> bool {
    matches!(function, 2077 | 3294)
}

/// `true` if the function reads a field or a path from JSON: those of `->`, `->>`, `#>` and `#>>`
/// for json and jsonb (pg_proc.dat).
fn is_json_step(function: u32) -> bool {
    matches!(
        function,
        3947 | 3948 | 3478 | 3214 | 3951 | 3953 | 3217 | 3940
    )
}

/// Returns the value that a function of Supabase in schema `auth` reads, regardless of its source.
fn supabase(function: &FunctionFacts) -> Option<SessionSource> {
    if function.schema != "auth" {
        return None;
    }
    let path = match function.name.as_str() {
        "jwt" => Vec::new(),
        "uid" => vec!["sub".to_owned()],
        "role" | "email" => vec![function.name.clone()],
        _ => return None,
    };
    Some(claim(CLAIMS.to_owned(), path))
}

struct Search<'s, 'f> {
    functions: &'s Functions<'f>,
    found: BTreeSet<SessionSource>,
    /// The functions being analyzed, to stop at recursive calls.
    open: Vec<u32>,
}

impl Search<'_, '_> {
    fn expr(&mut self, expr: &Expr) {
        // The walk visits the setting again below the claim that is a part of it.
        let mut whole: Vec<&Expr> = Vec::new();
        walk(expr, &mut |one, _| {
            if whole.iter().any(|seen| std::ptr::eq(*seen, one)) {
                return;
            }
            if let Some((setting, path, root)) = self.claim(one) {
                whole.push(root);
                let mut step = one;
                while let Some(inner) = json_operand(step.uncast()) {
                    whole.push(wrapped(inner));
                    step = wrapped(inner);
                }
                self.found.insert(claim(setting, path));
                return;
            }
            match one {
                Expr::SqlValue(SqlValue::CurrentUser)
                | Expr::Call {
                    function: 710 | 745,
                    ..
                } => {
                    self.found.insert(SessionSource::CurrentUser);
                }
                Expr::SqlValue(SqlValue::SessionUser) | Expr::Call { function: 746, .. } => {
                    self.found.insert(SessionSource::SessionUser);
                }
                Expr::Call { function, args } => match self.field(*function, args) {
                    Some(field) => {
                        let itself = SessionSource::UserFunction(*function);
                        self.found.extend([field, itself]);
                    }
                    None => self.function(*function),
                },
                Expr::Operator { function, .. } => self.function(*function),
                Expr::Cast {
                    function: Some(function),
                    ..
                } => self.function(*function),
                _ => {}
            }
        });
    }

    /// Returns the claim that a call reads, if its only argument names it: `claim('org')`.
    fn field(&self, function: u32, args: &[Expr]) -> Option<SessionSource> {
        let [argument] = args else { return None };
        let Expr::Const {
            value: ConstValue::Text(name),
            ..
        } = argument.uncast()
        else {
            return None;
        };
        let facts = (self.functions)(function)?;
        let setting = match &facts.body {
            Some(body) => self.field_by_argument(body)?,
            None => scan::field_by_argument(&facts.source_text)?,
        };
        Some(claim(setting, vec![name.clone()]))
    }

    /// Returns the setting with a JSON field that is named by an argument of a parsed body.
    fn field_by_argument(&self, body: &Expr) -> Option<String> {
        let mut found = None;
        walk(body, &mut |one, _| {
            let (Expr::Operator { args, .. } | Expr::Call { args, .. }) = one else {
                return;
            };
            let Some(operand) = json_operand(one) else {
                return;
            };
            let by_argument = args
                .get(1)
                .is_some_and(|step| matches!(step.uncast(), Expr::Param { .. }));
            if let Some((setting, path, _)) = self.claim(wrapped(operand))
                && by_argument
                && path.is_empty()
            {
                found = Some(setting);
            }
        });
        found
    }

    fn function(&mut self, oid: u32) {
        let functions = self.functions;
        let Some(facts) = functions(oid) else { return };
        if self.open.contains(&oid) {
            return;
        }
        let before = std::mem::take(&mut self.found);
        self.open.push(oid);
        match &facts.body {
            Some(body) => self.expr(body),
            None => self.found.extend(scan::sources(&facts.source_text)),
        }
        self.found.extend(supabase(facts));
        self.open.pop();
        if !self.found.is_empty() {
            self.found.insert(SessionSource::UserFunction(oid));
        }
        self.found.extend(before);
    }

    /// Returns the setting, the path in it, and the expression that reads the setting, if the
    /// expression is a setting or a part of one.
    fn claim<'e>(&self, expr: &'e Expr) -> Option<(String, Vec<String>, &'e Expr)> {
        match expr {
            Expr::Call { function, args } if is_current_setting(*function) => {
                match args.first()?.uncast() {
                    Expr::Const {
                        value: ConstValue::Text(name),
                        ..
                    } => Some((name.clone(), Vec::new(), expr)),
                    _ => None,
                }
            }
            Expr::Call { function, .. } if !is_json_step(*function) => {
                let facts = (self.functions)(*function)?;
                match supabase(facts)? {
                    SessionSource::Setting(setting) => Some((setting, Vec::new(), expr)),
                    _ => None,
                }
            }
            _ => {
                let operand = json_operand(expr)?;
                let (setting, mut path, root) = self.claim(wrapped(operand))?;
                path.extend(json_steps(expr)?);
                Some((setting, path, root))
            }
        }
    }
}

/// Returns the JSON operand of an operator or function.
fn json_operand(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Operator { function, args, .. } | Expr::Call { function, args }
            if is_json_step(*function) =>
        {
            args.first()
        }
        _ => None,
    }
}

/// Returns the steps of the path.
fn json_steps(expr: &Expr) -> Option<Vec<String>> {
    let (Expr::Operator { args, .. } | Expr::Call { args, .. }) = expr else {
        return None;
    };
    match args.get(1)?.uncast() {
        Expr::Const { value, .. } => match value {
            ConstValue::Text(step) => Some(vec![step.clone()]),
            ConstValue::Texts(steps) => Some(steps.clone()),
            _ => None,
        },
        // Arguments of a VARIADIC function.
        Expr::Array(steps) => steps
            .iter()
            .map(|step| match step.uncast() {
                Expr::Const {
                    value: ConstValue::Text(step),
                    ..
                } => Some(step.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Returns the value inside casts, `nullif(…, '')`, `coalesce(…, '{}')` and a subquery without
/// FROM, which only affect a missing value.
fn wrapped(expr: &Expr) -> &Expr {
    match expr.uncast() {
        Expr::NullIf { args, .. } | Expr::Coalesce(args) => match args.first() {
            Some(first) => wrapped(first),
            None => expr,
        },
        Expr::Sub { query, .. } => query.only_expression().map_or(expr, wrapped),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::expression::facts::Volatility;

    fn text(value: &str) -> Expr {
        Expr::Const {
            type_oid: 25,
            value: ConstValue::Text(value.to_owned()),
        }
    }

    fn setting(name: &str) -> Expr {
        Expr::Call {
            function: 2077,
            args: vec![text(name)],
        }
    }

    fn step(from: Expr, name: &str) -> Expr {
        Expr::Operator {
            operator: 3963,
            function: 3948,
            args: vec![from, text(name)],
        }
    }

    fn function(body: Option<Expr>, source_text: &str) -> FunctionFacts {
        FunctionFacts {
            name: "f".to_owned(),
            schema: "public".to_owned(),
            volatility: Volatility::Stable,
            language: "sql".to_owned(),
            security_definer: false,
            body,
            source_text: source_text.to_owned(),
        }
    }

    #[test]
    fn a_claim_is_its_path_and_not_the_whole_setting() {
        let expr = step(step(setting(CLAIMS), "user_metadata"), "org");
        let path = vec!["user_metadata".to_owned(), "org".to_owned()];
        let expected = claim(CLAIMS.to_owned(), path);
        assert_eq!(
            session_sources(&expr, &|_| None),
            BTreeSet::from([expected])
        );
        assert!(reads_user_metadata(&expr, &|_| None));
        assert!(!reads_user_metadata(&step(setting(CLAIMS), "sub"), &|_| {
            None
        }));
    }

    #[test]
    fn functions_that_call_each_other_end() {
        let call = |function| Expr::Call {
            function,
            args: vec![],
        };
        let one = function(Some(Expr::And(vec![call(20_001), setting("a.b")])), "");
        let other = function(Some(call(20_000)), "");
        let table = |oid| match oid {
            20_000 => Some(&one),
            20_001 => Some(&other),
            _ => None,
        };
        let found = session_sources(&call(20_001), &table);
        assert!(found.contains(&SessionSource::Setting("a.b".to_owned())));
        assert!(found.contains(&SessionSource::UserFunction(20_001)));
    }

    #[test]
    fn a_function_without_a_parsed_body_is_read_as_text() {
        let facts = function(None, "SELECT current_setting('app.t')::int");
        let table = |oid| (oid == 9).then_some(&facts);
        let call = Expr::Call {
            function: 9,
            args: vec![],
        };
        let settings = settings_read(&call, &table);
        assert_eq!(settings, BTreeSet::from(["app.t".to_owned()]));
    }
}
