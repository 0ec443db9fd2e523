//! Probes of tenant isolation: as each role of the application, with a tenant's context and without
//! one, every access path is tried. No change is kept.
//!
//! ```text
//! prepare (parties, target, survey) → execute (rounds: read, write) → judge (contents, proof)
//! ```

mod checks;
mod execute;
mod field;
mod judge;
mod prepare;
mod stand;
mod tried;

pub use checks::CHECKS;

use std::collections::BTreeSet;

use self::{
    execute::{locks::Locks, rounds},
    field::{Field, Terms},
    judge::{evaluated, nobody, proof},
    prepare::{
        arena::Arena,
        target::{self, Target},
        told,
    },
    stand::Stand,
    tried::Tried,
};
use crate::{
    audit::{
        catalog::Oid,
        connections::{Connections, Watch},
        findings::Findings,
        model::{AppRole, Model},
        registry::Selection,
        session::Stop,
    },
    domain::audit::{Attempt, ContextKind, Finding, Operation, Verdict},
    error::Result,
};

/// Extent of the probes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ProbeMode {
    Off,
    /// Reads, in READ ONLY transactions.
    #[default]
    Read,
    /// Writes too, in a transaction that is always rolled back.
    Full,
}

/// Options of the probes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeOptions {
    pub mode: ProbeMode,
    /// Show rows with all their values.
    pub show_values: bool,
    /// Also run statements with effects that may outlive a rollback.
    pub force: bool,
}

/// One attempt that succeeded.
#[derive(Clone, Debug)]
pub struct Leak {
    /// The relation or function.
    pub object: Oid,
    pub role: Oid,
    pub operation: Operation,
    pub context: ContextKind,
    /// The finding, shared by all attempts of an object, a role and a check through its
    /// fingerprint.
    pub finding: Finding,
}

/// Results of the probes.
#[derive(Clone, Debug, Default)]
pub struct Probed {
    /// Every attempt, with the object and the role.
    pub attempts: Vec<(Oid, Oid, Attempt)>,
    pub leaks: Vec<Leak>,
    /// The two tenants.
    pub tenants: Vec<String>,
    /// Statements with effects that may outlive a rollback: skipped, or run because they were
    /// forced.
    pub notices: Vec<String>,
}

/// Runs the probes, as far as requested and possible. What cannot be tried is skipped.
///
/// # Errors
/// `NotFound` or `BadInput` for specified tenants or a specified session that cannot be used.
pub async fn run(
    model: &Model,
    selection: &Selection,
    connections: &mut Connections,
    options: &ProbeOptions,
    watch: &dyn Watch,
    findings: &mut Findings,
) -> Result<Probed> {
    if options.mode == ProbeMode::Off || !selection.wants_any(CHECKS) {
        return Ok(Probed::default());
    }
    let stands = stands(model, findings);
    let targets = target::all(model);
    if stands.is_empty() || targets.is_empty() {
        return Ok(Probed::default());
    }
    let writes = options.mode == ProbeMode::Full && may_write(model, findings);
    let mut arena = Arena::open(connections, writes).await?;
    watch.phase("inspecting rows", None);
    let locks = Locks::new(model.guards.clone());
    let terms = Terms {
        force: options.force,
        show_values: options.show_values,
        locks: &locks,
    };
    let Some(parties) = arena.parties(model, terms, findings).await? else {
        if connections.is_over() {
            let reason = Stop::Deadline.to_string();
            findings.skip("probe", None, &reason);
            return Ok(Probed {
                attempts: untried(&stands, &targets, writes, &reason),
                ..Probed::default()
            });
        }
        findings.skip(
            "probe",
            None,
            "fewer than two tenants with rows were found to probe between",
        );
        return Ok(Probed::default());
    };
    let unknown = Field {
        model,
        parties: &parties,
        targets: &targets,
        known: &[],
        terms,
    };
    told::session(&unknown, connections, &stands).await?;
    let known = arena
        .survey(&unknown, connections, &stands, findings)
        .await?;
    let field = Field {
        known: &known,
        ..unknown
    };
    let mut tried = rounds::all(&field, connections, &mut arena, &stands, watch).await?;
    nobody::doubt(&field, &mut tried);
    arena.close().await?;
    tell_skipped(&field, &tried, findings);
    Ok(Probed {
        attempts: attempts(&field, &tried),
        leaks: proof::leaks(&field, selection, &tried),
        tenants: parties.names(),
        notices: if writes {
            evaluated::notices(model, targets.iter().map(|one| one.object), options.force)
        } else {
            Vec::new()
        },
    })
}

