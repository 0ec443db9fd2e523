//! `webhook sign-ups`

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use super::event_view::status_cell;
use crate::{
    app::App,
    cli::values,
    commands::views::PageArgs,
    db::webhooks::sign_ups::SignUpEvent,
    domain::webhook_event::EventStatus,
    error::Result,
    hint::Hint,
    output::{Cell, Listing, Page, Record, Style, View},
    rfc3339, run,
    services::webhooks::sign_ups,
};

/// Manage sign-ups received from the identity provider.
///
/// They belong to the platform: the sign-up decides which organization a confirmed user joins.
#[derive(Debug, Subcommand)]
pub enum SignUpsCommand {
    List(ListArgs),
    Replay(ReplayArgs),
    Discard(DiscardArgs),
}

/// List received sign-ups, newest first.
///
/// Examples:
///   tenantctl webhook sign-ups list --status dead
///   tenantctl webhook sign-ups list -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by status: pending, done, dead or discarded.
    #[arg(long, value_name = "STATUS", value_parser = values::event_status)]
    status: Option<EventStatus>,

    #[command(flatten)]
    page: PageArgs,
}

/// Process a dead or discarded sign-up again.
///
/// Example:
///   tenantctl webhook sign-ups replay ID
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ReplayArgs {
    /// ID of the sign-up.
    #[arg(value_name = "ID")]
    id: Uuid,
}

/// Discard a sign-up: it is kept, but never processed.
///
/// Example:
///   tenantctl webhook sign-ups discard ID
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DiscardArgs {
    /// ID of the sign-up.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl SignUpsCommand {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Replay(args) => app.show(args.run(app).await?).await,
            Self::Discard(args) => app.show(args.run(app).await?).await,
        }
    }
}

impl ListArgs {
    async fn run(self, app: &App) -> Result<Listing<SignUpView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let found = sign_ups::list(&session, self.status, PageArgs::fetch(limit)).await?;
        let rows = found.into_iter().map(SignUpView::from).collect();
        Ok(Listing::of(rows, "no sign-ups match").limit(limit))
    }
}

impl ReplayArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        let event = sign_ups::replay(&session, self.id).await?;
        Ok(ChangedView {
            said: format!("sign-up {} is waiting for a worker", self.id),
            next: run!["serve"].labeled("run a worker"),
            event: event.into(),
        })
    }
}

impl DiscardArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        let event = sign_ups::discard(&session, self.id).await?;
        Ok(ChangedView {
            said: format!("discarded sign-up {}", self.id),
            next: run!["webhook", "sign-ups", "replay", self.id].labeled("undo"),
            event: event.into(),
        })
    }
}

#[derive(Serialize)]
struct SignUpView {
    id: String,
    /// User ID from the identity provider.
    user_id: String,
    /// Email address; removed once the sign-up is done.
    email: Option<String>,
    status: EventStatus,
    reason: Option<String>,
    attempts: i32,
    #[serde(with = "rfc3339")]
    received_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    finished_at: Option<DateTime<Utc>>,
}

impl From<SignUpEvent> for SignUpView {
    fn from(event: SignUpEvent) -> Self {
        Self {
            id: event.id.to_string(),
            user_id: event.user_id,
            email: event.email,
            status: event.status,
            reason: event.reason,
            attempts: event.attempts,
            received_at: event.received_at,
            finished_at: event.finished_at,
        }
    }
}

impl Record for SignUpView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "user_id",
            "email",
            "status",
            "reason",
            "attempts",
            "received_at",
            "finished_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["RECEIVED", "EMAIL", "STATUS", "ID", "REASON"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.time(self.received_at, None).into(),
            Cell::optional(self.email.as_deref()),
            status_cell(style, self.status),
            self.id.as_str().into(),
            Cell::optional(self.reason.as_deref()),
        ]
    }
}

#[derive(Serialize)]
struct ChangedView {
    #[serde(flatten)]
    event: SignUpView,
    #[serde(skip)]
    said: String,
    #[serde(skip)]
    next: Hint,
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        page.line(self.said.as_str());
    }

    fn next(&self) -> Vec<Hint> {
        vec![self.next.clone()]
    }
}
