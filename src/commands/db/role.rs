//! `tenantctl db role`

use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    commands::password::PasswordArgs,
    config::{self, DatabaseTarget},
    crypto::password_verifier,
    db::roles::{self, NewRole, Rights},
    error::{Error, Result},
    hint::Hint,
    output::{Page, View},
    run, services,
};

/// Print or create a role with access to tenants' data and nothing else.
///
/// A connection that authenticates as such a role cannot switch to another: the role owns nothing
/// and is a member of no role with more privileges, so row-level security confines every statement.
/// Two kinds:
///
///   server   privileges for requests and workers: a tenant's, and the queues. For tenant_url in
///            the [server] section, or TENANTCTL_TENANT_URL
///   tenant   a tenant's privileges. For tenant_url of a profile, so that commands use them
///
/// Without --create, the statements are printed and nothing is changed. A password is never an
/// argument; the server gets its SCRAM verifier, not the password. A role without a password
/// authenticates by other methods of pg_hba.conf: peer, certificate, trust.
///
/// To change a password, use \password in psql; to revoke access, run
/// ALTER ROLE tenantctl_server NOLOGIN, or DROP OWNED BY and DROP ROLE.
///
/// Examples:
///   tenantctl db role server
///   tenantctl db role server --create --password-file server.pw
///   pass show clinic/server | tenantctl db role server --create --password-stdin
///   tenantctl db role tenant --create --if-not-exists --name clinic_tenant
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RoleArgs {
    /// The privileges of the role.
    rights: RightsArg,

    /// Create the role.
    #[arg(long)]
    create: bool,

    /// The name of the role; by default, tenantctl_server or tenantctl_tenant.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: Option<String>,

    /// Succeed if the role exists and has exactly these privileges. Its password is kept.
    #[arg(long, requires = "create")]
    if_not_exists: bool,

    /// Maximum number of sessions of the role.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connection_limit: Option<u32>,

    /// Also revoke TEMPORARY on the database from PUBLIC, and grant it to the owner of the tables.
    /// Other applications on the same database may need it.
    #[arg(long)]
    revoke_temporary: bool,

    #[command(flatten)]
    password: PasswordArgs,
}

/// The privileges, as an argument.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RightsArg {
    /// Privileges of `tenantctl serve`.
    Server,
    /// Privileges of commands on tenants' data.
    Tenant,
}

impl From<RightsArg> for Rights {
    fn from(arg: RightsArg) -> Self {
        match arg {
            RightsArg::Server => Self::Server,
            RightsArg::Tenant => Self::Tenant,
        }
    }
}

impl RoleArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        app.require_operator("create roles")?;
        let target = app.target()?;
        let rights = Rights::from(self.rights);
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| rights.default_name().to_owned());
        if name.len() > 63 {
            return Err(Error::usage("role name: longer than 63 bytes"));
        }
        let password = self.password.read(app)?;
        if password.is_some() && !self.create {
            return Err(Error::usage("a password requires --create")
                .hint("add --create, or set the password with \\password in psql"));
        }
        let verifier = password.as_ref().map(password_verifier).transpose()?;
        let role = NewRole {
            rights,
            name: &name,
            verifier: verifier.as_deref(),
            connection_limit: self.connection_limit,
        };
        let view = match self.create {
            true => self.create(app, &role, &target).await?,
            false => self.print(app, &role, &target).await?,
        };
        app.show(view).await
    }

    async fn create(
        &self,
        app: &App,
        role: &NewRole<'_>,
        target: &DatabaseTarget,
    ) -> Result<RoleView> {
        let session = app.owner_session().await?;
        let (site, created) =
            services::roles::create(&session, role, self.if_not_exists, self.revoke_temporary)
                .await?;
        let keeps_temporary = site.has_public_temporary && !self.revoke_temporary;
        let recommended = match keeps_temporary {
            true => roles::without_temporary(&site).to_vec(),
            false => Vec::new(),
        };
        Ok(RoleView::new(
            role,
            target,
            Some(created),
            Vec::new(),
            recommended,
        ))
    }

    async fn print(
        &self,
        app: &App,
        role: &NewRole<'_>,
        target: &DatabaseTarget,
    ) -> Result<RoleView> {
        let site = services::roles::site(app.database_as_is().await?).await?;
        let statements = role.statements(&site);
        let recommended = match site.has_public_temporary {
            true => roles::without_temporary(&site).to_vec(),
            false => Vec::new(),
        };
        Ok(RoleView::new(role, target, None, statements, recommended))
    }
}

#[derive(Serialize)]
struct RoleView {
    name: String,
    rights: Rights,
    /// `true` if this call created it; null if the statements are only printed.
    created: Option<bool>,
    /// The statements that create it, if they are only printed.
    statements: Vec<String>,
    /// Further statements that confine the role, but also affect other applications on the
    /// database.
    recommended: Vec<String>,
    /// The URL of the role, without its password; null if it cannot be derived from the URL of the
    /// owner.
    url: Option<String>,
}

impl RoleView {
    fn new(
        role: &NewRole<'_>,
        target: &DatabaseTarget,
        created: Option<bool>,
        statements: Vec<String>,
        recommended: Vec<String>,
    ) -> Self {
        Self {
            name: role.name.to_owned(),
            rights: role.rights,
            created,
            statements,
            recommended,
            url: config::with_user(&target.url, role.name),
        }
    }

    /// Returns the place of the setting for its URL.
    fn section(&self) -> &'static str {
        match self.rights {
            Rights::Server => "[server]",
            Rights::Tenant => "the profile",
        }
    }
}

impl View for RoleView {
    fn human(&self, page: &mut Page) {
        for statement in &self.statements {
            page.line(statement);
        }
        if self.created.is_none() {
            page.line(format!(
                "-- its password, in psql: \\password {}",
                self.name
            ));
            for statement in &self.recommended {
                page.line(format!("-- unless other applications need it: {statement}"));
            }
        }
    }

    fn summary(&self) -> Option<String> {
        let (name, rights) = (&self.name, self.rights);
        self.created.map(|created| match created {
            true => format!("created role {name} with the rights of a {rights}"),
            false => format!("role {name} already exists with the rights of a {rights}"),
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        let temporary = self.created.is_some() && !self.recommended.is_empty();
        temporary
            .then(|| {
                format!(
                    "role {} may create temporary tables, like any role on this database; revoke that \
                     unless another application needs it: --if-not-exists --revoke-temporary",
                    self.name
                )
            })
            .into_iter()
            .map(Hint::from)
            .collect()
    }

    fn next(&self) -> Vec<Hint> {
        let url = self
            .url
            .as_deref()
            .unwrap_or("postgres://ROLE@HOST/DATABASE");
        let section = self.section();
        vec![
            format!("in {section} of the configuration: tenant_url = \"{url}\"").into(),
            "add its password: store the URL with the password in a file and set tenant_url_file, or \
             use tenant_url_command, tenant_url_env or ~/.pgpass"
                .into(),
            run!["doctor"],
        ]
    }
}
