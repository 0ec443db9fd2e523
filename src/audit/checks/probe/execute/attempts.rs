//! Attempts as one role and in one context, on every target.

use super::{
    batch, read, savepoint,
    statement::{Reply, Statement},
    write,
};
use crate::{
    audit::{
        checks::probe::{
            attempt::ProbeAttempt, identity::ProbeIdentity, inputs::ProbeInputs, judge::public_rows,
        },
        report::{Operation, Verdict},
        session::Session,
    },
    error::Result,
};

/// Reads from every target.
pub(crate) async fn read<'a>(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    identity: ProbeIdentity<'a>,
) -> Result<Vec<ProbeAttempt<'a>>> {
    let planned: Vec<read::Planned> = (0..inputs.targets.len())
        .flat_map(|target| read::plan(inputs, identity, target))
        .collect();
    let statements = planned.iter().map(|one| match &one.how {
        read::How::Run { statement, .. } => {
            Some(statement.clone().on(inputs.targets[one.target].object))
        }
        read::How::Known(_) => None,
    });
    let cells = planned
        .iter()
        .map(|one| (one.target, one.operation))
        .collect();
    savepoint::mark_read_only(connection).await?;
    let replies = match from(inputs, connection, identity, statements.collect()).await? {
        Ok(replies) => replies,
        Err(message) => return Ok(public_rows::merge(skipped(identity, cells, &message))),
    };
    let judged = planned.into_iter().zip(replies);
    let attempts =
        judged.map(|(planned, reply)| read::judge(inputs.options, identity, planned, reply));
    Ok(public_rows::merge(attempts.collect()))
}

/// Tries every change on every target.
pub(crate) async fn write<'a>(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    identity: ProbeIdentity<'a>,
) -> Result<Vec<ProbeAttempt<'a>>> {
    let planned: Vec<write::Planned> = (0..inputs.targets.len())
        .flat_map(|target| write::plan(inputs, identity, target))
        .collect();
    let statements = planned.iter().map(|one| match &one.how {
        write::How::Run(write) => Some(
            write
                .statement
                .clone()
                .on(inputs.targets[one.target].object),
        ),
        write::How::Known(_) => None,
    });
    let cells = planned
        .iter()
        .map(|one| (one.target, one.operation))
        .collect();
    savepoint::mark(connection).await?;
    let replies = match from(inputs, connection, identity, statements.collect()).await? {
        Ok(replies) => replies,
        Err(message) => return Ok(write::merge(skipped(identity, cells, &message))),
    };
    let judged = planned.into_iter().zip(replies);
    let attempts =
        judged.map(|(planned, reply)| write::judge(inputs.options, identity, planned, reply));
    Ok(write::merge(attempts.collect()))
}

/// Returns the replies to the statements in that role and context, and rolls back to the savepoint;
/// returns the message if the role and context cannot be entered.
async fn from(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    identity: ProbeIdentity<'_>,
    statements: Vec<Option<Statement>>,
) -> Result<std::result::Result<Vec<Option<Reply>>, String>> {
    if let Some(refusal) = savepoint::enter(connection, inputs, identity).await? {
        savepoint::leave(connection).await?;
        return Ok(Err(refusal.text(inputs.options.show_values)));
    }
    let executed: Vec<Statement> = statements.iter().flatten().cloned().collect();
    let mut replies = batch::run(connection, inputs.options.locks, &executed)
        .await?
        .into_iter();
    savepoint::leave(connection).await?;
    let matched = statements
        .into_iter()
        .map(|one| one.and_then(|_| replies.next()));
    Ok(Ok(matched.collect()))
}

fn skipped<'a>(
    identity: ProbeIdentity<'a>,
    cells: Vec<(usize, Operation)>,
    message: &str,
) -> Vec<ProbeAttempt<'a>> {
    let verdict = Verdict::Skipped(message.to_owned());
    let cells = cells.into_iter();
    cells
        .map(|(target, operation)| ProbeAttempt::new(target, identity, operation, verdict.clone()))
        .collect()
}
