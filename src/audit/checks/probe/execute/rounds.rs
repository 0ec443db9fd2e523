//! All rounds of probes: the connection and the order in which each role and context is tried.
//!
//! Once a session has set `app.tenant`, it reads as an empty text until the session ends, even
//! after a rollback, and never again as NULL: a placeholder remains (guc.c). So
//! [`ContextKind::None`] is only tried in a session that has not set it.

use std::{collections::BTreeSet, sync::Mutex};

use futures_util::future::try_join_all;

use super::attack;
use crate::{
    audit::{
        catalog::Oid,
        checks::probe::{
            field::Field,
            prepare::{arena::Arena, target::Whose},
            stand::Stand,
            tried::Tried,
        },
        connections::{Connections, Watch},
    },
    domain::audit::{ContextKind, Operation, Verdict},
    error::{Error, Result},
};

/// Runs all probes and classifies the rows that were read. The results are in the order of roles
/// and contexts, reads first.
pub(crate) async fn all<'a>(
    field: &Field<'_>,
    connections: &Connections,
    arena: &mut Arena,
    stands: &[Stand<'a>],
    watch: &dyn Watch,
) -> Result<Vec<Tried<'a>>> {
    let targets = field.targets.len() as u64;
    let rounds = if arena.writes() { 2 } else { 1 };
    watch.phase("probing", Some(rounds * stands.len() as u64 * targets));
    let stands = unnamed_first(field, stands);
    let (mut read, mut written) = in_arena(field, arena, &stands, watch).await?;
    if !arena.has_rows_of_its_own() {
        read = read_at_once(field, connections, &stands, watch).await?;
    }
    believe_the_other_side(field, &mut read);
    arena.judge_contents(field, &mut read).await?;
    let place = |one: &Tried<'_>| (one.stand.role.oid, one.stand.context);
    read.sort_by_key(place);
    written.sort_by_key(place);
    read.append(&mut written);
    Ok(read)
}

/// Sorts [`ContextKind::None`] first, and in it the roles without custom settings.
fn unnamed_first<'a>(field: &Field<'_>, stands: &[Stand<'a>]) -> Vec<Stand<'a>> {
    let mut stands = stands.to_vec();
    stands.sort_by_key(|stand| {
        let sets = field.settings(*stand).any(|(name, _)| name.contains('.'));
        (stand.context != ContextKind::None, sets)
    });
    stands
}

/// Runs changes, and reads if rows were invented: no other transaction sees them.
async fn in_arena<'a>(
    field: &Field<'_>,
    arena: &mut Arena,
    stands: &[Stand<'a>],
    watch: &dyn Watch,
) -> Result<(Vec<Tried<'a>>, Vec<Tried<'a>>)> {
    let targets = field.targets.len() as u64;
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for stand in stands {
        if arena.has_rows_of_its_own() {
            read.extend(attack::read(field, arena.connection(), *stand).await?);
            watch.advance(targets);
        }
        if arena.writes() {
            written.extend(attack::write(field, arena.connection(), *stand).await?);
            watch.advance(targets);
        }
    }
    Ok((read, written))
}

/// Reads as every role and in every context, on several connections.
async fn read_at_once<'a>(
    field: &Field<'_>,
    connections: &Connections,
    stands: &[Stand<'a>],
    watch: &dyn Watch,
) -> Result<Vec<Tried<'a>>> {
    let waiting = Mutex::new(stands.iter().rev().copied().collect::<Vec<_>>());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let work = async || {
        let mut done = Vec::new();
        let mut connection = connections.worker().await?;
        let mut is_fresh = true;
        while let Some(stand) = next() {
            if stand.context == ContextKind::None && !is_fresh {
                drop(connection);
                connection = connections.worker().await?;
            }
            is_fresh = false;
            done.extend(attack::read(field, &mut connection, stand).await?);
            watch.advance(field.targets.len() as u64);
        }
        Ok::<_, Error>(done)
    };
    let jobs = connections.jobs.min(stands.len());
    let done = try_join_all((0..jobs).map(|_| work())).await?;
    Ok(done.into_iter().flatten().collect())
}

/// Uses the reads of the other tenant as proof of rows that the auditor does not see: a row that
/// its tenant reads exists and could be reached.
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
