//! The flags that every command has.

use std::path::PathBuf;

use clap::{ArgAction, Args, builder::NonEmptyStringValueParser};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use crate::{
    config::{ColorChoice, OutputFormat},
    domain::Email,
};

/// Flags that every command takes, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// The organization to work in, by slug or id. Otherwise: TENANTCTL_ORG, then `org use`.
    #[arg(long, global = true, value_name = "SLUG|ID", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(complete::organizations))]
    pub org: Option<String>,

    /// The profile of the configuration that names the database. `local` is built in.
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCompleter::new(complete::profiles))]
    pub profile: Option<String>,

    /// The database, as postgres://USER@HOST:PORT/NAME. A password in it can be seen by other
    /// users of this machine: a profile, TENANTCTL_DATABASE_URL or PGPASSWORD keep it to you.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The form of the result on stdout.
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub output: Option<OutputFormat>,

    /// Keep spreadsheets from evaluating cells of CSV: a ' before what would begin a formula. It is
    /// taken off again when such a file is imported.
    #[arg(long, global = true)]
    pub excel_safe: bool,

    /// Never ask: fail where a value or a confirmation is missing.
    #[arg(long, global = true)]
    pub no_input: bool,

    /// Agree to everything that would be asked.
    #[arg(short, long, global = true)]
    pub yes: bool,

    /// Agree to the destruction of just this object, also in a protected profile or database.
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Option<String>,

    /// Do the work in a transaction, say what it changed, and roll back.
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Replace files that exist. Without it, they are a conflict.
    #[arg(long, global = true)]
    pub overwrite: bool,

    /// Your name in the activity log, also behind the user of --as. Otherwise: TENANTCTL_ACTOR,
    /// then the name of your account on this machine.
    #[arg(long, global = true, value_name = "NAME", value_parser = super::values::name)]
    pub actor: Option<String>,

    /// Act as this user, with this user's rights.
    #[arg(long = "as", global = true, value_name = "EMAIL", value_parser = super::values::email)]
    pub act_as: Option<Email>,

    /// Say more on stderr; twice for the SQL.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Say only what matters: data, warnings and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<ColorChoice>,

    /// The configuration file. Otherwise: TENANTCTL_CONFIG, then the usual place.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
