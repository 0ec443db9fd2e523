//! Findings with proof: the statements to paste into psql, and the returned row.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::audit::{
    catalog::{Relation, RelationKind},
    checks::probe::{
        Leak,
        attempt::ProbeAttempt,
        checks,
        identity::ProbeIdentity,
        inputs::ProbeInputs,
        prepare::target::{Target, TenantSource},
    },
    report::{Check, Confidence, ContextKind, Finding, Fix, Operation, Phase, Severity, Verdict},
    selection::Selection,
};

/// Placeholder for a value that is not shown.
const HIDDEN: &str = "…";

/// Note for a shown statement without these values, which may violate a constraint that the
/// executed one did not.
const ABRIDGED: &str =
    "values of other columns are omitted; use --show-values to show the executed statement";

/// Returns the leaks among the attempts, each with its finding: one for each object, role and
/// check, regardless of contexts.
pub(crate) fn leaks(
    inputs: &ProbeInputs<'_>,
    selection: &Selection,
    attempts: &[ProbeAttempt<'_>],
) -> Vec<Leak> {
    let mut groups: BTreeMap<(usize, &str, &str), Vec<&ProbeAttempt<'_>>> = BTreeMap::new();
    for one in attempts
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Leak(_)))
    {
        let check = check(inputs, attempts, one);
        if selection.wants(check) {
            groups
                .entry((one.target, one.identity.role.name.as_str(), check.id))
                .or_default()
                .push(one);
        }
    }
    let mut leaks = Vec::new();
    for group in groups.values() {
        let check = check(inputs, attempts, group[0]);
        let finding = finding(inputs, check, group);
        leaks.extend(group.iter().map(|one| Leak {
            object: inputs.targets[one.target].object,
            role: one.identity.role.oid,
            operation: one.operation,
            context: one.identity.context,
            finding: finding.clone(),
        }));
    }
    leaks
}

/// Returns the check that a leak belongs to. Reading without a tenant is a separate finding only if
/// reading with a tenant is blocked.
fn check(
    inputs: &ProbeInputs<'_>,
    attempts: &[ProbeAttempt<'_>],
    one: &ProbeAttempt<'_>,
) -> &'static Check {
    if one.operation != Operation::Select {
        return checks::of_operation(one.operation);
    }
    if inputs.targets[one.target].is_function {
        return &checks::FUNCTION;
    }
    let named = attempts.iter().any(|other| {
        other.target == one.target
            && other.identity.role.oid == one.identity.role.oid
            && other.operation == Operation::Select
            && other.identity.has_tenant()
            && other.is_leak()
    });
    if named {
        &checks::READ
    } else {
        &checks::READ_UNNAMED
    }
}

fn finding(inputs: &ProbeInputs<'_>, check: &Check, group: &[&ProbeAttempt<'_>]) -> Finding {
    // Prefers an attempt that no constraint refused and that no policy allows on purpose.
    let best = group
        .iter()
        .min_by_key(|one| (one.refused_by.is_some(), one.is_public))
        .unwrap_or(&group[0]);
    let target = &inputs.targets[best.target];
    let mut message = format!(
        "{} {} {}",
        best.identity.role.name,
        description(best, target),
        in_contexts(group)
    );
    let mut confidence = Confidence::Proven;
    let mut severity = check.severity;
    if group.iter().all(|one| one.is_public) {
        (severity, confidence) = (Severity::High, Confidence::Medium);
        message.push_str("; a policy for this role alone selects them by the contents of the row");
    }
    if let Some(refusal) = &best.refused_by {
        confidence = Confidence::High;
        message.push_str(&format!("; only a constraint refused it: {refusal}"));
    }
    let mut finding = Finding::new(
        check,
        &target.display,
        message,
        remedy(inputs, best, target),
    )
    .part(&best.identity.role.name)
    .severity(severity)
    .confidence(confidence);
    finding.evidence.facts = facts(inputs, target);
    if let Verdict::Leak(shown) = &best.verdict {
        finding = finding.shown_by(statements(inputs, best.identity, shown));
    }
    if best.abridged {
        finding.evidence.facts.push(ABRIDGED.to_owned());
    }
    if let Some(row) = &best.row {
        let row = if inputs.options.show_values {
            row.clone()
        } else {
            redacted(inputs, target, row)
        };
        finding.evidence.rows.push(row);
    }
    finding
}

fn description(one: &ProbeAttempt<'_>, target: &Target) -> String {
    let name = &target.display;
    match one.operation {
        Operation::Own | Operation::Select if one.identity.has_tenant() => {
            format!("reads another tenant's rows of {name}")
        }
        Operation::Own | Operation::Select => format!("reads tenants' rows of {name}"),
        Operation::Insert => format!("inserts a row of another tenant into {name}"),
        Operation::Update => format!("changes another tenant's row of {name}"),
        Operation::Delete => format!("deletes another tenant's row of {name}"),
        Operation::Move => format!("moves its row of {name} to another tenant"),
        Operation::Reference => format!("makes its row of {name} refer to another tenant's row"),
    }
}

