//! Expressions of policies and functions, parsed, and their comparisons with the session.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::audit::{
    catalog::{Catalog, Function, Oid, Policy},
    expression::{
        self, Expr, FunctionFacts, Query, RangeEntry, SessionSource, Volatility,
        expr::{From, SubKind},
        operands, session_sources,
    },
};

/// `json_array_elements`, `jsonb_array_elements` and their `_text` variants (catalog/pg_proc.dat).
const ON_ARRAYS: &[u32] = &[3955, 3969, 3219, 3465];

/// Parsed expressions of the catalog.
#[derive(Clone, Debug, Default)]
pub struct Meaning {
    /// Keyed by the OID of the policy.
    policies: BTreeMap<Oid, PolicyExpressions>,
    functions: BTreeMap<u32, FunctionFacts>,
    /// The columns that a policy compares with the session.
    pub comparisons: Vec<Comparison>,
}

/// The two expressions of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyExpressions {
    /// The rows that are visible.
    pub using: Option<Arc<Expr>>,
    /// The rows that may be written.
    pub check: Option<Arc<Expr>>,
    /// The reason one of them could not be parsed.
    pub unread: Option<String>,
}

/// The rows that a policy decides about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Existing rows: USING.
    Reached,
    /// New rows: WITH CHECK, or USING without one.
    Written,
}

/// A column that a policy compares with a value of the session.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The table of the policy.
    pub table: Oid,
    /// The table of the column: the same, or one in a subquery.
    pub relation: Oid,
    pub column: i16,
    pub sources: BTreeSet<SessionSource>,
    /// `true` if the column itself is compared; `false` if it is correlated with rows that are, or
    /// passed to a function that reads the session.
    pub direct: bool,
}

impl Meaning {
    /// Parses every policy and function of the catalog.
    pub fn read(catalog: &Catalog) -> Self {
        let functions = catalog.functions.values();
        let mut meaning = Self {
            functions: functions
                .map(|function| (function.oid.0, facts(function)))
                .collect(),
            ..Self::default()
        };
        let mut known = HashMap::new();
        for policy in catalog.policies.values().flatten() {
            let read = PolicyExpressions::read(policy, &mut known);
            for expr in read.using.iter().chain(&read.check) {
                let mut search = Search {
                    catalog,
                    meaning: &meaning,
                    table: policy.relation,
                    found: Vec::new(),
                };
                search.expr(expr, &mut Vec::new());
                let found = search.found;
                meaning.comparisons.extend(found);
            }
            meaning.policies.insert(policy.oid, read);
        }
        meaning
    }

    /// Returns the expressions of a policy.
    pub fn policy(&self, policy: Oid) -> Option<&PolicyExpressions> {
        self.policies.get(&policy)
    }

    /// Returns the facts about a user-defined function.
    pub fn function(&self, oid: u32) -> Option<&FunctionFacts> {
        self.functions.get(&oid)
    }

    /// Returns the parts of the session that an expression reads, including through functions.
    pub fn sources(&self, expr: &Expr) -> BTreeSet<SessionSource> {
        session_sources(expr, &|oid| self.function(oid))
    }

