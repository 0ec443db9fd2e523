//! Functions that may run before a policy is evaluated (PostgreSQL manual, CREATE FUNCTION and
//! 41.5: LEAKPROOF functions may be evaluated before the conditions of a security barrier).

use super::check;
use crate::audit::{
    findings::{Findings, Rule},
    model::Model,
    report::{Check, Finding, Fix, Phase, Severity},
};

pub(super) const LEAKPROOF: Rule = Rule {
    check: check(
        "function-leakproof",
        Severity::Medium,
        "a user-defined function is marked LEAKPROOF",
        include_str!("../../../../docs/audit/function-leakproof.md"),
    ),
    run: leakproof,
};

fn leakproof(model: &Model, check: &Check, findings: &mut Findings) {
    let functions = model.catalog.functions.values();
    let marked = functions.filter(|function| {
        function.leakproof
            && !function.of_extension
            && model.overrides.includes_schema(&function.schema)
    });
    for function in marked {
        let name = function.display();
        let message = format!(
            "function {name} is LEAKPROOF: a query may call it on rows that the policy would hide"
        );
        let statement = format!("ALTER FUNCTION {} NOT LEAKPROOF", function.quoted());
        let fix = Fix::mechanical(
            Phase::Functions,
            "remove the attribute, so that the policy is evaluated first",
            [statement],
        );
        findings.push(Finding::new(check, name, message, fix));
    }
}