/// Describes the contexts, such as `in the context of a tenant and without one (none, empty)`.
fn in_contexts(group: &[&ProbeAttempt<'_>]) -> String {
    let named = group.iter().any(|one| one.identity.has_tenant());
    let mut unnamed: Vec<&str> = group
        .iter()
        .filter(|one| !one.identity.has_tenant())
        .map(|one| one.identity.context.as_str())
        .collect();
    unnamed.dedup();
    let unnamed = match unnamed.as_slice() {
        [] => None,
        several => Some(format!("without one ({})", several.join(", "))),
    };
    match (named, unnamed) {
        (true, None) => "in the context of a tenant".to_owned(),
        (true, Some(unnamed)) => format!("in the context of a tenant and {unnamed}"),
        (false, unnamed) => {
            let unnamed = unnamed.unwrap_or_default();
            format!(
                "without naming a tenant{}",
                unnamed.trim_start_matches("without one")
            )
        }
    }
}

/// Returns the statements to paste into psql, which show the same and leave nothing behind.
fn statements(inputs: &ProbeInputs<'_>, identity: ProbeIdentity<'_>, shown: &str) -> Vec<String> {
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend(inputs.enter(identity));
    statements.push(shown.to_owned());
    statements.push("ROLLBACK".to_owned());
    statements
}

/// Returns the row with only the values that identify it and its tenant.
fn redacted(inputs: &ProbeInputs<'_>, target: &Target, row: &Value) -> Value {
    let Value::Object(columns) = row else {
        return Value::from(HIDDEN);
    };
    let tenancy = &inputs.model.tenancy;
    let is_shown = |name: &str| {
        let of_key = match target.tenant_source {
            TenantSource::Key(key) => inputs.model.column_name(target.object, key) == name,
            TenantSource::Child | TenantSource::Values => tenancy.key_name.as_deref() == Some(name),
        };
        of_key || target.id.iter().any(|one| one.name == name)
    };
    let columns = columns.iter().map(|(name, value)| {
        let value = if is_shown(name) || value.is_null() {
            value.clone()
        } else {
            HIDDEN.into()
        };
        (name.clone(), value)
    });
    Value::Object(columns.collect::<Map<_, _>>())
}

fn facts(inputs: &ProbeInputs<'_>, target: &Target) -> Vec<String> {
    let catalog = &inputs.model.catalog;
    if let Some(function) = catalog
        .functions
        .get(&target.object)
        .filter(|_| target.is_function)
    {
        let rights = if function.definer {
            "SECURITY DEFINER"
        } else {
            "SECURITY INVOKER"
        };
        let owner = catalog.role_name(function.owner);
        return vec![format!(
            "{} is {rights} and owned by {owner}",
            function.display()
        )];
    }
    let Some(relation) = catalog.relations.get(&target.object) else {
        return Vec::new();
    };
    if !relation.is_table() {
        let owner = catalog.role_name(relation.owner);
        return vec![format!(
            "{} is a {} owned by {owner}",
            target.display,
            relation.kind.as_str()
        )];
    }
    if !relation.rls {
        return vec![format!("row-level security is off on {}", target.display)];
    }
    let policies = catalog.policies_of(relation.oid).iter().map(|policy| {
        let clause = |name: &str, text: &Option<String>| {
            text.as_ref()
                .map_or(String::new(), |text| format!(" {name} ({text})"))
        };
        format!(
            "policy {} for {}{}{}",
            policy.name,
            policy.command.as_str(),
            clause("USING", &policy.using_text),
            clause("WITH CHECK", &policy.check_text)
        )
    });
    policies.collect()
}

fn remedy(inputs: &ProbeInputs<'_>, one: &ProbeAttempt<'_>, target: &Target) -> Fix {
    let catalog = &inputs.model.catalog;
    let name = &target.display;
    if one.is_public {
        return Fix::advice(
            Phase::Policies,
            format!(
                "if these rows of {name} are public, accept the finding in the baseline; \
                 otherwise drop the policy for {}",
                one.identity.role.name
            ),
        );
    }
    if target.is_function {
        return Fix::advice(
            Phase::Functions,
            format!(
                "filter the rows inside {name} by the session's tenant, or make it SECURITY INVOKER"
            ),
        );
    }
    let Some(relation) = catalog.relations.get(&target.object) else {
        return Fix::advice(Phase::Policies, format!("protect {name} with a policy"));
    };
    match relation.kind {
        RelationKind::View => Fix::proposal(
            Phase::Views,
            format!("make {name} run with the caller's privileges"),
            [format!(
                "ALTER VIEW {} SET (security_invoker = true)",
                relation.quoted()
            )],
        ),
        RelationKind::MaterializedView | RelationKind::Foreign => Fix::advice(
            Phase::Grants,
            format!(
                "revoke SELECT on {name} from {}: a {} cannot have policies",
                one.identity.role.name,
                relation.kind.as_str()
            ),
        ),
        RelationKind::Table | RelationKind::Partitioned => of_table(inputs, one, relation),
    }
}

fn of_table(inputs: &ProbeInputs<'_>, one: &ProbeAttempt<'_>, table: &Relation) -> Fix {
    let name = table.display();
    let role = &one.identity.role.name;
    if one.operation == Operation::Reference {
        return Fix::advice(
            Phase::References,
            format!("include the tenant key in the foreign keys of {name}"),
        );
    }
    if inputs.model.is_bound(one.identity.role.oid, table) {
        let what = match (one.operation, one.identity.context) {
            (Operation::Select, ContextKind::A | ContextKind::B) => "USING",
            (Operation::Select, _) => "USING, also without a tenant",
            (Operation::Insert | Operation::Move, _) => "WITH CHECK",
            _ => "USING and WITH CHECK",
        };
        return Fix::advice(
            Phase::Policies,
            format!(
                "compare the row's tenant with the session's in the policies of {name} ({what})"
            ),
        );
    }
    if !table.rls {
        return Fix::advice(
            Phase::Security,
            format!(
                "add a policy to {name} that compares the row's tenant with the session's, and \
                 enable row-level security"
            ),
        );
    }
    Fix::advice(
        Phase::Security,
        format!(
            "row-level security does not apply to {role} on {name}: force it, or use an \
             application role that is neither the owner nor exempt"
        ),
    )
}
