//! Inputs shared by all probes: the model, the two tenants, the targets and their known rows.

use sqlx::AssertSqlSafe;

use super::{
    execute::locks::Locks,
    judge::refusal::Refusal,
    prepare::{known::Known, parties::Parties, target::Target},
    stand::Stand,
};
use crate::{
    audit::{
        model::{Model, search_path},
        session::Session,
    },
    error::{Context, Result},
    quoting::{identifier, literal},
};

/// Inputs that every probe is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) model: &'a Model,
    pub(crate) parties: &'a Parties,
    pub(crate) targets: &'a [Target],
    /// Known rows, one entry for each target.
    pub(crate) known: &'a [Known],
    pub(crate) terms: Terms<'a>,
}

/// Options that apply to all probes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// Also run statements with effects that may outlive a rollback.
    pub(crate) force: bool,
    /// Show statements and messages with the values of rows.
    pub(crate) show_values: bool,
    pub(crate) locks: &'a Locks,
}

impl<'f> Field<'f> {
    /// Settings of a session of that role after login, by name.
    pub(crate) fn settings(&self, stand: Stand<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
        let role = self.model.catalog.roles.get(&stand.role.oid);
        let settings = role.map_or(&[][..], |role| role.settings.as_slice());
        settings.iter().filter_map(|one| one.split_once('='))
    }

    /// Returns the statement that sets the search path of a role. If code of other users must not
    /// run, no schema precedes `pg_catalog`: statements printed by the database itself use its
    /// names unqualified.
    fn path(&self, value: &str) -> String {
        let mut names = search_path(value);
        if self.model.guards.attack.is_guarded() {
            names.retain(|name| name != "pg_catalog");
        }
        let names: Vec<String> = names.iter().map(|name| identifier(name)).collect();
        match names.as_slice() {
            [] => "SET LOCAL search_path TO ''".to_owned(),
            names => format!("SET LOCAL search_path TO {}", names.join(", ")),
        }
    }

    /// Returns the statements that switch an open transaction to a role: the settings that it would
    /// have after login, then role and context.
    pub(crate) fn enter(&self, stand: Stand<'_>) -> Vec<String> {
        let mut statements = Vec::new();
        let mut has_path = false;
        for (name, value) in self.settings(stand) {
            if name == "search_path" {
                has_path = true;
                statements.push(self.path(value));
            } else if name.contains('.') {
                let parts: Vec<String> = name.split('.').map(identifier).collect();
                statements.push(format!(
                    "SET LOCAL {} = {}",
                    parts.join("."),
                    literal(value)
                ));
            }
        }
        if !has_path {
            statements.push("SET LOCAL search_path TO DEFAULT".to_owned());
        }
        let identity = &self.parties.own(stand.context).identity;
        statements.extend(
            self.model
                .session
                .enter(stand.role, identity, stand.context),
        );
        statements
    }
}

/// The savepoint that everything is rolled back to.
const MARK: &str = "SAVEPOINT tenantctl_stand";

/// Switches the open transaction to a role; returns the refusal if that is not allowed.
pub(crate) async fn enter(
    connection: &mut Session,
    field: &Field<'_>,
    stand: Stand<'_>,
) -> Result<Option<Refusal>> {
    if let Some(objection) = field.model.guards.attack.objection_to_session() {
        return Ok(Some(Refusal::of_audit(objection)));
    }
    // Safe: names and values are quoted where the statements are built; a session template is the
    // operator's own SQL.
    let sql = field.enter(stand).join("; ");
    match connection.prepare(AssertSqlSafe(sql)).await {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(Refusal::of(error)?)),
    }
}

/// Sets the savepoint. [`leave`] undoes everything after it.
pub(crate) async fn mark(connection: &mut Session) -> Result<()> {
    let marked = connection.prepare(MARK).await;
    marked.context("could not continue the transaction of the probes")
}

/// Sets the savepoint like [`mark`], and forbids writes until [`leave`]: every statement checks
/// this, and nothing inside can revert it (check_transaction_read_only in commands/variable.c).
pub(crate) async fn mark_read_only(connection: &mut Session) -> Result<()> {
    mark(connection).await?;
    let set = connection
        .prepare("SET LOCAL transaction_read_only = on")
        .await;
    set.context("could not continue the transaction of the probes")
}

/// Restores role, context and everything else to the state at [`mark`].
pub(crate) async fn leave(connection: &mut Session) -> Result<()> {
    connection.forget_from(MARK);
    let left = connection
        .pass("ROLLBACK TO SAVEPOINT tenantctl_stand; RELEASE SAVEPOINT tenantctl_stand")
        .await;
    left.context("could not continue the transaction of the probes")
}
