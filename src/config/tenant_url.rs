//! The URL for tenants' data: that of a role with a tenant's rights, or a server's.

use std::fmt;

use secrecy::SecretString;

use super::{Config, DatabaseSource, DatabaseTarget, Endpoint, URL_FORM, mistake::Finding};
use crate::error::{Error, Result};
use crate::system::Environment;

/// The variable with the URL for tenants' data, for the server and for databases specified by URL.
pub const TENANT_URL_VARIABLE: &str = "TENANTCTL_TENANT_URL";

/// The URL for tenants' data and its source.
#[derive(Clone, Debug)]
pub struct TenantTarget {
    /// The URL, with its password.
    pub url: SecretString,
    pub source: TenantSource,
}

/// The source of the URL for tenants' data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TenantSource {
    /// `TENANTCTL_TENANT_URL`
    Variable,
    /// `tenant_url` and the similar options in `[server]`.
    Server,
    /// `tenant_url` and the similar options in a profile.
    Profile(String),
    /// The private PostgreSQL, with roles created by tenantctl.
    Local,
}

impl fmt::Display for TenantSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str(TENANT_URL_VARIABLE),
            Self::Server => f.write_str("tenant_url in [server]"),
            Self::Profile(name) => write!(f, "tenant_url of profile {name}"),
            Self::Local => f.write_str("the role of the private PostgreSQL"),
        }
    }
}

impl TenantTarget {
    fn new(url: SecretString, source: TenantSource) -> Result<Self> {
        Endpoint::parse(&url)
            .map_err(|error| Error::bad_input(format!("{source}: {error}")).hint(URL_FORM))?;
        Ok(Self { url, source })
    }

    /// The target of the private PostgreSQL.
    ///
    /// # Errors
    /// `BadInput` if the URL is malformed.
    pub fn local(url: SecretString) -> Result<Self> {
        Self::new(url, TenantSource::Local)
    }

    /// A description of the target, without its password.
    pub fn describe(&self) -> String {
        match Endpoint::parse(&self.url) {
            Ok(endpoint) => format!("{} ({endpoint})", self.source),
            Err(_) => self.source.to_string(),
        }
    }
}

/// The URL that a server serves requests with; `None` for the owner's URL. The private PostgreSQL
/// has its own; otherwise `TENANTCTL_TENANT_URL`, then `[server]`.
///
/// # Errors
/// `Unavailable` if the URL cannot be read, `BadInput` if it is malformed.
pub fn server_tenant_url(
    target: Option<&DatabaseTarget>,
    env: &Environment,
    config: &Config,
    local_url: impl FnOnce() -> Result<String>,
) -> Result<Option<TenantTarget>> {
    if is_local(target) {
        return TenantTarget::new(local_url()?.into(), TenantSource::Local).map(Some);
    }
    if let Some(url) = env.text(TENANT_URL_VARIABLE)? {
        return TenantTarget::new(url.into(), TenantSource::Variable).map(Some);
    }
    let url = config.server.read_tenant_url(env)?;
    url.map(|url| TenantTarget::new(url, TenantSource::Server))
        .transpose()
}

/// The URL that commands access tenants' data with; `None` for the owner's URL. A profile has its
/// own; `TENANTCTL_TENANT_URL` applies to a database specified by URL, so that a variable left over
/// from another task does not combine two databases.
pub fn command_tenant_url(
    target: &DatabaseTarget,
    env: &Environment,
    config: &Config,
    local_url: impl FnOnce() -> Result<String>,
) -> Result<Option<TenantTarget>> {
    match &target.source {
        DatabaseSource::Local => {
            TenantTarget::new(local_url()?.into(), TenantSource::Local).map(Some)
        }
        DatabaseSource::Profile(name) => {
            let Some(profile) = config.profiles.get(name) else {
                return Ok(None);
            };
            let url = profile.read_tenant_url(name, env)?;
            url.map(|url| TenantTarget::new(url, TenantSource::Profile(name.clone())))
                .transpose()
        }
        DatabaseSource::Flag
        | DatabaseSource::TenantctlDatabaseUrl
        | DatabaseSource::DatabaseUrl => {
            let url = env.text(TENANT_URL_VARIABLE)?;
            url.map(|url| TenantTarget::new(url.into(), TenantSource::Variable))
                .transpose()
        }
    }
}

