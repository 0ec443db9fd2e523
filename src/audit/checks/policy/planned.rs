//! Policies that call a function once for each row. Only the planner knows: it inlines some
//! functions, and evaluates others once for an index. So it is asked, as the application.

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
        model::{AppRole, Identity, Model},
        reach::Access,
        registry::Selection,
        session::{Session, Stop},
    },
    domain::audit::{Check, Confidence, ContextKind, Finding, Fix, Phase, Severity},
    error::{Context, Result},
    quoting::identifier,
};

const PER_ROW: Check = check(
    "policy-per-row",
    (Severity::Low, Confidence::High),
    "a policy calls a function once for each row",
    include_str!("../../../../docs/audit/policy-per-row.md"),
);

/// The checks that the planner decides.
pub const CHECKS: &[Check] = &[PER_ROW];

/// Largest number of plans that are requested: tables with the same policies share one.
const MOST: usize = 50;

/// Tables whose policies read the same, for one role.
struct Group<'m> {
    role: &'m AppRole,
    /// The policies of each table, in its own order.
    tables: Vec<(&'m Relation, Vec<&'m Policy>)>,
    /// What the policies call, directly or through others.
    called: Vec<&'m Function>,
}

/// Asks for the plans, and reports what is called for each row.
pub async fn run(
    model: &Model,
    selection: &Selection,
    connections: &Connections,
    findings: &mut Findings,
) -> Result<()> {
    if !selection.wants(&PER_ROW) {
        return Ok(());
    }
    let auditor = model.catalog.attacker();
    let may = |role: &AppRole| model.catalog.rights.may_become(auditor.oid, role.oid);
    let (groups, closed): (Vec<_>, Vec<_>) =
        groups(model).into_iter().partition(|group| may(group.role));
    let closed: BTreeSet<&str> = closed
        .iter()
        .map(|group| group.role.name.as_str())
        .collect();
    for role in closed {
        let reason = format!(
            "role {} may not become {role}, as whom to plan",
            auditor.name
        );
        findings.skip(PER_ROW.id, None, reason);
    }
    if groups.is_empty() {
        return Ok(());
    }
    if let Some(more) = groups.len().checked_sub(MOST).filter(|more| *more > 0) {
        let reason = format!("{more} kinds of policies beyond the first {MOST} were not planned");
        findings.skip(PER_ROW.id, None, reason);
    }
    let mut connection = connections.worker().await?;
    for group in groups.iter().take(MOST) {
        let (relation, _) = &group.tables[0];
        // To plan is to run: the planner evaluates what is constant.
        if let Some(reason) = model.guards.objection(relation.oid, Access::Read) {
            findings.skip(PER_ROW.id, Some(relation.display()), reason);
            continue;
        }
        match explain(&mut connection, model, group.role, relation).await? {
            Ok(plan) => found(group, &plan)
                .into_iter()
                .for_each(|one| findings.push(one)),
            Err(reason) => {
                let reason = format!("as {}, no plan was made: {reason}", group.role.name);
                findings.skip(PER_ROW.id, Some(relation.display()), reason);
            }
        }
    }
    Ok(())
}

/// What there is to plan, the kinds with most tables first. Policies that call no function of a
/// user cost nothing worth telling.
fn groups(model: &Model) -> Vec<Group<'_>> {
    let effective = Effective::of(model);
    let by_name = by_name(model);
    let mut groups: BTreeMap<(Oid, String), Group<'_>> = BTreeMap::new();
    for relation in protected(model) {
        for door in effective.doors(relation) {
            if door.command != PolicyCommand::Select {
                continue;
            }
            let policies: Vec<&Policy> = door
                .permissive
                .iter()
                .chain(&door.restrictive)
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
                .entry((door.role.oid, kind(relation, &policies)))
                .or_insert(Group {
                    role: door.role,
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

/// Content of the policies of a table, whatever the table is called.
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

/// The user's functions that expressions call, and those that these name: where one is inlined,
/// the plan shows what it calls.
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

/// The plan of reading a whole table as that role; or why there is none.
async fn explain(
    connection: &mut Session,
    model: &Model,
    role: &AppRole,
    relation: &Relation,
) -> Result<std::result::Result<Value, String>> {
    // Safe: names are quoted, by the helper here and in `Session::enter`.
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
        .context("the connection was lost while policies were planned")?;
    Ok(match planned {
        Ok(mut plan) => Ok(plan[0]["Plan"].take()),
        Err(sqlx::Error::Database(refusal)) => Err(refusal.message().to_owned()),
        Err(error) if Stop::of(&error).is_some() => {
            connection.revive().await;
            Err(Stop::of(&error).map_or_else(String::new, |stop| stop.to_string()))
        }
        Err(error) => return Err(error).context("a plan could not be read"),
    })
}

/// The statements that make the session one of the application's. Whose it is matters little to
/// the planner, but what reads the session may refuse to be planned without a value. A plan that
/// avoids sequential scans shows whether an index could be used, however few the rows of today.
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
    let nobody = Identity {
        tenant: nobody(tenant),
        user: Some(nobody(user.map(|column| column.base_type).or(tenant))),
    };
    // Where roles are the tenants, there is no role for nobody.
    let context = match model.session.by_role() {
        Some(_) => ContextKind::None,
        None => ContextKind::A,
    };
    statements.extend(model.session.enter(role, &nobody, context));
    statements.join("; ")
}

/// A value of a type that as a rule identifies nothing (pg_type.dat).
fn nobody(type_oid: Option<Oid>) -> String {
    match type_oid {
        Some(Oid(2950)) => "00000000-0000-0000-0000-000000000000".to_owned(),
        Some(Oid(20 | 21 | 23 | 1700)) => "0".to_owned(),
        _ => "nobody".to_owned(),
    }
}

/// The finding on the first table of a group; the others are counted, and mended with it.
fn found(group: &Group<'_>, plan: &Value) -> Option<Finding> {
    let name = |function: &Function| (function.schema.clone(), function.name.clone());
    let names: Vec<(String, String)> = group.called.iter().map(|one| name(one)).collect();
    let names: BTreeSet<Name<'_>> = names
        .iter()
        .map(|(schema, name)| (schema.as_str(), name.as_str()))
        .collect();
    let per_row = called_per_row(plan, &names);
    let mut culprits = group.called.clone();
    culprits.retain(|one| per_row.contains(&(one.schema.as_str(), one.name.as_str())));
    let first = culprits.first()?;
    let shown: BTreeSet<String> = culprits
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
    let finding = Finding::new(
        &PER_ROW,
        relation.display(),
        message,
        mend(group, &culprits),
    )
    .part(&policy.name)
    .fact(text(policy));
    Some(match group.tables.len() - 1 {
        0 => finding,
        others => finding.fact(format!("tables with the same policies: {others} more")),
    })
}

/// A call in a sub-select of its own is evaluated once, before the first row, if the function has
/// no argument from the row (PostgreSQL manual, 14.1, InitPlan).
fn mend(group: &Group<'_>, culprits: &[&Function]) -> Fix {
    let volatile = culprits.iter().find(|function| function.volatility == "v");
    if let Some(function) = volatile {
        return Fix::proposal(
            Phase::Functions,
            format!("if {} changes nothing, say so", function.display()),
            [format!("ALTER FUNCTION {} STABLE", function.quoted())],
        );
    }
    let calls: BTreeSet<String> = culprits
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
        let summary = "ask a function without arguments from the row: key IN (SELECT function())";
        return Fix::advice(Phase::Policies, summary);
    }
    Fix::proposal(
        Phase::Policies,
        "call it in a sub-select, once for each statement",
        sql,
    )
}
