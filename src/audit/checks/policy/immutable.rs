//! Functions that read the session but are declared to depend only on their arguments (PostgreSQL
//! manual, 38.7, Function Volatility Categories).

use super::{check, wording::listed};
use crate::audit::{
    catalog::Function,
    expression::{Expr, functions},
    findings::{Findings, Rule},
    model::Model,
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const SESSION: Rule = Rule {
    check: check(
        "policy-immutable-session",
        (Severity::High, Confidence::High),
        "an IMMUTABLE function reads the session",
        include_str!("../../../../docs/audit/policy-immutable-session.md"),
    ),
    run: session,
};

fn session(model: &Model, check: &Check, findings: &mut Findings) {
    for function in model
        .catalog
        .functions
        .values()
        .filter(|one| is_suspect(model, one))
    {
        let name = function.display();
        let policies = used_by(model, function);
        let used = match policies.as_slice() {
            [] => String::new(),
            [first, rest @ ..] if rest.len() > 2 => {
                format!("; {first} and {} other policies call it", rest.len())
            }
            all => {
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                format!(
                    "; {} {} it",
                    listed(&all),
                    if all.len() == 1 { "calls" } else { "call" }
                )
            }
        };
        let message = format!(
            "function {name} reads the session but is IMMUTABLE: a cached plan keeps the value of \
             the session's first tenant{used}"
        );
        let statement = format!("ALTER FUNCTION {} STABLE", function.quoted());
        let summary = "declare that the result may change between statements";
        let fix = Fix::mechanical(Phase::Functions, summary, [statement]);
        let severity = if policies.is_empty() {
            Severity::Medium
        } else {
            check.severity
        };
        findings.push(Finding::new(check, name, message, fix).severity(severity));
    }
}

fn is_suspect(model: &Model, function: &Function) -> bool {
    let call = Expr::Call {
        function: function.oid.0,
        args: Vec::new(),
    };
    function.volatility == "i"
        && function.kind == "f"
        && !function.of_extension
        && model.overrides.includes_schema(&function.schema)
        && !model.meaning.sources(&call).is_empty()
}

/// Returns the policies that call a function directly.
fn used_by(model: &Model, function: &Function) -> Vec<String> {
    let mut found = Vec::new();
    for relation in model.relations() {
        for policy in model.catalog.policies_of(relation.oid) {
            let read = model.meaning.policy(policy.oid);
            let mut exprs = read
                .into_iter()
                .flat_map(|read| read.using.iter().chain(&read.check));
            if exprs.any(|expr| functions(expr).contains(&function.oid.0)) {
                found.push(super::wording::policy_name(relation, policy));
            }
        }
    }
    found
}
