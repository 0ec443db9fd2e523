//! Arguments that define the scope of an audit. They take precedence over the `[audit]` section.

use std::{sync::Arc, time::Duration};

use clap::Args;
use futures_util::FutureExt;

use crate::{
    app::App,
    audit::{
        Options,
        checks::{
            data::DataOptions,
            probe::{ProbeMode, ProbeOptions},
        },
        connections::{Connect, Limits, Sessions},
        model::Overrides,
        registry,
        selection::Selection,
    },
    cli::values,
    config::AuditSection,
    db::{self, ConnectSettings},
    error::{Error, Result},
    run,
};

/// Number of sample rows in a finding of the data checks.
const SAMPLES: u32 = 5;

/// Default time limit of an audit.
const DEADLINE: Duration = Duration::from_secs(600);

/// Arguments that describe the database where the catalog does not.
#[derive(Args, Clone, Debug)]
pub(super) struct ModelArgs {
    /// Audit only these schemas. Default: all except those managed by a hosting platform.
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    schema: Vec<String>,

    /// Exclude these schemas.
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    exclude_schema: Vec<String>,

    /// Table of tenants. Default: inferred.
    #[arg(long, value_name = "TABLE")]
    tenant_table: Option<String>,

    /// Column that identifies the tenant. Default: inferred.
    #[arg(long, value_name = "COLUMN")]
    tenant_key: Option<String>,

    /// Tables with rows that all tenants share.
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    reference_table: Vec<String>,

    /// Tables that do not belong to a single tenant, such as users.
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    global_table: Vec<String>,

    /// Roles that the application uses. Default: roles with privileges on the tables.
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    app_role: Vec<String>,
}

/// Scope and method of an audit.
#[derive(Args, Clone, Debug)]
pub(super) struct ScopeArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Statement that sets the tenant of a session, with {tenant} and {user} for the quoted
    /// values: "SET LOCAL app.tenant = {tenant}". Default: inferred from the policies.
    #[arg(long, value_name = "SQL")]
    session: Option<String>,

    /// Database URL for the probes: the same database, as an auditor role without privileges
    /// beyond those of the application (see `tenantctl audit role`). Other users of this machine
    /// can see a password in it; use TENANTCTL_ATTACK_URL or the [audit] section to keep it private.
    #[arg(long, value_name = "URL")]
    attack_url: Option<String>,

    /// Keys of the two tenants to probe between. Default: two tenants that have rows.
    #[arg(long, value_name = "KEY,KEY", value_delimiter = ',')]
    tenants: Vec<String>,

    /// Run only these checks or classes (catalog, policy, grant, data, probe, query).
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<String>,

    /// Skip these checks or classes.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    skip: Vec<String>,

    /// Probe mode: off, read only, or full (also writes, which are rolled back).
    #[arg(long, value_name = "MODE", default_value = "read", value_parser = ["off", "read", "full"])]
    probe: String,

    /// Also run probes with effects that may survive the rollback: sequences, triggers that reach
    /// outside the database.
    #[arg(long)]
    force: bool,

    /// Show the values of rows that prove a finding. Default: only their keys.
    #[arg(long)]
    show_values: bool,

    /// Number of concurrent connections.
    #[arg(long, value_name = "N", default_value = "4", value_parser = values::whole_number(1..=64_usize))]
    jobs: usize,

    /// Time limit of one statement, in seconds; checks that exceed it are skipped and reported.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = values::whole_number(1..=86_400_u64))]
    statement_timeout: u64,

    /// Time limit of the whole audit, in seconds or as 10m; the remaining checks are skipped and
    /// reported. Default: the one in the [audit] section, or 10 minutes.
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    deadline: Option<Duration>,

    /// Time to wait for a lock, in seconds; checks that wait longer are skipped and reported.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = values::whole_number(1..=3_600_u64))]
    lock_timeout: u64,
}

impl ScopeArgs {
    /// Returns the connections and options of the audit.
    ///
    /// # Errors
    /// `Unavailable` if no database is configured, `NotFound` for a check that does not exist,
    /// `Usage` for a session template or tenants that cannot be used for probes.
    pub(super) fn resolve(self, app: &App) -> Result<(Sessions, Options)> {
        let section = app.config()?.audit.clone();
        let selection = Selection {
            only: self.only.clone(),
            skip: self.skip.clone(),
        };
        registry::validate(&selection)?;
        if !selection.wants_any(&registry::all()) {
            return Err(
                Error::usage("--skip excludes everything selected by --only")
                    .hint(run!["audit", "checks"].labeled("list checks and their classes")),
            );
        }
        expect_two(&self.tenants)?;
        let probe_url = match &self.attack_url {
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
            probe: probe_url
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
    /// Merges the overrides of flags and configuration. Flags take precedence.
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

/// Requires two different tenants to probe between.
fn expect_two(tenants: &[String]) -> Result<()> {
    match tenants {
        [] => Ok(()),
        [one, other] if one != other => Ok(()),
        _ => Err(
            Error::usage("--tenants requires the keys of two different tenants")
                .hint("for example --tenants 17,42"),
        ),
    }
}

/// Requires a placeholder: a session with the same tenant for both contexts would make every
/// table look like a leak.
fn expect_placeholder(template: &str) -> Result<()> {
    if template.contains("{tenant}") || template.contains("{user}") {
        return Ok(());
    }
    Err(Error::usage(
        "the session statement sets no tenant: it contains neither {tenant} nor {user}",
    )
    .hint("for example --session \"SET LOCAL app.tenant = {tenant}\""))
}

/// Returns a connector to the selected database. Any schema is accepted.
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
