//! `outbox send`

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::retry::no_server;
use crate::{
    context::App,
    domain::Organization,
    error::{Error, Result},
    hint::Hint,
    output::{Cell, Page, View, rfc3339},
    run,
    services::{
        Session,
        outbox::{self, Outcome, Worker},
    },
};

/// Send what is due, now and in this process; the platform operator's.
///
/// `tenantctl serve` does the same by itself; both may run at once, and each message is sent by one
/// of them. With --org, of that organization alone; otherwise of all, in turn. Messages whose
/// invitation was accepted, revoked or has expired are cancelled instead.
///
/// Exit code 1 where a message was refused or put off, or the mail server cannot be reached; what
/// was put off is tried again later. What was sent stays sent: there is no --dry-run.
///
/// Examples:
///   tenantctl outbox send
///   tenantctl outbox send --all --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SendArgs {
    /// Also what waits for a later attempt.
    #[arg(long)]
    all: bool,
}

/// How many failures are shown.
const SHOWN: usize = 20;

impl SendArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        app.require_operator("send what waits in the outbox")?;
        if app.global.dry_run {
            return Err(
                Error::usage("outbox send cannot be rehearsed: what was sent stays sent")
                    .hint(run!["outbox", "list", "--status", "pending"].labeled("see what waits")),
            );
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
                "what became of the last message could not be recorded: should it have been sent, it \
                 is sent again later, with the same Message-ID",
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
    /// `None`: all of them.
    organization: Option<String>,
    sent: u64,
    /// Given up.
    failed: u64,
    /// Tried again later.
    put_off: u64,
    cancelled: u64,
    /// The mail server cannot be reached, and why.
    unavailable: Option<String>,
    /// The first of those that failed or were put off.
    failures: Vec<FailureLine>,
    /// What waits yet.
    waiting: u64,
    /// When the first of that is due.
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
                Error::failure(format!("the mail server is not to be had: {error}"))
                    .hint(run!["doctor"].labeled("look for what is wrong"))
                    .hint(
                        Hint::from("nothing is lost: send what waits with `")
                            .then(run!["outbox", "send", "--all"])
                            .then("`"),
                    ),
            );
        }
        match (self.failed, self.put_off) {
            (0, 0) => None,
            (failed, put_off) => Some(
                Error::failure(format!(
                    "{failed} messages were refused, {put_off} were put off"
                ))
                .hint(
                    run!["outbox", "list", "--status", "failed", "--org", "SLUG"]
                        .labeled("see them"),
                )
                .hint(
                    run!["outbox", "send", "--all"]
                        .labeled("what was put off is tried again later; at once"),
                ),
            ),
        }
    }
}

impl View for SentView {
    fn human(&self, page: &mut Page) {
        page.field("Sent", self.sent)
            .field("Refused", self.failed)
            .field("Put off", self.put_off)
            .field("Cancelled", self.cancelled)
            .field("Waiting", self.waiting);
        let next = self.next_at.map(|at| page.style().time(at, None));
        page.optional_field("Next", next);
        if self.failures.is_empty() {
            return;
        }
        page.heading("Not sent (the first ones)");
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
            (0, 0) => "nothing is due".to_owned(),
            (1, 0) => "sent a message".to_owned(),
            (sent, 0) => format!("sent {sent} messages"),
            (sent, cancelled) => format!("sent {sent} messages, cancelled {cancelled}"),
        })
    }
}
