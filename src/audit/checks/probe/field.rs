//! The field of attack: who attacks, in whose name, what, and what is known of it.

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

/// What every attack is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) model: &'a Model,
    pub(super) parties: &'a Parties,
    pub(super) targets: &'a [Target],
    /// One for each target.
    pub(super) known: &'a [Known],
    pub(super) terms: Terms<'a>,
}

/// What holds for all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// What would be left behind is done all the same.
    pub(super) force: bool,
    /// Statements and messages are shown with the values of rows in them.
    pub(super) show_values: bool,
    pub(super) locks: &'a Locks,
}

/// As whom, and in whose name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand<'a> {
    pub(super) role: &'a AppRole,
    pub(super) context: ContextKind,
}

/// One attack that was made, or could not be.
#[derive(Clone, Debug)]
pub(super) struct Tried<'a> {
    /// The place of the target.
    pub(super) target: usize,
    pub(super) stand: Stand<'a>,
    pub(super) operation: Operation,
    pub(super) verdict: Verdict,
    /// What was reached.
    pub(super) row: Option<Value>,
    /// The row is shown to visitors on purpose, as far as a policy can say it.
    pub(super) on_purpose: bool,
    /// The statement that is shown has not all the values of the one that was made.
    pub(super) abridged: bool,
    /// The statement got through row-level security and was refused by this.
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

    /// Whether an error is a door that is shut: rights, a policy, or the application's own code
    /// raise it, or without a tenant's name what reads the name. Anything else tells nothing.
    pub(super) fn is_shut_by(self, refusal: &Refusal) -> bool {
        let state = refusal.state.as_str();
        // 42501: no right; 44000: WITH CHECK OPTION; P0001: RAISE.
        let by_right = matches!(state, "42501" | "44000" | "P0001");
        // 22: the name is no key; 42704: the setting does not exist.
        let by_name = !self.is_named() && (state.starts_with("22") || state == "42704");
        by_right || by_name
    }
}

impl<'f> Field<'f> {
    /// What a session of that role has set once it logged in, by name.
    pub(super) fn settings(&self, stand: Stand<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
        let role = self.model.catalog.roles.get(&stand.role.oid);
        let settings = role.map_or(&[][..], |role| role.settings.as_slice());
        settings.iter().filter_map(|one| one.split_once('='))
    }

    /// The path of a role. Where code of others must not run, nothing comes before the server's own
    /// names, which stand in statements that the database itself wrote.
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

    /// The statements that put an open transaction in a role's place: the settings that it would
    /// have after it logged in, then role and context.
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

/// The savepoint that everything is taken back to.
const MARK: &str = "SAVEPOINT tenantctl_stand";

/// Puts the open transaction in a role's place; the refusal, where it may not go there.
pub(super) async fn enter(
    connection: &mut Session,
    field: &Field<'_>,
    stand: Stand<'_>,
) -> Result<Option<Refusal>> {
    if let Some(objection) = field.model.guards.attack.objection_to_session() {
        return Ok(Some(Refusal::of_audit(objection)));
    }
    // Safe: names and values are quoted where the statements are made; a session template is the
    // operator's own SQL.
    let sql = field.enter(stand).join("; ");
    match connection.prepare(AssertSqlSafe(sql)).await {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(Refusal::of(error)?)),
    }
}

/// Everything after it is undone by [`leave`], however it ends.
pub(super) async fn mark(connection: &mut Session) -> Result<()> {
    let marked = connection.prepare(MARK).await;
    marked.context("the attack's transaction could not be continued")
}

/// [`mark`], and nothing can be written until [`leave`]: that is checked by every statement, and
/// nothing inside can take it back (check_transaction_read_only in commands/variable.c).
pub(super) async fn mark_read_only(connection: &mut Session) -> Result<()> {
    mark(connection).await?;
    let set = connection
        .prepare("SET LOCAL transaction_read_only = on")
        .await;
    set.context("the attack's transaction could not be continued")
}

/// Takes role, context and everything else back to [`mark`].
pub(super) async fn leave(connection: &mut Session) -> Result<()> {
    connection.forget_from(MARK);
    let left = connection
        .pass("ROLLBACK TO SAVEPOINT tenantctl_stand; RELEASE SAVEPOINT tenantctl_stand")
        .await;
    left.context("the attack's transaction could not be continued")
}
