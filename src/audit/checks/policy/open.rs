//! Checks for policies that let rows of other tenants pass, one check per kind of mistake. The
//! combined effect of all policies decides: a policy that another one makes harmless is not
//! reported.

use super::{
    check,
    effective::Effective,
    gaps::{Faulty, Mistake, faulty},
    remedy::{Convention, fix},
    wording::{facts, message},
};
use crate::audit::{
    catalog::PolicyCommand,
    expression::Why,
    findings::{Findings, Rule},
    model::{Belonging, Model},
    report::{Check, Confidence, Finding, Severity},
};

pub(super) const ALWAYS_TRUE: Rule = Rule {
    check: check(
        "policy-always-true",
        (Severity::High, Confidence::High),
        "a policy lets every row pass",
        include_str!("../../../../docs/audit/policy-always-true.md"),
    ),
    run: |model, check, findings| {
        name_readers_of_all(model, check, findings);
        report(model, check, Mistake::AlwaysTrue, findings);
    },
};

pub(super) const IGNORES_TENANT: Rule = Rule {
    check: check(
        "policy-ignores-tenant",
        (Severity::High, Confidence::High),
        "a policy does not check the tenant of the row",
        include_str!("../../../../docs/audit/policy-ignores-tenant.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::IgnoresTenant, findings),
};

pub(super) const WRONG_COLUMN: Rule = Rule {
    check: check(
        "policy-wrong-column",
        (Severity::High, Confidence::Medium),
        "a policy compares the session's tenant with a column that does not name the tenant",
        include_str!("../../../../docs/audit/policy-wrong-column.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::WrongColumn, findings),
};

pub(super) const LOOSE_COMPARISON: Rule = Rule {
    check: check(
        "policy-loose-comparison",
        (Severity::High, Confidence::High),
        "a policy compares the tenant by an operator other than equality",
        include_str!("../../../../docs/audit/policy-loose-comparison.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::LooseComparison, findings),
};

pub(super) const SELF_COMPARISON: Rule = Rule {
    check: check(
        "policy-self-comparison",
        (Severity::High, Confidence::High),
        "a policy compares a column with itself",
        include_str!("../../../../docs/audit/policy-self-comparison.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::SelfComparison, findings),
};

pub(super) const NULL_ESCAPE: Rule = Rule {
    check: check(
        "policy-null-escape",
        (Severity::Medium, Confidence::High),
        "rows without a tenant are visible to every tenant",
        include_str!("../../../../docs/audit/policy-null-escape.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::NullEscape, findings),
};

pub(super) const OPEN_WHEN_UNSET: Rule = Rule {
    check: check(
        "policy-open-when-unset",
        (Severity::High, Confidence::High),
        "a session that names no tenant sees every row",
        include_str!("../../../../docs/audit/policy-open-when-unset.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::OpenWhenUnset, findings),
};

pub(super) const UNCORRELATED: Rule = Rule {
    check: check(
        "policy-uncorrelated",
        (Severity::High, Confidence::High),
        "a policy uses a subquery that does not refer to the row",
        include_str!("../../../../docs/audit/policy-uncorrelated.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::Uncorrelated, findings),
};

pub(super) const UNDONE: Rule = Rule {
    check: check(
        "policy-undone",
        (Severity::High, Confidence::High),
        "a permissive policy overrides another one",
        include_str!("../../../../docs/audit/policy-undone.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::Undone, findings),
};

pub(super) const WEAK_WRITE: Rule = Rule {
    check: check(
        "policy-weak-write",
        (Severity::High, Confidence::High),
        "a policy lets rows be written into any tenant",
        include_str!("../../../../docs/audit/policy-weak-write.md"),
    ),
    run: |model, check, findings| report(model, check, Mistake::WeakWrite, findings),
};

/// Reports roles that are assumed to read all rows on purpose, so that the report does not imply
/// that they were probed.
fn name_readers_of_all(model: &Model, check: &Check, findings: &mut Findings) {
    for role in &model.app_roles.readers_of_all {
        let name = model.catalog.role_name(*role).to_owned();
        let reason = format!(
            "assumed not to belong to the application: it only reads, and policies for {name} \
             alone let it read every row; use --app-role {name} to attack as it"
        );
        findings.skip(check.id, Some(name), reason);
    }
}

fn report(model: &Model, check: &Check, mistake: Mistake, findings: &mut Findings) {
    let effective = Effective::of(model);
    let faulty = faulty(&effective, findings);
    let mut of_check = faulty
        .iter()
        .filter(|one| one.mistake == mistake)
        .peekable();
    if of_check.peek().is_none() {
        return;
    }
    let convention = Convention::of(&effective);
    for faulty in of_check {
        let (severity, confidence) = weight(model, check, faulty);
        let mut finding = Finding::new(
            check,
            faulty.relation.display(),
            message(model, faulty),
            fix(&convention, model, faulty),
        )
        .part(&faulty.policy.name)
        .severity(severity)
        .confidence(confidence);
        for fact in facts(faulty) {
            finding = finding.fact(fact);
        }
        findings.suspect(finding, faulty.claims(model));
    }
}

/// Returns the severity and confidence, lowered if the rows may be open on purpose: rows that a
/// column of their own opens may be shared, a setting that opens all rows may be for maintenance
/// (but every session can set it), and reading the table of tenants reveals little more than their
/// names.
fn weight(model: &Model, check: &Check, faulty: &Faulty<'_, '_>) -> (Severity, Confidence) {
    let by_column = matches!(
        faulty.main().why.innermost(),
        Why::IgnoresTenantColumn { columns, .. } if !columns.is_empty()
    );
    if by_column || faulty.main().is_switch(model) {
        return (Severity::Medium, Confidence::Medium);
    }
    let is_root = matches!(model.tenancy.of(faulty.relation.oid), Belonging::Root(_));
    let only_read = faulty.commands().into_iter().eq([PolicyCommand::Select]);
    if is_root && only_read {
        return (check.severity.max(Severity::Medium), check.confidence);
    }
    (check.severity, check.confidence)
}
