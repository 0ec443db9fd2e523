//! The confirmation prompt before booking data is deleted.

use crate::{app::App, confirm::Confirmed, domain::Organization, error::Result};

/// Announces the deletion and prompts for confirmation. In a protected profile or database, and
/// with `--confirm`, `typed` must be typed. A dry run does not prompt.
///
/// # Errors
/// `Refused` without confirmation; `Interrupted`.
pub(in crate::commands) async fn confirm_removal(
    app: &App,
    organization: &Organization,
    what: &str,
    typed: &str,
) -> Result<Confirmed> {
    if app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let slug = &organization.slug;
    app.announce(&format!("about to {what} in {slug}"))?;
    let prompter = app.printer.prompter();
    let assent = app.assent().await?;
    if assent.confirm.is_some() || assent.protected.is_some() {
        prompter.type_to_confirm(what, typed, &assent)
    } else {
        prompter.confirm(&format!("{}?", assent.placed(what)), "--yes", assent.yes)
    }
}
