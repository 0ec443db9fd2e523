//! The attack: as each role of the application, in the name of a tenant and of none, every door
//! is tried. Nothing stays changed.
//!
//! ```text
//! parties, target → survey (what is there) → read, write → contents → proof
//! ```

mod arena;
mod attack;
mod batch;
mod checks;
mod contents;
mod field;
mod invent;
mod lasting;
mod parties;
mod proof;
mod read;
mod row;
mod survey;
mod target;
mod write;

pub use checks::CHECKS;

use std::{collections::BTreeSet, sync::Mutex};

use futures_util::future::try_join_all;

use self::{
    arena::Arena,
    field::{Field, Stand, Tried},
    target::Whose,
};
use crate::{
    audit::{
        catalog::Oid,
        connections::{Connections, Watch},
        findings::Findings,
        model::Model,
        registry::Selection,
    },
    domain::audit::{Attempt, ContextKind, Finding, Operation, Verdict},
    error::{Error, Result},
};

/// How far the attack goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ProbeMode {
    Off,
    /// Reads, in READ ONLY transactions.
    #[default]
    Read,
    /// Writes too, in a transaction that is always rolled back.
    Full,
}

/// How the attack is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeOptions {
    pub mode: ProbeMode,
    /// Rows are shown with all their values.
    pub show_values: bool,
    /// What may outlive a rollback is done all the same.
    pub force: bool,
}

/// One cell that got through.
#[derive(Clone, Debug)]
pub struct Leak {
    /// The relation or function.
    pub object: Oid,
    pub role: Oid,
    pub operation: Operation,
    pub context: ContextKind,
    /// One for all cells of an object, a role and a check: its fingerprint tells.
    pub finding: Finding,
}

/// What the attack showed.
#[derive(Clone, Debug, Default)]
pub struct Probed {
    /// Every cell, with the object and the role.
    pub attempts: Vec<(Oid, Oid, Attempt)>,
    pub leaks: Vec<Leak>,
    /// The two tenants.
    pub tenants: Vec<String>,
    /// What may outlive a rollback: left out, or done because it was forced.
    pub notices: Vec<String>,
}

/// Attacks, as far as it is wanted and possible.
///
/// # Errors
/// `Unavailable` or `Failure` when a connection is lost. What cannot be tried is skipped.
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
    watch.phase("looking at the rows", None);
    let Some(parties) = arena.parties(model, options, findings).await? else {
        findings.skip(
            "probe",
            None,
            "there are no two tenants with rows to attack between",
        );
        return Ok(Probed::default());
    };
    let known = arena
        .survey(model, &targets, &parties, options, findings)
        .await?;
    let field = Field {
        model,
        parties: &parties,
        targets: &targets,
        known: &known,
        force: options.force,
    };
    let tried = attack_everything(&field, connections, &mut arena, &stands, writes, watch).await?;
    arena.close().await?;
    tell_skipped(&field, &tried, findings);
    Ok(Probed {
        attempts: attempts(&field, &tried),
        leaks: proof::leaks(&field, selection, &tried, options.show_values),
        tenants: parties.names(),
        notices: if writes {
            lasting::notices(model, &targets, options.force)
        } else {
            Vec::new()
        },
    })
}

/// A standby takes no writes.
fn may_write(model: &Model, findings: &mut Findings) -> bool {
    if model.catalog.server.in_recovery {
        findings.skip(
            "probe",
            None,
            "the server is a standby: only reading was tried",
        );
    }
    !model.catalog.server.in_recovery
}

/// Every role that the auditor may become, in every context.
fn stands<'m>(model: &'m Model, findings: &mut Findings) -> Vec<Stand<'m>> {
    let auditor = model.catalog.auditor();
    let mut stands = Vec::new();
    for role in &model.actors.roles {
        if model.catalog.rights.may_become(auditor.oid, role.oid) {
            stands.extend(ContextKind::ALL.iter().map(|context| Stand {
                role,
                context: *context,
            }));
        } else {
            let reason = format!(
                "{} may not become {}: run the audit as a superuser, or GRANT {} TO {}",
                auditor.name, role.name, role.name, auditor.name
            );
            findings.skip("probe", Some(role.name.clone()), reason);
        }
    }
    stands
}

