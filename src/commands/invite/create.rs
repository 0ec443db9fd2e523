//! `invite create`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::{IssuedView, sending};
use crate::{
    app::App,
    cli::values,
    commands::{complete, missing},
    domain::{Email, Role, invitation},
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::invitations,
};

/// Invite users to an organization. Either all invitations are created or none.
///
/// If the [mail] section of the configuration names a mail server, each link is mailed, in the name
/// and language of the organization. Otherwise the links are printed once, for you to send. Links
/// are built from link_template in the configuration. A link works once, for that address only,
/// until it expires. A user who signs up with an invited address joins without using the link. Only
/// owners can invite owners.
///
/// Examples:
///   tenantctl invite create sam@harbor.example --role admin
///   tenantctl invite create ann@harbor.example bo@harbor.example --role member --expires-days 14
///   tenantctl invite create sam@harbor.example --role admin --if-not-exists -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Email addresses to invite.
    #[arg(value_name = "EMAIL", value_parser = values::email)]
    emails: Vec<Email>,

    /// Role to grant on acceptance.
    #[arg(long, value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Option<Role>,

    /// Days until the link expires, at most 30. Default: expires_days in the configuration.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(invitation::MAX_EXPIRY_DAYS)))]
    expires_days: Option<u32>,

    /// Skip existing members and pending invitations instead of failing.
    #[arg(long)]
    if_not_exists: bool,

    /// Print the links even if they are mailed.
    #[arg(long)]
    show_link: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<CreatedView> {
        let emails = addresses(app, self.emails)?;
        let role = missing::role(app, self.role, "--role")?;
        let settings = &app.config()?.invitations;
        // Checked before anything is created: without a valid link the invitation is useless.
        invitation::check_link_template(&settings.link_template)?;
        let days = self.expires_days.unwrap_or(settings.expires_days);
        let session = app.mailing_session().await?;
        let organization = app.organization(&session, None).await?;
        let created = invitations::create(
            &session,
            organization.id,
            &emails,
            role,
            days,
            self.if_not_exists,
        )
        .await?;
        let issued = created.issued.into_iter();
        Ok(CreatedView {
            organization: created.organization.slug.to_string(),
            invited: issued
                .map(|issued| IssuedView::new(app, issued, &created.organization, self.show_link))
                .collect::<Result<_>>()?,
            passed_over: created
                .passed_over
                .into_iter()
                .map(|(email, reason)| PassedOverLine {
                    email: email.to_string(),
                    reason,
                })
                .collect(),
            warnings: created.warnings,
        })
    }
}

/// Returns the addresses without duplicates, or prompts for one if none is given.
fn addresses(app: &App, given: Vec<Email>) -> Result<Vec<Email>> {
    if given.is_empty() {
        let email = missing::email(app, None, "Email address", "the argument EMAIL")?;
        return Ok(vec![email]);
    }
    let mut addresses = Vec::with_capacity(given.len());
    for email in given {
        if !addresses.contains(&email) {
            addresses.push(email);
        }
    }
    Ok(addresses)
}

#[derive(Serialize)]
pub(super) struct CreatedView {
    organization: String,
    invited: Vec<IssuedView>,
    passed_over: Vec<PassedOverLine>,
    /// Warnings about addresses that look like others.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct PassedOverLine {
    email: String,
    reason: String,
}

impl View for CreatedView {
    fn human(&self, page: &mut Page) {
        for issued in &self.invited {
            page.blank();
            issued.fields(page);
        }
        if !self.passed_over.is_empty() {
            page.heading("Skipped");
            for passed in &self.passed_over {
                page.line(format!("{} {}", passed.email, passed.reason));
            }
        }
    }

    fn warnings(&self) -> Vec<Hint> {
        self.warnings.iter().map(Into::into).collect()
    }

    fn summary(&self) -> Option<String> {
        let organization = &self.organization;
        Some(match self.invited.as_slice() {
            [] => format!("no invitations to {organization} were created; nothing was changed"),
            [only] => format!(
                "invited {} to {organization} as {}; {}",
                only.invitation.email,
                only.invitation.role,
                match only.is_mailed() {
                    true => "the link is being mailed",
                    false => "the link is shown only once",
                }
            ),
            [first, ..] => format!(
                "invited {} users to {organization} as {}; {}",
                self.invited.len(),
                first.invitation.role,
                match first.is_mailed() {
                    true => "the links are being mailed",
                    false => "the links are shown only once",
                }
            ),
        })
    }

    fn next(&self) -> Vec<Hint> {
        let organization = &self.organization;
        let mut next = match self.invited.as_slice() {
            [] => return Vec::new(),
            [only] => {
                let email = &only.invitation.email;
                vec![run!["invite", "revoke", email, "--org", organization].labeled("undo")]
            }
            _ => vec![run!["invite", "list", "--org", organization]],
        };
        if self.invited.iter().any(IssuedView::is_mailed) {
            next.push(sending());
        }
        next
    }
}
