//! Read probes: a tenant's own rows, which must be visible, and the rows of others, which must not
//! be.

use super::statement::{Reply, Statement};
use crate::audit::{
    checks::probe::{
        attempt::ProbeAttempt,
        identity::ProbeIdentity,
        inputs::{ProbeInputs, SharedOptions},
        judge::{public_rows, refusal::Refusal},
        prepare::{
            known::KnownRows,
            survey::TenantExpression,
            target::{Readable, Target, TenantSource, UNKEYED_ROWS, objection},
        },
    },
    report::{ContextKind, Operation, Verdict},
};

/// One planned attempt to read.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) target: usize,
    pub(crate) operation: Operation,
    pub(crate) how: How,
}

#[derive(Clone, Debug)]
pub(crate) enum How {
    /// The verdict is known without a query.
    Known(Verdict),
    Run {
        statement: Statement,
        query: ReadQuery,
        /// The narrower query.
        narrower: Option<ReadQuery>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct ReadQuery {
    /// The statement to paste into psql.
    shown: String,
    /// The same statement, with columns for a JSON document.
    executed: String,
    /// `true` if the auditor knows of rows that could be returned.
    rows_known: bool,
    /// `true` if the returned rows are shown to the anonymous role on purpose.
    is_public: bool,
}

impl ReadQuery {
    fn new(target: &Target, columns: &Readable, condition: &str, rows_known: bool) -> Self {
        let from = &target.from;
        let select =
            |columns: &str| format!("SELECT {columns} FROM {from} t WHERE {condition} LIMIT 1");
        Self {
            shown: select(&columns.shown),
            executed: select(&columns.executed),
            rows_known,
            is_public: false,
        }
    }

    fn sql(&self) -> String {
        format!("SELECT pg_catalog.to_jsonb(s) FROM ({}) s", self.executed)
    }
}

/// Plans the attempts on one target.
pub(crate) fn plan(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    place: usize,
) -> Vec<Planned> {
    let target = &inputs.targets[place];
    let planned = |operation, how| Planned {
        target: place,
        operation,
        how,
    };
    if target.tenant_source == TenantSource::Values {
        return vec![planned(
            Operation::Select,
            by_values(inputs, identity, target),
        )];
    }
    let mut all = Vec::new();
    if identity.has_tenant() {
        all.push(planned(Operation::Own, own(inputs, identity, place)));
    }
    let public = public_rows::public_condition(inputs, identity, target);
    if let Some(public) = &public {
        let without = format!("{public} IS NOT TRUE");
        all.push(planned(
            Operation::Select,
            others(inputs, identity, place, Some(&without)),
        ));
    }
    let mut rest = others(inputs, identity, place, None);
    if let (How::Run { query, .. }, Some(_)) = (&mut rest, public) {
        query.is_public = true;
    }
    all.push(planned(Operation::Select, rest));
    all
}

fn by_values(inputs: &ProbeInputs<'_>, identity: ProbeIdentity<'_>, target: &Target) -> How {
    let model = inputs.model;
    if let Some(function) = model.catalog.functions.get(&target.object) {
        let may = model
            .catalog
            .rights
            .executes(identity.role.oid, function.oid)
            && model
                .catalog
                .rights
                .uses_schema(identity.role.oid, &function.schema);
        if !may {
            return How::Known(Verdict::Blocked(format!(
                "{} may not call it",
                identity.role.name
            )));
        }
        if let Some(reason) = objection(model, function).filter(|_| !inputs.options.force) {
            return How::Known(Verdict::Skipped(format!(
                "{reason}; use --force to call it"
            )));
        }
    }
    let Some(columns) = target.readable(model, identity.role) else {
        return may_not_read(identity);
    };
    let select = |columns: &str| {
        format!(
            "SELECT {columns} FROM {} t LIMIT {UNKEYED_ROWS}",
            target.from
        )
    };
    let (shown, executed) = (select(&columns.shown), select(&columns.executed));
    let sql = format!("SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM ({executed}) s");
    How::Run {
        statement: Statement::read(sql),
        query: ReadQuery {
            shown,
            executed,
            rows_known: others_exist_below(inputs, identity, target),
            is_public: false,
        },
        narrower: None,
    }
}

/// `true` if the auditor knows of rows that must not be returned.
fn others_exist_below(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
) -> bool {
    let mut all = inputs.targets.iter().zip(inputs.known);
    all.any(|(source, known)| {
        target.below.contains(&source.object) && others_exist(known, identity)
    })
}

fn others_exist(known: &KnownRows, identity: ProbeIdentity<'_>) -> bool {
    known.other(identity.context).exist
        || (!identity.has_tenant() && known.own(identity.context).exist)
}

fn own(inputs: &ProbeInputs<'_>, identity: ProbeIdentity<'_>, place: usize) -> How {
    let (target, known) = (&inputs.targets[place], &inputs.known[place]);
    let Some(columns) = target.readable(inputs.model, identity.role) else {
        return may_not_read(identity);
    };
    let rows = known.own(identity.context);
    if known.unreadable.is_none() && !rows.exist {
        return How::Known(Verdict::NotApplicable(
            "the tenant has no row here".to_owned(),
        ));
    }
    let keys = std::slice::from_ref(&inputs.pair.own(identity.context).user.tenant);
    match key_condition(inputs, identity, target, |key| key.is_one_of(keys)) {
        Some(condition) => run(ReadQuery::new(target, &columns, &condition, true), None),
        None => known_rows(inputs, identity, place, &columns, &rows.ids, None),
    }
}

/// Plans reading the rows of others, limited by a condition if there is one.
fn others(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    place: usize,
    only: Option<&str>,
) -> How {
    let (target, known) = (&inputs.targets[place], &inputs.known[place]);
    let Some(columns) = target.readable(inputs.model, identity.role) else {
        return may_not_read(identity);
    };
    let (own, other) = (known.own(identity.context), known.other(identity.context));
    if known.unreadable.is_none() && !others_exist(known, identity) {
        return How::Known(Verdict::NotApplicable(
            "no other tenant has a row here".to_owned(),
        ));
    }
    let tenant = inputs.pair.own(identity.context);
    let condition = key_condition(inputs, identity, target, |key| {
        if identity.has_tenant() {
            key.is_none_of(&tenant.tenants)
        } else {
            format!("{} IS NOT NULL", key.expression)
        }
    });
    if let Some(condition) = condition {
        let query = |condition: String, rows_known| {
            ReadQuery::new(target, &columns, &and(condition, only), rows_known)
        };
        let less = narrower(inputs, identity, place);
        return run(
            query(condition, known.unreadable.is_none()),
            less.map(|(condition, rows_known)| query(condition, rows_known)),
        );
    }
    let mut ids = other.ids.clone();
    if !identity.has_tenant() {
        ids.extend(own.ids.iter().cloned());
    }
    known_rows(inputs, identity, place, &columns, &ids, only)
}

fn and(condition: String, only: Option<&str>) -> String {
    match only {
        Some(only) => format!("{condition} AND {only}"),
        None => condition,
    }
}

/// Returns a condition on the rows of the two tenants, and whether the auditor knows of some.
/// Reading the rows of all others may scan the whole table; an index finds those of the two
/// tenants.
fn narrower(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    place: usize,
) -> Option<(String, bool)> {
    let (target, known) = (&inputs.targets[place], &inputs.known[place]);
    let others: &[ContextKind] = match identity.context {
        ContextKind::A => &[ContextKind::B],
        ContextKind::B => &[ContextKind::A],
        _ => &[ContextKind::A, ContextKind::B],
    };
    let keys: Vec<String> = others
        .iter()
        .map(|context| inputs.pair.own(*context).user.tenant.clone())
        .collect();
    let condition = key_condition(inputs, identity, target, |key| key.is_one_of(&keys))?;
    let rows_known = others.iter().any(|context| known.own(*context).exist);
    Some((condition, rows_known))
}

/// Returns a condition on the tenant key of the row called `t`; `None` if the target has none or
/// the role may not read it.
fn key_condition(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
    make: impl FnOnce(&TenantExpression) -> String,
) -> Option<String> {
    let TenantSource::Key(key) = target.tenant_source else {
        return None;
    };
    let catalog = &inputs.model.catalog;
    let column = catalog.column(target.object, key)?;
    let readable = catalog
        .rights
        .on_column(identity.role.oid, target.object, key, "SELECT");
    readable.then(|| make(&TenantExpression::in_column(column)))
}

fn known_rows(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    place: usize,
    columns: &Readable,
    ids: &[Vec<String>],
    only: Option<&str>,
) -> How {
    let target = &inputs.targets[place];
    if let Some(reason) = &inputs.known[place].unreadable {
        return How::Known(Verdict::Skipped(format!(
            "the auditor sees no rows here: {reason}"
        )));
    }
    if ids.is_empty() || !target.id_is_readable(inputs.model, identity.role.oid) {
        return How::Known(Verdict::NotApplicable(format!(
            "{} can read no column that identifies the tenant of a row",
            identity.role.name
        )));
    }
    run(
        ReadQuery::new(target, columns, &and(target.is_one_of(ids), only), true),
        None,
    )
}

fn may_not_read(identity: ProbeIdentity<'_>) -> How {
    How::Known(Verdict::Blocked(format!(
        "{} may not read it",
        identity.role.name
    )))
}

fn run(query: ReadQuery, narrower: Option<ReadQuery>) -> How {
    let less = narrower.as_ref().map(ReadQuery::sql);
    How::Run {
        statement: Statement::read(query.sql()).or_narrower(less),
        query,
        narrower,
    }
}

/// Returns the verdict for a reply. Contents are classified elsewhere: the tenant of their rows is
/// not known yet.
pub(crate) fn judge<'a>(
    options: SharedOptions<'_>,
    identity: ProbeIdentity<'a>,
    planned: Planned,
    reply: Option<Reply>,
) -> ProbeAttempt<'a> {
    let attempt = |verdict| ProbeAttempt::new(planned.target, identity, planned.operation, verdict);
    let (query, narrower) = match planned.how {
        How::Known(verdict) => return attempt(verdict),
        How::Run {
            query, narrower, ..
        } => (query, narrower),
    };
    let reply = reply.unwrap_or_default();
    let query = narrower.filter(|_| reply.narrowed).unwrap_or(query);
    if let Some(refusal) = reply.refusal {
        return attempt(refused(options, identity, &refusal));
    }
    match (reply.value, planned.operation) {
        (Some(_), Operation::Own) => attempt(Verdict::Allowed),
        (Some(row), _) => ProbeAttempt {
            row: Some(row),
            is_public: query.is_public,
            ..attempt(Verdict::Leak(query.shown))
        },
        (None, Operation::Own) => attempt(Verdict::Blocked("no row is visible".to_owned())),
        (None, _) if query.rows_known => attempt(Verdict::Blocked("no row is reached".to_owned())),
        (None, _) if reply.narrowed => attempt(Verdict::Skipped(
            "scanning every row took too long, and no row of the other tenant is known".to_owned(),
        )),
        (None, _) => attempt(Verdict::NotApplicable(
            "no row of another tenant is known".to_owned(),
        )),
    }
}

fn refused(options: SharedOptions<'_>, identity: ProbeIdentity<'_>, refusal: &Refusal) -> Verdict {
    let message = refusal.text(options.show_values);
    if identity.is_blocked_by(refusal) {
        Verdict::Blocked(message)
    } else {
        Verdict::Skipped(message)
    }
}
