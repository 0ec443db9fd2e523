//! Effect of the body of a function on tenant tables, and whether it asks the session first.

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

/// The properties of a function's body that decide about its callers.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The tenant tables and views that it names, and what it does with them.
    pub(super) touched: BTreeSet<(Oid, Access)>,
    /// It asks the session who calls.
    pub(super) guarded: bool,
    /// It finds rows by a token or a hash, which opens nothing to who does not have it.
    pub(super) by_secret: bool,
    /// The part of its statements that the caller controls.
    pub(super) handed: Handed,
    /// It names relations without their schema, so that the search path decides which are meant.
    pub(super) bare: bool,
}

/// Reads bodies; names are looked up here.
pub(super) struct Reader<'m> {
    model: &'m Model,
    relations: BTreeMap<(&'m str, &'m str), Oid>,
    /// Keyed by schema and name; overloads share one.
    functions: BTreeMap<(&'m str, &'m str), Vec<&'m Function>>,
    /// The functions that ask the session, by schema and name.
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

    /// Effect of the body of a function, itself and through the functions that it calls: these
    /// run with the rights of its owner.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub(super) fn read(&self, function: &'m Function) -> Result<Body, String> {
        let mut body = self.own(function)?;
        let mut seen = BTreeSet::from([function.oid]);
        let mut waiting = self.helpers(function);
        while let Some(helper) = waiting.pop() {
            if !seen.insert(helper.oid) {
                continue;
            }
            // What cannot be read is taken to do nothing: the function itself could be.
            if let Ok(of_helper) = self.own(helper) {
                body.touched.extend(of_helper.touched);
                body.guarded |= of_helper.guarded;
                body.by_secret |= of_helper.by_secret;
                waiting.extend(self.helpers(helper));
            }
        }
        Ok(body)
    }

    /// The functions that a function calls, as far as they have no rights of their own.
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
        // What asks the session is met as a guard where it is called.
        let helpers = called.into_iter();
        helpers
            .filter(|one| !one.definer && !is_guard(one))
            .collect()
    }

    /// The functions that a name may mean.
    fn named(&self, call: &Name, schemas: &[String]) -> Vec<&'m Function> {
        let within = |schema: &str| self.functions.get(&(schema, call.name.as_str())).cloned();
        let found = match &call.schema {
            Some(schema) => within(schema),
            None => schemas.iter().find_map(|schema| within(schema)),
        };
        found.unwrap_or_default()
    }

    /// Effect of the body of a function itself.
    fn own(&self, function: &Function) -> Result<Body, String> {
        if let Some(tree) = &function.body_tree {
            let queries = expression::queries(tree).map_err(|error| error.to_string())?;
            return Ok(self.parsed(queries));
        }
        if !matches!(function.language.as_str(), "sql" | "plpgsql") {
            return Err(format!("its body is in {}", function.language));
        }
        match Text::read(&function.source) {
            Some(text) => Ok(self.text(function, &text)),
            None => Err("its body cannot be taken apart".to_owned()),
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

    /// `true` if a text asks the session who it is, and not only whether it is anybody.
    fn asks(&self, text: &Text) -> bool {
        let text = text.without_presence_tests();
        text.asks_login() || text.calls().iter().any(|call| self.is_guard(call))
    }

    /// `true` if a name is that of a function which asks the session. Without a schema any such
    /// function may be meant: a suspicion that is none is worse than one too few.
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

/// A call of that function, to ask what it reads of the session.
fn calling(function: u32) -> Expr {
    Expr::Call {
        function,
        args: Vec::new(),
    }
}

/// `true` if an expression asks the session in a way that tells callers apart. Inside a SECURITY
/// DEFINER function `current_user` does not: it is the owner, whoever calls. A setting without a
/// dot is the server's own; of these only `role` says who asks.
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

/// The tables that a query and its common table expressions write: the first of the range table.
fn written(query: &Query, touched: &mut BTreeSet<(Oid, Access)>) {
    let target = query.tables.iter().find_map(|entry| match entry {
        RangeEntry::Relation { oid, .. } => Some(Oid(*oid)),
        _ => None,
    });
    let access = match query.command {
        Command::Select => None,
        Command::Insert => Some(Access::Insert),
        // MERGE is among the others; utility statements have no range table.
        Command::Update | Command::Delete | Command::Other => Some(Access::Change),
    };
    touched.extend(target.zip(access));
    for cte in &query.ctes {
        written(&cte.query, touched);
    }
}

/// `true` if a query compares a column that holds a secret with an argument.
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
