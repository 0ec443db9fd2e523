//! The configuration file: one struct per section.
//!
//! The doc comment of a field is its documentation in `config.example.toml` and in
//! `tenantctl config schema`, so it is written for the operator.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

use super::database_url;
use super::mail::MailSection;
use super::server::ServerSection;
use crate::domain::audit::Severity;
use crate::output::redact;

pub use crate::output::options::{ColorChoice, Format as OutputFormat};

/// The placeholder of [`InvitationsSection::link_template`] that becomes the secret token.
pub const TOKEN_PLACEHOLDER: &str = "{token}";

/// The configuration of tenantctl.
///
/// Every option may be left out. Where an environment variable or a flag sets the same thing, the
/// flag wins over the variable and the variable over this file.
// Serialised only with secrets masked, so a serialised configuration is safe to show.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The profile that is used where neither --profile, --database-url nor the environment
    /// (TENANTCTL_PROFILE, TENANTCTL_DATABASE_URL) names a database. DATABASE_URL, which is set for
    /// other programs, is used only without such a profile.
    #[schemars(example = &"staging")]
    pub default_profile: Option<String>,

    /// The editor of `channel edit` and the like, with its arguments. TENANTCTL_EDITOR wins
    /// over it; where neither is set, VISUAL and EDITOR are asked.
    #[schemars(example = &"code --wait")]
    pub editor: Option<String>,

    /// A profile is a named database. Its name consists of letters, digits, `-` and `_`. Exactly
    /// one of the four database_url options says where the URL comes from. The name `local` is
    /// built in: the private PostgreSQL of `tenantctl local`. A table of that name may protect it
    /// and name its organization, and has no database_url.
    pub profiles: BTreeMap<String, Profile>,

    /// How results are printed.
    pub output: OutputSection,

    /// Invitations of members to an organization.
    pub invitations: InvitationsSection,

    /// The SMTP server through which invitations are mailed.
    pub mail: MailSection,

    /// What new organizations start with, and how long deleted ones are kept.
    pub organizations: OrganizationsSection,

    /// The private local PostgreSQL of `tenantctl local` and `tenantctl demo`.
    pub local: LocalSection,

    /// Connections to the database.
    pub database: DatabaseSection,

    /// What `tenantctl audit` is told where it would infer something else.
    pub audit: AuditSection,

    /// The keys that seal what has to be stored and had in clear again: the secrets of webhooks,
    /// and the links of invitations until they are mailed. TENANTCTL_SECRET_KEYS wins over it.
    pub secrets: SecretsSection,

    /// What `tenantctl serve` listens on, what it trusts, and its limits.
    pub server: ServerSection,
}

/// A named database.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The URL itself. With a password in it, keep this file to yourself: chmod 600.
    #[schemars(with = "Option<String>", example = &"postgres://ops@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub database_url: Option<SecretString>,

    /// A command that prints the URL as the first line of its output. It is run by `sh -c`
    /// and has 30 seconds.
    #[schemars(example = &"pass show clinic/staging-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub database_url_command: Option<String>,

    /// The environment variable that holds the URL.
    #[schemars(example = &"STAGING_DATABASE_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_env: Option<String>,

    /// A file whose first line is the URL. A relative path starts at the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/staging-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_file: Option<PathBuf>,

    /// The URL of a role that has a tenant's rights and no others (`tenantctl db role tenant`), on the
    /// same database. Commands then reach tenants' data as this role. At most one of the four
    /// tenant_url options may be set; not set: as the role of database_url, by SET ROLE.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_tenant@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub tenant_url: Option<SecretString>,

    /// A command that prints that URL as the first line of its output. It is run by `sh -c` and
    /// has 30 seconds.
    #[schemars(example = &"pass show clinic/staging-tenant-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url_command: Option<String>,

    /// The environment variable that holds that URL.
    #[schemars(example = &"STAGING_TENANT_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_env: Option<String>,

    /// A file whose first line is that URL. A relative path starts at the directory of this file.
    #[schemars(example = &"/run/secrets/staging-tenant-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_file: Option<PathBuf>,

    /// Destructive commands ask even with --yes, unless --confirm=SLUG is given. The protection of
    /// the database itself (`db protect`) adds to it, and holds by whatever URL it is reached.
    pub protected: bool,

    /// Whether the URL leads to a pooler such as PgBouncer in transaction mode. Wins over `pooled`
    /// in [database].
    #[schemars(example = &true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<bool>,

    /// The organization that is meant where neither --org, TENANTCTL_ORG nor
    /// `tenantctl org use` names one: a slug or an id.
    #[schemars(example = &"harbor-clinic")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

/// How results are printed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSection {
    /// The format where --output and TENANTCTL_OUTPUT name none. Not set: a table.
    #[schemars(example = &"table")]
    pub format: Option<OutputFormat>,

    /// Whether to colour. Not set: on a terminal, unless NO_COLOR is set.
    #[schemars(example = &"auto")]
    pub color: Option<ColorChoice>,

    /// How many rows a list shows before it says that there are more.
    #[schemars(range(min = 1, max = 10_000))]
    pub page_size: u32,
}

