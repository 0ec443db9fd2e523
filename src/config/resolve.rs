//! Selection of the database.

use std::fmt;

use secrecy::SecretString;

use super::database_url::Endpoint;
use super::file::{Config, Profile};
use super::tenant_url::{TenantSource, TenantTarget};
use crate::error::{Error, ErrorKind, Result};
use crate::run;
use crate::suggest::did_you_mean;
use crate::system::Environment;

/// The built-in profile: the private local PostgreSQL.
pub const LOCAL_PROFILE: &str = "local";
/// The variable with the profile, if `--profile` is not given.
pub const PROFILE_VARIABLE: &str = "TENANTCTL_PROFILE";
/// The variable with the database URL, for this program only.
pub const TENANTCTL_DATABASE_URL_VARIABLE: &str = "TENANTCTL_DATABASE_URL";
/// The variable with the database URL, for many programs.
pub const DATABASE_URL_VARIABLE: &str = "DATABASE_URL";

/// The format of a URL, for hints.
pub const URL_FORM: &str = "write it as postgres://USER@HOST:5432/DATABASE; special \
     characters of a password are percent-encoded (@ is %40, / is %2F, : is %3A)";

/// The selected database, its source and its protection.
#[derive(Clone, Debug)]
pub struct DatabaseTarget {
    /// The URL, with its password.
    pub url: SecretString,
    /// The source of the URL.
    pub source: DatabaseSource,
    /// The name of the profile, if one was used.
    pub profile: Option<String>,
    /// Destructive commands ask even with `--yes`.
    pub protected: bool,
}

/// The source of a database URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DatabaseSource {
    /// `--database-url`
    Flag,
    /// `TENANTCTL_DATABASE_URL`
    TenantctlDatabaseUrl,
    /// `DATABASE_URL`
    DatabaseUrl,
    /// A profile of the configuration file.
    Profile(String),
    /// The built-in profile `local`.
    Local,
}

impl fmt::Display for DatabaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--database-url"),
            Self::TenantctlDatabaseUrl => f.write_str(TENANTCTL_DATABASE_URL_VARIABLE),
            Self::DatabaseUrl => f.write_str(DATABASE_URL_VARIABLE),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Local => write!(f, "profile {LOCAL_PROFILE}"),
        }
    }
}

impl DatabaseTarget {
    /// A description of the target, without its password: `profile staging (host db.example.com,
    /// database app, user ops)`.
    pub fn describe(&self) -> String {
        match Endpoint::parse(&self.url) {
            Ok(endpoint) => format!("{} ({endpoint})", self.source),
            Err(_) => self.source.to_string(),
        }
    }

    /// The database, its host and its source, without the user: `shop on db.example.com (profile
    /// staging)`.
    pub fn place(&self) -> String {
        match Endpoint::parse(&self.url) {
            Ok(endpoint) => format!("{} ({})", endpoint.place(), self.source),
            Err(_) => self.source.to_string(),
        }
    }

    /// The name of the database; the server uses the user's name if the URL has none.
    pub fn database_name(&self) -> String {
        match Endpoint::parse(&self.url) {
            Ok(endpoint) => endpoint.database.unwrap_or(endpoint.user),
            Err(_) => self.source.to_string(),
        }
    }

    /// The key under which [`super::State`] stores data about this database: the name of the
    /// profile, else a short hash of host, port, database and user.
    ///
    /// # Errors
    /// `BadInput` if the URL is not that of a PostgreSQL database.
    pub fn state_key(&self) -> Result<String> {
        match &self.profile {
            Some(profile) => Ok(profile.clone()),
            // The name of a profile contains no colon.
            None => Endpoint::parse(&self.url)
                .map(|endpoint| format!("url:{}", endpoint.fingerprint()))
                .map_err(|error| invalid_url(&self.source, error)),
        }
    }

    pub(super) fn of_profile(name: &str, profile: &Profile, env: &Environment) -> Result<Self> {
        let url = profile.read_url(name, env)?;
        Self::new(url, DatabaseSource::Profile(name.to_owned()), Some(profile))
    }

    /// The private server.
    ///
    /// # Errors
    /// `Usage` for a URL that cannot be parsed.
    pub fn local(url: SecretString) -> Result<Self> {
        Self::new(url, DatabaseSource::Local, None)
    }

    fn new(url: SecretString, source: DatabaseSource, profile: Option<&Profile>) -> Result<Self> {
        Endpoint::parse(&url).map_err(|error| invalid_url(&source, error))?;
        Ok(Self {
            url,
            profile: match &source {
                DatabaseSource::Profile(name) => Some(name.clone()),
                DatabaseSource::Local => Some(LOCAL_PROFILE.to_owned()),
                _ => None,
            },
            source,
            protected: profile.is_some_and(|profile| profile.protected),
        })
    }
}

impl Config {
    /// The organization set in the profile of `target`, used if no other source sets one.
    pub fn profile_organization(&self, target: &DatabaseTarget) -> Option<&str> {
        let profile = self.profiles.get(target.profile.as_deref()?)?;
        profile.organization.as_deref()
    }

