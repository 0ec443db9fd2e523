//! The scope of a command. Each command declares it as an attribute, and its subcommands inherit
//! it.

use clap::builder::{ArgExt, CommandExt};

use crate::output::Takes;

/// The scope of a command or one of its flags.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// Reads neither configuration nor database.
    Alone,
    /// Uses the configuration file and this machine.
    Configuration,
    /// Uses a database, as the operator only.
    Database,
    /// Uses a database with the tenantctl schema, as the operator or the user of `--as`.
    Platform,
    /// Uses one organization in it.
    Organization,
}

impl CommandExt for Scope {}
impl ArgExt for Scope {}

impl Scope {
    /// The flags for configuration, database, organization and user that a command of this scope
    /// accepts.
    pub fn takes(self) -> Takes {
        Takes {
            config: self >= Self::Configuration,
            database: self >= Self::Database,
            organization: self == Self::Organization,
            user: self >= Self::Platform,
        }
    }
}
