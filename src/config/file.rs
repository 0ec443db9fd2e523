//! The configuration file: one struct per section.
//!
//! The doc comment of a field is its documentation in `config.example.toml` and in `tenantctl
//! config schema`, so it is written for the operator.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

use super::database_url;
use super::mail::MailSection;
use super::server::ServerSection;
use crate::audit::report::Severity;
use crate::output::redact;

pub use crate::output::options::{ColorChoice, Format as OutputFormat};

/// The placeholder for the secret token in [`InvitationsSection::link_template`].
pub const TOKEN_PLACEHOLDER: &str = "{token}";

/// The configuration of tenantctl.
///
/// Every option is optional. If an environment variable or a flag sets the same option, the flag
/// takes precedence over the variable, and the variable over this file.
// Serialized only with secrets masked, so a serialized configuration is safe to show.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The profile to use if neither --profile, --database-url nor the environment
    /// (TENANTCTL_PROFILE, TENANTCTL_DATABASE_URL) names a database. DATABASE_URL, which is set for
    /// other programs, is used only without a default profile.
    #[schemars(example = &"staging")]
    pub default_profile: Option<String>,

    /// The editor for `channel edit` and similar commands, with its arguments. TENANTCTL_EDITOR
    /// takes precedence; if neither is set, VISUAL and EDITOR are used.
    #[schemars(example = &"code --wait")]
    pub editor: Option<String>,

    /// A profile is a named database. Its name consists of letters, digits, `-` and `_`. Exactly
    /// one of the four database_url options must be set. The name `local` is built in: the private
    /// PostgreSQL of `tenantctl local`. A table with that name may protect it and set its
    /// organization, and has no database_url.
    pub profiles: BTreeMap<String, Profile>,

    /// Output of results.
    pub output: OutputSection,

    /// Invitations of members to an organization.
    pub invitations: InvitationsSection,

    /// The SMTP server that sends invitations.
    pub mail: MailSection,

    /// Defaults for new organizations, and the retention of deleted ones.
    pub organizations: OrganizationsSection,

    /// The private local PostgreSQL of `tenantctl local` and `tenantctl demo`.
    pub local: LocalSection,

    /// Connections to the database.
    pub database: DatabaseSection,

    /// Settings that `tenantctl audit` would otherwise infer.
    pub audit: AuditSection,

    /// The keys that encrypt secrets that must be recoverable: the secrets of webhooks, and the
    /// links of invitations until they are mailed. TENANTCTL_SECRET_KEYS takes precedence.
    pub secrets: SecretsSection,

    /// The addresses `tenantctl serve` listens on, the proxies it trusts, and its limits.
    pub server: ServerSection,
}

/// A named database.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The URL. If it contains a password, make this file private: chmod 600.
    #[schemars(with = "Option<String>", example = &"postgres://ops@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub database_url: Option<SecretString>,

    /// A command that prints the URL on the first line of its output. It is run by `sh -c` with a
    /// time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/staging-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub database_url_command: Option<String>,

    /// The environment variable that contains the URL.
    #[schemars(example = &"STAGING_DATABASE_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_env: Option<String>,

    /// A file with the URL on its first line. A relative path is relative to the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/staging-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_file: Option<PathBuf>,

    /// The URL of a role with only a tenant's rights (`tenantctl db role tenant`), on the same
    /// database. Commands then access tenants' data as this role. At most one of the four
    /// tenant_url options may be set; if none is set, the role of database_url is used, with SET
    /// ROLE.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_tenant@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub tenant_url: Option<SecretString>,

    /// A command that prints that URL on the first line of its output. It is run by `sh -c` with a
    /// time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/staging-tenant-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url_command: Option<String>,

    /// The environment variable that contains that URL.
    #[schemars(example = &"STAGING_TENANT_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_env: Option<String>,

    /// A file with that URL on its first line. A relative path is relative to the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/staging-tenant-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_file: Option<PathBuf>,

    /// Destructive commands ask even with --yes, unless --confirm=SLUG is given. The protection of
    /// the database itself (`db protect`) applies in addition, regardless of the URL.
    pub protected: bool,

    /// Set to true if the URL leads to a pooler such as PgBouncer in transaction mode. Takes
    /// precedence over `pooled` in [database].
    #[schemars(example = &true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<bool>,

    /// The default organization if neither --org, TENANTCTL_ORG nor `tenantctl org use` sets one: a
    /// slug or an id.
    #[schemars(example = &"harbor-clinic")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

/// Output of results.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSection {
    /// The format if neither --output nor TENANTCTL_OUTPUT is set. Not set: a table.
    #[schemars(example = &"table")]
    pub format: Option<OutputFormat>,

    /// Use of color. Not set: on a terminal, unless NO_COLOR is set.
    #[schemars(example = &"auto")]
    pub color: Option<ColorChoice>,

    /// Maximum number of rows in a list before it is truncated with a notice.
    #[schemars(range(min = 1, max = 10_000))]
    pub page_size: u32,
}

/// Invitations of members to an organization.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationsSection {
    /// The link in an invitation. {token} is replaced by its secret and must come after a `#`:
    /// browsers do not send that part of a URL to a server, so it is never logged.
    pub link_template: String,

    /// Number of days until an invitation expires.
    #[schemars(range(min = 1, max = 30))]
    pub expires_days: u32,
}

