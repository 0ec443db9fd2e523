//! Policies that let rows of other tenants pass, classified by mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::effective::{Effective, Side, protected};
use crate::audit::{
    catalog::{Oid, Policy, PolicyCommand, Relation},
    expression::{SessionSource, Unset, Why},
    findings::{Claim, Findings},
    model::{AppRole, Model},
    report::{ContextKind, Operation},
};

/// Kind of mistake. Each is a check.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mistake {
    AlwaysTrue,
    IgnoresTenant,
    WrongColumn,
    LooseComparison,
    SelfComparison,
    NullEscape,
    OpenWhenUnset,
    Uncorrelated,
    Undone,
    WeakWrite,
}

/// One side of a policy through which rows of other tenants pass.
pub(super) struct Gap<'e, 'm> {
    pub(super) side: Side,
    pub(super) why: &'e Why,
    /// The roles and commands that it applies to.
    pub(super) passes: Vec<(&'m AppRole, PolicyCommand)>,
    /// A policy for the same command that would confine the rows without this one.
    pub(super) undoes: Option<&'m Policy>,
}

/// A policy with one mistake, in USING, WITH CHECK or both.
pub(super) struct Faulty<'e, 'm> {
    pub(super) relation: &'m Relation,
    pub(super) policy: &'m Policy,
    pub(super) mistake: Mistake,
    /// One or two gaps.
    pub(super) gaps: Vec<Gap<'e, 'm>>,
}

/// Returns the policies through which rows of other tenants pass, ordered by table. A policy that
/// could not be analyzed is reported once as skipped.
pub(super) fn faulty<'e, 'm>(
    effective: &'e Effective<'m>,
    findings: &mut Findings,
) -> Vec<Faulty<'e, 'm>> {
    let mut skips = Skips::of(findings);
    let mut found = Vec::new();
    let suspected = |relation: &&Relation| effective.may_let_pass(relation);
    for relation in protected(effective.model).filter(suspected) {
        let mut gaps: BTreeMap<(Oid, Side), (&'m Policy, Gap<'e, 'm>)> = BTreeMap::new();
        for applied in effective.applied_policies(relation) {
            let Some(passing) = effective.passing(&applied) else {
                continue;
            };
            for (policy, reason) in passing.unknown {
                skips.add(effective.model, relation, policy, reason, findings);
            }
            for (policy, why) in passing.open {
                let confined = !passing.confined.is_empty();
                if confined && is_for_addressee(effective.model, relation, policy, why) {
                    continue;
                }
                let (_, gap) = gaps.entry((policy.oid, applied.side)).or_insert_with(|| {
                    let gap = Gap {
                        side: applied.side,
                        why,
                        passes: Vec::new(),
                        undoes: passing.confined.first().copied(),
                    };
                    (policy, gap)
                });
                gap.passes.push((applied.role, applied.command));
            }
        }
        let mut of_policy: BTreeMap<Oid, (&Policy, Vec<Gap<'e, 'm>>)> = BTreeMap::new();
        for ((oid, _), (policy, gap)) in gaps {
            of_policy
                .entry(oid)
                .or_insert((policy, Vec::new()))
                .1
                .push(gap);
        }
        for (policy, gaps) in of_policy.into_values() {
            found.extend(diagnosed(relation, policy, gaps));
        }
    }
    found
}

/// `true` if the policy shares a row with a second tenant, as for a transfer: a column other than
/// the tenant key refers to the table of tenants, and the policy lets its tenant read the row. Next
/// to a policy on the tenant key this is deliberate.
fn is_for_addressee(model: &Model, relation: &Relation, policy: &Policy, why: &Why) -> bool {
    let (Why::WrongColumn { column, .. }, Some((root, _))) = (why, model.tenancy.root) else {
        return false;
    };
    let mut keys = model.catalog.foreign_keys(relation.oid);
    policy.command == PolicyCommand::Select
        && keys.any(|key| key.target == root && key.columns == [*column])
}

/// Returns the mistakes of one policy. If both sides have the same mistake, it is returned once.
fn diagnosed<'e, 'm>(
    relation: &'m Relation,
    policy: &'m Policy,
    gaps: Vec<Gap<'e, 'm>>,
) -> Vec<Faulty<'e, 'm>> {
    let reached = gaps
        .iter()
        .find(|gap| gap.side == Side::Reached)
        .map(mistake);
    let mut found: Vec<Faulty<'e, 'm>> = Vec::new();
    for gap in gaps {
        let is_blunt = gap.side == Side::Written && !is_specific(gap.why);
        let mistake = match reached {
            Some(reached) if is_blunt => reached,
            _ => mistake(&gap),
        };
        match found.iter_mut().find(|known| known.mistake == mistake) {
            Some(known) => known.gaps.push(gap),
            None => found.push(Faulty {
                relation,
                policy,
                mistake,
                gaps: vec![gap],
            }),
        }
    }
    found
}

fn mistake(gap: &Gap<'_, '_>) -> Mistake {
    match gap.why.innermost() {
        Why::WrongColumn { .. } => Mistake::WrongColumn,
        Why::LooseComparison { .. } => Mistake::LooseComparison,
        Why::SelfComparison { .. } => Mistake::SelfComparison,
        Why::NullEscape { .. } => Mistake::NullEscape,
        Why::OpenWhenUnset { .. } => Mistake::OpenWhenUnset,
        // A policy that ignores the tenant is worse if another policy does check it.
        _ if gap.undoes.is_some() => Mistake::Undone,
        _ if gap.side == Side::Written => Mistake::WeakWrite,
        Why::IgnoresTenantColumn { .. } | Why::IgnoredArgument { .. } => Mistake::IgnoresTenant,
        Why::UncorrelatedSubselect { .. } => Mistake::Uncorrelated,
        Why::AlwaysTrue | Why::OpenArm { .. } => Mistake::AlwaysTrue,
    }
}

/// `true` if the expression checks the tenant, but with a mistake.
fn is_specific(why: &Why) -> bool {
    matches!(
        why.innermost(),
        Why::WrongColumn { .. }
            | Why::LooseComparison { .. }
            | Why::SelfComparison { .. }
            | Why::NullEscape { .. }
            | Why::OpenWhenUnset { .. }
    )
}

impl Gap<'_, '_> {
    /// `true` if a setting that identifies neither tenant nor user opens every row. Probes do not
    /// know the value to set.
    pub(super) fn is_switch(&self, model: &Model) -> bool {
        let Why::IgnoresTenantColumn { sources, .. } = self.why.innermost() else {
            return false;
        };
        sources.iter().any(|source| {
            matches!(source, SessionSource::Setting(_))
                && model.session.names(source).is_none()
                && !source.names_user()
        })
    }
}

impl<'m> Faulty<'_, 'm> {
    /// Returns the main gap: existing rows before written ones.
    pub(super) fn main(&self) -> &Gap<'_, 'm> {
        &self.gaps[0]
    }

    /// Returns the application's roles that it applies to, in the order of the model.
    pub(super) fn roles(&self) -> Vec<&'m AppRole> {
        let mut seen = BTreeSet::new();
        let passes = self.gaps.iter().flat_map(|gap| &gap.passes);
        passes
            .map(|(role, _)| *role)
            .filter(|role| seen.insert(role.oid))
            .collect()
    }