/// Invitations of members to an organization.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationsSection {
    /// The link in an invitation. {token} stands for its secret and must come after a `#`:
    /// browsers send that part of an address to no server, so it reaches no log.
    pub link_template: String,

    /// How many days an invitation can be accepted.
    #[schemars(range(min = 1, max = 30))]
    pub expires_days: u32,
}

/// What new organizations start with, and how long deleted ones are kept.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationsSection {
    /// How many days a deleted organization can be restored before it may be purged.
    #[schemars(range(min = 0, max = 3_650))]
    pub purge_after_days: u32,

    /// The time zone of a new organization, by its name in the IANA time zone database.
    pub default_timezone: String,

    /// The locale of a new organization, as a language tag (BCP 47).
    pub default_locale: String,
}

/// The private local PostgreSQL.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSection {
    /// Where it keeps its files. TENANTCTL_DATA_DIR wins over it. Not set: tenantctl in the
    /// data directory of the user (XDG_DATA_HOME).
    #[schemars(example = &"/var/lib/tenantctl")]
    pub data_dir: Option<PathBuf>,

    /// The directory of the server's programs (initdb, postgres). TENANTCTL_PG_BINDIR wins
    /// over it. Not set: the newest that is found.
    #[schemars(example = &"/usr/lib/postgresql/17/bin")]
    pub bindir: Option<PathBuf>,
}

/// Connections to the database.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// How many seconds to wait for a connection.
    #[schemars(range(min = 1, max = 600))]
    pub connect_timeout_seconds: u32,

    /// How many seconds a single statement may take. Not set: what the server allows.
    #[schemars(range(min = 1, max = 86_400), example = 60)]
    pub statement_timeout_seconds: Option<u32>,

    /// How many connections are open at once, at most.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_connections: u32,

    /// Whether URLs lead to a pooler such as PgBouncer in transaction mode, so that nothing is
    /// kept in a session. Not set: a pooler is recognized when connecting.
    #[schemars(example = &true)]
    pub pooled: Option<bool>,
}

/// What `tenantctl audit` is told where it would infer something else. Its flags win over it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSection {
    /// Look at these schemas only. Empty: at all but those that a hosting platform manages.
    pub schemas: Vec<String>,

    /// Leave these schemas out.
    pub exclude_schemas: Vec<String>,

    /// The table of tenants, with its schema where its name is not the only one. Not set: it is
    /// inferred.
    #[schemars(example = &"public.organizations")]
    pub tenant_table: Option<String>,

    /// The column that names the tenant. Not set: it is inferred.
    #[schemars(example = &"organization_id")]
    pub tenant_key: Option<String>,

    /// Tables with the same rows for everyone.
    pub reference_tables: Vec<String>,

    /// Tables that belong to no one tenant, such as users.
    pub global_tables: Vec<String>,

    /// The roles that the application uses. Empty: those with rights on the tables.
    pub app_roles: Vec<String>,

    /// How a session names its tenant: statements with {tenant} and {user} for the quoted
    /// values. Not set: what the policies read.
    #[schemars(example = &"SET LOCAL app.tenant = {tenant}")]
    pub session: Option<String>,

    /// How long an audit may take, in seconds or as 10m. What is not checked by then is skipped,
    /// and told. Not set: 10 minutes.
    #[schemars(example = &"10m")]
    pub deadline: Option<String>,

    /// From which severity on a finding is a failure (exit code 10). Not set: low.
    #[schemars(example = &"high")]
    pub fail_on: Option<Severity>,

    /// The file with the findings that somebody answers for.
    #[schemars(example = &"audit-baseline.toml")]
    pub baseline: Option<PathBuf>,

    /// The URL that the attacks connect with: the same database as an auditor, a role without
    /// rights of its own (`tenantctl audit role`). TENANTCTL_ATTACK_URL wins over it. With a
    /// password in it, keep this file to yourself: chmod 600.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_auditor@db.example.com/app")]
    #[serde(serialize_with = "masked_url", skip_serializing_if = "Option::is_none")]
    pub attack_url: Option<SecretString>,

    /// A command that prints that URL as the first line of its output. It is run by `sh -c` and
    /// has 30 seconds.
    #[schemars(example = &"pass show clinic/auditor-url")]
    #[serde(
        serialize_with = "masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub attack_url_command: Option<String>,

    /// A file whose first line is that URL. A relative path starts at the directory of this file.
    #[schemars(example = &"/run/secrets/auditor-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack_url_file: Option<PathBuf>,
}

/// The keys that seal stored secrets: made by `tenantctl config new-key`, kept outside of the
/// database. With several, commas between, the first seals, and the others open what they sealed
/// until `tenantctl db reseal` has sealed it anew.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsSection {
    /// A command that prints the keys as the first line of its output. It is run by `sh -c`
    /// and has 30 seconds.
    #[schemars(example = &"pass show clinic/tenantctl-keys")]
    #[serde(serialize_with = "masked_text")]
    pub keys_command: Option<String>,

    /// A file whose first line has the keys. A relative path starts at the directory of this
    /// file.
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
