//! `audit explain`

use clap::Args;

use crate::{
    audit::{registry, render::Explanation},
    error::Result,
};

/// Explain a check: why it matters, an example, and the remedy.
///
/// Examples:
///   tenantctl audit explain rls-disabled
///   tenantctl audit explain fk-without-tenant-key
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ExplainArgs {
    /// ID of the check.
    #[arg(value_name = "CHECK")]
    check: String,
}

impl ExplainArgs {
    pub(super) fn run(self) -> Result<Explanation> {
        registry::find(&self.check).map(|check| Explanation::new(&check))
    }
}
