//! What the operator said, checked before anything is attacked: tenants that are not there and a
//! session that cannot be had would make every result wrong.

use sqlx::AssertSqlSafe;

use super::{
    batch::{self, Statement},
    field::{self, Field, Stand, Terms},
    refusal::Refusal,
};
use crate::{
    audit::{
        catalog::{Oid, Relation},
        connections::Connections,
        model::{Belonging, Model},
        session::Session,
        spelling,
    },
    error::{Error, Result},
    quoting::identifier,
};

/// The tenants: in the table of tenants where there is one, else in some table of theirs. Where
/// the auditor cannot look, they are believed.
///
/// # Errors
/// `NotFound` for a tenant that is nowhere, `BadInput` for what is no key.
pub(super) async fn tenants(
    model: &Model,
    terms: Terms<'_>,
    connection: &mut Session,
) -> Result<()> {
    let tables = tables(model);
    for tenant in &model.overrides.tenants {
        let statements: Vec<Statement> = tables
            .iter()
            .filter_map(|(table, key)| holds(model, table, *key, tenant))
            .collect();
        let replies = batch::run(connection, terms.locks, &statements).await?;
        let refusals: Vec<&Refusal> = replies
            .iter()
            .filter_map(|reply| reply.refusal.as_ref())
            .collect();
        // 22: no value of the type; 23514: of the domain.
        let is_no_key = |one: &&&Refusal| one.state.starts_with("22") || one.state == "23514";
        if let Some(refusal) = refusals.iter().find(is_no_key) {
            let message = format!("{tenant} is no tenant key: {}", refusal.message());
            return Err(Error::bad_input(message));
        }
        let is_there = replies.iter().any(|reply| reply.value == Some(true.into()));
        if !is_there && refusals.is_empty() {
            let place = match tables.as_slice() {
                [(only, _)] => only.display(),
                _ => "any table of tenants".to_owned(),
            };
            return Err(Error::not_found(format!(
                "there is no tenant {tenant} in {place}"
            )));
        }
    }
    Ok(())
}

/// The table of tenants, or every one with the tenant key.
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

fn holds(model: &Model, table: &Relation, key: i16, tenant: &str) -> Option<Statement> {
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

/// The template of a session, in the name of both tenants. On a connection of its own: to name a
/// tenant leaves something behind in a session.
///
/// # Errors
/// `BadInput` where the server refuses it; a right that only some of the roles lack is theirs.
pub(super) async fn session(
    field: &Field<'_>,
    connections: &Connections,
    stands: &[Stand<'_>],
) -> Result<()> {
    let may_not_begin = field.model.guards.attack.objection_to_session();
    if field.model.session.template.is_none() || may_not_begin.is_some() {
        return Ok(());
    }
    let mut connection = connections.worker().await?;
    let mut tried = Vec::new();
    for stand in stands.iter().filter(|stand| stand.is_named()) {
        field::mark(&mut connection).await?;
        tried.push(enter(field, &mut connection, *stand).await?);
        field::leave(&mut connection).await?;
    }
    let refused = || tried.iter().flatten();
    let lacks_right = |refusal: &Refusal| refusal.state == "42501";
    let nobody = refused().count() == tried.len();
    let told = refused().find(|(_, refusal)| nobody || !lacks_right(refusal));
    match told {
        Some((sql, refusal)) => Err(Error::bad_input(format!(
            "the server refuses the session {sql}: {}",
            refusal.message()
        ))),
        None => Ok(()),
    }
}

/// The statement of the template and its refusal, where the role may stand there at all.
async fn enter(
    field: &Field<'_>,
    connection: &mut Session,
    stand: Stand<'_>,
) -> Result<Option<(String, Refusal)>> {
    let mut statements = field.enter(stand);
    // The template comes last.
    let Some(template) = statements.pop() else {
        return Ok(None);
    };
    // Safe: as in `field::enter`.
    if let Err(error) = connection
        .execute(AssertSqlSafe(statements.join("; ")))
        .await
    {
        Refusal::of(error)?;
        return Ok(None);
    }
    // Safe: the operator's own SQL, the values in it quoted.
    match connection.execute(AssertSqlSafe(template.clone())).await {
        Ok(_) => Ok(None),
        Err(error) => {
            let refusal = Refusal::of(error)?;
            Ok((!refusal.is_unanswered()).then_some((template, refusal)))
        }
    }
}
