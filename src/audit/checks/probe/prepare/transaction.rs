//! The transaction in which the probes are prepared and changes are tried. It is always rolled
//! back.

use std::collections::BTreeMap;

use super::{
    fixtures::{self, Failures, Rows},
    known::KnownRows,
    overrides, survey,
    tenant_pair::{self, TenantPair},
    visibility,
};
use crate::{
    audit::{
        checks::probe::{
            attempt::ProbeAttempt,
            execute::savepoint,
            identity::ProbeIdentity,
            inputs::{ProbeInputs, SharedOptions},
            judge::ownership,
        },
        connections::Connections,
        findings::Findings,
        model::Model,
        report::ContextKind,
        session::Session,
    },
    error::{Context, Result},
};

/// The auditor's own transaction.
pub(crate) struct ProbeTransaction {
    connection: Session,
    /// The session that reads rows, if the probes use separate connections. The probes would not
    /// see rows inserted by it.
    reader: Option<Session>,
    /// `true` if changes are tried in it.
    writes: bool,
    /// `true` if rows were inserted in it, which no other connection sees.
    has_fixtures: bool,
}

impl ProbeTransaction {
    /// Opens it on the audit's snapshot, READ ONLY unless changes are tried.
    pub(crate) async fn open(connections: &Connections, writes: bool) -> Result<Self> {
        let mut connection = connections.probe_session().await?;
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
            reader: connections.separate_reader().await?,
            writes,
            has_fixtures: false,
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
    pub(crate) fn has_fixtures(&self) -> bool {
        self.has_fixtures
    }

    /// Returns the two tenants: the specified ones, otherwise existing ones. If none exist and
    /// writing is allowed, both are inserted with all their rows.
    pub(crate) async fn tenant_pair(
        &mut self,
        model: &Model,
        options: SharedOptions<'_>,
        findings: &mut Findings,
    ) -> Result<Option<TenantPair>> {
        let reader = self.unfiltered_reader().await?;
        overrides::check_tenants(model, options, reader).await?;
        let found = tenant_pair::choose(model, options.locks, reader).await?;
        savepoint::leave(reader).await?;
        if found.is_some() || !self.may_insert_fixtures() {
            return Ok(found);
        }
        let keys = fixtures::new_keys(model);
        let failures = self
            .insert_fixtures(model, &keys, Rows::new(), options)
            .await?;
        let reader = self.unfiltered_reader().await?;
        let found = tenant_pair::choose(model, options.locks, reader).await?;
        savepoint::leave(reader).await?;
        if found.is_none() {
            report(model, &failures, findings);
        }
        Ok(found)
    }

    /// Returns the existing rows. If a tenant has none and writing is allowed, rows are inserted.
    pub(crate) async fn known_rows(
        &mut self,
        inputs: &ProbeInputs<'_>,
        connections: &Connections,
        identities: &[ProbeIdentity<'_>],
        findings: &mut Findings,
    ) -> Result<Vec<KnownRows>> {
        let known = self.existing_rows(inputs, connections, identities).await?;
        if !self.may_insert_fixtures() {
            return Ok(known);
        }
        let mut rows = Rows::new();
        for (target, known) in inputs.targets.iter().zip(&known) {
            for (side, context) in [ContextKind::A, ContextKind::B].into_iter().enumerate() {
                let row = known.own_row(context).map(|row| row.value.clone());
                rows.extend(row.map(|row| ((target.object, side), row)));
            }
        }
        let keys = [&inputs.pair.a, &inputs.pair.b].map(|one| one.user.tenant.clone());
        let failures = self
            .insert_fixtures(inputs.model, &keys, rows, inputs.options)
            .await?;
        report(inputs.model, &failures, findings);
        if self.has_fixtures {
            self.existing_rows(inputs, connections, identities).await
        } else {
            Ok(known)
        }
    }

    /// Determines the tenant of rows without a column that names it.
    pub(crate) async fn determine_ownership(
        &mut self,
        inputs: &ProbeInputs<'_>,
        attempts: &mut [ProbeAttempt<'_>],
    ) -> Result<()> {
        let reader = self.unfiltered_reader().await?;
        ownership::determine(inputs, reader, attempts).await?;
        savepoint::leave(reader).await
    }

    /// Rolls back everything that was done in it.
    pub(crate) async fn close(mut self) -> Result<()> {
        let done = self.connection.pass("ROLLBACK").await;
        done.context("could not roll back the transaction of the probes")
    }

    async fn existing_rows(
        &mut self,
        inputs: &ProbeInputs<'_>,
        connections: &Connections,
        identities: &[ProbeIdentity<'_>],
    ) -> Result<Vec<KnownRows>> {
        let writes = self.writes;
        let reader = self.unfiltered_reader().await?;
        let mut known = survey::existing_rows(inputs, reader, writes).await?;
        savepoint::leave(reader).await?;
        visibility::add_rows(inputs, connections, identities, &mut known).await?;
        Ok(known)
    }

    async fn insert_fixtures(
        &mut self,
        model: &Model,
        keys: &[String; 2],
        mut rows: Rows,
        options: SharedOptions<'_>,
    ) -> Result<Failures> {
        let before: BTreeMap<_, _> = rows.clone();
        let connection = &mut self.connection;
        // A new session would not have the rows.
        connection.set_unique(true);
        let failures =
            fixtures::insert_missing(model, connection, keys, &mut rows, options).await?;
        self.has_fixtures |= rows.len() > before.len();
        connection.set_unique(self.has_fixtures);
        Ok(failures)
    }

    /// Until [`savepoint::leave`], makes rows that a policy would hide an error, so that the auditor
    /// never assumes that they do not exist.
    async fn unfiltered_reader(&mut self) -> Result<&mut Session> {
        let reader = self.reader.as_mut().unwrap_or(&mut self.connection);
        savepoint::mark(reader).await?;
        let set = reader.prepare("SET LOCAL row_security = off").await;
        set.context("could not set up the auditor's session")?;
        Ok(reader)
    }

    fn may_insert_fixtures(&self) -> bool {
        self.writes && self.reader.is_none()
    }
}

fn report(model: &Model, failures: &Failures, findings: &mut Findings) {
    for (table, reason) in failures {
        let name = model
            .catalog
            .relations
            .get(table)
            .map(|table| table.display());
        findings.skip("probe", name, format!("could not invent a row: {reason}"));
    }
}
