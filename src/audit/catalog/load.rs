//! Loading of the catalog.

use std::{cmp::Ordering, collections::BTreeMap};

use futures_util::future::try_join;
use sqlx::{PgConnection, query_file_as, query_file_scalar};

use super::{
    Catalog, Column, Constraint, ConstraintKind, DefaultGrant, Function, Grant, GrantClass, Index,
    Membership, Oid, Policy, PolicyCommand, Publication, Relation, RelationKind, Rights, Role,
    Rule, Schema, Server, Trigger, texts, types::Granted,
};
use crate::error::{Context, Error, Result};

/// Oldest server version that the queries support: the first with `security_invoker` and row
/// filters.
const OLDEST: i32 = 150_000;

/// Adds the rows of the file. The macro needs the path as a literal.
macro_rules! rows {
    ($connection:expr, $Row:ty, $file:literal $(, $argument:expr)?) => {
        query_file_as!($Row, $file $(, $argument as _)?)
            .fetch_all(&mut *$connection)
            .await
            .context(concat!("could not read the catalog (", $file, ")"))?
    };
}

impl Catalog {
    /// Reads everything in the transactions of two connections that share a snapshot, so that the
    /// server formats the texts of policies and defaults while it reads the rest.
    ///
    /// # Errors
    /// `Refused` for a server older than PostgreSQL 15, `Failure` if a query fails.
    pub async fn load(one: &mut PgConnection, other: &mut PgConnection) -> Result<Self> {
        let server = query_file_as!(Server, "src/audit/catalog/server.sql")
            .fetch_one(&mut *one)
            .await
            .context("could not read the version of the server")?;
        if server.version_number < OLDEST {
            return Err(Error::refused(format!(
                "PostgreSQL {} is too old: the audit needs 15 or later",
                server.version
            )));
        }
        let locked = query_file_scalar!("src/audit/catalog/locked.sql")
            .fetch_all(&mut *one)
            .await
            .context("could not read the locks")?;
        let (tables, guards) = try_join(
            Tables::load(one, &locked),
            Guards::load(other, &server, &locked),
        )
        .await?;
        let mut catalog = Self::of(server, tables, guards);
        texts::fill(&mut catalog, one, &locked).await?;
        Ok(catalog)
    }

    fn of(server: Server, tables: Tables, guards: Guards) -> Self {
        let roles: BTreeMap<Oid, Role> = by(guards.roles, |role| role.oid);
        let relations = by(tables.relations, |relation| relation.oid);
        let schemas = by(tables.schemas, |schema| schema.oid);
        let functions = by(tables.functions, |function| function.oid);
        let mut functions_by_name: BTreeMap<String, Vec<Oid>> = BTreeMap::new();
        for function in functions.values() {
            let name = function.name.to_lowercase();
            functions_by_name
                .entry(name)
                .or_default()
                .push(function.oid);
        }
        let rights = Rights::new(
            &roles,
            &guards.memberships,
            &guards.grants,
            &relations,
            &schemas,
            &functions,
        );
        Self {
            probe_role: server.role,
            server,
            schemas,
            relations,
            columns: grouped(
                tables.columns,
                |column| column.relation,
                |one, other| one.number.cmp(&other.number),
            ),
            constraints: grouped(
                tables.constraints,
                |constraint| constraint.relation,
                |one, other| one.name.cmp(&other.name),
            ),
            indexes: grouped(
                guards.indexes,
                |index| index.relation,
                |one, other| one.name.cmp(&other.name),
            ),
            policies: grouped(
                guards.policies,
                |policy| policy.relation,
                |one, other| one.name.cmp(&other.name),
            ),
            rules: grouped(
                tables.rules,
                |rule| rule.relation,
                |one, other| one.name.cmp(&other.name),
            ),
            triggers: grouped(
                tables.triggers,
                |trigger| trigger.relation,
                |one, other| one.name.cmp(&other.name),
            ),
            roles,
            memberships: guards.memberships,
            grants: guards.grants,
            default_grants: guards.default_grants,
            functions,
            functions_by_name,
            publications: guards.publications,
            equalities: guards.equalities.into_iter().collect(),
            rights,
        }
    }
}

/// Objects of the catalog.
struct Tables {
    schemas: Vec<Schema>,
    relations: Vec<Relation>,
    columns: Vec<Column>,
    constraints: Vec<Constraint>,
    rules: Vec<Rule>,
    triggers: Vec<Trigger>,
    functions: Vec<Function>,
}

impl Tables {
    async fn load(connection: &mut PgConnection, locked: &[Oid]) -> Result<Self> {
        Ok(Self {
            schemas: rows!(connection, Schema, "src/audit/catalog/schemas.sql"),
            relations: rows!(
                connection,
                Relation,
                "src/audit/catalog/relations.sql",
                locked
            ),
            columns: rows!(connection, Column, "src/audit/catalog/columns.sql"),
            constraints: rows!(
                connection,
                Constraint,
                "src/audit/catalog/constraints.sql",
                locked
            ),
            rules: rows!(connection, Rule, "src/audit/catalog/rules.sql", locked),
            triggers: rows!(connection, Trigger, "src/audit/catalog/triggers.sql"),
            functions: rows!(connection, Function, "src/audit/catalog/functions.sql"),
        })
    }
}

/// Policies, indexes, roles and privileges of the catalog.
struct Guards {
    policies: Vec<Policy>,
    indexes: Vec<Index>,
    roles: Vec<Role>,
    memberships: Vec<Membership>,
    grants: Vec<Grant>,
    default_grants: Vec<DefaultGrant>,
    publications: Vec<Publication>,
    equalities: Vec<Oid>,
}

impl Guards {
    async fn load(connection: &mut PgConnection, server: &Server, locked: &[Oid]) -> Result<Self> {
        Ok(Self {
            policies: rows!(connection, Policy, "src/audit/catalog/policies.sql"),
            indexes: rows!(connection, Index, "src/audit/catalog/indexes.sql", locked),
            roles: rows!(connection, Role, "src/audit/catalog/roles.sql"),
            memberships: rows!(connection, Membership, "src/audit/catalog/memberships.sql"),
            grants: one_by_one(rows!(connection, Granted, "src/audit/catalog/grants.sql")),
            default_grants: rows!(
                connection,
                DefaultGrant,
                "src/audit/catalog/default_grants.sql"
            ),
            // The view takes long to plan, even without publications.
            publications: if server.publishes {
                rows!(
                    connection,
                    Publication,
                    "src/audit/catalog/publications.sql",
                    locked
                )
            } else {
                Vec::new()
            },
            equalities: query_file_scalar!("src/audit/catalog/equalities.sql")
                .fetch_all(connection)
                .await
                .context("could not read the operators")?,
        })
    }
}

/// Splits the grants and sorts them by object.
fn one_by_one(granted: Vec<Granted>) -> Vec<Grant> {
    let mut grants: Vec<Grant> = granted.into_iter().flat_map(Granted::each).collect();
    grants.sort_unstable_by_key(|one| (one.class, one.object, one.column, one.grantee));
    grants
}

fn by<T>(rows: Vec<T>, key: impl Fn(&T) -> Oid) -> BTreeMap<Oid, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

/// Groups the rows by relation and sorts each group, so that the server does not have to sort all
/// of them.
fn grouped<T>(
    rows: Vec<T>,
    key: impl Fn(&T) -> Oid,
    order: impl Fn(&T, &T) -> Ordering,
) -> BTreeMap<Oid, Vec<T>> {
    let mut groups: BTreeMap<Oid, Vec<T>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    for group in groups.values_mut() {
        group.sort_unstable_by(&order);
    }
    groups
}