    /// Returns the commands that it applies to, in the order of the manual.
    pub(super) fn commands(&self) -> BTreeSet<PolicyCommand> {
        let passes = self.gaps.iter().flat_map(|gap| &gap.passes);
        passes.map(|(_, command)| *command).collect()
    }

    /// Returns the probes that succeed if the finding is correct. If they depend on rows that may
    /// not exist, blocked attempts do not refute it.
    pub(super) fn claims(&self, model: &Model) -> Vec<Claim> {
        let mut claims = Vec::new();
        for gap in &self.gaps {
            let (contexts, decisive): (&[ContextKind], bool) = match gap.why.innermost() {
                Why::OpenWhenUnset { when, .. } => match when {
                    Unset::Empty => (Claim::UNNAMED, true),
                    Unset::Missing => (&[ContextKind::None], true),
                },
                Why::NullEscape { .. } | Why::WrongColumn { .. } => (Claim::NAMED, false),
                // An empty pattern may accept every row.
                Why::LooseComparison { .. } => (ContextKind::ALL, false),
                Why::IgnoresTenantColumn { columns, .. } => {
                    let always = columns.is_empty() && !gap.is_switch(model);
                    (Claim::NAMED, always)
                }
                Why::UncorrelatedSubselect { relations, .. } => {
                    let mut relations = relations.iter();
                    let of_tenants = relations.any(|oid| model.tenancy.is_tenants(Oid(*oid)));
                    (Claim::NAMED, !of_tenants)
                }
                _ => (Claim::NAMED, true),
            };
            // A probe that looks for the row it updates also needs the policies of SELECT. A
            // statement that updates every row does not.
            let mut commands = gap.passes.iter().map(|(_, command)| *command);
            let only_updates =
                gap.side == Side::Reached && commands.all(|one| one == PolicyCommand::Update);
            claims.extend(gap.passes.iter().map(|(role, command)| Claim {
                object: self.relation.oid,
                role: Some(role.oid),
                operations: operations(*command, gap.side),
                contexts,
                decisive: decisive && !only_updates,
            }));
        }
        claims
    }
}

