//! Trigger functions that find rows by a written value, as a role that no policy applies to. They
//! return nothing to a caller, but may copy a found row into the written one, or change the found
//! row. The writer of a reference can choose the tenant.

use super::{
    Definer,
    body::{Body, Reader},
    fired, fires,
    text::{Access, Text},
};
use crate::audit::{
    catalog::Relation,
    findings::Findings,
    model::{Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) fn unfiltered(model: &Model, check: &Check, findings: &mut Findings) {
    let definers = fired(model);
    if definers.is_empty() {
        return;
    }
    let reader = Reader::new(model);
    for definer in definers {
        // A function that could not be parsed is assumed to be harmless, because few triggers do
        // this.
        let Ok(body) = reader.read(definer.function) else {
            continue;
        };
        if let Some(finding) = judged(model, check, &definer, &body) {
            findings.push(finding);
        }
    }
}

fn judged(model: &Model, check: &Check, definer: &Definer<'_>, body: &Body) -> Option<Finding> {
    if body.guarded || body.by_secret {
        return None;
    }
    let opened = body.touched.iter().find_map(|(oid, access)| {
        let relation = model.catalog.relations.get(oid)?;
        let found = *access != Access::Insert && definer.opens(model, relation);
        found.then_some((relation, *access))
    });
    let (found, access) = opened?;
    let function = definer.function;
    let text = Text::read(&function.source)?;
    let key_of = |oid| Some(model.column_name(oid, model.tenancy.key(oid)?));
    let triggers = model.catalog.triggers.values().flatten();
    let (table, trigger, column) = triggers
        .filter(|trigger| trigger.enabled && trigger.function == function.oid)
        .filter(|trigger| {
            let mut callers = definer.callers.iter();
            callers.any(|role| fires(model, role, trigger))
        })
        .find_map(|trigger| {
            let table = model.catalog.relations.get(&trigger.relation)?;
            let keys = [key_of(table.oid), key_of(found.oid)];
            if keys.into_iter().flatten().any(|key| text.names(key)) {
                return None;
            }
            let mut looked_up = text.looked_up().into_iter();
            let column = looked_up.find(|name| is_chosen(model, table, name))?;
            Some((table, trigger, column))
        })?;
    let name = function.display();
    let message = format!(
        "function {name}, which trigger {} calls when {} writes {}, {} {} as {}, and no policy \
         applies to that role there; it finds rows by {column}, which may refer to another tenant",
        trigger.name,
        definer.callers(),
        table.display(),
        if access == Access::Read {
            "reads"
        } else {
            "changes"
        },
        found.display(),
        model.catalog.role_name(function.owner)
    );
    let statement = format!("ALTER ROUTINE {} SECURITY INVOKER", function.quoted());
    let summary = "let it run with the privileges of the writer, or compare the tenant of both \
                   rows in the body";
    let fix = Fix::proposal(Phase::Functions, summary, [statement]);
    let finding = Finding::new(check, name, message, fix)
        .severity(Severity::Medium)
        .confidence(Confidence::Medium);
    Some(finding)
}

/// `true` if the writer of a row can refer to any tenant with that column: it is not the row's own
/// key, does not determine the tenant of the row, and is not restricted to the tenant by a foreign
/// key.
fn is_chosen(model: &Model, table: &Relation, name: &str) -> bool {
    let Some(column) = model.catalog.column_named(table.oid, name) else {
        return false;
    };
    let number = column.number;
    let key = model.tenancy.key(table.oid);
    let leads = match model.tenancy.of(table.oid) {
        Belonging::Child(link) => link.columns.contains(&number),
        _ => false,
    };
    let mut foreign = model.catalog.foreign_keys(table.oid);
    let kept = foreign.any(|one| {
        let there = model.tenancy.key(one.target);
        let carries = |(from, to): (i16, i16)| key == Some(from) && there == Some(to);
        one.columns.contains(&number)
            && (one.pairs().any(carries) || !model.tenancy.is_tenants(one.target))
    });
    let own = model.catalog.primary_key(table.oid).contains(&number);
    !(own || leads || kept || key == Some(number))
}