fn is_local(target: Option<&DatabaseTarget>) -> bool {
    target.is_some_and(|target| target.source == DatabaseSource::Local)
}

/// Checks that at most one of the options is set, and that a URL is valid. `table` contains them.
pub(super) fn check(
    table: &[&str],
    options: &[(&str, bool)],
    url: Option<&SecretString>,
) -> Vec<Finding> {
    let set: Vec<&str> = options
        .iter()
        .filter_map(|(option, is_set)| is_set.then_some(*option))
        .collect();
    let mut findings = Vec::new();
    if let [_, .., last] = set.as_slice() {
        let message = format!("only one of {} may be set", set.join(", "));
        findings.push(finding(table, last, message).hint("keep one of them"));
    }
    if let Some(error) = url.and_then(|url| Endpoint::parse(url).err()) {
        findings.push(finding(table, "tenant_url", error.to_string()).hint(URL_FORM));
    }
    findings
}

fn finding(table: &[&str], option: &str, message: String) -> Finding {
    let path: Vec<&str> = table.iter().copied().chain([option]).collect();
    Finding::new(&path, message)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::database_target;

    const CONFIG: &str = "[profiles.a]\ndatabase_url = 'postgres://ops@a/app'\n\
        tenant_url = 'postgres://tenant@a/app'\n\
        [profiles.b]\ndatabase_url = 'postgres://ops@b/app'\n\
        [server]\ntenant_url = 'postgres://server@a/app'\n";

    /// The user of the URL, for commands and for the server.
    fn users(
        profile: Option<&str>,
        variables: &[(&str, &str)],
    ) -> (Option<String>, Option<String>) {
        let config: Config = toml_edit::de::from_str(CONFIG).unwrap();
        let env = Environment::from_pairs(variables.iter().copied());
        let local = || Ok("postgres://ops@localhost/app?host=/run/local".to_owned());
        let target = database_target(None, profile, &env, &config, local).unwrap();
        let role = |name: &str| Ok(format!("postgres://{name}@localhost/app?host=/run/local"));
        let command = command_tenant_url(&target, &env, &config, || role("local_tenant")).unwrap();
        let server = server_tenant_url(Some(&target), &env, &config, || role("local_server"));
        let user = |target: Option<TenantTarget>| {
            let target = target?;
            assert!(target.url.expose_secret().starts_with("postgres://"));
            Some(Endpoint::parse(&target.url).unwrap().user)
        };
        (user(command), user(server.unwrap()))
    }

    #[test]
    fn each_database_has_the_roles_that_were_named_for_it() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(users(Some("a"), &[]), (some("tenant"), some("server")));
        assert_eq!(users(Some("b"), &[]), (None, some("server")));
        let local = (some("local_tenant"), some("local_server"));
        assert_eq!(users(Some("local"), &[]), local);

        let left_over = [(TENANT_URL_VARIABLE, "postgres://other@x/app")];
        assert_eq!(
            users(Some("a"), &left_over),
            (some("tenant"), some("other"))
        );
        assert_eq!(users(Some("local"), &left_over), local);
        let by_url = [left_over[0], ("DATABASE_URL", "postgres://ops@x/app")];
        assert_eq!(users(None, &by_url), (some("other"), some("other")));
    }

    #[test]
    fn two_places_for_one_url_are_a_mistake() {
        let options = [("tenant_url", true), ("tenant_url_file", true)];
        assert_eq!(check(&["server"], &options, None).len(), 1);
        assert!(check(&["server"], &options[..1], None).is_empty());
        let wrong: SecretString = "mysql://a@b/c".into();
        assert_eq!(check(&["server"], &options[..1], Some(&wrong)).len(), 1);
    }
}
