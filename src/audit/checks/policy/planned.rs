//! Policies that call a function once for each row. Only the planner decides this: it inlines some
//! functions, and evaluates others once for an index. So the check plans queries as the
//! application.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{
    check,
    effective::{Effective, Side, expression, protected},
    lookups::words,
    plan::{Name, called_per_row},
    wording::{listed, policy_name},
};
use crate::{
    audit::{
        catalog::{Function, Oid, Policy, PolicyCommand, Relation},
        connections::Connections,
        expression::{Expr, functions},
        findings::Findings,
        model::{AppRole, Model, TenantUser},
        reach::Access,
        report::{Check, Confidence, ContextKind, Finding, Fix, Phase, Severity},
        selection::Selection,
        session::{Session, Stop},
    },
    error::{Context, Result},
    quoting::identifier,
};

const PER_ROW: Check = check(
    "policy-per-row",
    (Severity::Low, Confidence::High),
    "a policy calls a function once for each row",
    include_str!("../../../../docs/audit/policy-per-row.md"),
);

/// The checks that depend on the planner.
pub const CHECKS: &[Check] = &[PER_ROW];

/// Largest number of plans to request. Tables with the same policies share one.
const MOST: usize = 50;

/// Tables with the same policies, for one role.
struct Group<'m> {
    role: &'m AppRole,
    /// The policies of each table, in the same order.
    tables: Vec<(&'m Relation, Vec<&'m Policy>)>,
    /// The functions that the policies call, directly or indirectly.
    called: Vec<&'m Function>,
}

/// Requests the plans, and reports functions that are called for each row.
pub async fn run(
    model: &Model,
    selection: &Selection,
    connections: &Connections,
    findings: &mut Findings,
) -> Result<()> {
    if !selection.wants(&PER_ROW) {
        return Ok(());
    }
    let auditor = model.catalog.probe_role();
    let may = |role: &AppRole| model.catalog.rights.may_become(auditor.oid, role.oid);
    let (groups, closed): (Vec<_>, Vec<_>) =
        groups(model).into_iter().partition(|group| may(group.role));
    let closed: BTreeSet<&str> = closed
        .iter()
        .map(|group| group.role.name.as_str())
        .collect();
    for role in closed {
        let reason = format!(
            "role {} may not SET ROLE to {role} to plan its queries",
            auditor.name
        );
        findings.skip(PER_ROW.id, None, reason);
    }
    if groups.is_empty() {
        return Ok(());
    }
    if let Some(more) = groups.len().checked_sub(MOST).filter(|more| *more > 0) {
        let reason = format!("more than {MOST} kinds of policies: {more} were not planned");
        findings.skip(PER_ROW.id, None, reason);
    }
    let mut connection = connections.worker().await?;
    for group in groups.iter().take(MOST) {
        let (relation, _) = &group.tables[0];
        // Planning runs code: the planner evaluates constant expressions.
        if let Some(reason) = model.guards.objection(relation.oid, Access::Read) {
            findings.skip(PER_ROW.id, Some(relation.display()), reason);
            continue;
        }
        match explain(&mut connection, model, group.role, relation).await? {
            Ok(plan) => found(group, &plan)
                .into_iter()
                .for_each(|one| findings.push(one)),
            Err(reason) => {
                let reason = format!("could not plan as {}: {reason}", group.role.name);
                findings.skip(PER_ROW.id, Some(relation.display()), reason);
            }
        }
    }
    Ok(())
}

/// Returns the groups to plan, the largest first. Policies without a user-defined function have no
/// cost worth reporting.
fn groups(model: &Model) -> Vec<Group<'_>> {
    let effective = Effective::of(model);
    let by_name = by_name(model);
    let mut groups: BTreeMap<(Oid, String), Group<'_>> = BTreeMap::new();
    for relation in protected(model) {
        for applied in effective.applied_policies(relation) {
            if applied.command != PolicyCommand::Select {
                continue;
            }
            let policies: Vec<&Policy> = applied
                .permissive
                .iter()
                .chain(&applied.restrictive)
                .copied()
                .collect();
            let exprs: Vec<&Expr> = policies
                .iter()
                .filter_map(|policy| expression(model, policy, Side::Reached))
                .collect();
            let called = called(model, &by_name, &exprs);
            if called.is_empty() {
                continue;
            }
            let group = groups
                .entry((applied.role.oid, kind(relation, &policies)))
                .or_insert(Group {
                    role: applied.role,
                    tables: Vec::new(),
                    called,
                });
            group.tables.push((relation, policies));
        }
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.tables.len()));
    groups
}

