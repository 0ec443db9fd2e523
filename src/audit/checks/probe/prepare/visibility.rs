//! Rows that row-level security hides from the auditor too: each tenant reads one of its own rows,
//! as the application would.

use super::{
    known::{KnownRows, Row, read_row},
    survey,
    target::TenantSource,
};
use crate::{
    audit::{
        checks::probe::{
            execute::{batch, savepoint, statement::Statement},
            identity::ProbeIdentity,
            inputs::ProbeInputs,
        },
        connections::Connections,
        session::Session,
    },
    error::Result,
};

/// Adds the rows that the tenants see to those that the auditor knows. Uses a separate connection
/// because setting a tenant leaves a placeholder in the session.
pub(crate) async fn add_rows(
    inputs: &ProbeInputs<'_>,
    connections: &Connections,
    identities: &[ProbeIdentity<'_>],
    known: &mut [KnownRows],
) -> Result<()> {
    let is_unreadable = |place: &usize| {
        known[*place].unreadable.is_some()
            && inputs.targets[*place].tenant_source != TenantSource::Values
    };
    let places: Vec<usize> = (0..inputs.targets.len()).filter(is_unreadable).collect();
    if places.is_empty() {
        return Ok(());
    }
    let mut connection = connections.worker().await?;
    for identity in identities.iter().filter(|identity| identity.has_tenant()) {
        let unknown = |place: &&usize| known[**place].own_row(identity.context).is_none();
        let wanted: Vec<usize> = places.iter().filter(unknown).copied().collect();
        let rows = rows(inputs, &mut connection, *identity, &wanted).await?;
        for (place, row) in wanted.into_iter().zip(rows) {
            if let Some(row) = row {
                known[place].add_row(identity.context, row);
            }
        }
    }
    Ok(())
}

/// Returns one row of the tenant from each of the targets.
async fn rows(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    identity: ProbeIdentity<'_>,
    places: &[usize],
) -> Result<Vec<Option<Row>>> {
    let tenant = &inputs.pair.own(identity.context).user.tenant;
    let statements: Vec<Statement> = places
        .iter()
        .map(|place| {
            let row = survey::one_row(inputs.model, &inputs.targets[*place], tenant);
            Statement::read(format!("SELECT {row}")).on(inputs.targets[*place].object)
        })
        .collect();
    savepoint::mark(connection).await?;
    let replies = match savepoint::enter(connection, inputs, identity).await? {
        Some(_refused) => Vec::new(),
        None => batch::run(connection, inputs.options.locks, &statements).await?,
    };
    savepoint::leave(connection).await?;
    let mut rows = replies.iter().map(|reply| read_row(reply.value.as_ref()?));
    Ok(places.iter().map(|_| rows.next().flatten()).collect())
}
