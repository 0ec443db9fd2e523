//! Configuration: a file, the environment and flags; profiles for databases; and the state kept
//! between two invocations.
//!
//! * [`Config::load`] reads the file and applies the environment; [`validate`] reports every
//!   mistake in it at once.
//! * [`database_target`] selects the database, and never guesses.
//! * [`State`] stores the current organization of each database.

mod atomic;
mod attack_url;
mod database_url;
mod example;
mod exposure;
mod file;
mod inspect;
mod load;
mod mail;
mod mail_rules;
mod mistake;
mod overrides;
mod paths;
mod profile;
mod resolve;
mod rules;
mod schema;
mod secret_command;
mod secret_places;
mod secrets;
mod server;
mod server_rules;
mod settings;
mod shape;
mod state;
mod tenant_url;
mod write;

pub use attack_url::ATTACK_URL_VARIABLE;
pub use database_url::{Endpoint, InvalidUrl, has_password, mask, with_password, with_user};
pub use example::example;
pub use exposure::{Exposure, exposures};
pub use file::{
    AuditSection, ColorChoice, Config, DatabaseSection, InvitationsSection, LocalSection,
    OrganizationsSection, OutputFormat, OutputSection, Profile, SecretsSection, TOKEN_PLACEHOLDER,
};
pub use load::{Loaded, Validation, validate};
pub use mail::{MailSection, MailTls};
pub use mistake::Mistake;
pub use overrides::FlagOverrides;
pub use paths::{CONFIG_VARIABLE, config_file, data_dir, state_file};
pub use resolve::{
    DATABASE_URL_VARIABLE, DatabaseSource, DatabaseTarget, LOCAL_PROFILE, PROFILE_VARIABLE,
    TENANTCTL_DATABASE_URL_VARIABLE, URL_FORM, database_target,
};
pub use schema::json_schema;
pub use secrets::{SECRET_KEYS_VARIABLE, local_keys};
pub use server::{LogFormat, ServerSection};
pub use settings::{Setting, ValueSource};
pub use state::{ChosenOrganization, State};
pub use tenant_url::{
    TENANT_URL_VARIABLE, TenantSource, TenantTarget, command_tenant_url, server_tenant_url,
};
pub use write::{NewProfile, UrlSource, check_profile_name, write_profile};
