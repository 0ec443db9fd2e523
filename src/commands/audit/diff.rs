//! `audit diff`

use std::path::PathBuf;

use clap::Args;

use super::{
    files,
    run::{FailOn, fail_on},
};
use crate::{
    context::App,
    domain::audit::{Severity, difference},
    error::{Error, ErrorKind, Result},
};

/// Compare two saved reports: what came, what went, what became worse.
///
/// Exit code 10 when something came or became worse that is as severe as --fail-on says.
///
/// Examples:
///   tenantctl audit --report before.json
///   tenantctl audit diff before.json after.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct DiffArgs {
    /// The earlier report, as JSON.
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// The later report, as JSON.
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    /// Exit with code 10 from this severity on: critical, high, medium, low, info, or never.
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = fail_on)]
    fail_on: FailOn,
}

impl DiffArgs {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let before = files::read_report(&self.before)?;
        let after = files::read_report(&self.after)?;
        let difference = difference::diff(&before, &after);
        app.printer.view(&difference)?;
        let severe = |worst: Severity| match self.fail_on {
            FailOn::Never => false,
            FailOn::From(severity) => worst.at_least(severity),
        };
        match difference.worst() {
            Some(worst) if severe(worst) => Err(Error::new(
                ErrorKind::Finding,
                format!("what came or became worse is {worst}"),
            )),
            _ => Ok(()),
        }
    }
}
