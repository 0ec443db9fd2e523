//! Code that a session may make the server run. Takes a fixed number of queries, regardless of the
//! number of tables, and none if the session has no more privileges than the application.

use sqlx::{PgConnection, query_file_as, query_file_scalar};

use super::{
    Answer, Reach, Stronger,
    graph::Parts,
    server,
    strength::{Strength, is_trusted},
};
use crate::{
    audit::{
        catalog::Oid,
        model::{Belonging, Model},
    },
    error::{Context, Error, Result},
};

/// Role that a session authenticated as, and its database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionRole {
    pub role: Oid,
    database: Oid,
}

struct OwnerRow {
    owner: Oid,
    is_foreign: bool,
}

pub(super) struct ObjectRow {
    pub(super) kind: String,
    pub(super) oid: Oid,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) owner: Oid,
    pub(super) foreign: bool,
    pub(super) open_to_triggers: bool,
}

pub(super) struct FunctionRow {
    pub(super) oid: Oid,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) owner: Oid,
    pub(super) language: String,
    pub(super) volatility: String,
    pub(super) extension: Option<String>,
    pub(super) takes_text: bool,
    pub(super) source: Option<String>,
}

pub(super) struct EdgeRow {
    pub(super) kind: String,
    pub(super) owner: Oid,
    pub(super) step: String,
    pub(super) to_kind: String,
    pub(super) target: Oid,
}

pub(super) struct TreeRow {
    pub(super) kind: String,
    pub(super) step: String,
    pub(super) tree: String,
    pub(super) oids: Vec<Oid>,
}

struct Holdings {
    owned: i64,
    granted: i64,
}

const UNREAD: &str = "could not read the code that the session may run";

/// Returns the role that a connection authenticated as, and its database.
///
/// # Errors
/// `Failure` if the query fails.
pub async fn session(connection: &mut PgConnection) -> Result<SessionRole> {
    query_file_as!(SessionRole, "src/audit/reach/session.sql")
        .fetch_one(connection)
        .await
        .context("could not read the role that the session authenticated as")
}

/// Returns the role that the second connection authenticated as, if both lead to the same database.
///
/// # Errors
/// `BadInput` if they lead to different databases.
pub async fn same_database(one: &mut PgConnection, other: &mut PgConnection) -> Result<Oid> {
    let (here, there) = (session(one).await?, session(other).await?);
    if here.database == there.database && cluster(one).await == cluster(other).await {
        return Ok(there.role);
    }
    Err(
        Error::bad_input("--attack-url: connects to another database")
            .hint("use the same server and database with another role"),
    )
}

/// Returns the identity of a running server: a copy or a standby has the same system identifier,
/// but not the same start time.
async fn cluster(connection: &mut PgConnection) -> (Option<String>, Option<String>) {
    let system = query_file_scalar!("src/audit/reach/system.sql")
        .fetch_one(&mut *connection)
        .await;
    let started = query_file_scalar!("src/audit/reach/started.sql")
        .fetch_one(connection)
        .await;
    (system.ok(), started.ok())
}

impl Reach {
    /// Reads the reach of a session of that role. The connection reads the catalog and may differ
    /// from that session.
    pub async fn load(connection: &mut PgConnection, model: &Model, session: Oid) -> Result<Self> {
        let catalog = &model.catalog;
        let Some(more) = more_than_application(connection, model, session).await? else {
            return Ok(Self::open());
        };
        let is_trusted = |owner| is_trusted(catalog, session, owner);
        let owners = query_file_as!(OwnerRow, "src/audit/reach/owners.sql")
            .fetch_all(&mut *connection)
            .await
            .context(UNREAD)?;
        if owners
            .iter()
            .all(|one| !one.is_foreign && is_trusted(one.owner))
        {
            return Ok(Self::open());
        }
        let objects = query_file_as!(ObjectRow, "src/audit/reach/objects.sql")
            .fetch_all(&mut *connection)
            .await
            .context(UNREAD)?;
        let by_name: Vec<String> = server::BY_NAME
            .iter()
            .map(|&name| name.to_owned())
            .collect();
        let functions = query_file_as!(FunctionRow, "src/audit/reach/functions.sql", &by_name)
            .fetch_all(&mut *connection)
            .await
            .context(UNREAD)?;
        let edges = query_file_as!(EdgeRow, "src/audit/reach/edges.sql")
            .fetch_all(&mut *connection)
            .await
            .context(UNREAD)?;
        let trees = query_file_as!(TreeRow, "src/audit/reach/trees.sql")
            .fetch_all(&mut *connection)
            .await
            .context(UNREAD)?;
        let found = Parts {
            catalog,
            objects: &objects,
            functions: &functions,
            edges: &edges,
            trees: &trees,
            parents: parents(model),
            template: model.session.template.as_deref(),
            is_trusted: &is_trusted,
        }
        .solve();
        Ok(Self {
            answer: Answer::Stronger(std::sync::Arc::new(Stronger {
                session: format!("role {} ({more})", catalog.role_name(session)),
                relations: found.relations,
                functions: found.functions,
                names: found.names,
                everything: found.everything,
                template: found.template,
            })),
        })
    }
}

/// Returns the privilege that the session has beyond the application, if any.
async fn more_than_application(
    connection: &mut PgConnection,
    model: &Model,
    session: Oid,
) -> Result<Option<&'static str>> {
    let strength = Strength::of(&model.catalog, &model.app_roles, session);
    if strength.why.is_some() || strength.beyond.is_empty() {
        return Ok(strength.why);
    }
    let holdings = query_file_as!(
        Holdings,
        "src/audit/reach/holdings.sql",
        &strength.beyond as _
    )
    .fetch_one(connection)
    .await
    .context(UNREAD)?;
    Ok(match holdings {
        Holdings { owned: 1.., .. } => Some("an owner of objects"),
        Holdings { granted: 1.., .. } => Some("with privileges that the application does not have"),
        _ => None,
    })
}

fn parents(model: &Model) -> Vec<(Oid, Oid)> {
    let relations = model.relations();
    let children = relations.filter_map(|relation| match model.tenancy.of(relation.oid) {
        Belonging::Child(link) => Some((relation.oid, link.parent)),
        _ => None,
    });
    children.collect()
}
