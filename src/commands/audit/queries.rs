//! `audit queries`

use std::path::PathBuf;

use clap::Args;

use super::{
    run::{VerdictArgs, show},
    scope::ScopeArgs,
    watch::Shown,
};
use crate::{
    audit::{self, QuerySource},
    context::App,
    error::Result,
};

/// Find the application's statements that touch a tenant table without naming the tenant.
///
/// Reads SQL from pg_stat_statements, from a folder of .sql files or of sqlx's metadata (.sqlx),
/// from a file, or from stdin, and looks in each statement for a predicate on the tenant key,
/// through joins, sub-selects, common table expressions and aliases. Each finding has file and
/// line, or how often the statement ran. What cannot be parsed is told as skipped.
///
/// Examples:
///   tenantctl audit queries --from pg_stat_statements
///   tenantctl audit queries --from src/queries --fail-on high
///   git grep -h SELECT | tenantctl audit queries --from -
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct QueriesArgs {
    /// pg_stat_statements, a folder, a file, or - for stdin. May be given several times.
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
            audit::queries(sessions.catalog, &options, &sources, &watch).await?
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
