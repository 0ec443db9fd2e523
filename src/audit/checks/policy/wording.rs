//! Messages about the faults of a policy.

use std::collections::BTreeSet;

use super::{
    effective::{Side, text},
    gaps::{Faulty, Mistake},
};
use crate::audit::{
    catalog::{Function, Oid, Policy, PolicyCommand, Relation},
    expression::{SessionSource, Unset, Why},
    model::Model,
};

/// `policy p on public.notes`.
pub(super) fn policy_name(relation: &Relation, policy: &Policy) -> String {
    format!("policy {} on {}", policy.name, relation.display())
}

/// Returns the message.
pub(super) fn message(model: &Model, faulty: &Faulty<'_, '_>) -> String {
    let gap = faulty.main();
    let name = policy_name(faulty.relation, faulty.policy);
    let reason = reason(model, faulty.relation, gap.why);
    let roles: Vec<&str> = faulty
        .roles()
        .iter()
        .map(|role| role.name.as_str())
        .collect();
    let commands: Vec<&str> = faulty
        .commands()
        .into_iter()
        .map(PolicyCommand::as_str)
        .collect();
    let scope = format!("{} of {}", listed(&commands), listed(&roles));
    match (faulty.mistake, gap.undoes) {
        (Mistake::Undone, Some(other)) => format!(
            "{name} overrides policy {}: permissive policies are combined with OR, and this one \
             {reason}; it applies to {scope}",
            other.name
        ),
        (Mistake::WeakWrite, _) => format!(
            "{name} lets {} write rows into any tenant: its condition on new rows {reason}",
            listed(&roles)
        ),
        _ => format!("{name} {reason}; it applies to {scope}"),
    }
}

/// Returns the expressions that the finding is based on.
pub(super) fn facts(faulty: &Faulty<'_, '_>) -> Vec<String> {
    let mut facts = Vec::new();
    for gap in &faulty.gaps {
        let clause = match gap.side {
            Side::Written if faulty.policy.check_text.is_some() => "WITH CHECK",
            _ => "USING",
        };
        let fact = format!(
            "{clause} {}",
            text(faulty.policy, gap.side).unwrap_or("(nothing)")
        );
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

/// Returns the reason, which follows the name of the policy.
fn reason(model: &Model, relation: &Relation, why: &Why) -> String {
    let column = |number: i16| model.column_name(relation.oid, number);
    match why {
        Why::OpenArm { arm, inner } => {
            format!(
                "has an alternative, number {}, that {}",
                arm + 1,
                reason(model, relation, inner)
            )
        }
        Why::AlwaysTrue => "lets every row pass".to_owned(),
        Why::IgnoresTenantColumn { columns, sources } => {
            let mut seen: Vec<&str> = columns.iter().map(|number| column(*number)).collect();
            let names: Vec<String> = sources
                .iter()
                .filter_map(|one| source(model, one))
                .collect();
            seen.extend(names.iter().map(String::as_str));
            match seen.as_slice() {
                [] => "does not check the tenant of the row".to_owned(),
                seen => format!("checks {}, but not the tenant of the row", listed(seen)),
            }
        }
        Why::WrongColumn {
            column: number,
            sources,
        } => format!(
            "compares {}, which does not name the tenant of the row, with {}",
            column(*number),
            source_names(model, sources)
        ),
        Why::SelfComparison {
            relation: captured,
            column: number,
        } => {
            let table = model.catalog.relations.get(&Oid(*captured));
            let table = table.map_or_else(|| "?".to_owned(), Relation::display);
            let name = model.column_name(Oid(*captured), *number);
            if *captured == relation.oid.0 {
                format!("compares {name} with itself")
            } else {
                format!(
                    "compares {name} of {table} with itself: inside the subquery, the unqualified \
                     name refers to its own column"
                )
            }
        }
        Why::NullEscape { column: number } => format!(
            "lets every tenant access rows with {} NULL",
            column(*number)
        ),
        Why::OpenWhenUnset { sources, when } => {
            let state = match when {
                Unset::Missing => "is not set",
                Unset::Empty => "is empty",
            };
            format!(
                "lets every row pass when {} {state}",
                source_names(model, sources)
            )
        }
        Why::LooseComparison {
            column: number,
            sources,
        } => format!(
            "compares {} with {} by an operator other than equality, which keys of other tenants \
             can also satisfy",
            column(*number),
            source_names(model, sources)
        ),
        Why::IgnoredArgument { function } => {
            let function = model.catalog.functions.get(&Oid(*function));
            let name = function.map_or_else(|| "?".to_owned(), Function::display);
            format!(
                "passes the tenant of the row to function {name}, which ignores it: the argument \
                 has the name of a column, and the name refers to the column"
            )
        }
        Why::UncorrelatedSubselect { relations, .. } => {
            let tables = relations
                .iter()
                .filter_map(|oid| model.catalog.relations.get(&Oid(*oid)));
            let tables: Vec<String> = tables.map(Relation::display).collect();
            let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
            let from = if tables.is_empty() {
                String::new()
            } else {
                format!(" from {}", listed(&tables))
            };
            format!(
                "has a subquery{from} that is not correlated with the row: if it is true, every \
                 row passes"
            )
        }
    }
}

fn source_names(model: &Model, sources: &BTreeSet<SessionSource>) -> String {
    let names: Vec<String> = sources
        .iter()
        .filter_map(|one| source(model, one))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() {
        "a value of the session".to_owned()
    } else {
        listed(&names)
    }
}

/// Returns the name of a value of the session. A function stands for the value that it reads.
fn source(model: &Model, source: &SessionSource) -> Option<String> {
    match source {
        SessionSource::Setting(setting) => Some(setting.clone()),
        SessionSource::Claim { path, .. } => Some(format!("the claim {}", path.join("."))),
        SessionSource::CurrentUser => Some("current_user".to_owned()),
        SessionSource::SessionUser => Some("session_user".to_owned()),
        SessionSource::UserFunction(oid) => {
            let function = model.catalog.functions.get(&Oid(*oid))?;
            Some(format!("{}.{}()", function.schema, function.name))
        }
    }
}

/// Joins names: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
