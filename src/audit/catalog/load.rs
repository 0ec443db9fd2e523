//! Reads the catalog.

use std::collections::BTreeMap;

use sqlx::{PgConnection, query_file_as, query_file_scalar};

use super::{
    Catalog, Column, Constraint, ConstraintKind, DefaultGrant, Function, Grant, GrantClass, Index,
    Membership, Oid, Policy, PolicyCommand, Publication, Relation, RelationKind, Rights, Role,
    Rule, Schema, Server, Trigger,
};
use crate::error::{Context, Error, Result};

/// The oldest server whose catalog the queries fit: it has `security_invoker` and row filters.
const OLDEST: i32 = 150_000;

/// Adds the file's rows; the macro needs the path as a literal.
macro_rules! rows {
    ($connection:expr, $Row:ty, $file:literal $(, $argument:expr)?) => {
        query_file_as!($Row, $file $(, $argument as _)?)
            .fetch_all(&mut *$connection)
            .await
            .context(concat!("the catalog could not be read (", $file, ")"))?
    };
}

impl Catalog {
    /// Reads everything, in the caller's transaction.
    ///
    /// # Errors
    /// `Refused` for a server older than PostgreSQL 15, `Failure` when a query fails.
    pub async fn load(connection: &mut PgConnection) -> Result<Self> {
        let server = query_file_as!(Server, "src/audit/catalog/server.sql")
            .fetch_one(&mut *connection)
            .await
            .context("the server could not be asked for its version")?;
        if server.version_number < OLDEST {
            return Err(Error::refused(format!(
                "PostgreSQL {} is too old: the audit needs 15 or later",
                server.version
            )));
        }
        let locked = query_file_scalar!("src/audit/catalog/locked.sql")
            .fetch_all(&mut *connection)
            .await
            .context("the locks could not be read")?;
        let schemas = rows!(connection, Schema, "src/audit/catalog/schemas.sql");
        let relations = rows!(
            connection,
            Relation,
            "src/audit/catalog/relations.sql",
            &locked
        );
        let columns = rows!(connection, Column, "src/audit/catalog/columns.sql", &locked);
        let constraints = rows!(
            connection,
            Constraint,
            "src/audit/catalog/constraints.sql",
            &locked
        );
        let indexes = rows!(connection, Index, "src/audit/catalog/indexes.sql", &locked);
        let policies = rows!(
            connection,
            Policy,
            "src/audit/catalog/policies.sql",
            &locked
        );
        let rules = rows!(connection, Rule, "src/audit/catalog/rules.sql", &locked);
        let triggers = rows!(connection, Trigger, "src/audit/catalog/triggers.sql");
        let roles = rows!(connection, Role, "src/audit/catalog/roles.sql");
        let memberships = rows!(connection, Membership, "src/audit/catalog/memberships.sql");
        let grants = rows!(connection, Grant, "src/audit/catalog/grants.sql");
        let default_grants = rows!(
            connection,
            DefaultGrant,
            "src/audit/catalog/default_grants.sql"
        );
        let functions = rows!(connection, Function, "src/audit/catalog/functions.sql");
        let publications = rows!(
            connection,
            Publication,
            "src/audit/catalog/publications.sql",
            &locked
        );
        let equalities = query_file_scalar!("src/audit/catalog/equalities.sql")
            .fetch_all(&mut *connection)
            .await
            .context("the operators could not be read")?;
        let roles: BTreeMap<Oid, Role> = by(roles, |role| role.oid);
        let relations = by(relations, |relation| relation.oid);
        let schemas = by(schemas, |schema| schema.oid);
        let functions = by(functions, |function| function.oid);
        let rights = Rights::new(
            &roles,
            &memberships,
            &grants,
            &relations,
            &schemas,
            &functions,
        );
        Ok(Self {
            server,
            schemas,
            relations,
            columns: grouped(columns, |column| column.relation),
            constraints: grouped(constraints, |constraint| constraint.relation),
            indexes: grouped(indexes, |index| index.relation),
            policies: grouped(policies, |policy| policy.relation),
            rules: grouped(rules, |rule| rule.relation),
            triggers: grouped(triggers, |trigger| trigger.relation),
            roles,
            memberships,
            grants,
            default_grants,
            functions,
            publications,
            equalities: equalities.into_iter().collect(),
            rights,
        })
    }
}

fn by<T>(rows: Vec<T>, key: impl Fn(&T) -> Oid) -> BTreeMap<Oid, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

fn grouped<T>(rows: Vec<T>, key: impl Fn(&T) -> Oid) -> BTreeMap<Oid, Vec<T>> {
    let mut groups: BTreeMap<Oid, Vec<T>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}