fn operations(command: PolicyCommand, side: Side) -> &'static [Operation] {
    match (command, side) {
        (PolicyCommand::Insert, _) => &[Operation::Insert],
        (PolicyCommand::Update, Side::Reached) => &[Operation::Update],
        (PolicyCommand::Update, Side::Written) => &[Operation::Move],
        (PolicyCommand::Delete, _) => &[Operation::Delete],
        (PolicyCommand::Select | PolicyCommand::All, _) => Claim::READ,
    }
}

/// The class instead of a check, because none of its checks could decide.
const CLASS: &str = "policy";

/// Policies that were reported as skipped: several checks analyze the same policy.
struct Skips(BTreeSet<String>);

impl Skips {
    fn of(findings: &Findings) -> Self {
        let known = findings.skipped.iter().filter(|one| one.check == CLASS);
        Self(known.filter_map(|one| one.object.clone()).collect())
    }

    fn add(
        &mut self,
        model: &Model,
        relation: &Relation,
        policy: &Policy,
        reason: &str,
        findings: &mut Findings,
    ) {
        let object = format!("{} ({})", relation.display(), policy.name);
        let unread = model
            .meaning
            .policy(policy.oid)
            .is_some_and(|read| read.unread.is_some());
        if !unread && self.0.insert(object.clone()) {
            let reason =
                format!("could not determine the rows that the policy lets pass: {reason}");
            findings.skip(CLASS, Some(object), reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(side: Side, why: &Why) -> Gap<'_, 'static> {
        Gap {
            side,
            why,
            passes: Vec::new(),
            undoes: None,
        }
    }

    #[test]
    fn what_one_alternative_does_is_the_mistake() {
        let why = Why::OpenArm {
            arm: 1,
            inner: Box::new(Why::NullEscape { column: 1 }),
        };
        assert_eq!(mistake(&gap(Side::Reached, &why)), Mistake::NullEscape);
    }

    #[test]
    fn a_check_that_does_not_look_is_a_weak_write() {
        let why = Why::AlwaysTrue;
        assert_eq!(mistake(&gap(Side::Written, &why)), Mistake::WeakWrite);
        assert_eq!(mistake(&gap(Side::Reached, &why)), Mistake::AlwaysTrue);
    }
}
