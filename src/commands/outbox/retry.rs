//! `outbox retry`

use clap::Args;
use serde::Serialize;

use super::view::MessageView;
use crate::{
    app::App,
    error::{Error, Result},
    hint::Hint,
    output::{Page, View},
    run,
    services::outbox,
};

/// Retry failed messages, and send messages that wait for a later attempt now.
///
/// The link of a failed message is not stored: its invitation gets a new one with the same expiry.
/// Sent and canceled messages are not retried; use `invite resend` to mail a new link.
///
/// Examples:
///   tenantctl outbox retry sam@harbor.example
///   tenantctl outbox retry --failed --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RetryArgs {
    /// Recipient addresses (the newest message of each) or message IDs.
    #[arg(value_name = "EMAIL|ID", required_unless_present = "failed")]
    messages: Vec<String>,

    /// Retry all failed messages with a pending invitation.
    #[arg(long, conflicts_with = "messages")]
    failed: bool,
}

impl RetryArgs {
    pub(super) async fn run(self, app: &App) -> Result<RetriedView> {
        if !app.mails()? {
            return Err(no_server());
        }
        let session = app.mailing_session().await?;
        let organization = app.organization(&session, None).await?.id;
        let retried = match self.failed {
            true => outbox::retry_failed(&session, organization).await?,
            false => outbox::retry(&session, organization, &self.messages).await?,
        };
        let organization = &retried.organization;
        let view = |message| MessageView::new(message, organization);
        Ok(RetriedView {
            organization: organization.slug.to_string(),
            messages: retried.messages.into_iter().map(view).collect(),
            passed_over: retried
                .passed_over
                .into_iter()
                .map(|(message, reason)| PassedOverLine {
                    id: message.id.to_string(),
                    recipient: message.recipient.to_string(),
                    reason,
                })
                .collect(),
        })
    }
}

/// The error for a missing mail server.
pub(super) fn no_server() -> Error {
    Error::failure("no mail server is configured")
        .hint(run!["config", "path"].labeled(
            "set smtp_host and from_address in the [mail] section of the configuration file",
        ))
        .hint(run!["invite", "resend", "EMAIL"].labeled("create and show a new link instead"))
}

#[derive(Serialize)]
pub(super) struct RetriedView {
    organization: String,
    messages: Vec<MessageView>,
    passed_over: Vec<PassedOverLine>,
}

#[derive(Serialize)]
struct PassedOverLine {
    id: String,
    recipient: String,
    reason: String,
}

impl View for RetriedView {
    fn human(&self, page: &mut Page) {
        for message in &self.messages {
            page.blank();
            message.fields(page);
        }
        if !self.passed_over.is_empty() {
            page.heading("Skipped");
            for passed in &self.passed_over {
                page.line(format!("{}: {}", passed.recipient, passed.reason));
            }
        }
    }

    fn summary(&self) -> Option<String> {
        let organization = &self.organization;
        Some(match self.messages.as_slice() {
            [] => format!("{organization} has no messages to retry; nothing was changed"),
            [only] => format!("the message to {} will be sent now", only.recipient),
            all => format!("{} messages of {organization} will be sent now", all.len()),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.messages.is_empty() {
            true => Vec::new(),
            false => vec![run!["outbox", "send", "--org", self.organization]],
        }
    }
}