    /// `true` if `target` is a pooler; `None` if this has to be detected.
    pub fn pooled(&self, target: &DatabaseTarget) -> Option<bool> {
        match target.source {
            DatabaseSource::Local => Some(false),
            _ => self.profile_pooled(target.profile.as_deref()),
        }
    }

    /// [`Config::pooled`] of the URL for tenants' data.
    pub fn tenant_pooled(&self, target: &TenantTarget) -> Option<bool> {
        match &target.source {
            TenantSource::Local => Some(false),
            TenantSource::Profile(name) => self.profile_pooled(Some(name)),
            TenantSource::Variable | TenantSource::Server => self.database.pooled,
        }
    }

    fn profile_pooled(&self, profile: Option<&str>) -> Option<bool> {
        profile
            .and_then(|name| self.profiles.get(name)?.pooled)
            .or(self.database.pooled)
    }
}

/// Selects the database, in this order:
///
/// 1. `--database-url` (`flag`);
/// 2. `TENANTCTL_DATABASE_URL`, which is refused together with `--profile`: they specify two
///    databases;
/// 3. `--profile` (`profile_flag`), then `TENANTCTL_PROFILE`;
/// 4. `default_profile` of the configuration;
/// 5. `DATABASE_URL`. It comes last because it is set for other programs, and must not bypass the
///    profile and its protection.
///
/// The profile `local` is built in, and `local_url` returns its URL; the configuration may protect
/// it or set an organization for it. It is never used without being named.
///
/// # Errors
/// `Unavailable` if no database is specified or a profile's URL cannot be read; `NotFound` for an
/// unknown profile; `Usage` for two databases; `Usage` (flag) or `BadInput` for a malformed URL.
pub fn database_target(
    flag: Option<&str>,
    profile_flag: Option<&str>,
    env: &Environment,
    config: &Config,
    local_url: impl FnOnce() -> Result<String>,
) -> Result<DatabaseTarget> {
    if let Some(url) = flag {
        return DatabaseTarget::new(url.into(), DatabaseSource::Flag, None);
    }
    if let Some(url) = env.text(TENANTCTL_DATABASE_URL_VARIABLE)? {
        return match profile_flag {
            None => DatabaseTarget::new(url.into(), DatabaseSource::TenantctlDatabaseUrl, None),
            Some(name) => Err(two_databases(name)),
        };
    }
    let asked_for = match profile_flag {
        Some(name) => Some(name),
        None => env.text(PROFILE_VARIABLE)?,
    };
    if let Some(name) = asked_for.or(config.default_profile.as_deref()) {
        return profile_target(name, env, config, local_url);
    }
    match env.text(DATABASE_URL_VARIABLE)? {
        Some(url) => DatabaseTarget::new(url.into(), DatabaseSource::DatabaseUrl, None),
        None => Err(nothing_named()),
    }
}

fn two_databases(profile: &str) -> Error {
    Error::usage(format!(
        "--profile {profile} and {TENANTCTL_DATABASE_URL_VARIABLE} specify two databases"
    ))
    .hint(format!(
        "unset {TENANTCTL_DATABASE_URL_VARIABLE}, or omit --profile"
    ))
}

fn profile_target(
    name: &str,
    env: &Environment,
    config: &Config,
    local_url: impl FnOnce() -> Result<String>,
) -> Result<DatabaseTarget> {
    match config.profiles.get(name) {
        refined if name == LOCAL_PROFILE => {
            DatabaseTarget::new(local_url()?.into(), DatabaseSource::Local, refined)
        }
        Some(profile) => DatabaseTarget::of_profile(name, profile, env),
        None => Err(unknown_profile(name, config)),
    }
}

fn nothing_named() -> Error {
    Error::unavailable("no database specified: set a flag, an environment variable or a profile")
        .hint(
            run!["local", "start"]
                .labeled("start a private local database")
                .then(", then add --profile local"),
        )
        .hint(run!["init"].labeled("save a connection profile"))
        .hint(format!(
            "for this session: export {TENANTCTL_DATABASE_URL_VARIABLE}=postgres://USER@HOST/DATABASE"
        ))
}

fn unknown_profile(name: &str, config: &Config) -> Error {
    let mut known: Vec<&str> = config.profiles.keys().map(String::as_str).collect();
    if !known.contains(&LOCAL_PROFILE) {
        known.push(LOCAL_PROFILE);
    }
    let hint = did_you_mean(name, known.iter().copied())
        .unwrap_or_else(|| format!("profiles: {}", known.join(", ")));
    Error::not_found(format!("profile `{name}` not found"))
        .hint(hint)
        .hint(run!["init"].labeled("add a profile"))
}

