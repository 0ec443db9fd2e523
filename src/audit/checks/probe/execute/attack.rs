//! One round of probes: as one role, in one context, on every target.

use super::{
    batch, read,
    statement::{Reply, Statement},
    write,
};
use crate::{
    audit::{
        checks::probe::{
            field::{self, Field},
            judge::visitors,
            stand::Stand,
            tried::Tried,
        },
        session::Session,
    },
    domain::audit::{Operation, Verdict},
    error::Result,
};

/// Reads from every target.
pub(crate) async fn read<'a>(
    field: &Field<'_>,
    connection: &mut Session,
    stand: Stand<'a>,
) -> Result<Vec<Tried<'a>>> {
    let planned: Vec<read::Planned> = (0..field.targets.len())
        .flat_map(|target| read::plan(field, stand, target))
        .collect();
    let statements = planned.iter().map(|one| match &one.how {
        read::How::Ask { statement, .. } => {
            Some(statement.clone().on(field.targets[one.target].object))
        }
        read::How::Known(_) => None,
    });
    let cells = planned
        .iter()
        .map(|one| (one.target, one.operation))
        .collect();
    field::mark_read_only(connection).await?;
    let replies = match from(field, connection, stand, statements.collect()).await? {
        Ok(replies) => replies,
        Err(message) => return Ok(visitors::merge(skipped(stand, cells, &message))),
    };
    let judged = planned.into_iter().zip(replies);
    let tried = judged.map(|(planned, reply)| read::judge(field.terms, stand, planned, reply));
    Ok(visitors::merge(tried.collect()))
}

/// Tries every change on every target.
pub(crate) async fn write<'a>(
    field: &Field<'_>,
    connection: &mut Session,
    stand: Stand<'a>,
) -> Result<Vec<Tried<'a>>> {
    let planned: Vec<write::Planned> = (0..field.targets.len())
        .flat_map(|target| write::plan(field, stand, target))
        .collect();
    let statements = planned.iter().map(|one| match &one.how {
        write::How::Try(attack) => Some(
            attack
                .statement
                .clone()
                .on(field.targets[one.target].object),
        ),
        write::How::Known(_) => None,
    });
    let cells = planned
        .iter()
        .map(|one| (one.target, one.operation))
        .collect();
    field::mark(connection).await?;
    let replies = match from(field, connection, stand, statements.collect()).await? {
        Ok(replies) => replies,
        Err(message) => return Ok(write::merge(skipped(stand, cells, &message))),
    };
    let judged = planned.into_iter().zip(replies);
    let tried = judged.map(|(planned, reply)| write::judge(field.terms, stand, planned, reply));
    Ok(write::merge(tried.collect()))
}

/// Returns the replies to the statements in that role and context, and rolls back to the savepoint;
/// returns the message if the role and context cannot be entered.
async fn from(
    field: &Field<'_>,
    connection: &mut Session,
    stand: Stand<'_>,
    statements: Vec<Option<Statement>>,
) -> Result<std::result::Result<Vec<Option<Reply>>, String>> {
    if let Some(refusal) = field::enter(connection, field, stand).await? {
        field::leave(connection).await?;
        return Ok(Err(refusal.said(field.terms.show_values)));
    }
    let asked: Vec<Statement> = statements.iter().flatten().cloned().collect();
    let mut replies = batch::run(connection, field.terms.locks, &asked)
        .await?
        .into_iter();
    field::leave(connection).await?;
    let matched = statements
        .into_iter()
        .map(|one| one.and_then(|_| replies.next()));
    Ok(Ok(matched.collect()))
}

fn skipped<'a>(stand: Stand<'a>, cells: Vec<(usize, Operation)>, message: &str) -> Vec<Tried<'a>> {
    let verdict = Verdict::Skipped(message.to_owned());
    let cells = cells.into_iter();
    cells
        .map(|(target, operation)| Tried::new(target, stand, operation, verdict.clone()))
        .collect()
}
