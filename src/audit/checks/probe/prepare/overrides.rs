//! Validation of the operator's input before the probes run: a missing tenant or an unusable
//! session would make every result wrong.

use sqlx::AssertSqlSafe;

use crate::{
    audit::{
        catalog::{Oid, Relation},
        checks::probe::{
            execute::{batch, savepoint, statement::Statement},
            identity::ProbeIdentity,
            inputs::{ProbeInputs, SharedOptions},
            judge::refusal::Refusal,
        },
        connections::Connections,
        model::{Belonging, Model},
        session::Session,
        spelling,
    },
    error::{Error, Result},
    quoting::identifier,
};

/// Checks that the tenants exist in the table of tenants, or without one in any table with the
/// tenant key. They are accepted unchecked if the auditor cannot read these tables.
///
/// # Errors
/// `NotFound` for a tenant that does not exist, `BadInput` for a value that is not a key.
pub(crate) async fn check_tenants(
    model: &Model,
    options: SharedOptions<'_>,
    connection: &mut Session,
) -> Result<()> {
    let tables = tables(model);
    for tenant in &model.overrides.tenants {
        let statements: Vec<Statement> = tables
            .iter()
            .filter_map(|(table, key)| has_rows_of(model, table, *key, tenant))
            .collect();
        let replies = batch::run(connection, options.locks, &statements).await?;
        let refusals: Vec<&Refusal> = replies
            .iter()
            .filter_map(|reply| reply.refusal.as_ref())
            .collect();
        // 22: not a value of the type; 23514: not a value of the domain.
        let is_no_key = |one: &&&Refusal| one.state.starts_with("22") || one.state == "23514";
        if let Some(refusal) = refusals.iter().find(is_no_key) {
            let message = format!("{tenant} is not a valid tenant key: {}", refusal.message());
            return Err(Error::bad_input(message));
        }
        let is_there = replies.iter().any(|reply| reply.value == Some(true.into()));
        if !is_there && refusals.is_empty() {
            let place = match tables.as_slice() {
                [(only, _)] => only.display(),
                _ => "any table of tenants".to_owned(),
            };
            return Err(Error::not_found(format!(
                "tenant {tenant} not found in {place}"
            )));
        }
    }
    Ok(())
}

/// Returns the table of tenants, or without one every table with the tenant key.
fn tables(model: &Model) -> Vec<(&Relation, i16)> {
    let all = model.tenant_tables().filter(|table| !table.partition);
    let keyed: Vec<(&Relation, i16)> = all
        .filter_map(|table| Some((table, model.tenancy.key(table.oid)?)))
        .collect();
    let is_root = |oid: Oid| matches!(model.tenancy.of(oid), Belonging::Root(_));
    match keyed.iter().find(|(table, _)| is_root(table.oid)) {
        Some(root) => vec![*root],
        None => keyed,
    }
}

fn has_rows_of(model: &Model, table: &Relation, key: i16, tenant: &str) -> Option<Statement> {
    let column = model.catalog.column(table.oid, key)?;
    let sql = format!(
        "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} t WHERE t.{} {} {}))",
        table.quoted(),
        identifier(&column.name),
        spelling::operator_of("=", &column.type_kind, &column.type_name),
        spelling::typed(tenant, &column.type_name)
    );
    Some(Statement::scan(sql).on(table.oid))
}

/// Tries the session template with both tenants. Uses a separate connection because setting a
/// tenant leaves a placeholder in the session.
///
/// # Errors
/// `BadInput` if the server refuses it; a privilege that only some of the roles lack is ignored.
pub(crate) async fn check_session(
    inputs: &ProbeInputs<'_>,
    connections: &Connections,
    identities: &[ProbeIdentity<'_>],
) -> Result<()> {
    let may_not_begin = inputs.model.guards.probe.objection_to_session();
    if inputs.model.session.template.is_none() || may_not_begin.is_some() {
        return Ok(());
    }
    let mut connection = connections.worker().await?;
    let mut results = Vec::new();
    for identity in identities.iter().filter(|identity| identity.has_tenant()) {
        savepoint::mark(&mut connection).await?;
        results.push(enter(inputs, &mut connection, *identity).await?);
        savepoint::leave(&mut connection).await?;
    }
    let refused = || results.iter().flatten();
    let lacks_right = |refusal: &Refusal| refusal.state == "42501";
    let all_refused = refused().count() == results.len();
    let reported = refused().find(|(_, refusal)| all_refused || !lacks_right(refusal));
    match reported {
        Some((sql, refusal)) => Err(Error::bad_input(format!(
            "the server refused the session statement {sql}: {}",
            refusal.message()
        ))),
        None => Ok(()),
    }
}

/// Returns the template's statement and its refusal; `None` if it succeeds or if the role and its
/// settings cannot be used.
async fn enter(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    identity: ProbeIdentity<'_>,
) -> Result<Option<(String, Refusal)>> {
    let mut statements = inputs.enter(identity);
    // The template is the last statement.
    let Some(template) = statements.pop() else {
        return Ok(None);
    };
    // Safe: as in `savepoint::enter`.
    if let Err(error) = connection
        .execute(AssertSqlSafe(statements.join("; ")))
        .await
    {
        Refusal::of(error)?;
        return Ok(None);
    }
    // Safe: the operator's own SQL with quoted values.
    match connection.execute(AssertSqlSafe(template.clone())).await {
        Ok(_) => Ok(None),
        Err(error) => {
            let refusal = Refusal::of(error)?;
            Ok((!refusal.is_unanswered()).then_some((template, refusal)))
        }
    }
}