fn invalid_url(source: &DatabaseSource, error: super::InvalidUrl) -> Error {
    let kind = match source {
        DatabaseSource::Flag => ErrorKind::Usage,
        _ => ErrorKind::BadInput,
    };
    Error::new(kind, format!("the database URL of {source} {error}")).hint(URL_FORM)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const CONFIG: &str = "default_profile = 'staging'\n\
        [profiles.staging]\ndatabase_url = 'postgres://ops:pw@staging/app'\n\
        organization = 'harbor-clinic'\n\
        [profiles.production]\ndatabase_url_env = 'PRODUCTION'\nprotected = true\n";

    fn config(text: &str) -> Config {
        toml_edit::de::from_str(text).unwrap()
    }

    fn target(
        flag: Option<&str>,
        profile: Option<&str>,
        variables: &[(&str, &str)],
        text: &str,
    ) -> Result<DatabaseTarget> {
        let env = Environment::from_pairs(variables.iter().copied());
        database_target(flag, profile, &env, &config(text), || {
            Ok("postgres://me@localhost/app?host=/run/local".to_owned())
        })
    }

    #[test]
    fn each_way_of_naming_a_database_beats_those_after_it() {
        use DatabaseSource::*;
        let all = [
            ("TENANTCTL_DATABASE_URL", "postgres://own/app"),
            ("TENANTCTL_PROFILE", "production"),
            ("DATABASE_URL", "postgres://common/app"),
            ("PRODUCTION", "postgres://production/app"),
        ];
        let flag = Some("postgres://flag/app");
        let profile = |name: &str| Profile(name.to_owned());
        for (flag, named, from, source) in [
            (flag, Some("staging"), 0, Flag),
            (None, None, 0, TenantctlDatabaseUrl),
            (None, Some("staging"), 1, profile("staging")),
            (None, None, 1, profile("production")),
            (None, None, 2, profile("staging")),
        ] {
            let found = target(flag, named, &all[from..], CONFIG).unwrap();
            assert_eq!(found.source, source);
            assert_eq!(found.protected, source == profile("production"));
        }
        // Without a profile, DATABASE_URL is used.
        let other = target(None, None, &all[2..], "").unwrap();
        assert_eq!(other.source, DatabaseUrl);
    }

    #[test]
    fn a_profile_beside_the_variable_is_refused() {
        let variable = [("TENANTCTL_DATABASE_URL", "postgres://own/app")];
        let error = target(None, Some("staging"), &variable, CONFIG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn the_local_server_is_used_only_where_it_is_named() {
        let error = target(None, None, &[], "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.hints().len(), 3);

        let named = target(None, Some("local"), &[], "").unwrap();
        assert_eq!(named.source, DatabaseSource::Local);
        assert_eq!(named.profile.as_deref(), Some("local"));
    }

    #[test]
    fn the_configuration_may_refine_the_local_profile() {
        let refined = "[profiles.local]\nprotected = true\norganization = 'demo'";
        let found = target(None, Some("local"), &[], refined).unwrap();
        assert_eq!(found.source, DatabaseSource::Local);
        assert_eq!(
            found.url.expose_secret(),
            "postgres://me@localhost/app?host=/run/local"
        );
        assert!(found.protected);
        assert_eq!(config(refined).profile_organization(&found), Some("demo"));
    }

    #[test]
    fn an_unknown_profile_suggests_the_near_ones() {
        let error = target(None, Some("stagin"), &[], CONFIG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.hints()[0], "did you mean staging?");
        let error = target(None, Some("x"), &[], CONFIG).unwrap_err();
        assert_eq!(error.hints()[0], "profiles: production, staging, local");
    }

    #[test]
    fn a_malformed_url_is_refused_without_showing_its_password() {
        let flag = target(Some("mysql://o:hunter2@h/d"), None, &[], "").unwrap_err();
        assert_eq!(flag.kind(), ErrorKind::Usage);
        let variable = [("DATABASE_URL", "postgres://o:hunter2@h:x/d")];
        let variable = target(None, None, &variable, "").unwrap_err();
        assert_eq!(variable.kind(), ErrorKind::BadInput);
        for error in [flag, variable] {
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn describes_the_target_without_its_password() {
        let staging = target(None, Some("staging"), &[], CONFIG).unwrap();
        assert_eq!(
            staging.describe(),
            "profile staging (host staging, database app, user ops)"
        );
        assert_eq!(staging.place(), "app on staging (profile staging)");
        assert_eq!(staging.database_name(), "app");
        assert!(!format!("{staging:?}").contains("pw"));
    }

    #[test]
    fn the_state_key_is_the_profile_or_a_hash_of_the_place() {
        let staging = target(None, Some("staging"), &[], CONFIG).unwrap();
        assert_eq!(staging.state_key().unwrap(), "staging");
        let key = |url: &str| {
            let target = target(Some(url), None, &[], "").unwrap();
            target.state_key().unwrap()
        };
        assert_eq!(key("postgres://o:a@h/d"), key("postgres://o:b@h/d"));
        assert_ne!(key("postgres://o@h/d"), key("postgres://o@h/other"));
    }
}
