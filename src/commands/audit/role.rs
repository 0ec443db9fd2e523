//! `audit role`

use clap::Args;
use serde::Serialize;

use super::scope::{self, ModelArgs};
use crate::{
    app::App,
    audit::auditor::{self, Auditor, Created},
    commands::password::PasswordArgs,
    config,
    crypto::password_verifier,
    error::{Error, Result},
    hint::Hint,
    output::{Page, View},
    run,
};

/// Print or create an auditor role with no more privileges than the application.
///
/// Probes execute code of the audited database: functions in its policies, views and triggers.
/// That code runs with the privileges of the session, and `SET ROLE` does not prevent it from
/// using them. The auditor role is only a member of the application's roles, so probes run safely
/// as this role while another role reads the catalog and the rows.
///
/// Without --create the statements are printed. With it they run in one transaction. The role has
/// no password unless you pass one: set one with `\\password` in psql, or configure pg_hba.conf
/// to authenticate it by peer, cert or another method.
///
/// Examples:
///   tenantctl audit role
///   tenantctl audit role --create --app-role shop_app
///   pass show shop/auditor | tenantctl audit role --create --password-stdin
///   tenantctl audit role --create --if-not-exists --dry-run
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RoleArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Name of the role.
    #[arg(long, value_name = "ROLE", default_value = "tenantctl_auditor")]
    name: String,

    /// Create the role.
    #[arg(long)]
    create: bool,

    /// If the role exists, grant the missing memberships.
    #[arg(long, requires = "create")]
    if_not_exists: bool,

    #[command(flatten)]
    password: PasswordArgs,
}

impl RoleArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if app.global.dry_run && !self.create {
            return Err(Error::usage("audit role changes nothing without --create")
                .hint("remove --dry-run, or add --create"));
        }
        let password = self.password.read(app)?;
        if password.is_some() && !self.create {
            return Err(Error::usage("a password requires --create")
                .hint("add --create, or set the password with \\password in psql"));
        }
        let verifier = password.as_ref().map(password_verifier).transpose()?;
        let target = app.target()?;
        let connect = scope::connect(app)?;
        let overrides = self.model.overrides(app.config()?.audit.clone());
        let auditor = Auditor::plan(connect.clone(), self.name, overrides).await?;
        let created = if self.create {
            if !app.global.dry_run {
                app.announce("about to create the role")?;
            }
            let terms = auditor::Terms {
                verifier: verifier.as_deref(),
                if_not_exists: self.if_not_exists,
                commit: !app.global.dry_run,
            };
            Some(auditor.create(&connect, &terms).await?)
        } else {
            None
        };
        let url = config::with_user(&target.url, &auditor.name);
        app.printer.view(&RoleView {
            name: &auditor.name,
            database: &auditor.database,
            application_roles: &auditor.roles,
            sql: auditor.statements(),
            created,
            dry_run: app.global.dry_run,
            attack_url: url,
        })
    }
}

#[derive(Serialize)]
struct RoleView<'a> {
    name: &'a str,
    database: &'a str,
    application_roles: &'a [String],
    sql: Vec<String>,
    /// Null if the statements were only printed.
    created: Option<Created>,
    dry_run: bool,
    /// URL without a password; null if the database URL cannot include a user.
    attack_url: Option<String>,
}

impl View for RoleView<'_> {
    fn human(&self, page: &mut Page) {
        if self.created.is_none() {
            let statements = self.sql.iter().map(|one| format!("{one};\n"));
            page.text(statements.collect::<String>());
        }
    }

    fn summary(&self) -> Option<String> {
        let done = match (self.created, self.dry_run) {
            (None, _) => "run these statements as an administrator, or use --create".to_owned(),
            (Some(Created::New), false) => format!("role {} created", self.name),
            (Some(Created::New), true) => {
                format!("role {} would be created; rolled back", self.name)
            }
            (Some(Created::Existing), false) => {
                format!("role {} already exists; memberships granted", self.name)
            }
            (Some(Created::Existing), true) => {
                format!("role {} already exists; rolled back", self.name)
            }
        };
        Some(done)
    }

    fn next(&self) -> Vec<Hint> {
        let url = self.attack_url.as_deref().unwrap_or("URL");
        vec![run!["audit", "--attack-url", url]]
    }
}
