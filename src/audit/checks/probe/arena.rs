//! The transaction that the attack is prepared in, and that changes are tried in. It is rolled
//! back whatever happens.

use std::collections::BTreeMap;

use super::{
    contents,
    field::{self, Field, Stand, Terms, Tried},
    invent::{self, Failures, Rows},
    parties::{self, Parties},
    sight,
    survey::{self, Known},
    told,
};
use crate::{
    audit::{connections::Connections, findings::Findings, model::Model, session::Session},
    domain::audit::ContextKind,
    error::{Context, Result},
};

/// The auditor's own transaction.
pub(super) struct Arena {
    connection: Session,
    /// The session that looks at rows, if the attacks have connections of their own. An attack
    /// would not see the rows that it makes up.
    eyes: Option<Session>,
    /// Changes are tried in it.
    writes: bool,
    /// Rows were made up in it, which no other connection sees.
    invented: bool,
}

impl Arena {
    /// Opens it on the audit's snapshot; READ ONLY unless changes are to be tried.
    ///
    /// # Errors
    /// As [`Connections::bare`].
    pub(super) async fn open(connections: &Connections, writes: bool) -> Result<Self> {
        let mut connection = connections.bare().await?;
        if writes {
            connections.begin(&mut connection, "READ WRITE").await?;
            // A constraint that is checked at the end would never be: there is no commit.
            let set = connection.prepare("SET CONSTRAINTS ALL IMMEDIATE").await;
            set.context("the attack's transaction could not be set up")?;
        } else {
            connections.begin(&mut connection, "READ ONLY").await?;
        }
        Ok(Self {
            connection,
            eyes: connections.eyes_apart().await?,
            writes,
            invented: false,
        })
    }

    pub(super) fn connection(&mut self) -> &mut Session {
        &mut self.connection
    }

    /// Whether changes are tried in it.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    /// Whether reading has to be tried in it, too.
    pub(super) fn has_rows_of_its_own(&self) -> bool {
        self.invented
    }

    /// The two tenants: those that were told, else those that are there; made up with all their
    /// rows where there are none and it may be written.
    ///
    /// # Errors
    /// As [`told::tenants`]; `Failure` when the connection is lost.
    pub(super) async fn parties(
        &mut self,
        model: &Model,
        terms: Terms<'_>,
        findings: &mut Findings,
    ) -> Result<Option<Parties>> {
        let eyes = self.see_all().await?;
        told::tenants(model, terms, eyes).await?;
        let found = parties::choose(model, terms.locks, eyes).await?;
        field::leave(eyes).await?;
        if found.is_some() || !self.may_invent() {
            return Ok(found);
        }
        let keys = invent::keys(model);
        let failures = self.invent(model, &keys, Rows::new(), terms).await?;
        let eyes = self.see_all().await?;
        let found = parties::choose(model, terms.locks, eyes).await?;
        field::leave(eyes).await?;
        if found.is_none() {
            tell(model, &failures, findings);
        }
        Ok(found)
    }

    /// What is there; rows are made up where a tenant has none and it may be written.
    ///
    /// # Errors
    /// `Failure` when the connection is lost.
    pub(super) async fn survey(
        &mut self,
        field: &Field<'_>,
        connections: &Connections,
        stands: &[Stand<'_>],
        findings: &mut Findings,
    ) -> Result<Vec<Known>> {
        let known = self.look(field, connections, stands).await?;
        if !self.may_invent() {
            return Ok(known);
        }
        let mut rows = Rows::new();
        for (target, known) in field.targets.iter().zip(&known) {
            for (side, context) in [ContextKind::A, ContextKind::B].into_iter().enumerate() {
                let row = known.own_row(context).map(|row| row.value.clone());
                rows.extend(row.map(|row| ((target.object, side), row)));
            }
        }
        let keys = [&field.parties.a, &field.parties.b].map(|one| one.identity.tenant.clone());
        let failures = self.invent(field.model, &keys, rows, field.terms).await?;
        tell(field.model, &failures, findings);
        if self.invented {
            self.look(field, connections, stands).await
        } else {
            Ok(known)
        }
    }

    /// Decides whose the rows are that do not say it.
    ///
    /// # Errors
    /// `Failure` when the connection is lost.
    pub(super) async fn judge_contents(
        &mut self,
        field: &Field<'_>,
        tried: &mut [Tried<'_>],
    ) -> Result<()> {
        let eyes = self.see_all().await?;
        contents::judge(field, eyes, tried).await?;
        field::leave(eyes).await
    }

    /// Takes back everything that was done in it.
    ///
    /// # Errors
    /// `Failure` when the connection is lost, which takes it back too.
    pub(super) async fn close(mut self) -> Result<()> {
        let done = self.connection.pass("ROLLBACK").await;
        done.context("the attack's transaction could not be rolled back")
    }

    async fn look(
        &mut self,
        field: &Field<'_>,
        connections: &Connections,
        stands: &[Stand<'_>],
    ) -> Result<Vec<Known>> {
        let writes = self.writes;
        let eyes = self.see_all().await?;
        let mut known = survey::look(field, eyes, writes).await?;
        field::leave(eyes).await?;
        sight::borrow(field, connections, stands, &mut known).await?;
        Ok(known)
    }

    async fn invent(
        &mut self,
        model: &Model,
        keys: &[String; 2],
        mut rows: Rows,
        terms: Terms<'_>,
    ) -> Result<Failures> {
        let before: BTreeMap<_, _> = rows.clone();
        let connection = &mut self.connection;
        // No fresh session would have the rows.
        connection.set_unique(true);
        let failures = invent::fill(model, connection, keys, &mut rows, terms).await?;
        self.invented |= rows.len() > before.len();
        connection.set_unique(self.invented);
        Ok(failures)
    }

    /// Until [`field::leave`]: rows that a policy would hide are an error, so that the auditor
    /// never takes them for absent.
    async fn see_all(&mut self) -> Result<&mut Session> {
        let eyes = self.eyes.as_mut().unwrap_or(&mut self.connection);
        field::mark(eyes).await?;
        let set = eyes.prepare("SET LOCAL row_security = off").await;
        set.context("the auditor's session could not be set up")?;
        Ok(eyes)
    }

    fn may_invent(&self) -> bool {
        self.writes && self.eyes.is_none()
    }
}

fn tell(model: &Model, failures: &Failures, findings: &mut Findings) {
    for (table, reason) in failures {
        let name = model
            .catalog
            .relations
            .get(table)
            .map(|table| table.display());
        findings.skip("probe", name, format!("no row could be made up: {reason}"));
    }
}
