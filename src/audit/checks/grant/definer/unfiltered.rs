//! Functions that return or change rows of tenants as a role that no policy applies to.

use super::{
    Definer,
    body::{Body, Reader},
    called,
    dynamic::Handed,
    text::Access,
    triggers,
};
use crate::audit::{
    catalog::{Function, Oid},
    checks::grant::check,
    findings::{Claim, Findings, Rule},
    model::{Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

/// Types of values that only reveal a number or a time, not the contents of a row.
const MEASURES: &[&str] = &[
    "bigint",
    "integer",
    "smallint",
    "numeric",
    "real",
    "double precision",
    "date",
    "timestamp with time zone",
    "timestamp without time zone",
];

pub(in crate::audit::checks::grant) const UNFILTERED: Rule = Rule {
    check: check(
        "definer-unfiltered",
        Severity::High,
        "a SECURITY DEFINER function reaches rows of all tenants",
        include_str!("../../../../../docs/audit/definer-unfiltered.md"),
    ),
    run: unfiltered,
};

fn unfiltered(model: &Model, check: &Check, findings: &mut Findings) {
    triggers::unfiltered(model, check, findings);
    let definers = called(model);
    if definers.is_empty() {
        return;
    }
    let reader = Reader::new(model);
    for definer in definers {
        match reader.read(definer.function) {
            Err(reason) => findings.skip(check.id, Some(definer.function.display()), reason),
            // A check of the session does not restrict a statement that the caller writes.
            Ok(body) if body.guarded && body.handed != Handed::Statement => {}
            Ok(body) => {
                if let Some(exposure) = exposure(model, &definer, &body) {
                    report(model, check, &definer, exposure, findings);
                }
            }
        }
    }
}

/// Effect of a function on other tenants.
struct Exposure {
    what: String,
    severity: Severity,
    confidence: Confidence,
    reads: bool,
    /// `true` if it checks the session, which does not restrict it.
    asks: bool,
}

fn exposure(model: &Model, definer: &Definer<'_>, body: &Body) -> Option<Exposure> {
    if let Some(what) = effect_of_input(definer.function, body)
        && model
            .tenant_tables()
            .any(|table| definer.opens(model, table))
    {
        return Some(Exposure {
            what: what.to_owned(),
            severity: Severity::High,
            confidence: Confidence::High,
            reads: true,
            asks: body.guarded,
        });
    }
    let open = |wanted: fn(Access) -> bool| -> Vec<Oid> {
        let touched = body.touched.iter().filter(|(_, access)| wanted(*access));
        let opened = touched.filter(|(oid, _)| {
            let relation = model.catalog.relations.get(oid);
            relation.is_some_and(|relation| definer.opens(model, relation))
        });
        opened.map(|(oid, _)| *oid).collect()
    };
    let mut written = open(|access| access != Access::Read);
    // A new row in the table of tenants is a new tenant, not a row of another one.
    written.retain(|oid| !(is_root(model, *oid) && only_inserts(body, *oid)));
    if !written.is_empty() {
        return Some(Exposure {
            what: format!("writes {}", names(model, &written)),
            severity: Severity::High,
            confidence: Confidence::Medium,
            reads: false,
            asks: false,
        });
    }
    let read = open(|access| access == Access::Read);
    let severity = returned(definer.function)?;
    if read.is_empty() || body.by_secret {
        return None;
    }
    let only_root = read.iter().all(|oid| is_root(model, *oid));
    Some(Exposure {
        what: format!("reads {}", names(model, &read)),
        severity: if only_root {
            Severity::Medium
        } else {
            severity
        },
        confidence: Confidence::Medium,
        reads: true,
        asks: false,
    })
}

/// Returns the effect of input from the caller on the statements of a function. A table name only
/// matters if the function returns a value: creating a partition by name reveals nothing.
fn effect_of_input(function: &Function, body: &Body) -> Option<&'static str> {
    match body.handed {
        Handed::Statement => Some("runs input of its caller as part of a statement"),
        Handed::Name if returned(function).is_some() => Some("reads a table that its caller names"),
        _ => None,
    }
}

/// Returns the severity of a function that returns data of all tenants; `None` if it returns
/// nothing or only a Boolean.
fn returned(function: &Function) -> Option<Severity> {
    let name = function.return_type_name.as_str();
    if function.returns_set {
        Some(Severity::High)
    } else if matches!(name, "void" | "boolean" | "-") {
        None
    } else if MEASURES.contains(&name) {
        Some(Severity::Medium)
    } else {
        Some(Severity::High)
    }
}

fn is_root(model: &Model, relation: Oid) -> bool {
    matches!(model.tenancy.of(relation), Belonging::Root(_))
}

fn only_inserts(body: &Body, relation: Oid) -> bool {
    !body.touched.contains(&(relation, Access::Change))
}

fn names(model: &Model, relations: &[Oid]) -> String {
    let relations = relations
        .iter()
        .filter_map(|oid| model.catalog.relations.get(oid));
    let mut names: Vec<String> = relations.map(|relation| relation.display()).collect();
    names.dedup();
    names.join(" and ")
}

fn report(
    model: &Model,
    check: &Check,
    definer: &Definer<'_>,
    exposure: Exposure,
    findings: &mut Findings,
) {
    let function = definer.function;
    let name = function.display();
    let owner = model.catalog.role_name(function.owner);
    let message = format!(
        "function {name} {} as {owner}, and no policy applies to that role there{}; {} may call it",
        exposure.what,
        if exposure.asks {
            ""
        } else {
            "; it does not check the tenant of the session"
        },
        definer.callers()
    );
    let statement = format!("ALTER ROUTINE {} SECURITY INVOKER", function.quoted());
    let summary = "let it run with the privileges of its caller, or filter by the session's \
                   tenant in the body";
    let fix = Fix::proposal(Phase::Functions, summary, [statement]);
    let mut finding = Finding::new(check, &name, message, fix)
        .severity(exposure.severity)
        .confidence(exposure.confidence);
    if function.required_arguments > 0 {
        finding = finding.fact("its caller chooses the arguments, so they are not a filter");
    }
    let probed = exposure.reads && function.returns_set && function.required_arguments == 0;
    let claims = if probed {
        vec![Claim::reads(function.oid)]
    } else {
        Vec::new()
    };
    findings.suspect(finding, claims);
}
