//! The arguments that say what is audited and how: they win over the `[audit]` section.

use std::{sync::Arc, time::Duration};

use clap::Args;
use futures_util::FutureExt;

use crate::{
    audit::{
        Options,
        checks::{
            data::DataOptions,
            probe::{ProbeMode, ProbeOptions},
        },
        connections::{Connect, Limits, Sessions},
        model::Overrides,
        registry::{self, Selection},
    },
    cli::values,
    config::AuditSection,
    context::App,
    db::{self, ConnectSettings},
    error::{Error, Result},
    run,
};

/// How many rows prove one finding of the data checks.
const SAMPLES: u32 = 5;

/// How long an audit may take unless it is told otherwise.
const DEADLINE: Duration = Duration::from_secs(600);

/// The meaning of the database, where the catalog does not say it.
#[derive(Args, Clone, Debug)]
pub(super) struct ModelArgs {
    /// Look at these schemas only. Otherwise: all but those that a hosting platform manages.
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    schema: Vec<String>,

    /// Leave these schemas out.
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    exclude_schema: Vec<String>,

    /// The table of tenants. Otherwise it is inferred.
    #[arg(long, value_name = "TABLE")]
    tenant_table: Option<String>,

    /// The column that names the tenant. Otherwise it is inferred.
    #[arg(long, value_name = "COLUMN")]
    tenant_key: Option<String>,

    /// Tables with the same rows for everyone.
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    reference_table: Vec<String>,

    /// Tables that belong to no one tenant, such as users.
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    global_table: Vec<String>,

    /// The roles that the application uses. Otherwise: those with rights on the tables.
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    app_role: Vec<String>,
}

/// What is audited, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct ScopeArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// How a session names its tenant, with {tenant} and {user} for the quoted values:
    /// "SET LOCAL app.tenant = {tenant}". Otherwise: what the policies read.
    #[arg(long, value_name = "SQL")]
    session: Option<String>,

    /// The URL that the attacks connect with: the same database as an auditor, whose role has no
    /// rights of its own (see `tenantctl audit role`). A password in it can be seen by other users
    /// of this machine: TENANTCTL_ATTACK_URL or the [audit] section keep it to you.
    #[arg(long, value_name = "URL")]
    attack_url: Option<String>,

    /// The two tenants to attack between, by their keys. Otherwise: two that have rows.
    #[arg(long, value_name = "KEY,KEY", value_delimiter = ',')]
    tenants: Vec<String>,

    /// Only these checks or classes (catalog, policy, grant, data, probe, query).
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<String>,

    /// Not these checks or classes.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    skip: Vec<String>,

    /// How the attacks are made: not at all, reading only, or writing too, rolled back.
    #[arg(long, value_name = "MODE", default_value = "read", value_parser = ["off", "read", "full"])]
    probe: String,

    /// Also attack where something may outlive the rollback: sequences, triggers that reach
    /// outside the database.
    #[arg(long)]
    force: bool,

    /// Show the values of rows that prove a finding. Otherwise: their keys alone.
    #[arg(long)]
    show_values: bool,

    /// How many connections work at once.
    #[arg(long, value_name = "N", default_value = "4", value_parser = values::whole_number(1..=64_usize))]
    jobs: usize,

    /// How many seconds one statement may take; what takes longer is skipped, and told.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = values::whole_number(1..=86_400_u64))]
    statement_timeout: u64,

    /// How long the whole audit may take, in seconds or as 10m; what is not checked by then is
    /// skipped, and told. Otherwise: that of the [audit] section, or 10 minutes.
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    deadline: Option<Duration>,

    /// How many seconds to wait for a lock; what is locked longer is skipped, and told.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = values::whole_number(1..=3_600_u64))]
    lock_timeout: u64,
}

