//! Policies that trust metadata that users can edit in their own account (Supabase, "Row Level
//! Security": `raw_user_meta_data` can be updated by the user).

use super::{
    effective::{Effective, Side, expression, protected, text},
    wording::policy_name,
};
use crate::{
    audit::{
        catalog::{Policy, Relation},
        expression::reads_user_metadata,
        findings::Findings,
        model::Model,
        report::{Check, Finding, Fix, Phase},
    },
    quoting::identifier,
};

pub(super) fn trusted(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    for relation in protected(model) {
        let mut roles = model.roles_on(relation);
        roles.retain(|role| model.is_bound(role.oid, relation));
        for policy in model
            .catalog
            .policies_of(relation.oid)
            .iter()
            .filter(|one| one.permissive)
        {
            let applies = roles.iter().any(|role| effective.applies(policy, role.oid));
            let Some(side) = trusting_side(model, policy).filter(|_| applies) else {
                continue;
            };
            let message = format!(
                "{} checks user_metadata, which users can change in their own account: a user can \
                 set another tenant there and get access",
                policy_name(relation, policy)
            );
            let finding = Finding::new(check, relation.display(), message, fix(relation, policy))
                .part(&policy.name)
                .fact(text(policy, side).unwrap_or_default());
            findings.push(finding);
        }
    }
}

/// Returns the first side of a policy that reads metadata that users can edit.
fn trusting_side(model: &Model, policy: &Policy) -> Option<Side> {
    [Side::Reached, Side::Written].into_iter().find(|side| {
        let expr = expression(model, policy, *side);
        expr.is_some_and(|expr| reads_user_metadata(expr, &|oid| model.meaning.function(oid)))
    })
}

/// Returns the fix: Supabase has separate metadata in the same token that only the server writes.
fn fix(relation: &Relation, policy: &Policy) -> Fix {
    const EDITED: &str = "'user_metadata'";
    let summary = "check app_metadata instead, which only the server writes";
    let mut clauses = String::new();
    for (clause, text) in [
        ("USING", &policy.using_text),
        ("WITH CHECK", &policy.check_text),
    ] {
        if let Some(text) = text.as_ref().filter(|text| text.contains(EDITED)) {
            clauses.push_str(&format!(
                " {clause} ({})",
                text.replace(EDITED, "'app_metadata'")
            ));
        }
    }
    if clauses.is_empty() {
        return Fix::advice(Phase::Policies, summary);
    }
    let (name, table) = (identifier(&policy.name), relation.quoted());
    Fix::proposal(
        Phase::Policies,
        summary,
        [format!("ALTER POLICY {name} ON {table}{clauses}")],
    )
}
