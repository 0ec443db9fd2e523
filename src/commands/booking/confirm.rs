//! The question before something of the booking data goes.

use crate::{confirm::Confirmed, context::App, domain::Organization, error::Result};

/// Says what is about to happen, and asks. In a protected profile or database, and with `--confirm`, `typed` has
/// to be typed. Nothing is asked where there is nothing to lose: in a dry run.
///
/// # Errors
/// `Refused` where nobody agrees; `Interrupted`.
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
