//! `audit diff`

use std::path::PathBuf;

use clap::Args;

use super::{
    files,
    run::{FailOn, fail_on},
};
use crate::{
    app::App,
    audit::report::{Severity, difference},
    error::{Error, ErrorKind, Result},
};

/// Compare two saved reports: new, resolved and changed findings.
///
/// Exits with code 10 if a new or worsened finding is at least as severe as --fail-on.
///
/// Examples:
///   tenantctl audit --report before.json
///   tenantctl audit diff before.json after.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct DiffArgs {
    /// Earlier report (JSON).
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// Later report (JSON).
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    /// Exit with code 10 at this severity or higher: critical, high, medium, low, info, or never.
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
                format!("new or worsened findings: {worst}"),
            )),
            _ => Ok(()),
        }
    }
}
