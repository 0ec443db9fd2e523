//! Expressions that the server evaluates for a change of rows, besides triggers: policies, CHECK
//! constraints, generated columns, rules and views. A function in one of them that advances a
//! sequence, or has effects outside of the database, does so even if the change is rolled back.

use std::collections::BTreeSet;

use super::lasting::{Change, of_functions, of_text};
use crate::audit::{
    catalog::{ConstraintKind, Oid, Policy, PolicyCommand, Relation, RelationKind, Rule},
    expression::{self, Expr},
    model::Model,
};

/// Returns the reason why the expressions of a table have lasting effects when `role` changes it.
pub(super) fn lasting(
    model: &Model,
    table: &Relation,
    change: Change,
    role: Oid,
) -> Option<String> {
    let catalog = &model.catalog;
    let rules = catalog.rules_of(table.oid).iter();
    let mut rules = rules.filter(|rule| is_rewritten(table, rule, change));
    rules
        .find_map(|rule| {
            let what = of_text(model, &rule.definition)?;
            let noun = match table.kind {
                RelationKind::View => "the query of the view",
                _ => "its rule",
            };
            Some(format!("{noun} {} uses {what}", rule.name))
        })
        .or_else(|| of_columns(model, table, change))
        .or_else(|| of_policies(model, table, change, role))
}

/// `true` if the rule applies to a change (`pg_rewrite.ev_type`). A view's own rule applies to
/// every change through the view.
fn is_rewritten(table: &Relation, rule: &Rule, change: Change) -> bool {
    let event = match change {
        Change::Update => "2",
        Change::Insert => "3",
        Change::Delete => "4",
    };
    rule.enabled
        && (rule.event == event || (table.kind == RelationKind::View && rule.name == "_RETURN"))
}

/// Checks CHECK constraints and generated columns. A deletion evaluates neither.
fn of_columns(model: &Model, table: &Relation, change: Change) -> Option<String> {
    if change == Change::Delete {
        return None;
    }
    let constraints = model.catalog.constraints_of(table.oid).iter();
    let mut checks = constraints.filter(|one| one.kind == ConstraintKind::Check);
    let check = checks.find_map(|one| {
        let what = of_text(model, &one.definition)?;
        Some(format!("CHECK constraint {} uses {what}", one.name))
    });
    check.or_else(|| {
        let columns = model.catalog.columns_of(table.oid).iter();
        let mut generated = columns.filter(|column| column.generated);
        generated.find_map(|column| {
            let what = of_text(model, column.default_text.as_deref()?)?;
            Some(format!("generated column {} uses {what}", column.name))
        })
    })
}

fn of_policies(model: &Model, table: &Relation, change: Change, role: Oid) -> Option<String> {
    let command = match change {
        Change::Insert => PolicyCommand::Insert,
        Change::Update => PolicyCommand::Update,
        Change::Delete => PolicyCommand::Delete,
    };
    // A change with columns in its condition also reads them.
    let commands = match change {
        Change::Insert => vec![command],
        Change::Update | Change::Delete => vec![command, PolicyCommand::Select],
    };
    let mut waiting: Vec<(&Relation, Vec<PolicyCommand>)> = vec![(table, commands)];
    let mut seen = BTreeSet::new();
    while let Some((table, commands)) = waiting.pop() {
        if !model.is_bound(role, table) {
            continue;
        }
        for policy in model.catalog.policies_of(table.oid) {
            let covers = commands.iter().any(|one| policy.command.covers(*one));
            let to = |one: &Oid| *one == Oid::PUBLIC || model.catalog.rights.acts_as(role, *one);
            if !covers || !policy.roles.iter().any(to) {
                continue;
            }
            if let Some(what) = of_policy(model, policy) {
                let table = table.display();
                return Some(format!("policy {} on {table} uses {what}", policy.name));
            }
            // The tables that a sub-select reads have policies too.
            let read = trees(model, policy).flat_map(expression::relations);
            let read = read.filter_map(|oid| model.catalog.relations.get(&Oid(oid)));
            let read = read.filter(|table| seen.insert(table.oid));
            waiting.extend(read.map(|table| (table, vec![PolicyCommand::Select])));
        }
    }
    None
}

/// Checks the text, which names functions, and the tree, which also contains those of operators and
/// casts.
fn of_policy(model: &Model, policy: &Policy) -> Option<String> {
    let texts = [&policy.using_text, &policy.check_text];
    let mut texts = texts.into_iter().flatten();
    texts
        .find_map(|one| of_text(model, one))
        .or_else(|| of_functions(model, trees(model, policy).flat_map(expression::functions)))
}

fn trees<'m>(model: &'m Model, policy: &Policy) -> impl Iterator<Item = &'m Expr> {
    let read = model.meaning.policy(policy.oid).into_iter();
    read.flat_map(|read| read.using.iter().chain(&read.check))
        .map(AsRef::as_ref)
}
