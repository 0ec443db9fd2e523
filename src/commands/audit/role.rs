//! `audit role`

use clap::Args;
use serde::Serialize;

use super::scope::{self, ModelArgs};
use crate::{
    audit::auditor::{self, Auditor, Created},
    commands::password::PasswordArgs,
    config,
    context::App,
    crypto::password_verifier,
    error::{Error, Result},
    hint::Hint,
    output::{Page, View},
    run,
};

/// Print or create a role that attacks with no more rights than the application.
///
/// Attacks run the code of the audited database: functions in its policies, views and triggers.
/// Whoever wrote that code would have the rights of the session that runs it, and `SET ROLE` does
/// not keep them from it. The auditor is a member of the application's roles and nothing else, so
/// that the attacks run as it without harm, while another role reads the catalog and the rows.
///
/// Without --create the statements are printed. With it they run in one transaction. The role has
/// no password unless one is given: set one with `\\password` of psql, or let pg_hba.conf admit it
/// by peer, cert or another method.
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

    /// The name of the role.
    #[arg(long, value_name = "ROLE", default_value = "tenantctl_auditor")]
    name: String,

    /// Create it.
    #[arg(long)]
    create: bool,

    /// If the role exists, grant it what is missing.
    #[arg(long, requires = "create")]
    if_not_exists: bool,

    #[command(flatten)]
    password: PasswordArgs,
}

impl RoleArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if app.global.dry_run && !self.create {
            return Err(Error::usage("audit role changes nothing without --create")
                .hint("leave --dry-run out, or give --create with it"));
        }
        let password = self.password.read(app)?;
        if password.is_some() && !self.create {
            return Err(Error::usage("a password is for a role that is created")
                .hint("add --create; what is printed is run with \\password in psql"));
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
    /// Null where the statements were only printed.
    created: Option<Created>,
    dry_run: bool,
    /// Without a password; null where the URL of the database cannot carry a user.
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
            (None, _) => "run these statements as an administrator, or give --create".to_owned(),
            (Some(Created::New), false) => format!("role {} created", self.name),
            (Some(Created::New), true) => {
                format!("role {} would be created; rolled back", self.name)
            }
            (Some(Created::Existing), false) => {
                format!("role {} exists; its memberships are granted", self.name)
            }
            (Some(Created::Existing), true) => {
                format!("role {} exists; rolled back", self.name)
            }
        };
        Some(done)
    }

    fn next(&self) -> Vec<Hint> {
        let url = self.attack_url.as_deref().unwrap_or("URL");
        vec![run!["audit", "--attack-url", url]]
    }
}
