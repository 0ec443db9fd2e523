//! Inputs shared by all probes: the model, the two tenants, the targets and their known rows.

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{locks::Locks, parties::Parties, refusal::Refusal, survey::Known, target::Target};
use crate::{
    audit::{
        model::{AppRole, Model, search_path},
        session::Session,
    },
    domain::audit::{ContextKind, Operation, Verdict},
    error::{Context, Result},
    quoting::{identifier, literal},
};

/// Inputs that every probe is built from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) model: &'a Model,
    pub(super) parties: &'a Parties,
    pub(super) targets: &'a [Target],
    /// Known rows, one entry for each target.
    pub(super) known: &'a [Known],
    pub(super) terms: Terms<'a>,
}

/// Options that apply to all probes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// Also run statements with effects that may outlive a rollback.
    pub(super) force: bool,
    /// Show statements and messages with the values of rows.
    pub(super) show_values: bool,
    pub(super) locks: &'a Locks,
}

/// The role and the tenant context of a probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand<'a> {
    pub(super) role: &'a AppRole,
    pub(super) context: ContextKind,
}

/// One attempt, made or skipped.
#[derive(Clone, Debug)]
pub(super) struct Tried<'a> {
    /// Index of the target.
    pub(super) target: usize,
    pub(super) stand: Stand<'a>,
    pub(super) operation: Operation,
    pub(super) verdict: Verdict,
    /// The row that was reached.
    pub(super) row: Option<Value>,
    /// `true` if policies show the row to visitors on purpose.
    pub(super) on_purpose: bool,
    /// `true` if the shown statement omits values of the executed one.
    pub(super) abridged: bool,
    /// The constraint error that refused the statement after it passed row-level security.
    pub(super) refused_by: Option<String>,
}

impl<'a> Tried<'a> {
    pub(super) fn new(
        target: usize,
        stand: Stand<'a>,
        operation: Operation,
        verdict: Verdict,
    ) -> Self {
        Self {
            target,
            stand,
            operation,
            verdict,
            row: None,
            on_purpose: false,
            abridged: false,
            refused_by: None,
        }
    }

    pub(super) fn is_leak(&self) -> bool {
        matches!(self.verdict, Verdict::Leak(_))
    }
}

impl Stand<'_> {
    pub(super) fn is_named(self) -> bool {
        matches!(self.context, ContextKind::A | ContextKind::B)
    }

    /// `true` if an error means that access is blocked: it is raised by privileges, by a policy or
    /// by the application's code, or, without a tenant, by the code that reads the tenant. Any
    /// other error proves nothing.
    pub(super) fn is_shut_by(self, refusal: &Refusal) -> bool {
        let state = refusal.state.as_str();
        // 42501: no privilege; 44000: WITH CHECK OPTION; P0001: RAISE.
        let by_right = matches!(state, "42501" | "44000" | "P0001");
        // 22: the value is not a key; 42704: the setting does not exist.
        let by_name = !self.is_named() && (state.starts_with("22") || state == "42704");
        by_right || by_name
    }
}

impl<'f> Field<'f> {
    /// Settings of a session of that role after login, by name.
    pub(super) fn settings(&self, stand: Stand<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
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
    pub(super) fn enter(&self, stand: Stand<'_>) -> Vec<String> {
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
pub(super) async fn enter(
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
pub(super) async fn mark(connection: &mut Session) -> Result<()> {
    let marked = connection.prepare(MARK).await;
    marked.context("could not continue the transaction of the probes")
}

/// Sets the savepoint like [`mark`], and forbids writes until [`leave`]: every statement checks
/// this, and nothing inside can revert it (check_transaction_read_only in commands/variable.c).
pub(super) async fn mark_read_only(connection: &mut Session) -> Result<()> {
    mark(connection).await?;
    let set = connection
        .prepare("SET LOCAL transaction_read_only = on")
        .await;
    set.context("could not continue the transaction of the probes")
}

/// Restores role, context and everything else to the state at [`mark`].
pub(super) async fn leave(connection: &mut Session) -> Result<()> {
    connection.forget_from(MARK);
    let left = connection
        .pass("ROLLBACK TO SAVEPOINT tenantctl_stand; RELEASE SAVEPOINT tenantctl_stand")
        .await;
    left.context("could not continue the transaction of the probes")
}
