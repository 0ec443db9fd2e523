//! Schedule of the probes: the connections, and the order of roles and contexts.
//!
//! Once a session has set `app.tenant`, it reads as an empty text until the session ends, even
//! after a rollback, and never again as NULL: a placeholder remains (guc.c). So
//! [`ContextKind::None`] is only used in a session that has not set it.

use std::{collections::BTreeSet, sync::Mutex};

use futures_util::future::try_join_all;

use super::attempts;
use crate::{
    audit::{
        catalog::Oid,
        checks::probe::{
            attempt::ProbeAttempt,
            identity::ProbeIdentity,
            inputs::ProbeInputs,
            prepare::{target::TenantSource, transaction::ProbeTransaction},
        },
        connections::{Connections, Watch},
        report::{ContextKind, Operation, Verdict},
    },
    error::{Error, Result},
};

/// Runs all probes and classifies the rows that were read. The results are in the order of roles
/// and contexts, reads first.
pub(crate) async fn run<'a>(
    inputs: &ProbeInputs<'_>,
    connections: &Connections,
    transaction: &mut ProbeTransaction,
    identities: &[ProbeIdentity<'a>],
    watch: &dyn Watch,
) -> Result<Vec<ProbeAttempt<'a>>> {
    let targets = inputs.targets.len() as u64;
    let passes = if transaction.writes() { 2 } else { 1 };
    watch.phase("probing", Some(passes * identities.len() as u64 * targets));
    let identities = without_tenant_first(inputs, identities);
    let (mut read, mut written) = in_transaction(inputs, transaction, &identities, watch).await?;
    if !transaction.has_fixtures() {
        read = read_in_parallel(inputs, connections, &identities, watch).await?;
    }
    use_reads_of_other_tenant(inputs, &mut read);
    transaction.determine_ownership(inputs, &mut read).await?;
    let place = |one: &ProbeAttempt<'_>| (one.identity.role.oid, one.identity.context);
    read.sort_by_key(place);
    written.sort_by_key(place);
    read.append(&mut written);
    Ok(read)
}

/// Sorts [`ContextKind::None`] first, and in it the roles without custom settings.
fn without_tenant_first<'a>(
    inputs: &ProbeInputs<'_>,
    identities: &[ProbeIdentity<'a>],
) -> Vec<ProbeIdentity<'a>> {
    let mut identities = identities.to_vec();
    identities.sort_by_key(|identity| {
        let sets = inputs
            .settings(*identity)
            .any(|(name, _)| name.contains('.'));
        (identity.context != ContextKind::None, sets)
    });
    identities
}

/// Runs changes, and reads if fixtures exist: no other transaction sees them.
async fn in_transaction<'a>(
    inputs: &ProbeInputs<'_>,
    transaction: &mut ProbeTransaction,
    identities: &[ProbeIdentity<'a>],
    watch: &dyn Watch,
) -> Result<(Vec<ProbeAttempt<'a>>, Vec<ProbeAttempt<'a>>)> {
    let targets = inputs.targets.len() as u64;
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for identity in identities {
        if transaction.has_fixtures() {
            read.extend(attempts::read(inputs, transaction.connection(), *identity).await?);
            watch.advance(targets);
        }
        if transaction.writes() {
            written.extend(attempts::write(inputs, transaction.connection(), *identity).await?);
            watch.advance(targets);
        }
    }
    Ok((read, written))
}

/// Reads as every role and in every context, on several connections.
async fn read_in_parallel<'a>(
    inputs: &ProbeInputs<'_>,
    connections: &Connections,
    identities: &[ProbeIdentity<'a>],
    watch: &dyn Watch,
) -> Result<Vec<ProbeAttempt<'a>>> {
    let waiting = Mutex::new(identities.iter().rev().copied().collect::<Vec<_>>());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let work = async || {
        let mut done = Vec::new();
        let mut connection = connections.worker().await?;
        let mut is_unused = true;
        while let Some(identity) = next() {
            if identity.context == ContextKind::None && !is_unused {
                drop(connection);
                connection = connections.worker().await?;
            }
            is_unused = false;
            done.extend(attempts::read(inputs, &mut connection, identity).await?);
            watch.advance(inputs.targets.len() as u64);
        }
        Ok::<_, Error>(done)
    };
    let jobs = connections.jobs.min(identities.len());
    let done = try_join_all((0..jobs).map(|_| work())).await?;
    Ok(done.into_iter().flatten().collect())
}

/// Uses the reads of the other tenant as proof of rows that the auditor does not see: a row that
/// its tenant reads exists and could be reached.
fn use_reads_of_other_tenant(inputs: &ProbeInputs<'_>, attempts: &mut [ProbeAttempt<'_>]) {
    let seen: BTreeSet<(usize, Oid, bool)> = attempts
        .iter()
        .filter(|one| one.operation == Operation::Own && one.verdict == Verdict::Allowed)
        .map(|one| {
            (
                one.target,
                one.identity.role.oid,
                one.identity.context == ContextKind::B,
            )
        })
        .collect();
    for one in attempts {
        let by_values = inputs.targets[one.target].tenant_source == TenantSource::Values;
        let targets_b = one.identity.context != ContextKind::B;
        if inputs.known[one.target].unreadable.is_some()
            && !by_values
            && one.operation == Operation::Select
            && matches!(one.verdict, Verdict::NotApplicable(_))
            && seen.contains(&(one.target, one.identity.role.oid, targets_b))
        {
            one.verdict = Verdict::Blocked("no row is reached".to_owned());
        }
    }
}