/// Reads, then judges what was read, then writes.
async fn attack_everything<'a>(
    field: &Field<'_>,
    connections: &Connections,
    arena: &mut Arena,
    stands: &[Stand<'a>],
    writes: bool,
    watch: &dyn Watch,
) -> Result<Vec<Tried<'a>>> {
    let targets = field.targets.len() as u64;
    let rounds = if writes { 2 } else { 1 };
    watch.phase("attacking", Some(rounds * stands.len() as u64 * targets));
    let mut tried = Vec::new();
    // Rows that were made up are seen in their own transaction alone. Functions are never called
    // there: they could write.
    let apart = arena.has_rows_of_its_own();
    let is_contents = |target: usize| field.targets[target].whose == Whose::Contents;
    if apart {
        for stand in stands {
            let wanted = |target| !is_contents(target);
            tried.extend(attack::read(field, arena.connection(), *stand, wanted).await?);
        }
    }
    let wanted = |target| !apart || is_contents(target);
    tried.extend(read_at_once(field, connections, stands, wanted, watch).await?);
    believe_the_other_side(field, &mut tried);
    arena.judge_contents(field, &mut tried).await?;
    if writes {
        for stand in stands {
            tried.extend(attack::write(field, arena.connection(), *stand).await?);
            watch.advance(targets);
        }
    }
    Ok(tried)
}

/// Reads from every stand, on several connections.
async fn read_at_once<'a>(
    field: &Field<'_>,
    connections: &Connections,
    stands: &[Stand<'a>],
    wanted: impl Fn(usize) -> bool + Copy,
    watch: &dyn Watch,
) -> Result<Vec<Tried<'a>>> {
    let waiting = Mutex::new(stands.iter().copied().enumerate().rev().collect::<Vec<_>>());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let work = async || {
        let mut done = Vec::new();
        let mut connection = connections.worker().await?;
        while let Some((place, stand)) = next() {
            done.push((
                place,
                attack::read(field, &mut connection, stand, wanted).await?,
            ));
            watch.advance(field.targets.len() as u64);
        }
        Ok::<_, Error>(done)
    };
    let jobs = connections.jobs.min(stands.len());
    let done = try_join_all((0..jobs).map(|_| work())).await?;
    let mut done: Vec<(usize, Vec<Tried<'a>>)> = done.into_iter().flatten().collect();
    // In the order of the stands, whoever was faster.
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().flat_map(|(_, tried)| tried).collect())
}

/// Where the auditor sees no rows, the other tenant does: what it reads of its own is there to be
/// reached.
fn believe_the_other_side(field: &Field<'_>, tried: &mut [Tried<'_>]) {
    let seen: BTreeSet<(usize, Oid, bool)> = tried
        .iter()
        .filter(|one| one.operation == Operation::Own && one.verdict == Verdict::Allowed)
        .map(|one| {
            (
                one.target,
                one.stand.role.oid,
                one.stand.context == ContextKind::B,
            )
        })
        .collect();
    for one in tried {
        let is_contents = field.targets[one.target].whose == Whose::Contents;
        let attacks_b = one.stand.context != ContextKind::B;
        if field.known[one.target].blind.is_some()
            && !is_contents
            && one.operation == Operation::Select
            && matches!(one.verdict, Verdict::NotApplicable(_))
            && seen.contains(&(one.target, one.stand.role.oid, attacks_b))
        {
            one.verdict = Verdict::Blocked("no row is reached".to_owned());
        }
    }
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

/// Each object once for each check and reason, whatever the roles and contexts.
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
