//! `tenantctl audit`

mod baseline;
mod checks;
mod diff;
mod explain;
mod files;
mod fix;
mod queries;
mod role;
mod run;
mod scope;
mod watch;

use clap::{Args, Subcommand};

use crate::{cli::Scope, context::App, error::Result};

/// Find every way in which one tenant can reach another, on any PostgreSQL database, and prove it.
///
/// Reads the catalog, looks at the rows that are there, and attacks the database as the
/// application would, in the name of one tenant, of none and of a malformed one, until a leaking
/// row is shown or none is. The schema need not be ours: tenant key, roles and the way a session
/// names its tenant are inferred and printed, and can be told. Nothing is changed: the attacks
/// run in READ ONLY transactions; with --probe full in transactions that are rolled back.
///
/// Code of the database's own runs only in a session that authenticated with no more rights than
/// the application. As a superuser, or with any right beyond, what would run other people's code
/// is skipped, and told: attack as an auditor (`tenantctl audit role`, then --attack-url).
///
/// Exit code 10 when something was found that is as severe as --fail-on says.
///
/// Examples:
///   tenantctl audit --database-url postgres://auditor@db.example.com/app
///   tenantctl audit --probe full --fail-on high
///   TENANTCTL_ATTACK_URL=postgres://tenantctl_auditor@db.example.com/app tenantctl audit
///   tenantctl audit --format sarif --report audit.sarif --baseline audit-baseline.toml
///   tenantctl audit --only policy,rls-disabled -o json
///   tenantctl audit explain rls-disabled
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct AuditArgs {
    #[command(flatten)]
    run: run::RunArgs,
    #[command(subcommand)]
    command: Option<AuditCommand>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    #[command(add = Scope::Alone)]
    Checks(checks::ChecksArgs),
    #[command(add = Scope::Alone)]
    Explain(explain::ExplainArgs),
    Queries(queries::QueriesArgs),
    Fix(fix::FixArgs),
    Role(role::RoleArgs),
    Baseline(baseline::BaselineArgs),
    #[command(add = Scope::Alone)]
    Diff(diff::DiffArgs),
}

impl AuditArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// `Finding` when something was found that is severe enough, and whatever the command could
    /// not do.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("audit the database")?;
        match self.command {
            None => self.run.run(app).await,
            Some(AuditCommand::Checks(args)) => app.list(args.run()?).await,
            Some(AuditCommand::Explain(args)) => app.printer.view(&args.run()?),
            Some(AuditCommand::Queries(args)) => args.run(app).await,
            Some(AuditCommand::Fix(args)) => args.run(app).await,
            Some(AuditCommand::Role(args)) => args.run(app).await,
            Some(AuditCommand::Baseline(args)) => args.run(app).await,
            Some(AuditCommand::Diff(args)) => args.run(app),
        }
    }
}
