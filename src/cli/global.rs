//! The flags common to all commands.

use std::path::PathBuf;

use clap::{ArgAction, Args, builder::NonEmptyStringValueParser};

use crate::{
    config::{ColorChoice, OutputFormat},
    domain::Email,
};

/// Global flags, accepted before or after the command name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Organization to work in, by slug or id. Default: TENANTCTL_ORG, then `org use`.
    #[arg(long, global = true, value_name = "SLUG|ID", value_parser = NonEmptyStringValueParser::new())]
    pub org: Option<String>,

    /// Connection profile to use. `local` is built in.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Database URL, as postgres://USER@HOST:PORT/NAME. A password in it is visible to other users
    /// of this machine: use a profile, TENANTCTL_DATABASE_URL or PGPASSWORD instead.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Output format on stdout.
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub output: Option<OutputFormat>,

    /// Prefix CSV cells that a spreadsheet would evaluate as formulas with '. The prefix is removed
    /// when such a file is imported.
    #[arg(long, global = true)]
    pub excel_safe: bool,

    /// Never prompt: fail if a value or a confirmation is missing.
    #[arg(long, global = true)]
    pub no_input: bool,

    /// Assume yes for all prompts.
    #[arg(short, long, global = true)]
    pub yes: bool,

    /// Confirm this destructive operation by name; required in protected profiles and databases.
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Option<String>,

    /// Run in a transaction, show the changes, and roll back.
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Overwrite existing files instead of failing.
    #[arg(long, global = true)]
    pub overwrite: bool,

    /// Your name in the activity log, also recorded with --as. Default: TENANTCTL_ACTOR, then your
    /// account name on this machine.
    #[arg(long, global = true, value_name = "NAME", value_parser = super::values::name)]
    pub actor: Option<String>,

    /// Act as this user, with this user's rights.
    #[arg(long = "as", global = true, value_name = "EMAIL", value_parser = super::values::email)]
    pub act_as: Option<Email>,

    /// Increase verbosity (-vv logs SQL).
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print only data, warnings and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Use of color.
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<ColorChoice>,

    /// Configuration file. Default: TENANTCTL_CONFIG, then the user configuration directory.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
