//! Rows that row-level security hides from the auditor too: each tenant reads one of its own rows,
//! as the application would.

use super::{
    known::{Known, Row, read_row},
    survey,
    target::Whose,
};
use crate::{
    audit::{
        checks::probe::{
            execute::{batch, statement::Statement},
            field::{self, Field},
            stand::Stand,
        },
        connections::Connections,
        session::Session,
    },
    error::Result,
};

/// Adds the rows that the tenants see to those that the auditor knows. Uses a separate connection
/// because setting a tenant leaves a placeholder in the session.
pub(crate) async fn borrow(
    field: &Field<'_>,
    connections: &Connections,
    stands: &[Stand<'_>],
    known: &mut [Known],
) -> Result<()> {
    let blind = |place: &usize| {
        known[*place].blind.is_some() && field.targets[*place].whose != Whose::Contents
    };
    let places: Vec<usize> = (0..field.targets.len()).filter(blind).collect();
    if places.is_empty() {
        return Ok(());
    }
    let mut connection = connections.worker().await?;
    for stand in stands.iter().filter(|stand| stand.is_named()) {
        let unknown = |place: &&usize| known[**place].own_row(stand.context).is_none();
        let wanted: Vec<usize> = places.iter().filter(unknown).copied().collect();
        let rows = rows(field, &mut connection, *stand, &wanted).await?;
        for (place, row) in wanted.into_iter().zip(rows) {
            if let Some(row) = row {
                known[place].add_row(stand.context, row);
            }
        }
    }
    Ok(())
}

/// Returns one row of the tenant from each of the targets.
async fn rows(
    field: &Field<'_>,
    connection: &mut Session,
    stand: Stand<'_>,
    places: &[usize],
) -> Result<Vec<Option<Row>>> {
    let tenant = &field.parties.own(stand.context).identity.tenant;
    let statements: Vec<Statement> = places
        .iter()
        .map(|place| {
            let row = survey::one_row(field.model, &field.targets[*place], tenant);
            Statement::read(format!("SELECT {row}")).on(field.targets[*place].object)
        })
        .collect();
    field::mark(connection).await?;
    let replies = match field::enter(connection, field, stand).await? {
        Some(_refused) => Vec::new(),
        None => batch::run(connection, field.terms.locks, &statements).await?,
    };
    field::leave(connection).await?;
    let mut rows = replies.iter().map(|reply| read_row(reply.value.as_ref()?));
    Ok(places.iter().map(|_| rows.next().flatten()).collect())
}
