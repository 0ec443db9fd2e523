//! Application context: global arguments, configuration, clock, randomness, the environment, the
//! printer, the actor and the lazily opened database.

mod log_json;
mod logging;
mod mail;
mod organization;
mod printing;
mod secrets;
mod writing;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use secrecy::SecretString;
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use organization::NamedOrganization;
use printing::printer_options;
pub use writing::Written;

use crate::{
    cli::{GlobalArgs, Scope},
    config::{
        self, Config, DatabaseSection, DatabaseTarget, FlagOverrides, Loaded, State, TenantSource,
        TenantTarget,
    },
    db::{self, Authority, ConnectSettings, Database, roles},
    domain::{Actor, Organization, TableChange, display_name},
    error::{Error, Result},
    local::{LocalCluster, LocalOptions},
    output::{Assent, Listing, Printer, Record, Rehearsed, Takes, View},
    run,
    services::{Session, access, organizations, protection},
    system::{Clock, Environment, new_id},
};

/// One invocation of the program.
pub struct App {
    pub global: GlobalArgs,
    pub environment: Environment,
    pub printer: Printer,
    pub clock: Clock,
    loaded: Option<Loaded>,
    database: OnceCell<Database>,
    request_id: Uuid,
    /// The declared scope of the command; `None` if no command was parsed.
    scope: Option<Scope>,
    /// See [`App::handle_signals`].
    handles_signals: AtomicBool,
}

impl App {
    /// Reads environment and configuration. An invalid configuration is reported by the first
    /// command that needs it, so that commands that fix it still work.
    ///
    /// `takes` returns the flags that a displayed command accepts, so that hints repeat them.
    pub fn new(
        global: GlobalArgs,
        environment: Environment,
        takes: fn(&[String]) -> Takes,
    ) -> Self {
        let loaded = load(&global, &environment).ok();
        let options = printer_options(&global, &environment, loaded.as_ref(), takes);
        let printer = Printer::new(options);
        Self {
            global,
            environment,
            printer,
            clock: Clock::System,
            loaded,
            database: OnceCell::new(),
            request_id: new_id(),
            scope: None,
            handles_signals: AtomicBool::new(false),
        }
    }

    /// Sets the scope of the command.
    #[must_use]
    pub fn running(mut self, scope: Option<Scope>) -> Self {
        self.scope = scope;
        self
    }

    /// Checks that the declared scope of each command is correct: hints use it to repeat global
    /// flags.
    fn expect_reach(&self, needed: Scope) {
        debug_assert!(
            self.scope.is_none_or(|scope| scope >= needed),
            "the command is declared with scope {:?}, but uses scope {needed:?}",
            self.scope
        );
    }

