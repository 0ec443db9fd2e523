//! Partitions and inheritance children that can be queried directly. Row-level security of the
//! parent applies only to statements that name the parent (PostgreSQL manual, 5.10 and 5.11).

use super::{
    check, protection, reads::parent_of, row_security::reads_and_writes, wording::role_names,
};
use crate::audit::{
    findings::{Findings, Rule},
    model::Model,
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const UNPROTECTED: Rule = Rule {
    check: check(
        "partition-unprotected",
        (Severity::High, Confidence::High),
        "a partition can be read directly, bypassing the policies of its parent",
        include_str!("../../../../docs/audit/partition-unprotected.md"),
    ),
    run: unprotected,
};

fn unprotected(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model.tenant_tables().filter(|relation| !relation.rls) {
        let Some(parent) = parent_of(model, relation) else {
            continue;
        };
        let roles = model.roles_on(relation);
        if roles.is_empty() {
            continue;
        }
        let name = relation.display();
        let kind = if relation.partition {
            "a partition"
        } else {
            "an inheritance child"
        };
        let message = format!(
            "{name} is {kind} of {}: the parent's row-level security does not apply to statements \
             that name {name} itself, its own is off, and {} can reach every tenant's rows",
            parent.display(),
            role_names(&roles)
        );
        let force = parent.forced || protection::needs_force(model, relation);
        let fix = Fix::mechanical(
            Phase::Security,
            format!(
                "enable row-level security on {name}; statements through {} are not affected",
                parent.display()
            ),
            protection::enable(relation, force),
        );
        let finding =
            Finding::new(check, &name, message, fix).fact(protection::rights_fact(model, relation));
        findings.suspect(finding, reads_and_writes(relation));
    }
}
