//! Code that the server runs for a change of rows: triggers, policies, CHECK constraints, generated
//! columns, rules and views. A function in one of them that advances a sequence, or has effects
//! outside of the database, does so even if the change is rolled back.

use std::collections::BTreeSet;

use super::side_effects::{of_function, of_functions, of_text};
use crate::audit::{
    catalog::{ConstraintKind, Oid, Policy, PolicyCommand, Relation, RelationKind, Rule, Trigger},
    expression::{self, Expr},
    model::Model,
};

/// A change of rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Insert,
    Update,
    Delete,
}

impl Change {
    const fn bit(self) -> i16 {
        match self {
            Self::Insert => Trigger::INSERT,
            Self::Update => Trigger::UPDATE,
            Self::Delete => Trigger::DELETE,
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Insert => "inserting",
            Self::Update => "updating",
            Self::Delete => "deleting",
        }
    }
}

/// Returns a notice for each change with effects that may outlive a rollback. It is skipped unless
/// it is forced.
pub(crate) fn notices(
    model: &Model,
    objects: impl Iterator<Item = Oid>,
    force: bool,
) -> Vec<String> {
    let what = if force { "was forced" } else { "was skipped" };
    let relations = objects.filter_map(|object| model.catalog.relations.get(&object));
    let mut notices = Vec::new();
    for relation in relations {
        for change in [Change::Insert, Change::Update, Change::Delete] {
            let mut roles = model.app_roles.roles.iter();
            let reason = roles.find_map(|role| side_effect(model, relation, change, role.oid));
            if let Some(reason) = reason {
                notices.push(format!("{}: {reason}; it {what}", relation.display()));
            }
        }
    }
    notices
}

/// Returns the reason why a change of a relation by a role may have side effects that outlive a rollback; `None` if the
/// sources show none.
pub(crate) fn side_effect(
    model: &Model,
    relation: &Relation,
    change: Change,
    role: Oid,
) -> Option<String> {
    affected(model, relation.oid, change)
        .into_iter()
        .find_map(|(table, bits)| {
            let why = of_triggers(model, table, bits).or_else(|| {
                let table = model.catalog.relations.get(&table)?;
                let changes = [Change::Insert, Change::Update, Change::Delete];
                let mut changes = changes.into_iter().filter(|one| bits & one.bit() != 0);
                changes.find_map(|change| of_expressions(model, table, change, role))
            })?;
            Some(format!("{} may outlive a rollback: {why}", change.verb()))
        })
}

fn of_triggers(model: &Model, table: Oid, bits: i16) -> Option<String> {
    let mut triggers = model.catalog.triggers_of(table).iter();
    triggers.find_map(|trigger| {
        if !trigger.enabled || !trigger.watches(bits) {
            return None;
        }
        let function = model.catalog.functions.get(&trigger.function)?;
        let what = of_function(model, function)?;
        Some(format!(
            "trigger {} calls {}, which uses {what}",
            trigger.name,
            function.display()
        ))
    })
}

/// Returns the reason why the expressions of a table have such side effects when `role` changes it.
fn of_expressions(model: &Model, table: &Relation, change: Change, role: Oid) -> Option<String> {
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

/// Returns the tables with triggers that may fire: the relation, the tables that a view reads, its
/// partitions, and for a deletion the tables reached by foreign key actions.
fn affected(model: &Model, relation: Oid, change: Change) -> Vec<(Oid, i16)> {
    let mut found = vec![(relation, change.bit())];
    let mut place = 0;
    while let Some((table, bits)) = found.get(place).copied() {
        place += 1;
        let mut next: Vec<(Oid, i16)> = Vec::new();
        if let Some(rule) = model.catalog.view_rule(table) {
            next.extend(rule.reads.iter().map(|read| (*read, bits)));
        }
        for other in model.catalog.relations.values() {
            if other.parents.contains(&table) {
                next.push((other.oid, bits));
            }
        }
        if bits & Trigger::DELETE != 0 {
            let constraints = model.catalog.constraints.values().flatten();
            next.extend(
                constraints
                    .filter(|one| one.target == table)
                    .filter_map(|one| match one.on_delete.as_str() {
                        "c" => Some((one.relation, Trigger::DELETE)),
                        "n" | "d" => Some((one.relation, Trigger::UPDATE)),
                        _ => None,
                    }),
            );
        }
        for one in next {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}
