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

use crate::{app::App, cli::Scope, error::Result};

/// Find and prove tenant isolation gaps in any PostgreSQL database.
///
/// Reads the catalog, checks existing rows, and runs probes as the application role with a valid,
/// missing and malformed tenant context. It works on any schema: the tenant key, the roles and the
/// session context are inferred and printed, and can be set by flags. The database is not
/// modified: probes run in READ ONLY transactions, or, with --probe full, in transactions that are
/// rolled back.
///
/// Functions, triggers and other code in the database are executed only in a session that
/// authenticated with no more privileges than the application. In a more privileged session, such
/// as a superuser's, probes that would execute such code are skipped and reported. Use an auditor
/// role to run them (`tenantctl audit role`, then --attack-url).
///
/// Exits with code 10 if a finding is at least as severe as --fail-on.
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
    /// `Finding` if a finding is at least as severe as --fail-on.
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