/// Returns the content of the policies of a table, regardless of its name.
fn kind(relation: &Relation, policies: &[&Policy]) -> String {
    let own = format!("{}.", relation.name);
    let mut texts: Vec<String> = policies
        .iter()
        .filter_map(|policy| policy.using_text.as_ref())
        .map(|text| text.replace(&own, "."))
        .collect();
    texts.sort();
    texts.join("\n")
}

fn by_name(model: &Model) -> BTreeMap<&str, Vec<&Function>> {
    let mut found: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for function in model.catalog.functions.values() {
        found.entry(&function.name).or_default().push(function);
    }
    found
}

/// Returns the user-defined functions that expressions call, and those named in their bodies: if
/// one is inlined, the plan contains the functions it calls.
fn called<'m>(
    model: &'m Model,
    by_name: &BTreeMap<&str, Vec<&'m Function>>,
    exprs: &[&Expr],
) -> Vec<&'m Function> {
    let known = |oid: u32| model.catalog.functions.get(&Oid(oid));
    let of_exprs = exprs.iter().flat_map(|expr| functions(expr));
    let mut waiting: Vec<&Function> = of_exprs.filter_map(known).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(function) = waiting.pop() {
        if !seen.insert(function.oid) {
            continue;
        }
        found.push(function);
        let body = model
            .meaning
            .function(function.oid.0)
            .and_then(|facts| facts.body.as_ref());
        waiting.extend(body.into_iter().flat_map(functions).filter_map(known));
        let named = words(&function.source).filter_map(|word| by_name.get(word));
        waiting.extend(named.flatten());
    }
    found
}

/// Returns the plan of reading a whole table as that role, or the reason that there is none.
async fn explain(
    connection: &mut Session,
    model: &Model,
    role: &AppRole,
    relation: &Relation,
) -> Result<std::result::Result<Value, String>> {
    // Safe: names are quoted, here and in `Session::enter`.
    let sql = AssertSqlSafe(enter(model, role));
    let entered = connection.execute(sql).await;
    let planned = match entered {
        Ok(_) => {
            // Safe: the name is quoted.
            let sql = format!(
                "EXPLAIN (VERBOSE, FORMAT JSON) SELECT FROM {}",
                relation.quoted()
            );
            connection
                .fetch_one(AssertSqlSafe(sql))
                .await
                .and_then(|row| row.try_get::<Value, _>(0))
        }
        Err(error) => Err(error),
    };
    connection
        .pass("ROLLBACK TO SAVEPOINT plan")
        .await
        .context("lost the connection while planning")?;
    Ok(match planned {
        Ok(mut plan) => Ok(plan[0]["Plan"].take()),
        Err(sqlx::Error::Database(refusal)) => Err(refusal.message().to_owned()),
        Err(error) if Stop::of(&error).is_some() => {
            connection.revive().await;
            Err(Stop::of(&error).map_or_else(String::new, |stop| stop.to_string()))
        }
        Err(error) => return Err(error).context("could not read a plan"),
    })
}

/// Returns the statements that set up a session of the application. Its tenant matters little to
/// the planner, but planning may fail if a setting has no value. A plan that avoids sequential
/// scans shows if an index could be used, even with few rows.
fn enter(model: &Model, role: &AppRole) -> String {
    let path: Vec<String> = model
        .search_path()
        .iter()
        .map(|name| identifier(name))
        .collect();
    let mut statements = vec![
        "SAVEPOINT plan".to_owned(),
        "SET LOCAL enable_seqscan = off".to_owned(),
        format!("SET LOCAL search_path = {}", path.join(", ")),
    ];
    let membership = model.session.membership.as_ref();
    let user = membership.and_then(|one| model.catalog.column(one.relation, one.user));
    let tenant = model.tenancy.key_type.as_ref().map(|(oid, _)| *oid);
    let unknown = TenantUser {
        tenant: unused_value(tenant),
        id: Some(unused_value(user.map(|column| column.base_type).or(tenant))),
    };
    // If roles identify the tenants, no role exists without one.
    let context = match model.session.by_role() {
        Some(_) => ContextKind::None,
        None => ContextKind::A,
    };
    statements.extend(model.session.enter(role, &unknown, context));
    statements.join("; ")
}

