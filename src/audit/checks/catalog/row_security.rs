//! Row-level security that is disabled, not forced on the owner, or without a policy (PostgreSQL
//! manual, 5.8).

use super::{
    check,
    copies::Copies,
    policies,
    protection::{self, Convention, acts_as_owner, protect, rights_fact},
    reads::parent_of,
    wording::role_names,
};
use crate::audit::{
    catalog::{PolicyCommand, Relation},
    findings::{Claim, Findings, Rule},
    model::{AppRole, Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const DISABLED: Rule = Rule {
    check: check(
        "rls-disabled",
        (Severity::High, Confidence::High),
        "row-level security is off on a table with tenants' rows",
        include_str!("../../../../docs/audit/rls-disabled.md"),
    ),
    run: disabled,
};

pub(super) const DORMANT: Rule = Rule {
    check: check(
        "policy-dormant",
        (Severity::High, Confidence::High),
        "a table has policies, but row-level security is off",
        include_str!("../../../../docs/audit/policy-dormant.md"),
    ),
    run: dormant,
};

pub(super) const NOT_FORCED: Rule = Rule {
    check: check(
        "rls-not-forced",
        (Severity::High, Confidence::High),
        "the application owns the table, and row-level security is not forced",
        include_str!("../../../../docs/audit/rls-not-forced.md"),
    ),
    run: not_forced,
};

pub(super) const NO_POLICY: Rule = Rule {
    check: check(
        "rls-no-policy",
        (Severity::Low, Confidence::High),
        "row-level security is on, and no policy lets the application see a row",
        include_str!("../../../../docs/audit/rls-no-policy.md"),
    ),
    run: no_policy,
};

fn disabled(model: &Model, check: &Check, findings: &mut Findings) {
    let copies = Copies::find(model);
    let convention = Convention::of(model);
    for relation in switched_off(model) {
        let has_policies = !model.catalog.policies_of(relation.oid).is_empty();
        if has_policies || copies.contains(relation.oid) {
            continue; // `policy-dormant` and `tenant-table-copy` say more.
        }
        let name = relation.display();
        let roles = model.roles_on(relation);
        if roles.is_empty() {
            // The list of tenants: a grant would expose names, not rows.
            if is_root(model, relation) || is_kept_from_application(model, relation) {
                continue;
            }
            let message = format!(
                "row-level security is off on {name}; no application role has privileges on it \
                 yet, and the first role to get them will see every tenant's rows"
            );
            let fix = Fix::mechanical(
                Phase::Security,
                format!("enable row-level security on {name}"),
                protection::enable(relation, false),
            );
            findings.push(Finding::new(check, &name, message, fix).severity(Severity::Low));
            continue;
        }
        let message = format!(
            "row-level security is off on {name}: {} can reach the rows of every tenant",
            role_names(&roles)
        );
        let finding = Finding::new(
            check,
            &name,
            message,
            protect(model, convention.as_ref(), relation),
        )
        .severity(severity_for(model, relation, &roles))
        .fact(rights_fact(model, relation));
        findings.suspect(finding, reads_and_writes(relation));
    }
}

/// `true` if the table is deliberately kept from the application: the application has no USAGE on
/// its schema, or the table is granted to roles that row-level security does not restrict.
fn is_kept_from_application(model: &Model, relation: &Relation) -> bool {
    let rights = &model.catalog.rights;
    let shut = model
        .app_roles
        .roles
        .iter()
        .all(|role| !rights.uses_schema(role.oid, &relation.schema));
    let administered = model.app_roles.administrators.iter().any(|role| {
        rights
            .on_relation_or_columns(*role, relation.oid)
            .any_of_rows()
    });
    shut || administered
}

fn dormant(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in switched_off(model) {
        let policies = model.catalog.policies_of(relation.oid);
        if policies.is_empty() {
            continue;
        }
        let name = relation.display();
        let roles = model.roles_on(relation);
        let reached = if roles.is_empty() {
            "no application role has privileges on it yet".to_owned()
        } else {
            format!("{} can reach the rows of every tenant", role_names(&roles))
        };
        let message = format!(
            "{name} has policies, but row-level security is off, so none applies: {reached}"
        );
        let fix = Fix::mechanical(
            Phase::Security,
            format!("enable row-level security on {name}"),
            protection::enable(relation, protection::needs_force(model, relation)),
        );
        let mut finding = Finding::new(check, &name, message, fix);
        for policy in policies {
            finding = finding.fact(format!(
                "policy {} for {}: {}",
                policy.name,
                policy.command.as_str(),
                policy
                    .using_text
                    .as_deref()
                    .or(policy.check_text.as_deref())
                    .unwrap_or("true")
            ));
        }
        if roles.is_empty() {
            findings.push(finding.severity(Severity::Medium));
        } else {
            findings.suspect(finding, reads_and_writes(relation));
        }
    }
}

fn not_forced(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model
        .tenant_tables()
        .filter(|relation| relation.rls && !relation.forced)
    {
        let roles: Vec<&AppRole> = model
            .roles_on(relation)
            .into_iter()
            .filter(|role| acts_as_owner(model, role.oid, relation))
            .collect();
        if roles.is_empty() {
            continue;
        }
        let name = relation.display();
        let owner = model.catalog.role_name(relation.owner);
        let message = format!(
            "row-level security on {name} is not forced, and {} has the privileges of its owner \
             {owner}: no policy applies to it",
            role_names(&roles)
        );
        let forced = vec![protection::force(relation)];
        let summary =
            format!("force row-level security on {name} so that it applies to the owner too");
        let pass = roles
            .iter()
            .all(|role| policies::lets_pass(model, role.oid, relation, &EVERY_COMMAND));
        let fix = if pass {
            Fix::mechanical(Phase::Security, summary, forced)
        } else {
            let summary = format!("{summary}; add a policy for the owner first");
            Fix::proposal(Phase::Security, summary, forced)
        };
        let claims = roles
            .iter()
            .map(|role| Claim {
                role: Some(role.oid),
                ..Claim::reads(relation.oid)
            })
            .collect();
        findings.suspect(Finding::new(check, &name, message, fix), claims);
    }
}

fn no_policy(model: &Model, check: &Check, findings: &mut Findings) {
    let mut convention = None;
    // A partition without policies is accessible only through its parent, as it should be.
    let tables = model
        .tenant_tables()
        .filter(|relation| relation.rls && parent_of(model, relation).is_none());
    for relation in tables {
        let roles = model.roles_on(relation);
        let shut_out = !roles.is_empty()
            && roles.iter().all(|role| {
                model.is_bound(role.oid, relation)
                    && !policies::lets_pass(model, role.oid, relation, &EVERY_COMMAND)
            });
        if !shut_out {
            continue;
        }
        let name = relation.display();
        let message = format!(
            "row-level security is on for {name}, but no permissive policy applies to {}: every \
             row is hidden and no row can be written",
            role_names(&roles)
        );
        let convention = convention.get_or_insert_with(|| Convention::of(model));
        let fix = protect(model, convention.as_ref(), relation);
        findings.push(Finding::new(check, &name, message, fix).fact(rights_fact(model, relation)));
    }
}

const EVERY_COMMAND: [PolicyCommand; 4] = [
    PolicyCommand::Select,
    PolicyCommand::Insert,
    PolicyCommand::Update,
    PolicyCommand::Delete,
];

/// Returns the tenant tables with row-level security off. Partitions have a separate check.
fn switched_off(model: &Model) -> impl Iterator<Item = &Relation> {
    model
        .tenant_tables()
        .filter(|relation| !relation.rls && parent_of(model, relation).is_none())
}

/// Severity of missing row-level security. The table of tenants holds little but the names of the
/// other tenants; it is worse if it can also be changed.
fn severity_for(model: &Model, relation: &Relation, roles: &[&AppRole]) -> Severity {
    let written = roles.iter().any(|role| {
        let may = model.privileges(role.oid, relation);
        may.insert || may.update || may.delete
    });
    if is_root(model, relation) && !written {
        Severity::Medium
    } else {
        Severity::High
    }
}

fn is_root(model: &Model, relation: &Relation) -> bool {
    matches!(model.tenancy.of(relation.oid), Belonging::Root(_))
}

pub(super) fn reads_and_writes(relation: &Relation) -> Vec<Claim> {
    let reads = Claim::reads(relation.oid);
    let writes = Claim {
        operations: Claim::WRITE,
        ..reads.clone()
    };
    vec![reads, writes]
}
