//! `audit queries`

use std::path::PathBuf;

use clap::Args;

use super::{
    run::{VerdictArgs, show},
    scope::ScopeArgs,
    watch::Shown,
};
use crate::{
    app::App,
    audit::{self, QuerySource},
    error::Result,
};

/// Find application queries that access a tenant table without a tenant predicate.
///
/// Reads SQL from pg_stat_statements, from a directory of .sql files or sqlx metadata (.sqlx),
/// from a file, or from stdin, and checks each statement for a predicate on the tenant key,
/// following joins, subqueries, common table expressions and aliases. Each finding reports file
/// and line, or the number of calls. Statements that cannot be parsed are reported as skipped.
///
/// Examples:
///   tenantctl audit queries --from pg_stat_statements
///   tenantctl audit queries --from src/queries --fail-on high
///   git grep -h SELECT | tenantctl audit queries --from -
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct QueriesArgs {
    /// Read queries from pg_stat_statements, a directory, a file, or - for stdin; repeatable.
    #[arg(long, value_name = "SOURCE", required = true)]
    from: Vec<PathBuf>,

    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    verdict: VerdictArgs,
}

impl QueriesArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let baseline = self.verdict.read_baseline(app)?;
        let (sessions, options) = self.scope.resolve(app)?;
        let sources: Vec<QuerySource> = self.from.into_iter().map(source).collect();
        let mut report = {
            let watch = Shown::new(&app.printer);
            audit::run_queries(sessions.catalog, &options, &sources, &watch).await?
        };
        if let Some(baseline) = baseline {
            baseline.apply(&mut report, app.clock.now().date_naive());
        }
        show(app, &report, false).await?;
        self.verdict.judge(app, &report)
    }
}

fn source(from: PathBuf) -> QuerySource {
    match from.to_str() {
        Some("-") => QuerySource::Stdin,
        Some("pg_stat_statements") => QuerySource::Statistics,
        _ => QuerySource::Path(from),
    }
}
