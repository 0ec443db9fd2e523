//! SECURITY DEFINER functions, which run with the privileges of their owner (PostgreSQL manual,
//! CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely").

mod body;
mod dynamic;
mod execute;
mod search_path;
mod text;
mod triggers;
mod unfiltered;

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{
    catalog::{Function, Oid, Relation, RelationKind, Trigger},
    model::{AppRole, Model},
};

pub(super) use execute::PUBLIC;
pub(super) use search_path::SEARCH_PATH;
pub(super) use unfiltered::UNFILTERED;

/// A function that the application runs with privileges that it does not have itself.
struct Definer<'m> {
    function: &'m Function,
    /// The application's roles that may call it, or fire its triggers.
    callers: Vec<&'m AppRole>,
}

/// Returns the functions that the application may call. Trigger functions cannot be called.
fn called(model: &Model) -> Vec<Definer<'_>> {
    let rights = &model.catalog.rights;
    let functions = candidates(model).filter(|function| {
        !matches!(
            function.return_type_name.as_str(),
            "trigger" | "event_trigger"
        )
    });
    of_roles(model, functions, |role, function| {
        rights.executes(role.oid, function.oid) && rights.uses_schema(role.oid, &function.schema)
    })
}

/// Returns the functions that run when the application changes rows. Firing a trigger does not
/// require EXECUTE on its function (PostgreSQL manual, CREATE TRIGGER).
fn fired(model: &Model) -> Vec<Definer<'_>> {
    let mut triggers: BTreeMap<Oid, Vec<&Trigger>> = BTreeMap::new();
    for trigger in model.catalog.triggers.values().flatten() {
        if trigger.enabled {
            triggers.entry(trigger.function).or_default().push(trigger);
        }
    }
    let functions = candidates(model).filter(|function| triggers.contains_key(&function.oid));
    of_roles(model, functions, |role, function| {
        let mut triggers = triggers.get(&function.oid).into_iter().flatten();
        triggers.any(|trigger| fires(model, role, trigger))
    })
}

/// `true` if a role can change the table of a trigger, directly or through a view.
fn fires(model: &Model, role: &AppRole, trigger: &Trigger) -> bool {
    let catalog = &model.catalog;
    let through = catalog.rules.iter().filter(|(_, rules)| {
        let mut rules = rules.iter();
        rules.any(|rule| rule.name == "_RETURN" && rule.reads.contains(&trigger.relation))
    });
    let changed = through.map(|(view, _)| *view).chain([trigger.relation]);
    changed
        .filter_map(|oid| catalog.relations.get(&oid))
        .any(|relation| {
            let may = model.privileges(role.oid, relation);
            let (insert, update, delete) = match relation.kind {
                RelationKind::View => relation.changeable(),
                _ => (true, true, true),
            };
            (trigger.watches(Trigger::INSERT) && insert && may.insert)
                || (trigger.watches(Trigger::UPDATE) && update && may.update)
                || (trigger.watches(Trigger::DELETE) && delete && may.delete)
                || (trigger.watches(Trigger::TRUNCATE) && may.truncate)
        })
}

/// Returns the functions to check. Functions of an extension are excluded, because the application
/// cannot fix them.
fn candidates(model: &Model) -> impl Iterator<Item = &Function> {
    model.catalog.functions.values().filter(|function| {
        function.definer
            && !function.of_extension
            && model.overrides.includes_schema(&function.schema)
    })
}

fn of_roles<'m>(
    model: &'m Model,
    functions: impl Iterator<Item = &'m Function>,
    runs: impl Fn(&AppRole, &Function) -> bool,
) -> Vec<Definer<'m>> {
    let rights = &model.catalog.rights;
    let definers = functions.map(|function| Definer {
        function,
        callers: model
            .app_roles
            .roles
            .iter()
            // A role with the privileges of the owner gains nothing from the function.
            .filter(|role| runs(role, function) && !rights.acts_as(role.oid, function.owner))
            .collect(),
    });
    definers
        .filter(|definer| !definer.callers.is_empty())
        .collect()
}

/// Returns the schemas in which such functions look up names.
pub(super) fn searched_schemas(model: &Model) -> BTreeSet<String> {
    let definers = called(model).into_iter().chain(fired(model));
    definers
        .flat_map(|definer| search_path::searched(definer.function))
        .collect()
}

impl Definer<'_> {
    /// `true` if all rows of a relation are visible to the owner of the function: no policy applies
    /// to it there, or on the tables that a view reads.
    fn opens(&self, model: &Model, relation: &Relation) -> bool {
        opens(model, self.function.owner, relation, &mut BTreeSet::new())
    }

    /// Returns the callers for messages: `app` or `app and anon`.
    fn callers(&self) -> String {
        let names: Vec<&str> = self.callers.iter().map(|role| role.name.as_str()).collect();
        names.join(" and ")
    }
}

fn opens(model: &Model, role: Oid, relation: &Relation, seen: &mut BTreeSet<Oid>) -> bool {
    if relation.kind != RelationKind::View {
        return !model.is_bound(role, relation);
    }
    let reader = if relation.has_option("security_invoker") {
        role
    } else {
        relation.owner
    };
    let rule = model.catalog.view_rule(relation.oid);
    seen.insert(relation.oid)
        && rule.into_iter().flat_map(|rule| &rule.reads).any(|read| {
            let read = model.catalog.relations.get(read);
            read.is_some_and(|read| {
                model.tenancy.is_tenants(read.oid) && opens(model, reader, read, seen)
            })
        })
}
