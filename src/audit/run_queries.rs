//! Audit of the application's SQL statements.

use std::{path::PathBuf, time::Instant};

use super::{
    checks::probe::Probed,
    connections::{Connect, Connections, Watch},
    model::Model,
    queries::{
        self,
        source::{self, Statements},
    },
    run::{Options, database, running, tenant},
};
use crate::{
    audit::report::{Report, Skipped, Summary},
    error::Result,
};

/// The source of statements.
#[derive(Clone, Debug)]
pub enum QuerySource {
    /// `pg_stat_statements`.
    Statistics,
    Stdin,
    /// A file, or a directory of files.
    Path(PathBuf),
}

/// Checks statements for access to a tenant table without a predicate on the tenant.
///
/// # Errors
/// Same as [`super::run`]; `NotFound` or `BadInput` for an invalid source.
pub async fn run_queries(
    connect: Connect,
    options: &Options,
    sources: &[QuerySource],
    watch: &dyn Watch,
) -> Result<Report> {
    let begun = Instant::now();
    // Reports a missing file before connecting to the database.
    let mut read = Vec::new();
    for one in sources {
        match one {
            QuerySource::Stdin => read.push(source::from_reader(std::io::stdin().lock())?),
            QuerySource::Path(path) => read.push(source::from_path(path)?),
            QuerySource::Statistics => {}
        }
    }
    watch.phase("reading the catalog", None);
    let mut connections = Connections::open(connect, options.limits, 1).await?;
    let catalog = connections.catalog().await?;
    let model = Model::infer(catalog, options.overrides.clone())?;
    model.require_tenants()?;
    let mut skipped = Vec::new();
    if sources
        .iter()
        .any(|one| matches!(one, QuerySource::Statistics))
    {
        let mut worker = connections.worker().await?;
        let reading = worker.within(async |worker| source::from_pg_stat_statements(worker).await);
        match reading.await {
            Ok(statements) => read.push(statements?),
            Err(stop) => skipped.push(Skipped {
                check: "query".to_owned(),
                object: Some("pg_stat_statements".to_owned()),
                reason: stop.to_string(),
            }),
        }
    }
    let mut all = Vec::new();
    for Statements {
        statements,
        skipped: unread,
    } in read
    {
        skipped.extend(unread);
        all.extend(statements);
    }
    let count = all.len() as u64;
    watch.phase("reading the statements", None);
    let tables = model.vocabulary(model.search_path());
    let (mut findings, unparsed) = queries::check(&tables, all);
    findings.retain(|finding| {
        let mut checks = queries::CHECKS.iter();
        checks.any(|check| check.id == finding.check && options.selection.wants(check))
    });
    skipped.extend(unparsed);
    let mut report = Report {
        database: database(&model),
        tenant: tenant(&model, &Probed::default()),
        summary: Summary {
            checks_run: queries::CHECKS.len() as u64,
            statements: Some(count),
            seconds: begun.elapsed().as_secs_f64(),
            ..Summary::default()
        },
        findings,
        skipped,
        suppressed: Vec::new(),
        notes: running(&connections).await.into_iter().collect(),
        matrix: Vec::new(),
    };
    report.tally();
    Ok(report)
}