impl ScopeArgs {
    /// The options of the audit, and how it connects.
    ///
    /// # Errors
    /// `Unavailable` when no database is named, `NotFound` for a check that does not exist, `Usage`
    /// for a session or tenants that nothing can be attacked with.
    pub(super) fn resolve(self, app: &App) -> Result<(Sessions, Options)> {
        let section = app.config()?.audit.clone();
        let selection = Selection {
            only: self.only.clone(),
            skip: self.skip.clone(),
        };
        selection.validate()?;
        if !selection.wants_any(&registry::all()) {
            return Err(Error::usage("--skip leaves nothing of what --only names")
                .hint(run!["audit", "checks"].labeled("the checks and their classes")));
        }
        expect_two(&self.tenants)?;
        let attack = match &self.attack_url {
            Some(url) => Some(url.clone().into()),
            None => app.config()?.audit.read_attack_url(&app.environment)?,
        };
        let options = Options {
            limits: self.limits(section.deadline.as_deref())?,
            jobs: self.jobs,
            data: DataOptions {
                show_values: self.show_values,
                samples: SAMPLES,
            },
            probe: ProbeOptions {
                mode: match self.probe.as_str() {
                    "off" => ProbeMode::Off,
                    "full" => ProbeMode::Full,
                    _ => ProbeMode::Read,
                },
                show_values: self.show_values,
                force: self.force,
            },
            selection,
            overrides: self.overrides(section),
        };
        if let Some(template) = &options.overrides.session {
            expect_placeholder(template)?;
        }
        let sessions = Sessions {
            catalog: connect(app)?,
            attack: attack
                .map(|url| app.settings_for(&url))
                .transpose()?
                .map(connect_by),
        };
        Ok((sessions, options))
    }

    fn limits(&self, configured: Option<&str>) -> Result<Limits> {
        let configured = configured.map(values::span).transpose();
        let configured =
            configured.map_err(|reason| Error::usage(format!("[audit] deadline: {reason}")))?;
        Ok(Limits {
            statement: Duration::from_secs(self.statement_timeout),
            lock: Duration::from_secs(self.lock_timeout),
            deadline: self.deadline.or(configured).unwrap_or(DEADLINE),
        })
    }

    fn overrides(self, section: AuditSection) -> Overrides {
        let session = self.session.or_else(|| section.session.clone());
        Overrides {
            session,
            tenants: self.tenants,
            ..self.model.overrides(section)
        }
    }
}

impl ModelArgs {
    /// The overrides of flags and configuration, flags first.
    pub(super) fn overrides(self, section: AuditSection) -> Overrides {
        let list = |flags: Vec<String>, section: Vec<String>| {
            if flags.is_empty() { section } else { flags }
        };
        Overrides {
            schemas: list(self.schema, section.schemas),
            excluded_schemas: list(self.exclude_schema, section.exclude_schemas),
            tenant_table: self.tenant_table.or(section.tenant_table),
            tenant_key: self.tenant_key.or(section.tenant_key),
            reference_tables: list(self.reference_table, section.reference_tables),
            global_tables: list(self.global_table, section.global_tables),
            roles: list(self.app_role, section.app_roles),
            session: section.session,
            tenants: Vec::new(),
        }
    }
}

/// One tenant attacks another.
fn expect_two(tenants: &[String]) -> Result<()> {
    match tenants {
        [] => Ok(()),
        [one, other] if one != other => Ok(()),
        _ => Err(Error::usage("--tenants takes the keys of two tenants")
            .hint("for example --tenants 17,42")),
    }
}

/// A session that names the same tenant whoever attacks would pass for a leak everywhere.
fn expect_placeholder(template: &str) -> Result<()> {
    if template.contains("{tenant}") || template.contains("{user}") {
        return Ok(());
    }
    Err(
        Error::usage("the session does not say whose it is: it has neither {tenant} nor {user}")
            .hint("for example --session \"SET LOCAL app.tenant = {tenant}\""),
    )
}

/// Opens connections to the database that the arguments mean, whatever its schema.
pub(super) fn connect(app: &App) -> Result<Connect> {
    let target = app.target()?;
    tracing::info!("database: {}", target.describe());
    Ok(connect_by(app.connect_settings(&target)?))
}

fn connect_by(settings: ConnectSettings) -> Connect {
    Arc::new(move || {
        let settings = settings.clone();
        async move { db::open_connection(&settings).await }.boxed()
    })
}
