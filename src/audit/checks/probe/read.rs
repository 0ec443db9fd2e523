//! Reading: one's own rows, which must be there, and everybody else's, which must not.

use super::{
    batch::{Refusal, Reply, Statement},
    field::{Field, Stand, Tried},
    target::{CONTENTS, Target, Whose, objection, typed},
};
use crate::{
    domain::audit::{Operation, Verdict},
    quoting::identifier,
};

/// What comes of one attempt to read.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) target: usize,
    pub(super) operation: Operation,
    pub(super) how: How,
}

#[derive(Clone, Debug)]
pub(super) enum How {
    /// It is decided without asking.
    Known(Verdict),
    Ask {
        /// What is pasted into psql.
        shown: String,
        statement: Statement,
        /// Whether the auditor knows of rows that could come back.
        certain: bool,
    },
}

/// The attempts on one target.
pub(super) fn plan(field: &Field<'_>, stand: Stand<'_>, place: usize) -> Vec<Planned> {
    let target = &field.targets[place];
    let planned = |operation, how| Planned {
        target: place,
        operation,
        how,
    };
    if target.whose == Whose::Contents {
        return vec![planned(Operation::Select, contents(field, stand, target))];
    }
    let select = planned(Operation::Select, others(field, stand, place));
    if stand.is_named() {
        vec![planned(Operation::Own, own(field, stand, place)), select]
    } else {
        vec![select]
    }
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
        if let Some(reason) = objection(model, function).filter(|_| !field.force) {
            return How::Known(Verdict::Skipped(format!("{reason}: --force calls it")));
        }
    }
    let Some(columns) = target.readable(model, stand.role) else {
        return may_not_read(stand);
    };
    let shown = format!("SELECT {columns} FROM {} t LIMIT {CONTENTS}", target.from);
    let sql = format!("SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM ({shown}) s");
    How::Ask {
        statement: Statement::read(sql),
        shown,
        certain: true,
    }
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
    match key_condition(field, stand, target, |column, values| {
        format!("{column} IN ({})", values(keys))
    }) {
        Some(condition) => ask(target, &columns, &condition, true),
        None => known_rows(field, stand, place, &columns, &rows.ids),
    }
}

fn others(field: &Field<'_>, stand: Stand<'_>, place: usize) -> How {
    let (target, known) = (&field.targets[place], &field.known[place]);
    let Some(columns) = target.readable(field.model, stand.role) else {
        return may_not_read(stand);
    };
    let (own, other) = (known.own(stand.context), known.other(stand.context));
    let exist = other.exist || (!stand.is_named() && own.exist);
    if known.blind.is_none() && !exist {
        return How::Known(Verdict::NotApplicable(
            "no other tenant has a row here".to_owned(),
        ));
    }
    let party = field.parties.own(stand.context);
    let condition = key_condition(field, stand, target, |column, values| {
        if stand.is_named() {
            format!("{column} NOT IN ({})", values(&party.tenants))
        } else {
            format!("{column} IS NOT NULL")
        }
    });
    if let Some(condition) = condition {
        return ask(target, &columns, &condition, known.blind.is_none());
    }
    let mut ids = other.ids.clone();
    if !stand.is_named() {
        ids.extend(own.ids.iter().cloned());
    }
    known_rows(field, stand, place, &columns, &ids)
}

/// A condition on the tenant key of the row called `t`; none where the target has none or the
/// role may not read it.
fn key_condition(
    field: &Field<'_>,
    stand: Stand<'_>,
    target: &Target,
    make: impl FnOnce(&str, &dyn Fn(&[String]) -> String) -> String,
) -> Option<String> {
    let Whose::Key(key) = target.whose else {
        return None;
    };
    let catalog = &field.model.catalog;
    let column = catalog.column(target.object, key)?;
    let readable = catalog
        .rights
        .on_column(stand.role.oid, target.object, key, "SELECT");
    let values = |keys: &[String]| {
        let values: Vec<String> = keys
            .iter()
            .map(|key| typed(key, &column.type_name))
            .collect();
        values.join(", ")
    };
    readable.then(|| make(&format!("t.{}", identifier(&column.name)), &values))
}

fn known_rows(
    field: &Field<'_>,
    stand: Stand<'_>,
    place: usize,
    columns: &str,
    ids: &[Vec<String>],
) -> How {
    let target = &field.targets[place];
    if let Some(reason) = &field.known[place].blind {
        return How::Known(Verdict::Skipped(format!(
            "the auditor sees no rows here: {reason}"
        )));
    }
    if ids.is_empty() || !target.id_is_readable(field.model, stand.role.oid) {
        return How::Known(Verdict::NotApplicable(format!(
            "{} reads no column that tells whose a row is",
            stand.role.name
        )));
    }
    ask(target, columns, &target.is_one_of(ids), true)
}

fn may_not_read(stand: Stand<'_>) -> How {
    How::Known(Verdict::Blocked(format!(
        "{} may not read it",
        stand.role.name
    )))
}

fn ask(target: &Target, columns: &str, condition: &str, certain: bool) -> How {
    let shown = format!(
        "SELECT {columns} FROM {} t WHERE {condition} LIMIT 1",
        target.from
    );
    How::Ask {
        statement: Statement::read(format!("SELECT pg_catalog.to_jsonb(s) FROM ({shown}) s")),
        shown,
        certain,
    }
}

/// What a reply means. Contents are judged elsewhere: their rows do not yet say whose they are.
pub(super) fn judge<'a>(stand: Stand<'a>, planned: Planned, reply: Option<Reply>) -> Tried<'a> {
    let tried = |verdict| Tried::new(planned.target, stand, planned.operation, verdict);
    let (shown, certain) = match planned.how {
        How::Known(verdict) => return tried(verdict),
        How::Ask { shown, certain, .. } => (shown, certain),
    };
    let reply = reply.unwrap_or_default();
    if let Some(refusal) = reply.refusal {
        return tried(refused(stand, &refusal));
    }
    match (reply.value, planned.operation) {
        (Some(_), Operation::Own) => tried(Verdict::Allowed),
        (Some(row), _) => Tried {
            row: Some(row),
            ..tried(Verdict::Leak(shown))
        },
        (None, Operation::Own) => tried(Verdict::Blocked("no row is visible".to_owned())),
        (None, _) if certain => tried(Verdict::Blocked("no row is reached".to_owned())),
        (None, _) => tried(Verdict::NotApplicable(
            "no row of another tenant is known".to_owned(),
        )),
    }
}

fn refused(stand: Stand<'_>, refusal: &Refusal) -> Verdict {
    let message = refusal.message.clone();
    if stand.is_shut_by(refusal) {
        Verdict::Blocked(message)
    } else {
        Verdict::Skipped(message)
    }
}