    /// Lets the command handle signals from now on and end gracefully.
    pub fn handle_signals(&self) {
        self.handles_signals.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if Ctrl-C is handled by the command or another program.
    pub fn leaves_interrupts_alone(&self) -> bool {
        // Ctrl-C inside an editor is handled by the editor.
        self.printer.terminal_is_lent() || self.handles_signals.load(Ordering::Relaxed)
    }

    /// The effective configuration with the source of each value.
    ///
    /// # Errors
    /// `NotFound` or `BadInput` if the file cannot be read.
    pub fn loaded(&self) -> Result<&Loaded> {
        match &self.loaded {
            Some(loaded) => Ok(loaded),
            // It failed before; report the reason.
            None => Err(load(&self.global, &self.environment)
                .err()
                .unwrap_or_else(|| {
                    Error::failure("the configuration changed while it was being read")
                })),
        }
    }

    /// The effective configuration.
    pub fn config(&self) -> Result<&Config> {
        self.loaded().map(|loaded| &loaded.config)
    }

    /// The selected database.
    ///
    /// # Errors
    /// `Unavailable` if none is specified, `NotFound` for an unknown profile.
    pub fn target(&self) -> Result<DatabaseTarget> {
        self.expect_reach(Scope::Database);
        if self.global.database_url.is_some() && self.global.profile.is_some() {
            return Err(
                Error::usage("--database-url and --profile specify two databases")
                    .hint("use only one of them"),
            );
        }
        config::database_target(
            self.global.database_url.as_deref(),
            self.global.profile.as_deref(),
            &self.environment,
            self.config()?,
            || self.local_cluster()?.url(),
        )
    }

    /// The URL that a server serves requests with; `None` for the owner's URL. `target` is the
    /// owner's.
    ///
    /// # Errors
    /// `Unavailable` if the URL cannot be read, `BadInput` if it is malformed.
    pub fn server_tenant_target(
        &self,
        target: Option<&DatabaseTarget>,
    ) -> Result<Option<TenantTarget>> {
        config::server_tenant_url(target, &self.environment, self.config()?, || {
            let role = roles::Rights::Server.default_name();
            self.local_cluster()?.url_as(role)
        })
    }

    /// The settings for connecting to `target` as a role with a tenant's rights.
    pub fn tenant_settings(&self, target: &TenantTarget) -> Result<ConnectSettings> {
        let config = self.config()?;
        Ok(ConnectSettings {
            url: target.url.clone(),
            authority: Authority::Tenant,
            pooled: config.tenant_pooled(target),
            ..connect_settings_by(&config.database)
        })
    }

    /// The private local cluster.
    pub fn local_cluster(&self) -> Result<LocalCluster> {
        let local = &self.config()?.local;
        let data_dir = match &local.data_dir {
            Some(folder) => folder.clone(),
            None => config::data_dir(&self.environment)?.join("postgresql"),
        };
        Ok(LocalCluster::new(LocalOptions {
            data_dir,
            bindir: local.bindir.clone(),
            path: self.environment.get_os("PATH").map(ToOwned::to_owned),
            durable: true,
        }))
    }

    /// The settings for connecting to that database.
    pub fn connect_settings(&self, target: &DatabaseTarget) -> Result<ConnectSettings> {
        Ok(connect_settings(self.config()?, target))
    }

    /// The settings for connecting to a database specified by URL in addition to [`App::target`].
    pub fn settings_for(&self, url: &SecretString) -> Result<ConnectSettings> {
        Ok(ConnectSettings {
            url: url.clone(),
            ..connect_settings_by(&self.config()?.database)
        })
    }

    /// The database, connected on first use, regardless of its schema.
    ///
    /// # Errors
    /// `Unavailable` if none is specified or it cannot be reached.
    pub async fn database_as_is(&self) -> Result<&Database> {
        self.database
            .get_or_try_init(|| async {
                let target = self.target()?;
                let settings = self.connect_settings(&target)?;
                tracing::info!("database: {}", target.describe());
                if target.profile.is_some() && self.environment.get("DATABASE_URL").is_some() {
                    tracing::info!("DATABASE_URL is set, and ignored: a profile is used");
                }
                let begun = std::time::Instant::now();
                let database = if self.global.dry_run {
                    Database::rehearse(&settings).await
                } else {
                    Database::connect(&settings).await
                }?;
                tracing::info!("connected in {} ms", begun.elapsed().as_millis());
                let (printer, place) = (self.printer.clone(), target.place());
                database.before_first_change(move || printer.note(format!("database: {place}")))?;
                Ok(database)
            })
            .await
    }

    /// A session of the operator, or of the user of `--as`, on a database with the tenantctl
    /// schema.
    ///
    /// # Errors
    /// `Unavailable` if the database is not migrated, `NotFound` if no user has the address of
    /// `--as`, `Usage` for an invalid TENANTCTL_ACTOR.
    pub async fn session(&self) -> Result<Session> {
        let owner = self.owner_session().await?;
        let db = self.beside_tenant(&owner.db).await?;
        let actor = match &self.global.act_as {
            Some(email) => access::act_as(&db, &owner.actor, email).await?,
            None => owner.actor,
        };
        Ok(Session { db, actor, ..owner })
    }

    /// A session of the operator over the owner's connection only: used for managing roles, which
    /// must exist before a connection can use them.
    pub async fn owner_session(&self) -> Result<Session> {
        self.expect_reach(Scope::Database);
        let db = self.database_as_is().await?;
        db::migrate::require_usable(db).await?;
        Ok(Session {
            db: db.clone(),
            actor: self.operator()?,
            clock: self.clock,
            request_id: self.request_id,
            mail: None,
            claims: self.config()?.server.claims,
        })
    }

    /// Adds a separate connection for tenants' data to the database, if a role for it is
    /// configured.
    async fn beside_tenant(&self, db: &Database) -> Result<Database> {
        if self.global.dry_run {
            return Ok(db.clone());
        }
        let target = self.target()?;
        let named = config::command_tenant_url(&target, &self.environment, self.config()?, || {
            let role = roles::Rights::Tenant.default_name();
            self.local_cluster()?.url_as(role)
        })?;
        let Some(named) = named else {
            return Ok(db.clone());
        };
        tracing::info!("tenants' data: {}", named.describe());
        let connected = Database::connect(&self.tenant_settings(&named)?).await;
        let tenant = connected.map_err(|error| match named.source {
            TenantSource::Local => error.hint(run!["db", "migrate"]),
            _ => error.hint(run!["db", "role", "tenant", "--create"].labeled("create the role")),
        })?;
        let source = named.source.to_string();
        roles::require_confined(&tenant, Some(db), roles::Rights::Tenant, &source).await?;
        Ok(db.clone().with_tenant(tenant))
    }

    /// The actor of an unattended process, with `name` as the default.
    ///
    /// # Errors
    /// `Usage` for an invalid TENANTCTL_ACTOR.
    pub fn service_actor(&self, name: &str) -> Result<Actor> {
        self.operator_or(|| name.to_owned())
    }

    fn operator(&self) -> Result<Actor> {
        self.operator_or(|| account_name().unwrap_or_else(|| "unknown".to_owned()))
    }

    fn operator_or(&self, otherwise: impl FnOnce() -> String) -> Result<Actor> {
        let variable = self.environment.text("TENANTCTL_ACTOR")?;
        let name = match (&self.global.actor, variable) {
            (Some(flag), _) => flag.clone(),
            (None, Some(text)) => display_name(text).map_err(|error| {
                Error::usage(format!("TENANTCTL_ACTOR: {error}")).hint(
                    "it is your name in the activity log; set it to a valid name, or unset it",
                )
            })?,
            (None, None) => otherwise(),
        };
        Ok(Actor::Operator { name })
    }

    /// The selected organization: `explicit` (an argument of the command itself), `--org`,
    /// `TENANTCTL_ORG`, `org use`, the profile's.
    ///
    /// # Errors
    /// `Usage` if none is specified, `NotFound` with similar slugs.
    pub async fn organization(
        &self,
        session: &Session,
        explicit: Option<&str>,
    ) -> Result<Organization> {
        if let Some(reference) = explicit {
            tracing::info!("organization: {reference}, from the command's argument");
            return organizations::resolve(session, reference).await;
        }
        self.expect_reach(Scope::Organization);
        let named = self.named_organization()?.ok_or_else(|| {
            Error::usage("no organization specified")
                .hint(run!["org", "use", "SLUG"].labeled("use --org SLUG, or select one"))
        })?;
        let organization = named.resolve(session).await?;
        tracing::info!(
            "organization: {}, from {}",
            organization.slug,
            named.source()
        );
        Ok(organization)
    }

    /// The organization selected by flag, environment, `org use` or the profile, with its source.
    pub fn named_organization(&self) -> Result<Option<NamedOrganization>> {
        if let Some(flag) = &self.global.org {
            return Ok(Some(NamedOrganization::Flag(flag.clone())));
        }
        if let Some(variable) = self.environment.text("TENANTCTL_ORG")? {
            return Ok(Some(NamedOrganization::Variable(variable.to_owned())));
        }
        let target = self.target()?;
        if let Some(chosen) = self.state()?.current_organization(&target.state_key()?) {
            return Ok(Some(NamedOrganization::Chosen(chosen.clone())));
        }
        let profile = self.config()?.profile_organization(&target);
        Ok(profile.map(|slug| NamedOrganization::Profile(slug.to_owned())))
    }

    /// The state kept between invocations.
    pub fn state(&self) -> Result<State> {
        State::load(&self.state_path()?)
    }

    /// The path of the state file.
    ///
    /// # Errors
    /// `Failure` if there is no home directory.
    pub fn state_path(&self) -> Result<PathBuf> {
        config::state_file(&self.environment)
    }

    /// The confirmation given beforehand for a destructive command, and the protection of the
    /// database: by its profile, or in the database itself. No other handle may be open.
    pub async fn assent(&self) -> Result<Assent> {
        let target = self.target()?;
        let database = protection::find(self.database_as_is().await?).await?;
        let protected = match (database, &target.profile) {
            (Some(protection), _) => {
                Some(format!("the database is protected ({})", protection.label))
            }
            (None, Some(profile)) if target.protected => {
                Some(format!("the profile {profile} is protected"))
            }
            (None, _) => None,
        };
        Ok(Assent {
            yes: self.global.yes,
            confirm: self.global.confirm.clone(),
            protected,
            place: Some(target.place()),
        })
    }

    /// Announces the target of a destructive command before the prompt.
    pub fn announce(&self, what: &str) -> Result<()> {
        self.printer
            .note(format!("{what}, in {}", self.target()?.describe()));
        Ok(())
    }

    /// Prints the result of a command; in a dry run, together with the changes.
    pub async fn show<V: View>(&self, view: V) -> Result<()> {
        match self.rehearsed() {
            None => self.printer.view(&view),
            Some(changes) => self.printer.view(&Rehearsed { view, changes }),
        }
    }

    /// Prints a list.
    pub async fn list<T: Record>(&self, listing: Listing<T>) -> Result<()> {
        self.printer.list(listing).await
    }

    fn rehearsed(&self) -> Option<Vec<TableChange>> {
        db::rehearsal::changes(self.database.get()?)
    }

    /// Refuses `--as` for operations of the operator, without opening a session.
    pub fn require_operator(&self, what: &str) -> Result<()> {
        match &self.global.act_as {
            None => Ok(()),
            Some(email) => Err(Error::refused(format!(
                "permission denied for {email}: only the platform operator can {what}"
            ))
            .hint("run it without --as")),
        }
    }

    /// Refuses `--dry-run` if nothing can be rolled back.
    pub fn refuse_dry_run(&self, command: &str) -> Result<()> {
        if self.global.dry_run {
            return Err(Error::usage(format!(
                "--dry-run is not supported for {command}: it changes files, not rows"
            ))
            .hint("run it without --dry-run"));
        }
        Ok(())
    }
}

/// The settings for connecting to `target` with this configuration.
pub fn connect_settings(config: &Config, target: &DatabaseTarget) -> ConnectSettings {
    ConnectSettings {
        url: target.url.clone(),
        pooled: config.pooled(target),
        ..connect_settings_by(&config.database)
    }
}

/// The settings common to all connections; the caller sets the URL.
fn connect_settings_by(section: &DatabaseSection) -> ConnectSettings {
    ConnectSettings {
        url: SecretString::default(),
        authority: Authority::Owner,
        connect_timeout: Duration::from_secs(section.connect_timeout_seconds.into()),
        statement_timeout: section
            .statement_timeout_seconds
            .map(|seconds| Duration::from_secs(seconds.into())),
        pooled: section.pooled,
    }
}

fn load(global: &GlobalArgs, environment: &Environment) -> Result<Loaded> {
    let mut loaded = Config::load(global.config.as_deref(), environment)?;
    loaded.apply_flags(FlagOverrides {
        output: global.output,
        color: global.color,
    });
    Ok(loaded)
}

/// The name of the account that runs the program.
fn account_name() -> Option<String> {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map(|user| user.name)
}
