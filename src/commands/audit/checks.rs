//! `audit checks`

use clap::Args;

use crate::{
    audit::{
        registry,
        report::{Check, Class},
    },
    error::{Error, Result},
    output::Listing,
};

/// List all checks with their class, severity and confidence.
///
/// Examples:
///   tenantctl audit checks
///   tenantctl audit checks --class policy -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ChecksArgs {
    /// Filter by class: catalog, policy, grant, data, probe, query.
    #[arg(long, value_parser = class)]
    class: Option<Class>,
}

impl ChecksArgs {
    pub(super) fn run(self) -> Result<Listing<Check>> {
        let mut checks = registry::all();
        checks.retain(|check| self.class.is_none_or(|class| check.class == class));
        Ok(Listing::of(checks, "no checks in this class"))
    }
}

fn class(text: &str) -> Result<Class, String> {
    text.parse().map_err(|error: Error| error.to_string())
}
