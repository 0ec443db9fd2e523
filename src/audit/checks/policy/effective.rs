//! Policies that apply to a statement, and their combined effect (PostgreSQL manual, CREATE POLICY,
//! "Policies Applied by Command Type" and "Application of Multiple Policies").

use std::collections::{BTreeMap, BTreeSet};

use super::identity::Identities;
use crate::audit::{
    catalog::{Oid, Policy, PolicyCommand, Relation},
    expression::{Confinement, Expr, Frame, Why, confinement},
    model::{AppRole, Belonging, Model},
};

pub(super) use crate::audit::model::Side;

/// A command of a role on a table, and the policies that apply to it.
pub(super) struct AppliedPolicies<'m> {
    pub(super) role: &'m AppRole,
    pub(super) command: PolicyCommand,
    pub(super) side: Side,
    pub(super) permissive: Vec<&'m Policy>,
    pub(super) restrictive: Vec<&'m Policy>,
}

/// The policies that do not confine a command to the session's tenant.
pub(super) struct Passing<'e, 'm> {
    /// Policies that let rows of other tenants pass.
    pub(super) open: Vec<(&'m Policy, &'e Why)>,
    /// Policies with an unknown effect.
    pub(super) unknown: Vec<(&'m Policy, &'e str)>,
    /// Permissive policies that would confine the rows if they were the only ones.
    pub(super) confined: Vec<&'m Policy>,
}

/// Effect of every policy on tenant tables.
pub(super) struct Effective<'m> {
    pub(super) model: &'m Model,
    pub(super) identities: Identities<'m>,
    /// Role → the roles that it matches in TO of a policy.
    applying: BTreeMap<Oid, BTreeSet<Oid>>,
}

