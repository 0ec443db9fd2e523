//! Effect of the body of a function on tenant tables, and whether it checks the session first.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    dynamic::{Handed, handed_in},
    text::{self, Access, Name, Text},
};
use crate::audit::{
    catalog::{Catalog, Function, Oid, Relation},
    expression::{
        self, Expr, Query, RangeEntry, SessionSource,
        expr::{Command, ParamKind, SubKind},
    },
    model::Model,
};

/// Properties of a function's body that affect its callers.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The tenant tables and views that it names, and its access to them.
    pub(super) touched: BTreeSet<(Oid, Access)>,
    /// `true` if it checks the session of the caller.
    pub(super) guarded: bool,
    /// `true` if it finds rows by a token or a hash, which only the owner of the row knows.
    pub(super) by_secret: bool,
    /// The part of its statements that the caller controls.
    pub(super) handed: Handed,
    /// `true` if it names relations without their schema, so that the search path applies.
    pub(super) bare: bool,
}

/// Reader of bodies, with the objects that names refer to.
pub(super) struct Reader<'m> {
    model: &'m Model,
    relations: BTreeMap<(&'m str, &'m str), Oid>,
    /// Keyed by schema and name. Overloads share one entry.
    functions: BTreeMap<(&'m str, &'m str), Vec<&'m Function>>,
    /// The functions that check the session, by schema and name.
    guards: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Reader<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let catalog = &model.catalog;
        let relations = catalog.relations.values();
        let named = |one: &'m Relation| ((one.schema.as_str(), one.name.as_str()), one.oid);
        let functions = catalog.functions.values();
        let mut by_name: BTreeMap<_, Vec<&Function>> = BTreeMap::new();
        for one in functions.clone().filter(|one| !one.of_extension) {
            let name = (one.schema.as_str(), one.name.as_str());
            by_name.entry(name).or_default().push(one);
        }
        let asks = |function: &&Function| {
            !function.of_extension && guards(model, &calling(function.oid.0))
        };
        Self {
            model,
            relations: relations.map(named).collect(),
            functions: by_name,
            guards: functions
                .filter(asks)
                .map(|function| (function.schema.as_str(), function.name.as_str()))
                .collect(),
        }
    }

    /// Returns the effect of the body of a function, including the functions that it calls: they
    /// run with the privileges of its owner.
    ///
    /// # Errors
    /// The reason that it could not be analyzed.
    pub(super) fn read(&self, function: &'m Function) -> Result<Body, String> {
        let mut body = self.own(function)?;
        let mut seen = BTreeSet::from([function.oid]);
        let mut waiting = self.helpers(function);
        while let Some(helper) = waiting.pop() {
            if !seen.insert(helper.oid) {
                continue;
            }
            // A called function that could not be parsed is assumed to be harmless: its caller was
            // parsed.
            if let Ok(of_helper) = self.own(helper) {
                body.touched.extend(of_helper.touched);
                body.guarded |= of_helper.guarded;
                body.by_secret |= of_helper.by_secret;
                waiting.extend(self.helpers(helper));
            }
        }
        Ok(body)
    }

    /// Returns the functions that a function calls, except SECURITY DEFINER functions and those
    /// that check the session.
    fn helpers(&self, function: &Function) -> Vec<&'m Function> {
        let called: Vec<&Function> = match &function.body_tree {
            Some(tree) => {
                let body = expression::body(tree).ok().flatten();
                let oids = body.iter().flat_map(expression::functions);
                oids.filter_map(|oid| self.model.catalog.functions.get(&Oid(oid)))
                    .collect()
            }
            None => {
                let schemas = super::search_path::searched(function);
                let text = Text::read(&function.source);
                let calls = text.iter().flat_map(Text::calls);
                calls.flat_map(|call| self.named(&call, &schemas)).collect()
            }
        };
        let is_guard = |one: &Function| {
            self.guards
                .contains(&(one.schema.as_str(), one.name.as_str()))
        };
        // Functions that check the session count as guards where they are called.
        let helpers = called.into_iter();
        helpers
            .filter(|one| !one.definer && !is_guard(one))
            .collect()
    }

    /// Returns the functions that a name may refer to.
    fn named(&self, call: &Name, schemas: &[String]) -> Vec<&'m Function> {
        let within = |schema: &str| self.functions.get(&(schema, call.name.as_str())).cloned();
        let found = match &call.schema {
            Some(schema) => within(schema),
            None => schemas.iter().find_map(|schema| within(schema)),
        };
        found.unwrap_or_default()
    }

    /// Returns the effect of the body of a function, without the functions that it calls.
    fn own(&self, function: &Function) -> Result<Body, String> {
        if let Some(tree) = &function.body_tree {
            let queries = expression::queries(tree).map_err(|error| error.to_string())?;
            return Ok(self.parsed(queries));
        }
        if !matches!(function.language.as_str(), "sql" | "plpgsql") {
            return Err(format!("its body is written in {}", function.language));
        }
        match Text::read(&function.source) {
            Some(text) => Ok(self.text(function, &text)),
            None => Err("its body could not be parsed".to_owned()),
        }
    }

    fn parsed(&self, queries: Vec<Query>) -> Body {
        let mut body = Body::default();
        for query in queries {
            written(&query, &mut body.touched);
            body.by_secret |= finds_by_secret(&self.model.catalog, &query);
            let expr = Expr::Sub {
                kind: SubKind::Other,
                test: None,
                query: Box::new(query),
            };
            for relation in expression::relations(&expr) {
                let changed = [Access::Insert, Access::Change]
                    .iter()
                    .any(|access| body.touched.contains(&(Oid(relation), *access)));
                if !changed {
                    body.touched.insert((Oid(relation), Access::Read));
                }
            }
            body.guarded |= guards(self.model, &expr);
        }
        body.touched
            .retain(|(relation, _)| self.model.tenancy.is_tenants(*relation));
        body
    }

    fn text(&self, function: &Function, text: &Text) -> Body {
        let dynamic = text.dynamic();
        let texts = || std::iter::once(text).chain(&dynamic);
        let schemas = super::search_path::searched(function);
        let mut body = Body {
            guarded: texts().any(|text| self.asks(text)),
            by_secret: texts().any(Text::looks_up_secret),
            handed: handed_in(function, text),
            ..Body::default()
        };
        for (name, access) in texts().flat_map(Text::tables) {
            let Some(relation) = self.resolve(&name, &schemas) else {
                continue;
            };
            body.bare |= name.schema.is_none();
            if self.model.tenancy.is_tenants(relation) {
                body.touched.insert((relation, access));
            }
        }
        body
    }

    fn resolve(&self, name: &Name, schemas: &[String]) -> Option<Oid> {
        let within = |schema: &str| self.relations.get(&(schema, name.name.as_str())).copied();
        match &name.schema {
            Some(schema) => within(schema),
            None => schemas.iter().find_map(|schema| within(schema)),
        }
    }

    /// `true` if a text reads the identity of the session, and does not only test that there is
    /// one.
    fn asks(&self, text: &Text) -> bool {
        let text = text.without_presence_tests();
        text.asks_login() || text.calls().iter().any(|call| self.is_guard(call))
    }

    /// `true` if a name refers to a function that checks the session. A name without a schema may
    /// refer to any of them: a missed finding is better here than a false one.
    fn is_guard(&self, call: &Name) -> bool {
        match &call.schema {
            Some(schema) if schema == "pg_catalog" => call.name == "current_setting",
            Some(schema) => self.guards.contains(&(schema.as_str(), call.name.as_str())),
            None => {
                call.name == "current_setting"
                    || self.guards.iter().any(|(_, name)| *name == call.name)
            }
        }
    }
}