/// Defaults for new organizations, and the retention of deleted ones.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationsSection {
    /// Number of days during which a deleted organization can be restored before it may be purged.
    #[schemars(range(min = 0, max = 3_650))]
    pub purge_after_days: u32,

    /// The time zone of a new organization, as an IANA time zone name.
    pub default_timezone: String,

    /// The locale of a new organization, as a language tag (BCP 47).
    pub default_locale: String,
}

/// The private local PostgreSQL.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSection {
    /// The directory of its files. TENANTCTL_DATA_DIR takes precedence. Not set: tenantctl in the
    /// data directory of the user (XDG_DATA_HOME).
    #[schemars(example = &"/var/lib/tenantctl")]
    pub data_dir: Option<PathBuf>,

    /// The directory of the server's programs (initdb, postgres). TENANTCTL_PG_BINDIR takes
    /// precedence. Not set: the newest version found.
    #[schemars(example = &"/usr/lib/postgresql/17/bin")]
    pub bindir: Option<PathBuf>,
}

/// Connections to the database.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// Timeout for a connection, in seconds.
    #[schemars(range(min = 1, max = 600))]
    pub connect_timeout_seconds: u32,

    /// Timeout for a single statement, in seconds. Not set: the server's setting.
    #[schemars(range(min = 1, max = 86_400), example = 60)]
    pub statement_timeout_seconds: Option<u32>,

    /// Maximum number of open connections.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_connections: u32,

    /// Set to true if URLs lead to a pooler such as PgBouncer in transaction mode, so that no
    /// session state is used. Not set: a pooler is detected when connecting.
    #[schemars(example = &true)]
    pub pooled: Option<bool>,
}

/// Settings that `tenantctl audit` would otherwise infer. Its flags take precedence.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSection {
    /// Audit only these schemas. Empty: all except those managed by a hosting platform.
    pub schemas: Vec<String>,

    /// Schemas to exclude.
    pub exclude_schemas: Vec<String>,

    /// The table of tenants, qualified with its schema if its name is ambiguous. Not set: inferred.
    #[schemars(example = &"public.organizations")]
    pub tenant_table: Option<String>,

    /// The column that contains the tenant. Not set: inferred.
    #[schemars(example = &"organization_id")]
    pub tenant_key: Option<String>,

    /// Tables with the same rows for all tenants.
    pub reference_tables: Vec<String>,

    /// Tables that do not belong to a single tenant, such as users.
    pub global_tables: Vec<String>,

    /// The roles that the application uses. Empty: those with rights on the tables.
    pub app_roles: Vec<String>,

    /// Statements that set the tenant of a session, with {tenant} and {user} for the quoted values.
    /// Not set: the settings that the policies read.
    #[schemars(example = &"SET LOCAL app.tenant = {tenant}")]
    pub session: Option<String>,

    /// Time limit for an audit, in seconds or as 10m. Checks not completed by then are reported as
    /// skipped. Not set: 10 minutes.
    #[schemars(example = &"10m")]
    pub deadline: Option<String>,

    /// The lowest severity at which a finding is a failure (exit code 10). Not set: low.
    #[schemars(example = &"high")]
    pub fail_on: Option<Severity>,

    /// The file with accepted findings.
    #[schemars(example = &"audit-baseline.toml")]
    pub baseline: Option<PathBuf>,

    /// The URL that the probes connect with: the same database as an auditor, a role without any
    /// rights (`tenantctl audit role`). TENANTCTL_ATTACK_URL takes precedence. If it contains a
    /// password, make this file private: chmod 600.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_auditor@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub attack_url: Option<SecretString>,

    /// A command that prints that URL on the first line of its output. It is run by `sh -c` with a
    /// time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/auditor-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub attack_url_command: Option<String>,

    /// A file with that URL on its first line. A relative path is relative to the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/auditor-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack_url_file: Option<PathBuf>,
}

/// The keys that encrypt stored secrets: generated by `tenantctl config new-key` and kept outside
/// the database. Several keys are separated by commas: the first encrypts, and the others decrypt
/// older secrets until `tenantctl db reseal` has encrypted them again.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsSection {
    /// A command that prints the keys on the first line of its output. It is run by `sh -c` with a
    /// time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/tenantctl-keys")]
    #[serde(serialize_with = "masked_text")]
    pub keys_command: Option<String>,

    /// A file with the keys on its first line. A relative path is relative to the directory of
    /// this file.
    #[schemars(example = &"/run/secrets/tenantctl-keys")]
    pub keys_file: Option<PathBuf>,
}

impl Default for OutputSection {
    fn default() -> Self {
        Self {
            format: None,
            color: None,
            page_size: 50,
        }
    }
}

impl Default for InvitationsSection {
    fn default() -> Self {
        Self {
            link_template: format!("https://app.example.com/invite#token={TOKEN_PLACEHOLDER}"),
            expires_days: 7,
        }
    }
}

impl Default for OrganizationsSection {
    fn default() -> Self {
        Self {
            purge_after_days: 30,
            default_timezone: "UTC".to_owned(),
            default_locale: "en".to_owned(),
        }
    }
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self {
            connect_timeout_seconds: 10,
            statement_timeout_seconds: None,
            max_connections: 10,
            pooled: None,
        }
    }
}

pub(super) fn masked_url<S: Serializer>(
    url: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    url.as_ref().map(database_url::mask).serialize(serializer)
}

pub(super) fn masked_text<S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_deref().map(redact).serialize(serializer)
}
