//! Columns that identify the user of a row, inferred from policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{
    catalog::Oid,
    expression::{Facts, FunctionFacts, SessionSource},
    model::{Model, Names},
};

/// The model, and columns that identify users: those that a policy compares with the session's
/// user. A user's own row does not belong to another tenant, so a policy on such a column confines.
pub(super) struct Identities<'m> {
    model: &'m Model,
    users: BTreeMap<u32, BTreeSet<i16>>,
}

impl<'m> Identities<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let mut users: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
        for one in model.meaning.comparisons.iter().filter(|one| one.direct) {
            let is_key = model.tenancy.key(one.relation) == Some(one.column);
            if !is_key && is_user(model, &one.sources) {
                users.entry(one.relation.0).or_default().insert(one.column);
            }
        }
        Self { model, users }
    }

    /// Returns the columns of a table that identify the tenant or the user.
    pub(super) fn keys(&self, relation: Oid) -> BTreeSet<i16> {
        let mut keys = self.tenant_columns(relation.0);
        keys.extend(self.identity_columns(relation.0));
        keys
    }

    /// `true` if the column identifies the user of a row.
    pub(super) fn is_identity(&self, relation: Oid, column: i16) -> bool {
        self.identity_columns(relation.0).contains(&column)
    }
}

/// `true` if a value of the session identifies its user instead of its tenant. The subject of a
/// token always does (RFC 7519, 4.1.2); a database user may stand for a tenant.
fn is_user(model: &Model, sources: &BTreeSet<SessionSource>) -> bool {
    let is_subject = |source: &SessionSource| {
        matches!(source, SessionSource::Claim { .. }) && source.names_user()
    };
    if sources.iter().any(is_subject) {
        return true;
    }
    let names = |source: &SessionSource| match model.session.names(source) {
        None if source.names_user() => Some(Names::User),
        known => known,
    };
    let named: Vec<Names> = sources.iter().filter_map(names).collect();
    named.contains(&Names::User) && !named.contains(&Names::Tenant)
}

impl Facts for Identities<'_> {
    fn function(&self, oid: u32) -> Option<&FunctionFacts> {
        self.model.function(oid)
    }

    fn ignores_argument(&self, function: u32, place: usize) -> bool {
        self.model.ignores_argument(function, place)
    }

    fn is_equality(&self, operator: u32) -> bool {
        self.model.is_equality(operator)
    }

    fn tenant_columns(&self, relation: u32) -> BTreeSet<i16> {
        self.model.tenant_columns(relation)
    }

    fn identity_columns(&self, relation: u32) -> BTreeSet<i16> {
        let mut columns = self.model.identity_columns(relation);
        columns.extend(self.users.get(&relation).into_iter().flatten());
        columns
    }

    fn is_membership(&self, relation: u32) -> bool {
        self.model.is_membership(relation)
    }

    fn parent_link(
        &self,
        child: u32,
        child_columns: &[i16],
        parent: u32,
        parent_columns: &[i16],
    ) -> bool {
        self.model
            .parent_link(child, child_columns, parent, parent_columns)
    }

    fn is_protected(&self, relation: u32) -> bool {
        self.model.is_protected(relation)
    }

    fn names_tenant(&self, source: &SessionSource) -> bool {
        self.model.names_tenant(source)
    }
}
