//! Read probes: a tenant's own rows, which must be visible, and the rows of others, which must not
//! be.

use super::statement::{Reply, Statement};
use crate::{
    audit::checks::probe::{
        field::{Field, Terms},
        judge::{refusal::Refusal, visitors},
        prepare::{
            known::Known,
            survey::Tenant,
            target::{CONTENTS, Readable, Target, Whose, objection},
        },
        stand::Stand,
        tried::Tried,
    },
    domain::audit::{ContextKind, Operation, Verdict},
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
    Ask {
        statement: Statement,
        question: Question,
        /// The narrower question.
        narrower: Option<Question>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The statement to paste into psql.
    shown: String,
    /// The same statement, with columns for a JSON document.
    asked: String,
    /// `true` if the auditor knows of rows that could be returned.
    certain: bool,
    /// `true` if the returned rows are shown to visitors on purpose.
    on_purpose: bool,
}

impl Question {
    fn new(target: &Target, columns: &Readable, condition: &str, certain: bool) -> Self {
        let from = &target.from;
        let select =
            |columns: &str| format!("SELECT {columns} FROM {from} t WHERE {condition} LIMIT 1");
        Self {
            shown: select(&columns.shown),
            asked: select(&columns.asked),
            certain,
            on_purpose: false,
        }
    }

    fn sql(&self) -> String {
        format!("SELECT pg_catalog.to_jsonb(s) FROM ({}) s", self.asked)
    }
}

/// Plans the attempts on one target.
pub(crate) fn plan(field: &Field<'_>, stand: Stand<'_>, place: usize) -> Vec<Planned> {
    let target = &field.targets[place];
    let planned = |operation, how| Planned {
        target: place,
        operation,
        how,
    };
    if target.whose == Whose::Contents {
        return vec![planned(Operation::Select, contents(field, stand, target))];
    }
    let mut all = Vec::new();
    if stand.is_named() {
        all.push(planned(Operation::Own, own(field, stand, place)));
    }
    let purpose = visitors::purpose(field, stand, target);
    if let Some(purpose) = &purpose {
        let without = format!("{purpose} IS NOT TRUE");
        all.push(planned(
            Operation::Select,
            others(field, stand, place, Some(&without)),
        ));
    }
    let mut rest = others(field, stand, place, None);
    if let (How::Ask { question, .. }, Some(_)) = (&mut rest, purpose) {
        question.on_purpose = true;
    }
    all.push(planned(Operation::Select, rest));
    all
}

fn contents(field: &Field<'_>, stand: Stand<'_>, target: &Target) -> How {
    let model = field.model;
    if let Some(function) = model.catalog.functions.get(&target.object) {
        let may = model.catalog.rights.executes(stand.role.oid, function.oid)
            && model
                .catalog
                .rights
                .uses_schema(stand.role.oid, &function.schema);
        if !may {
            return How::Known(Verdict::Blocked(format!(
                "{} may not call it",
                stand.role.name
            )));
        }
        if let Some(reason) = objection(model, function).filter(|_| !field.terms.force) {
            return How::Known(Verdict::Skipped(format!(
                "{reason}; use --force to call it"
            )));
        }
    }
    let Some(columns) = target.readable(model, stand.role) else {
        return may_not_read(stand);
    };
    let select =
        |columns: &str| format!("SELECT {columns} FROM {} t LIMIT {CONTENTS}", target.from);
    let (shown, asked) = (select(&columns.shown), select(&columns.asked));
    let sql = format!("SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM ({asked}) s");
    How::Ask {
        statement: Statement::read(sql),
        question: Question {
            shown,
            asked,
            certain: others_exist_below(field, stand, target),
            on_purpose: false,
        },
        narrower: None,
    }
}

/// `true` if the auditor knows of rows that must not be returned.
fn others_exist_below(field: &Field<'_>, stand: Stand<'_>, target: &Target) -> bool {
    let mut all = field.targets.iter().zip(field.known);
    all.any(|(source, known)| target.below.contains(&source.object) && others_exist(known, stand))
}

fn others_exist(known: &Known, stand: Stand<'_>) -> bool {
    known.other(stand.context).exist || (!stand.is_named() && known.own(stand.context).exist)
}

fn own(field: &Field<'_>, stand: Stand<'_>, place: usize) -> How {
    let (target, known) = (&field.targets[place], &field.known[place]);
    let Some(columns) = target.readable(field.model, stand.role) else {
        return may_not_read(stand);
    };
    let rows = known.own(stand.context);
    if known.blind.is_none() && !rows.exist {
        return How::Known(Verdict::NotApplicable(
            "the tenant has no row here".to_owned(),
        ));
    }
    let keys = std::slice::from_ref(&field.parties.own(stand.context).identity.tenant);
    match key_condition(field, stand, target, |key| key.is_one_of(keys)) {
        Some(condition) => ask(Question::new(target, &columns, &condition, true), None),
        None => known_rows(field, stand, place, &columns, &rows.ids, None),
    }
}

/// Plans reading the rows of others, limited by a condition if there is one.
fn others(field: &Field<'_>, stand: Stand<'_>, place: usize, only: Option<&str>) -> How {
    let (target, known) = (&field.targets[place], &field.known[place]);
    let Some(columns) = target.readable(field.model, stand.role) else {
        return may_not_read(stand);
    };
    let (own, other) = (known.own(stand.context), known.other(stand.context));
    if known.blind.is_none() && !others_exist(known, stand) {
        return How::Known(Verdict::NotApplicable(
            "no other tenant has a row here".to_owned(),
        ));
    }
    let party = field.parties.own(stand.context);
    let condition = key_condition(field, stand, target, |key| {
        if stand.is_named() {
            key.is_none_of(&party.tenants)
        } else {
            format!("{} IS NOT NULL", key.expression)
        }
    });
    if let Some(condition) = condition {
        let question = |condition: String, certain| {
            Question::new(target, &columns, &and(condition, only), certain)
        };
        let less = narrower(field, stand, place);
        return ask(
            question(condition, known.blind.is_none()),
            less.map(|(condition, certain)| question(condition, certain)),
        );
    }
    let mut ids = other.ids.clone();
    if !stand.is_named() {
        ids.extend(own.ids.iter().cloned());
    }
    known_rows(field, stand, place, &columns, &ids, only)
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
fn narrower(field: &Field<'_>, stand: Stand<'_>, place: usize) -> Option<(String, bool)> {
    let (target, known) = (&field.targets[place], &field.known[place]);
    let attacked: &[ContextKind] = match stand.context {
        ContextKind::A => &[ContextKind::B],
        ContextKind::B => &[ContextKind::A],
        _ => &[ContextKind::A, ContextKind::B],
    };
    let keys: Vec<String> = attacked
        .iter()
        .map(|context| field.parties.own(*context).identity.tenant.clone())
        .collect();
    let condition = key_condition(field, stand, target, |key| key.is_one_of(&keys))?;
    let certain = attacked.iter().any(|context| known.own(*context).exist);
    Some((condition, certain))
}

/// Returns a condition on the tenant key of the row called `t`; `None` if the target has none or
/// the role may not read it.
fn key_condition(
    field: &Field<'_>,
    stand: Stand<'_>,
    target: &Target,
    make: impl FnOnce(&Tenant) -> String,
) -> Option<String> {
    let Whose::Key(key) = target.whose else {
        return None;
    };
    let catalog = &field.model.catalog;
    let column = catalog.column(target.object, key)?;
    let readable = catalog
        .rights
        .on_column(stand.role.oid, target.object, key, "SELECT");
    readable.then(|| make(&Tenant::in_column(column)))
}

fn known_rows(
    field: &Field<'_>,
    stand: Stand<'_>,
    place: usize,
    columns: &Readable,
    ids: &[Vec<String>],
    only: Option<&str>,
) -> How {
    let target = &field.targets[place];
    if let Some(reason) = &field.known[place].blind {
        return How::Known(Verdict::Skipped(format!(
            "the auditor sees no rows here: {reason}"
        )));
    }
    if ids.is_empty() || !target.id_is_readable(field.model, stand.role.oid) {
        return How::Known(Verdict::NotApplicable(format!(
            "{} can read no column that identifies the tenant of a row",
            stand.role.name
        )));
    }
    ask(
        Question::new(target, columns, &and(target.is_one_of(ids), only), true),
        None,
    )
}

fn may_not_read(stand: Stand<'_>) -> How {
    How::Known(Verdict::Blocked(format!(
        "{} may not read it",
        stand.role.name
    )))
}

fn ask(question: Question, narrower: Option<Question>) -> How {
    let less = narrower.as_ref().map(Question::sql);
    How::Ask {
        statement: Statement::read(question.sql()).or_narrower(less),
        question,
        narrower,
    }
}

/// Returns the verdict for a reply. Contents are classified elsewhere: the tenant of their rows is
/// not known yet.
pub(crate) fn judge<'a>(
    terms: Terms<'_>,
    stand: Stand<'a>,
    planned: Planned,
    reply: Option<Reply>,
) -> Tried<'a> {
    let tried = |verdict| Tried::new(planned.target, stand, planned.operation, verdict);
    let (question, narrower) = match planned.how {
        How::Known(verdict) => return tried(verdict),
        How::Ask {
            question, narrower, ..
        } => (question, narrower),
    };
    let reply = reply.unwrap_or_default();
    let question = narrower.filter(|_| reply.narrowed).unwrap_or(question);
    if let Some(refusal) = reply.refusal {
        return tried(refused(terms, stand, &refusal));
    }
    match (reply.value, planned.operation) {
        (Some(_), Operation::Own) => tried(Verdict::Allowed),
        (Some(row), _) => Tried {
            row: Some(row),
            on_purpose: question.on_purpose,
            ..tried(Verdict::Leak(question.shown))
        },
        (None, Operation::Own) => tried(Verdict::Blocked("no row is visible".to_owned())),
        (None, _) if question.certain => tried(Verdict::Blocked("no row is reached".to_owned())),
        (None, _) if reply.narrowed => tried(Verdict::Skipped(
            "scanning every row took too long, and no row of the other tenant is known".to_owned(),
        )),
        (None, _) => tried(Verdict::NotApplicable(
            "no row of another tenant is known".to_owned(),
        )),
    }
}

fn refused(terms: Terms<'_>, stand: Stand<'_>, refusal: &Refusal) -> Verdict {
    let message = refusal.said(terms.show_values);
    if stand.is_shut_by(refusal) {
        Verdict::Blocked(message)
    } else {
        Verdict::Skipped(message)
    }
}
