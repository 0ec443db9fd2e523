//! Probes of tenant isolation: as each role of the application, with a tenant's context and without
//! one, every access path is tried. No change is kept.
//!
//! ```text
//! prepare (tenant_pair, target, survey) → execute (schedule: read, write) → judge (ownership, proof)
//! ```

mod attempt;
mod checks;
mod execute;
mod identity;
mod inputs;
mod judge;
mod prepare;

pub use checks::CHECKS;

use std::collections::BTreeSet;

use self::{
    attempt::ProbeAttempt,
    execute::{locks::Locks, schedule},
    identity::ProbeIdentity,
    inputs::{ProbeInputs, SharedOptions},
    judge::{change, ineffective, proof},
    prepare::{
        overrides,
        target::{self, Target},
        transaction::ProbeTransaction,
    },
};
use crate::{
    audit::{
        catalog::Oid,
        connections::{Connections, Watch},
        findings::Findings,
        model::{AppRole, Model},
        report::{Attempt, ContextKind, Finding, Operation, Verdict},
        selection::Selection,
        session::Stop,
    },
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
    let identities = identities(model, findings);
    let targets = target::all(model);
    if identities.is_empty() || targets.is_empty() {
        return Ok(Probed::default());
    }
    let writes = options.mode == ProbeMode::Full && may_write(model, findings);
    let mut transaction = ProbeTransaction::open(connections, writes).await?;
    watch.phase("inspecting rows", None);
    let locks = Locks::new(model.guards.clone());
    let shared = SharedOptions {
        force: options.force,
        show_values: options.show_values,
        locks: &locks,
    };
    let Some(pair) = transaction.tenant_pair(model, shared, findings).await? else {
        if connections.is_over() {
            let reason = Stop::Deadline.to_string();
            findings.skip("probe", None, &reason);
            return Ok(Probed {
                attempts: all_skipped(&identities, &targets, writes, &reason),
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
    let unknown = ProbeInputs {
        model,
        pair: &pair,
        targets: &targets,
        known: &[],
        options: shared,
    };
    overrides::check_session(&unknown, connections, &identities).await?;
    let known = transaction
        .known_rows(&unknown, connections, &identities, findings)
        .await?;
    let inputs = ProbeInputs {
        known: &known,
        ..unknown
    };
    let mut attempts =
        schedule::run(&inputs, connections, &mut transaction, &identities, watch).await?;
    ineffective::skip_unproven(&inputs, &mut attempts);
    transaction.close().await?;
    report_skipped(&inputs, &attempts, findings);
    Ok(Probed {
        attempts: matrix(&inputs, &attempts),
        leaks: proof::leaks(&inputs, selection, &attempts),
        tenants: pair.names(),
        notices: if writes {
            change::notices(model, targets.iter().map(|one| one.object), options.force)
        } else {
            Vec::new()
        },
    })
}

/// Returns every attempt as skipped.
fn all_skipped(
    identities: &[ProbeIdentity<'_>],
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
    for identity in identities {
        for target in targets {
            attempts.extend(operations.iter().map(|operation| {
                let attempt = Attempt {
                    object: target.display.clone(),
                    role: identity.role.name.clone(),
                    operation: *operation,
                    context: identity.context,
                    verdict: Verdict::Skipped(reason.to_owned()),
                };
                (target.object, identity.role.oid, attempt)
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
fn identities<'m>(model: &'m Model, findings: &mut Findings) -> Vec<ProbeIdentity<'m>> {
    let auditor = model.catalog.probe_role();
    let mut identities = Vec::new();
    if model.app_roles.public_unmatched {
        let reason = "PUBLIC has privileges on tenant tables, but there is no role without other \
                      privileges to probe as: create one with CREATE ROLE and pass it with \
                      --app-role";
        findings.skip("probe", Some("public".to_owned()), reason);
    }
    for role in &model.app_roles.roles {
        if model.catalog.rights.may_become(auditor.oid, role.oid) {
            let contexts = ContextKind::ALL.iter().copied();
            let identity = |context| ProbeIdentity { role, context };
            let all = contexts.map(identity);
            identities.extend(
                all.filter(|identity| identity.has_tenant() || !always_has_tenant(model, role)),
            );
        } else {
            let reason = format!(
                "{} may not become {}: probe as an auditor (see `audit role`), or GRANT {} TO {}",
                auditor.name, role.name, role.name, auditor.name
            );
            findings.skip("probe", Some(role.name.clone()), reason);
        }
    }
    identities
}

/// `true` if the role itself identifies the tenant or the user, and no other role is a member of
/// it: such a role has a tenant in every session.
fn always_has_tenant(model: &Model, role: &AppRole) -> bool {
    let mut memberships = model.catalog.memberships.iter();
    model.session.by_role().is_some()
        && !memberships.any(|one| {
            let member = model.catalog.roles.get(&one.member);
            one.role == role.oid && member.is_some_and(|member| !member.superuser)
        })
}

fn matrix(inputs: &ProbeInputs<'_>, attempts: &[ProbeAttempt<'_>]) -> Vec<(Oid, Oid, Attempt)> {
    let cells = attempts.iter().map(|one| {
        let target = &inputs.targets[one.target];
        let attempt = Attempt {
            object: target.display.clone(),
            role: one.identity.role.name.clone(),
            operation: one.operation,
            context: one.identity.context,
            verdict: one.verdict.clone(),
        };
        (target.object, one.identity.role.oid, attempt)
    });
    cells.collect()
}

/// Reports skipped attempts: each object once for each check and reason, regardless of roles and
/// contexts.
fn report_skipped(
    inputs: &ProbeInputs<'_>,
    attempts: &[ProbeAttempt<'_>],
    findings: &mut Findings,
) {
    let mut reported = BTreeSet::new();
    for one in attempts {
        let Verdict::Skipped(reason) = &one.verdict else {
            continue;
        };
        let target = &inputs.targets[one.target];
        let check = if target.is_function {
            &checks::FUNCTION
        } else {
            checks::of_operation(one.operation)
        };
        if reported.insert((check.id, one.target, reason)) {
            findings.skip(check.id, Some(target.display.clone()), reason);
        }
    }
}