/// Returns every attempt as skipped.
fn untried(
    stands: &[Stand<'_>],
    targets: &[Target],
    writes: bool,
    reason: &str,
) -> Vec<(Oid, Oid, Attempt)> {
    let operations: &[Operation] = match writes {
        true => &[
            Operation::Select,
            Operation::Insert,
            Operation::Update,
            Operation::Delete,
        ],
        false => &[Operation::Select],
    };
    let mut attempts = Vec::new();
    for stand in stands {
        for target in targets {
            attempts.extend(operations.iter().map(|operation| {
                let attempt = Attempt {
                    object: target.display.clone(),
                    role: stand.role.name.clone(),
                    operation: *operation,
                    context: stand.context,
                    verdict: Verdict::Skipped(reason.to_owned()),
                };
                (target.object, stand.role.oid, attempt)
            }));
        }
    }
    attempts
}

/// `true` unless the server is a standby, which accepts no writes.
fn may_write(model: &Model, findings: &mut Findings) -> bool {
    if model.catalog.server.in_recovery {
        findings.skip(
            "probe",
            None,
            "the server is a standby: only reads were tried",
        );
    }
    !model.catalog.server.in_recovery
}

/// Returns every role that the auditor may become, in every context.
fn stands<'m>(model: &'m Model, findings: &mut Findings) -> Vec<Stand<'m>> {
    let auditor = model.catalog.attacker();
    let mut stands = Vec::new();
    if model.actors.everybody_unmatched {
        let reason = "PUBLIC has privileges on tenant tables, but there is no role without other \
                      privileges to probe as: create one with CREATE ROLE and pass it with \
                      --app-role";
        findings.skip("probe", Some("public".to_owned()), reason);
    }
    for role in &model.actors.roles {
        if model.catalog.rights.may_become(auditor.oid, role.oid) {
            let contexts = ContextKind::ALL.iter().copied();
            let stand = |context| Stand { role, context };
            let all = contexts.map(stand);
            stands.extend(all.filter(|stand| stand.is_named() || !is_somebody(model, role)));
        } else {
            let reason = format!(
                "{} may not become {}: probe as an auditor (see `audit role`), or GRANT {} TO {}",
                auditor.name, role.name, role.name, auditor.name
            );
            findings.skip("probe", Some(role.name.clone()), reason);
        }
    }
    stands
}

/// `true` if the role itself identifies the tenant or the user, and no other role is a member of
/// it: such a role has a tenant in every session.
fn is_somebody(model: &Model, role: &AppRole) -> bool {
    let mut memberships = model.catalog.memberships.iter();
    model.session.by_role().is_some()
        && !memberships.any(|one| {
            let member = model.catalog.roles.get(&one.member);
            one.role == role.oid && member.is_some_and(|member| !member.superuser)
        })
}

fn attempts(field: &Field<'_>, tried: &[Tried<'_>]) -> Vec<(Oid, Oid, Attempt)> {
    let attempts = tried.iter().map(|one| {
        let target = &field.targets[one.target];
        let attempt = Attempt {
            object: target.display.clone(),
            role: one.stand.role.name.clone(),
            operation: one.operation,
            context: one.stand.context,
            verdict: one.verdict.clone(),
        };
        (target.object, one.stand.role.oid, attempt)
    });
    attempts.collect()
}

/// Reports skipped attempts: each object once for each check and reason, regardless of roles and
/// contexts.
fn tell_skipped(field: &Field<'_>, tried: &[Tried<'_>], findings: &mut Findings) {
    let mut told = BTreeSet::new();
    for one in tried {
        let Verdict::Skipped(reason) = &one.verdict else {
            continue;
        };
        let target = &field.targets[one.target];
        let check = if target.is_function {
            &checks::FUNCTION
        } else {
            checks::of_operation(one.operation)
        };
        if told.insert((check.id, one.target, reason)) {
            findings.skip(check.id, Some(target.display.clone()), reason);
        }
    }
}