/// Returns a call of that function, to find the values of the session that it reads.
fn calling(function: u32) -> Expr {
    Expr::Call {
        function,
        args: Vec::new(),
    }
}

/// `true` if an expression reads a value of the session that differs between callers. Inside a
/// SECURITY DEFINER function `current_user` is always the owner. A setting without a dot belongs to
/// the server; only `role` depends on the caller.
fn guards(model: &Model, expr: &Expr) -> bool {
    model
        .meaning
        .sources(expr)
        .iter()
        .any(|source| match source {
            SessionSource::Setting(name) => name.contains('.') || name == "role",
            SessionSource::Claim { .. } | SessionSource::SessionUser => true,
            SessionSource::CurrentUser | SessionSource::UserFunction(_) => false,
        })
}

/// Adds the tables that a query and its common table expressions write: the first in the range
/// table.
fn written(query: &Query, touched: &mut BTreeSet<(Oid, Access)>) {
    let target = query.tables.iter().find_map(|entry| match entry {
        RangeEntry::Relation { oid, .. } => Some(Oid(*oid)),
        _ => None,
    });
    let access = match query.command {
        Command::Select => None,
        Command::Insert => Some(Access::Insert),
        // MERGE is one of the others. Utility statements have no range table.
        Command::Update | Command::Delete | Command::Other => Some(Access::Change),
    };
    touched.extend(target.zip(access));
    for cte in &query.ctes {
        written(&cte.query, touched);
    }
}

/// `true` if a query compares a column with a secret to an argument.
fn finds_by_secret(catalog: &Catalog, query: &Query) -> bool {
    let conditions = query.filter.iter().flat_map(expression::conjuncts);
    conditions.into_iter().any(|condition| match condition {
        Expr::Operator { args, .. } => {
            let given = |arg: &Expr| {
                matches!(
                    arg.uncast(),
                    Expr::Param {
                        kind: ParamKind::Argument,
                        ..
                    }
                )
            };
            args.iter().any(given) && args.iter().any(|arg| is_secret(catalog, query, arg))
        }
        _ => false,
    })
}

fn is_secret(catalog: &Catalog, query: &Query, expr: &Expr) -> bool {
    let Expr::Column {
        level: 0,
        relation,
        number,
    } = expr.uncast()
    else {
        return false;
    };
    let place = (*relation as usize).checked_sub(1);
    match place.and_then(|place| query.tables.get(place)) {
        Some(RangeEntry::Relation { oid, .. }) => catalog
            .column(Oid(*oid), *number)
            .is_some_and(|column| text::is_secret(&column.name)),
        _ => false,
    }
}
