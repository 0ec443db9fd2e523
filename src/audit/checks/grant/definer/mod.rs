//! SECURITY DEFINER functions: doors that open with the rights of who made them (PostgreSQL
//! manual, CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely").

mod body;
mod dynamic;
mod execute;
mod search_path;
mod text;
mod unfiltered;

use std::collections::BTreeSet;

use crate::audit::{
    catalog::{Function, Oid, Relation, RelationKind},
    model::{AppRole, Model},
};

pub(super) use execute::PUBLIC;
pub(super) use search_path::SEARCH_PATH;
pub(super) use unfiltered::UNFILTERED;

/// A function that the application calls with rights that it has not itself.
struct Definer<'m> {
    function: &'m Function,
    /// The application's roles that may call it.
    callers: Vec<&'m AppRole>,
}

/// The functions to look at. A trigger's function cannot be called, and what an extension brings
/// is its makers' to mend.
fn definers(model: &Model) -> Vec<Definer<'_>> {
    let rights = &model.catalog.rights;
    let functions = model.catalog.functions.values().filter(|function| {
        function.definer
            && !function.of_extension
            && !matches!(
                function.return_type_name.as_str(),
                "trigger" | "event_trigger"
            )
            && model.overrides.includes_schema(&function.schema)
    });
    let called = functions.map(|function| {
        let callers = model.actors.roles.iter().filter(|role| {
            rights.executes(role.oid, function.oid)
                && rights.uses_schema(role.oid, &function.schema)
                // Who has the owner's rights gains nothing by the function.
                && !rights.acts_as(role.oid, function.owner)
        });
        Definer {
            function,
            callers: callers.collect(),
        }
    });
    called
        .filter(|definer| !definer.callers.is_empty())
        .collect()
}

/// The schemas in which such functions look names up.
pub(super) fn searched_schemas(model: &Model) -> BTreeSet<String> {
    let definers = definers(model);
    definers
        .iter()
        .flat_map(|definer| search_path::searched(definer.function))
        .collect()
}

impl Definer<'_> {
    /// Whether a relation opens all of its rows to the owner of the function: no policy binds it
    /// there, nor on what a view reads.
    fn opens(&self, model: &Model, relation: &Relation) -> bool {
        opens(model, self.function.owner, relation, &mut BTreeSet::new())
    }

    /// `app` or `app and anon`, for sentences.
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