impl<'m> Effective<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let applying = model.app_roles.roles.iter().map(|role| {
            let inherited = model.catalog.rights.inherited(role.oid);
            (role.oid, inherited.chain([Oid::PUBLIC]).collect())
        });
        Self {
            model,
            identities: Identities::of(model),
            applying: applying.collect(),
        }
    }

    /// Returns the commands on a table: those that a role of the application has the privilege for,
    /// if row-level security applies to it there.
    ///
    /// Only the policies of UPDATE and DELETE themselves count. Those of SELECT only apply in
    /// addition if the statement reads a column, and `DELETE FROM notes` does not.
    pub(super) fn applied_policies(&self, relation: &'m Relation) -> Vec<AppliedPolicies<'m>> {
        let mut applied_policies = Vec::new();
        for role in &self.model.app_roles.roles {
            if !self.model.is_bound(role.oid, relation) {
                continue;
            }
            let may = self.model.privileges(role.oid, relation);
            for (held, command, side) in [
                (may.select, PolicyCommand::Select, Side::Reached),
                (may.update, PolicyCommand::Update, Side::Reached),
                (may.delete, PolicyCommand::Delete, Side::Reached),
                (may.insert, PolicyCommand::Insert, Side::Written),
                (may.update, PolicyCommand::Update, Side::Written),
            ] {
                if held && (side == Side::Reached || self.can_misplace(role, relation, command)) {
                    applied_policies.push(self.applied(role, relation, command, side));
                }
            }
        }
        applied_policies
    }

    /// Returns the policies that do not confine a command; `None` if it is denied or confined to
    /// the tenant.
    pub(super) fn passing(&self, applied: &AppliedPolicies<'m>) -> Option<Passing<'_, 'm>> {
        let confines = |meaning: &Confinement| {
            matches!(meaning, Confinement::Confined(_) | Confinement::Closed)
        };
        let mut passing = Passing {
            open: Vec::new(),
            unknown: Vec::new(),
            confined: Vec::new(),
        };
        for policy in &applied.permissive {
            match self.meaning(policy, applied.side) {
                Some(Confinement::Open(why)) => passing.open.push((policy, why)),
                Some(Confinement::Unknown(reason)) => passing.unknown.push((policy, reason)),
                Some(Confinement::Confined(_)) => passing.confined.push(policy),
                // Without an expression a permissive policy lets no row pass.
                Some(Confinement::Closed) | None => {}
            }
        }
        if passing.open.is_empty() && passing.unknown.is_empty() {
            return None;
        }
        let mut floor = Vec::new();
        for policy in &applied.restrictive {
            match self.meaning(policy, applied.side) {
                Some(meaning) if confines(meaning) => return None,
                Some(Confinement::Unknown(reason)) => floor.push((*policy, reason.as_str())),
                _ => {}
            }
        }
        if !floor.is_empty() {
            // It may confine the rows that the permissive policies let pass.
            passing.open.clear();
            passing.unknown = floor;
        }
        Some(passing)
    }

    /// Returns the effect of a policy on one side; `None` if it does not apply to it.
    pub(super) fn meaning(&self, policy: &Policy, side: Side) -> Option<&Confinement> {
        let meanings = self.model.confinements.get_or_init(|| self.read_all());
        meanings.get(&(policy.oid, side))
    }

    /// `true` if any policy of a table may let rows of other tenants pass, regardless of the
    /// others. A quick test for all checks, because few tables have one.
    pub(super) fn may_let_pass(&self, relation: &Relation) -> bool {
        let policies = self.model.catalog.policies_of(relation.oid);
        policies.iter().any(|policy| {
            [Side::Reached, Side::Written].into_iter().any(|side| {
                let meaning = self.meaning(policy, side);
                matches!(
                    meaning,
                    Some(Confinement::Open(_) | Confinement::Unknown(_))
                )
            })
        })
    }

    fn read_all(&self) -> BTreeMap<(Oid, Side), Confinement> {
        let mut meanings = BTreeMap::new();
        for relation in protected(self.model).chain(of_users(self.model)) {
            for policy in self.model.catalog.policies_of(relation.oid) {
                for side in [Side::Reached, Side::Written] {
                    let meaning = self.read(relation, policy, side);
                    meanings.extend(meaning.map(|one| ((policy.oid, side), one)));
                }
            }
        }
        meanings
    }

    /// `true` if a policy applies to a role.
    pub(super) fn applies(&self, policy: &Policy, role: Oid) -> bool {
        let applying = self.applying.get(&role);
        applying.is_some_and(|applying| policy.roles.iter().any(|one| applying.contains(one)))
    }

    fn applied(
        &self,
        role: &'m AppRole,
        relation: &'m Relation,
        command: PolicyCommand,
        side: Side,
    ) -> AppliedPolicies<'m> {
        let policies = self.model.catalog.policies_of(relation.oid).iter();
        let (permissive, restrictive) = policies
            .filter(|policy| policy.command.covers(command) && self.applies(policy, role.oid))
            .partition(|policy| policy.permissive);
        AppliedPolicies {
            role,
            command,
            side,
            permissive,
            restrictive,
        }
    }

    /// `true` if the role can choose the tenant of the written row. A new row in the table of
    /// tenants does not belong to another tenant: signing up creates one.
    fn can_misplace(&self, role: &AppRole, relation: &Relation, command: PolicyCommand) -> bool {
        let columns: &[i16] = match self.model.tenancy.of(relation.oid) {
            Belonging::Keyed(key) => std::slice::from_ref(key),
            Belonging::Child(link) => &link.columns,
            Belonging::Root(_) | Belonging::Global | Belonging::Reference => &[],
        };
        let rights = &self.model.catalog.rights;
        let chooses =
            |column: &i16| rights.on_column(role.oid, relation.oid, *column, command.as_str());
        columns.iter().any(chooses)
    }

    fn read(&self, relation: &Relation, policy: &Policy, side: Side) -> Option<Confinement> {
        let expr = match expression(self.model, policy, side) {
            Some(expr) => expr,
            None => {
                let unread = self.model.meaning.policy(policy.oid)?.unread.clone()?;
                return Some(Confinement::Unknown(unread));
            }
        };
        let keys = self.identities.keys(relation.oid);
        let frame = Frame {
            table: relation.oid.0,
            key_columns: &keys,
            facts: &self.identities,
        };
        Some(match confinement(expr, &frame) {
            Confinement::Open(Why::NullEscape { column }) if self.is_set(relation, column) => {
                Confinement::Confined(BTreeSet::new())
            }
            meaning => meaning,
        })
    }

    /// `true` if the column cannot be NULL, so that a condition on NULL does not matter.
    fn is_set(&self, relation: &Relation, column: i16) -> bool {
        let column = self.model.catalog.column(relation.oid, column);
        column.is_some_and(|column| column.not_null)
    }
}

/// Returns the tenant tables with row-level security.
pub(super) fn protected(model: &Model) -> impl Iterator<Item = &Relation> {
    model.tenant_tables().filter(|relation| relation.rls)
}

/// Returns the tables with row-level security that belong to users instead of tenants.
fn of_users(model: &Model) -> impl Iterator<Item = &Relation> {
    let is_global =
        |relation: &&Relation| *model.tenancy.of(relation.oid) == Belonging::Global && relation.rls;
    model.relations().filter(is_global)
}

/// Returns the expression that a policy applies to one side.
pub(super) fn expression<'m>(model: &'m Model, policy: &Policy, side: Side) -> Option<&'m Expr> {
    let read = model.meaning.policy(policy.oid)?;
    match side {
        Side::Reached => read.using.as_deref(),
        Side::Written if policy.check_tree.is_some() => read.check.as_deref(),
        Side::Written => read.using.as_deref(),
    }
}

/// Returns the text of that expression as formatted by the server.
pub(super) fn text(policy: &Policy, side: Side) -> Option<&str> {
    match side {
        Side::Reached => policy.using_text.as_deref(),
        Side::Written => policy
            .check_text
            .as_deref()
            .or(policy.using_text.as_deref()),
    }
}
