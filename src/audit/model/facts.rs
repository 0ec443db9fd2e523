//! Facts of the model that the reader of expressions needs.

use std::collections::BTreeSet;

use super::{Model, arguments, tenant_session::Names};
use crate::audit::{
    catalog::Oid,
    expression::{Facts, FunctionFacts, SessionSource},
};

impl Facts for Model {
    fn function(&self, oid: u32) -> Option<&FunctionFacts> {
        self.meaning.function(oid)
    }

    fn ignores_argument(&self, function: u32, place: usize) -> bool {
        let function = self.catalog.functions.get(&Oid(function));
        function.is_some_and(|function| arguments::ignores(&self.catalog, function, place))
    }

    fn is_equality(&self, operator: u32) -> bool {
        self.catalog.equalities.contains(&Oid(operator))
    }

    fn tenant_columns(&self, relation: u32) -> BTreeSet<i16> {
        self.tenancy.key(Oid(relation)).into_iter().collect()
    }

    fn identity_columns(&self, relation: u32) -> BTreeSet<i16> {
        let membership = self.tenancy.membership(Oid(relation));
        let of_membership = membership.map(|one| one.user);
        let memberships = self.tenancy.memberships.iter();
        let is_users = memberships
            .filter_map(|one| one.users)
            .any(|users| users.0 == relation);
        let own_key = match self.catalog.primary_key(Oid(relation)) {
            [key] if is_users => Some(*key),
            _ => None,
        };
        of_membership.into_iter().chain(own_key).collect()
    }

    fn is_membership(&self, relation: u32) -> bool {
        self.tenancy.membership(Oid(relation)).is_some()
    }

    fn parent_link(
        &self,
        child: u32,
        child_columns: &[i16],
        parent: u32,
        parent_columns: &[i16],
    ) -> bool {
        let asked: BTreeSet<(i16, i16)> = child_columns
            .iter()
            .copied()
            .zip(parent_columns.iter().copied())
            .collect();
        self.catalog.foreign_keys(Oid(child)).any(|constraint| {
            let pairs: BTreeSet<(i16, i16)> = constraint.pairs().collect();
            constraint.target == Oid(parent) && !asked.is_empty() && asked.is_subset(&pairs)
        })
    }

    fn is_protected(&self, relation: u32) -> bool {
        self.catalog
            .relations
            .get(&Oid(relation))
            .is_some_and(|relation| {
                let mut roles = self.app_roles.roles.iter();
                relation.rls && roles.all(|role| self.is_bound(role.oid, relation))
            })
    }

    fn names_tenant(&self, source: &SessionSource) -> bool {
        self.session.names(source) == Some(Names::Tenant)
    }
}
