//! The transaction in which the probes are prepared and changes are tried. It is always rolled
//! back.

use std::collections::BTreeMap;

use super::{
    invent::{self, Failures, Rows},
    known::Known,
    parties::{self, Parties},
    sight, survey, told,
};
use crate::{
    audit::{
        checks::probe::{
            field::{self, Field, Terms},
            judge::contents,
            stand::Stand,
            tried::Tried,
        },
        connections::Connections,
        findings::Findings,
        model::Model,
        session::Session,
    },
    domain::audit::ContextKind,
    error::{Context, Result},
};

/// The auditor's own transaction.
pub(crate) struct Arena {
    connection: Session,
    /// The session that reads rows, if the probes use separate connections. The probes would not
    /// see rows invented by it.
    eyes: Option<Session>,
    /// `true` if changes are tried in it.
    writes: bool,
    /// `true` if rows were invented in it, which no other connection sees.
    invented: bool,
}

impl Arena {
    /// Opens it on the audit's snapshot, READ ONLY unless changes are tried.
    pub(crate) async fn open(connections: &Connections, writes: bool) -> Result<Self> {
        let mut connection = connections.bare().await?;
        if writes {
            connections.begin(&mut connection, "READ WRITE").await?;
            // A deferred constraint would never be checked: there is no commit.
            let set = connection.prepare("SET CONSTRAINTS ALL IMMEDIATE").await;
            set.context("could not set up the transaction of the probes")?;
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

    pub(crate) fn connection(&mut self) -> &mut Session {
        &mut self.connection
    }

    /// `true` if changes are tried in it.
    pub(crate) fn writes(&self) -> bool {
        self.writes
    }

    /// `true` if reads have to be tried in it too.
    pub(crate) fn has_rows_of_its_own(&self) -> bool {
        self.invented
    }

    /// Returns the two tenants: the specified ones, otherwise existing ones. If none exist and
    /// writing is allowed, both are invented with all their rows.
    pub(crate) async fn parties(
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

    /// Returns the existing rows. If a tenant has none and writing is allowed, rows are invented.
    pub(crate) async fn survey(
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

    /// Determines the tenant of rows without a column that names it.
    pub(crate) async fn judge_contents(
        &mut self,
        field: &Field<'_>,
        tried: &mut [Tried<'_>],
    ) -> Result<()> {
        let eyes = self.see_all().await?;
        contents::judge(field, eyes, tried).await?;
        field::leave(eyes).await
    }

    /// Rolls back everything that was done in it.
    pub(crate) async fn close(mut self) -> Result<()> {
        let done = self.connection.pass("ROLLBACK").await;
        done.context("could not roll back the transaction of the probes")
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
        // A new session would not have the rows.
        connection.set_unique(true);
        let failures = invent::fill(model, connection, keys, &mut rows, terms).await?;
        self.invented |= rows.len() > before.len();
        connection.set_unique(self.invented);
        Ok(failures)
    }

    /// Until [`field::leave`], makes rows that a policy would hide an error, so that the auditor
    /// never assumes that they do not exist.
    async fn see_all(&mut self) -> Result<&mut Session> {
        let eyes = self.eyes.as_mut().unwrap_or(&mut self.connection);
        field::mark(eyes).await?;
        let set = eyes.prepare("SET LOCAL row_security = off").await;
        set.context("could not set up the auditor's session")?;
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
        findings.skip("probe", name, format!("could not invent a row: {reason}"));
    }
}