    /// `true` if an expression reads a table, including through functions. A body that was not
    /// parsed counts if a statement in it has a FROM.
    fn looks_up(&self, expr: &Expr) -> bool {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![expr];
        while let Some(expr) = waiting.pop() {
            if !expression::relations(expr).is_empty() {
                return true;
            }
            for oid in expression::functions(expr) {
                let Some(facts) = self.function(oid).filter(|_| seen.insert(oid)) else {
                    continue;
                };
                match &facts.body {
                    Some(body) => waiting.push(body),
                    None => {
                        let mut words = facts.source_text.split_whitespace();
                        if words.any(|word| word.eq_ignore_ascii_case("from")) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }

    /// `true` if the rows of a view depend on the session, according to its rule. A session value
    /// that is only selected does not filter.
    pub fn filters_by_session(&self, tree: &str) -> bool {
        let queries = expression::queries(tree).unwrap_or_default();
        queries.into_iter().any(|query| {
            let rows = Expr::Sub {
                kind: SubKind::Expr,
                test: None,
                query: Box::new(Query {
                    targets: Vec::new(),
                    ..query
                }),
            };
            !self.sources(&rows).is_empty()
        })
    }

    /// Returns the values of the session that are JSON arrays: their elements are expanded or
    /// searched.
    pub fn lists(&self) -> BTreeSet<SessionSource> {
        let policies = self.policies.values();
        let policies = policies.flat_map(|read| read.using.iter().chain(&read.check));
        let policies = policies.map(AsRef::as_ref);
        let bodies = self.functions.values().filter_map(|one| one.body.as_ref());
        let mut found = BTreeSet::new();
        for expr in policies.chain(bodies) {
            expression::walk(expr, &mut |one, _| {
                let (Expr::Call { function, args } | Expr::Operator { function, args, .. }) = one
                else {
                    return;
                };
                if ON_ARRAYS.contains(function)
                    && let Some(array) = args.first()
                {
                    found.extend(self.sources(array));
                }
            });
        }
        found
    }

    /// Returns, by table, the columns that its policies compare with the session.
    pub fn compared(&self) -> BTreeMap<Oid, BTreeSet<i16>> {
        let mut compared: BTreeMap<Oid, BTreeSet<i16>> = BTreeMap::new();
        for one in &self.comparisons {
            if one.relation == one.table {
                compared.entry(one.table).or_default().insert(one.column);
            }
        }
        compared
    }
}

impl PolicyExpressions {
    /// Parses the expressions. `known` caches parsed trees: most tables share the same few.
    fn read<'a>(policy: &'a Policy, known: &mut HashMap<&'a str, Arc<Expr>>) -> Self {
        let mut unread = None;
        let mut read = |tree: &'a Option<String>| {
            let tree = tree.as_deref()?;
            if let Some(expr) = known.get(tree) {
                return Some(expr.clone());
            }
            let parsed = expression::expression(tree).map(Arc::new);
            let parsed = parsed.map_err(|error| unread = Some(error.to_string()));
            let expr = parsed.ok()?;
            known.insert(tree, expr.clone());
            Some(expr)
        };
        let (using, check) = (read(&policy.using_tree), read(&policy.check_tree));
        Self {
            using,
            check,
            unread,
        }
    }
}

fn facts(function: &Function) -> FunctionFacts {
    let body = function.body_tree.as_deref();
    FunctionFacts {
        name: function.name.clone(),
        schema: function.schema.clone(),
        volatility: match function.volatility.as_str() {
            "i" => Volatility::Immutable,
            "s" => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        language: function.language.clone(),
        security_definer: function.definer,
        body: body.and_then(|body| expression::body(body).ok().flatten()),
        source_text: function.source.clone(),
    }
}

/// Visitor of one policy with the enclosing queries of each place, so that columns of subqueries
/// find their tables.
struct Search<'a> {
    catalog: &'a Catalog,
    meaning: &'a Meaning,
    table: Oid,
    found: Vec<Comparison>,
}

impl<'a> Search<'a> {
    fn expr(&mut self, expr: &'a Expr, around: &mut Vec<&'a Query>) {
        match expr {
            Expr::Operator { operator, args, .. } | Expr::AnyOf { operator, args, .. }
                if self.catalog.equalities.contains(&Oid(*operator)) && args.len() == 2 =>
            {
                self.equality(&args[0], &args[1], around);
            }
            Expr::Call { function, args } if self.meaning.function(*function).is_some() => {
                let sources = self.meaning.sources(expr);
                self.columns(args, &sources, around);
            }
            Expr::Sub { test, query, .. } => {
                let sources = self.meaning.sources(expr);
                if let Some(test) = test {
                    self.columns(std::slice::from_ref(test), &sources, around);
                }
                self.query(query, &sources, around);
                return;
            }
            _ => {}
        }
        for below in operands(expr) {
            self.expr(below, around);
        }
    }

    /// Records a comparison. Either side may be the column; the other reads the session, or is the
    /// row that a subquery reading the session is correlated with.
    fn equality(&mut self, left: &'a Expr, right: &'a Expr, around: &[&'a Query]) {
        for (column, value) in [(left, right), (right, left)] {
            let sources = self.meaning.sources(value);
            if let Some((relation, number)) = self.column(column, around)
                && !sources.is_empty()
            {
                // A value that is looked up in a table does not come directly from the session.
                let direct = !self.meaning.looks_up(value);
                self.add(relation, number, sources, direct);
            }
        }
    }

    fn columns(
        &mut self,
        exprs: &'a [Expr],
        sources: &BTreeSet<SessionSource>,
        around: &[&'a Query],
    ) {
        if sources.is_empty() {
            return;
        }
        for expr in exprs {
            let mut found = Vec::new();
            columns_below(expr, &mut found);
            for column in found {
                if let Some((relation, number)) = self.column(column, around) {
                    self.add(relation, number, sources.clone(), false);
                }
            }
        }
    }

    fn query(
        &mut self,
        query: &'a Query,
        sources: &BTreeSet<SessionSource>,
        around: &mut Vec<&'a Query>,
    ) {
        around.push(query);
        for expr in conditions(query) {
            // The row that the subquery is correlated with.
            if let Expr::Operator { operator, args, .. } = expr
                && self.catalog.equalities.contains(&Oid(*operator))
            {
                self.columns(args, sources, around);
            }
            self.expr(expr, around);
        }
        for target in &query.targets {
            self.expr(&target.expr, around);
        }
        for entry in &query.tables {
            if let RangeEntry::Subquery { query, .. } = entry {
                self.query(query, sources, around);
            }
        }
        around.pop();
    }

    /// Returns the table and number of a column; `None` if it comes from a subquery or a join.
    fn column(&self, expr: &Expr, around: &[&'a Query]) -> Option<(Oid, i16)> {
        let Expr::Column {
            level,
            relation,
            number,
        } = expr.uncast()
        else {
            return None;
        };
        let level = *level as usize;
        if level == around.len() {
            return (*relation == 1).then_some((self.table, *number));
        }
        let query = around.get(around.len().checked_sub(level + 1)?)?;
        match query.tables.get((*relation as usize).checked_sub(1)?)? {
            RangeEntry::Relation { oid, .. } => Some((Oid(*oid), *number)),
            RangeEntry::Join(columns) => {
                let place = usize::try_from(*number).ok()?.checked_sub(1)?;
                self.column(columns.get(place)?, around)
            }
            _ => None,
        }
    }

    fn add(&mut self, relation: Oid, column: i16, sources: BTreeSet<SessionSource>, direct: bool) {
        self.found.push(Comparison {
            table: self.table,
            relation,
            column,
            sources,
            direct,
        });
    }
}

fn columns_below<'a>(expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    if matches!(expr, Expr::Column { .. }) {
        found.push(expr);
    }
    for below in operands(expr) {
        columns_below(below, found);
    }
}

/// Returns the conditions of a query, split at AND.
fn conditions(query: &Query) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut items: Vec<&From> = query.from.iter().collect();
    let mut waiting: Vec<&Expr> = query.filter.iter().collect();
    while let Some(item) = items.pop() {
        if let From::Join {
            left, right, on, ..
        } = item
        {
            items.extend([left.as_ref(), right.as_ref()]);
            waiting.extend(on);
        }
    }
    while let Some(expr) = waiting.pop() {
        match expr {
            Expr::And(parts) => waiting.extend(parts),
            other => found.push(other),
        }
    }
    found
}