/// Returns a value of a type that usually does not identify anything (pg_type.dat).
fn unused_value(type_oid: Option<Oid>) -> String {
    match type_oid {
        Some(Oid(2950)) => "00000000-0000-0000-0000-000000000000".to_owned(),
        Some(Oid(20 | 21 | 23 | 1700)) => "0".to_owned(),
        _ => "nobody".to_owned(),
    }
}

/// Returns the finding on the first table of a group. The others are counted, and the fix includes
/// them.
fn found(group: &Group<'_>, plan: &Value) -> Option<Finding> {
    let name = |function: &Function| (function.schema.clone(), function.name.clone());
    let names: Vec<(String, String)> = group.called.iter().map(|one| name(one)).collect();
    let names: BTreeSet<Name<'_>> = names
        .iter()
        .map(|(schema, name)| (schema.as_str(), name.as_str()))
        .collect();
    let per_row = called_per_row(plan, &names);
    let mut repeated = group.called.clone();
    repeated.retain(|one| per_row.contains(&(one.schema.as_str(), one.name.as_str())));
    let first = repeated.first()?;
    let shown: BTreeSet<String> = repeated
        .iter()
        .map(|one| format!("{}.{}()", one.schema, one.name))
        .collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let (relation, policies) = &group.tables[0];
    let text = |policy: &Policy| policy.using_text.clone().unwrap_or_default();
    let names_it = |policy: &&&Policy| words(&text(policy)).any(|word| word == first.name);
    let policy = policies.iter().find(names_it).or(policies.first())?;
    let message = format!(
        "{} calls {} once for each row that {} reads",
        policy_name(relation, policy),
        listed(&shown),
        group.role.name
    );
    let finding = Finding::new(&PER_ROW, relation.display(), message, fix(group, &repeated))
        .part(&policy.name)
        .fact(text(policy));
    Some(match group.tables.len() - 1 {
        0 => finding,
        others => finding.fact(format!("same policies on {others} more tables")),
    })
}

/// Returns the fix. A call in a subquery of its own is evaluated once, before the first row, if no
/// argument depends on the row (PostgreSQL manual, 14.1, InitPlan).
fn fix(group: &Group<'_>, repeated: &[&Function]) -> Fix {
    let volatile = repeated.iter().find(|function| function.volatility == "v");
    if let Some(function) = volatile {
        return Fix::proposal(
            Phase::Functions,
            format!(
                "if {} changes nothing, declare it STABLE",
                function.display()
            ),
            [format!("ALTER FUNCTION {} STABLE", function.quoted())],
        );
    }
    let calls: BTreeSet<String> = repeated
        .iter()
        .map(|one| format!("{}.{}()", one.schema, one.name))
        .collect();
    let mut sql = Vec::new();
    for (relation, policies) in &group.tables {
        for policy in policies {
            let Some(using) = &policy.using_text else {
                continue;
            };
            let wrap =
                |text: String, call: &String| text.replace(call, &format!("(SELECT {call})"));
            let wrapped = calls.iter().fold(using.clone(), wrap);
            if wrapped != *using {
                let (name, table) = (identifier(&policy.name), relation.quoted());
                sql.push(format!("ALTER POLICY {name} ON {table} USING ({wrapped})"));
            }
        }
    }
    if sql.is_empty() {
        let summary = "use a function without arguments from the row: key IN (SELECT function())";
        return Fix::advice(Phase::Policies, summary);
    }
    Fix::proposal(
        Phase::Policies,
        "call it in a subquery, once per statement",
        sql,
    )
}
