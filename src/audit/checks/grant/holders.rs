//! Roles of the application that a grant applies to.

use std::collections::BTreeMap;

use crate::{
    audit::{
        catalog::{Grant, GrantClass, Oid, Relation},
        model::{AppRole, Model},
    },
    quoting::identifier,
};

/// Grantee → the application's roles that inherit its privileges.
pub(super) struct Holders<'m> {
    model: &'m Model,
    roles: BTreeMap<Oid, Vec<&'m AppRole>>,
}

/// A grant on a tenant table or view that a role of the application can use.
pub(super) struct Held<'m> {
    pub(super) grant: &'m Grant,
    pub(super) relation: &'m Relation,
    /// The application's roles that it applies to.
    pub(super) roles: Vec<&'m AppRole>,
}

impl<'m> Holders<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut roles: BTreeMap<Oid, Vec<&AppRole>> = BTreeMap::new();
        for role in &model.app_roles.roles {
            for grantee in model
                .catalog
                .rights
                .inherited(role.oid)
                .chain([Oid::PUBLIC])
            {
                roles.entry(grantee).or_default().push(role);
            }
        }
        Self { model, roles }
    }

    /// Returns the application's roles with the privileges of `grantee`.
    pub(super) fn of(&self, grantee: Oid) -> &[&'m AppRole] {
        self.roles.get(&grantee).map_or(&[], Vec::as_slice)
    }

    /// Returns the grants on tenant relations and their columns that apply to the application.
    pub(super) fn on_tenants(&self) -> impl Iterator<Item = Held<'m>> + '_ {
        let model = self.model;
        model.catalog.grants.iter().filter_map(move |grant| {
            let on_rows = matches!(grant.class, GrantClass::Relation | GrantClass::Column);
            if !on_rows || !model.tenancy.is_tenants(grant.object) {
                return None;
            }
            let relation = model.catalog.relations.get(&grant.object)?;
            let uses =
                |role: &&&AppRole| model.catalog.rights.uses_schema(role.oid, &relation.schema);
            let roles: Vec<&AppRole> = self
                .of(grant.grantee)
                .iter()
                .filter(uses)
                .copied()
                .collect();
            (!roles.is_empty()).then_some(Held {
                grant,
                relation,
                roles,
            })
        })
    }
}

impl Held<'_> {
    pub(super) fn has(&self, privilege: &str) -> bool {
        self.grant.privileges.iter().any(|one| one == privilege)
    }

    /// Returns the clause of a statement: `SELECT, UPDATE ON "public"."notes"`, or `SELECT ("name")
    /// ON …` for a column.
    pub(super) fn clause<'p>(
        &self,
        model: &Model,
        privileges: impl IntoIterator<Item = &'p str>,
    ) -> String {
        let column = match self.grant.class {
            GrantClass::Column => {
                let name = model.column_name(self.relation.oid, self.grant.column);
                format!(" ({})", identifier(name))
            }
            _ => String::new(),
        };
        let privileges = privileges.into_iter().map(|one| format!("{one}{column}"));
        let privileges: Vec<String> = privileges.collect();
        format!("{} ON {}", privileges.join(", "), self.relation.quoted())
    }
}

/// All grants by object, to find the privileges on one object quickly.
pub(super) struct GrantsByObject<'m> {
    model: &'m Model,
    grants: BTreeMap<Oid, Vec<&'m Grant>>,
}

impl<'m> GrantsByObject<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut grants: BTreeMap<Oid, Vec<&Grant>> = BTreeMap::new();
        for grant in &model.catalog.grants {
            grants.entry(grant.object).or_default().push(grant);
        }
        Self { model, grants }
    }

    /// `true` if a role has a privilege through a grant to itself or to a role that it inherits
    /// from, in addition to PUBLIC. A grant on a table covers its columns.
    pub(super) fn without_public(
        &self,
        role: Oid,
        on: (GrantClass, Oid, i16),
        privilege: &str,
    ) -> bool {
        let (class, object, column) = on;
        let grants = self.grants.get(&object).into_iter().flatten();
        grants.copied().any(|grant| {
            let same = (grant.class, grant.column) == (class, column);
            let around = (grant.class, class) == (GrantClass::Relation, GrantClass::Column);
            (same || around)
                && grant.grantee != Oid::PUBLIC
                && self.model.catalog.rights.acts_as(role, grant.grantee)
                && grant.privileges.iter().any(|one| one == privilege)
        })
    }
}

/// Returns the name for messages: `role app`, or `PUBLIC`.
pub(super) fn named(model: &Model, grantee: Oid) -> String {
    if grantee == Oid::PUBLIC {
        "PUBLIC".to_owned()
    } else {
        format!("role {}", model.catalog.role_name(grantee))
    }
}

/// Returns the grantee for statements. `PUBLIC` is a keyword there, not a name.
pub(super) fn quoted(model: &Model, grantee: Oid) -> String {
    if grantee == Oid::PUBLIC {
        "PUBLIC".to_owned()
    } else {
        identifier(model.catalog.role_name(grantee))
    }
}
