//! `outbox send`

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::retry::no_server;
use crate::{
    app::App,
    domain::Organization,
    error::{Error, Result},
    hint::Hint,
    output::{Cell, Page, View},
    rfc3339, run,
    services::{
        Session,
        outbox::{self, Outcome, Worker},
    },
};

/// Send due messages now, in this process. Only for the platform operator.
///
/// `tenantctl serve` does this automatically; both can run at the same time, and each message is
/// sent by only one of them. With --org, only messages of that organization are sent; otherwise
/// those of all organizations in turn. Messages for an accepted, revoked or expired invitation are
/// canceled instead.
///
/// The exit code is 1 if a message was refused or deferred, or the mail server is unreachable.
/// Deferred messages are retried later. --dry-run is not supported, because sent mail cannot be
/// undone.
///
/// Examples:
///   tenantctl outbox send
///   tenantctl outbox send --all --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SendArgs {
    /// Include messages that wait for a later attempt.
    #[arg(long)]
    all: bool,
}

/// Maximum number of failures shown.
const SHOWN: usize = 20;

impl SendArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        app.require_operator("send the outbox")?;
        if app.global.dry_run {
            return Err(Error::usage(
                "--dry-run is not supported for outbox send: sent mail cannot be undone",
            )
            .hint(run!["outbox", "list", "--status", "pending"].labeled("list pending messages")));
        }
        let worker = app.mail_worker()?.ok_or_else(no_server)?;
        let session = app.session().await?;
        let organization = match &app.global.org {
            Some(_) => Some(app.organization(&session, None).await?),
            None => None,
        };
        let named = organization.as_ref();
        if self.all {
            outbox::make_due(&session, named).await?;
        }
        let mut worker = worker.only(named.map(|organization| organization.id));
        let mut view = SentView::new(named);
        let worked = view.work(&session, &mut worker).await;
        worker.rest().await;
        worked.map_err(|error| match worker.owes_a_record() {
            true => error.hint(
                "the result of the last message could not be recorded; if it was sent, it will be sent \
                 again later with the same Message-ID",
            ),
            false => error,
        })?;
        let waiting = outbox::waiting(&session, named).await?;
        view.waiting = waiting.messages;
        view.next_at = waiting.next_at;
        let verdict = view.verdict();
        app.show(view).await?;
        verdict.map_or(Ok(()), Err)
    }
}

#[derive(Default, Serialize)]
struct SentView {
    /// `None` for all organizations.
    organization: Option<String>,
    sent: u64,
    /// Messages that were refused and are not retried.
    failed: u64,
    /// Messages that are retried later.
    put_off: u64,
    cancelled: u64,
    /// The error if the mail server is unreachable.
    unavailable: Option<String>,
    /// The first failed or deferred messages.
    failures: Vec<FailureLine>,
    /// Number of messages still waiting.
    waiting: u64,
    /// Due time of the next waiting message.
    #[serde(with = "rfc3339::option")]
    next_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct FailureLine {
    message: String,
    organization: String,
    error: String,
}

impl SentView {
    fn new(organization: Option<&Organization>) -> Self {
        Self {
            organization: organization.map(|organization| organization.slug.to_string()),
            ..Self::default()
        }
    }

    async fn work(&mut self, session: &Session, worker: &mut Worker) -> Result<()> {
        while let Some(done) = worker.work_once(session).await? {
            let error = match done.outcome {
                Outcome::Sent => {
                    self.sent += 1;
                    continue;
                }
                Outcome::Cancelled(_) => {
                    self.cancelled += 1;
                    continue;
                }
                Outcome::Waits => continue,
                Outcome::Unavailable(error) => {
                    self.unavailable = Some(error);
                    return Ok(());
                }
                Outcome::Failed(error) => {
                    self.failed += 1;
                    error
                }
                Outcome::PutOff(error) => {
                    self.put_off += 1;
                    error
                }
            };
            if self.failures.len() < SHOWN {
                self.failures.push(FailureLine {
                    message: done.message.map(|id| id.to_string()).unwrap_or_default(),
                    organization: done.organization.to_string(),
                    error,
                });
            }
        }
        Ok(())
    }

    fn verdict(&self) -> Option<Error> {
        if let Some(error) = &self.unavailable {
            return Some(
                Error::failure(format!("mail server unreachable: {error}"))
                    .hint(run!["doctor"].labeled("check the configuration"))
                    .hint(
                        Hint::from("no messages are lost; send them later with `")
                            .then(run!["outbox", "send", "--all"])
                            .then("`"),
                    ),
            );
        }
        match (self.failed, self.put_off) {
            (0, 0) => None,
            (failed, put_off) => Some(
                Error::failure(format!(
                    "{failed} messages were refused, {put_off} were deferred"
                ))
                .hint(
                    run!["outbox", "list", "--status", "failed", "--org", "SLUG"]
                        .labeled("list them"),
                )
                .hint(
                    run!["outbox", "send", "--all"]
                        .labeled("deferred messages are retried later; to retry them now"),
                ),
            ),
        }
    }
}

impl View for SentView {
    fn human(&self, page: &mut Page) {
        page.field("Sent", self.sent)
            .field("Refused", self.failed)
            .field("Deferred", self.put_off)
            .field("Canceled", self.cancelled)
            .field("Waiting", self.waiting);
        let next = self.next_at.map(|at| page.style().time(at, None));
        page.optional_field("Next", next);
        if self.failures.is_empty() {
            return;
        }
        page.heading("Not sent (first failures)");
        let rows: Vec<Vec<Cell>> = self
            .failures
            .iter()
            .map(|failure| {
                vec![
                    failure.message.as_str().into(),
                    failure.error.as_str().into(),
                ]
            })
            .collect();
        page.table(&["MESSAGE", "ERROR"], &rows);
    }

    fn summary(&self) -> Option<String> {
        if self.unavailable.is_some() || self.failed + self.put_off > 0 {
            return None;
        }
        Some(match (self.sent, self.cancelled) {
            (0, 0) => "no messages are due".to_owned(),
            (1, 0) => "sent 1 message".to_owned(),
            (sent, 0) => format!("sent {sent} messages"),
            (sent, cancelled) => format!("sent {sent} messages, canceled {cancelled}"),
        })
    }
}
