//! `webhook quarantine`

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::App,
    cli::{Scope, values},
    commands::{complete, views::PageArgs},
    confirm::Confirmed,
    db::webhooks::quarantine::QuarantineFilter,
    domain::{ChannelKind, quarantine::QuarantineStatus, webhook::Scheme, webhook_event::Delivery},
    error::Result,
    hint::Hint,
    output::{Cell, Listing, Page, Record, Style, View},
    rfc3339, run,
    services::webhooks::quarantine::{self, Assigned, Listed},
};

/// Manage events without a certain owner. They belong to the platform; no organization sees them.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    List(ListArgs),
    Show(ShowArgs),
    #[command(add = Scope::Organization)]
    Assign(AssignArgs),
    #[command(add = Scope::Organization)]
    Adopt(AdoptArgs),
    Discard(DiscardArgs),
}

/// List quarantined events of all organizations, newest first, without their payloads.
///
/// Examples:
///   tenantctl webhook quarantine list
///   tenantctl webhook quarantine list --endpoint-org harbor-clinic --status assigned -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by status: waiting, assigned or discarded.
    #[arg(long, value_name = "STATUS", value_parser = values::quarantine_status)]
    status: Option<QuarantineStatus>,

    /// Filter by channel.
    #[arg(long, value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    channel: Option<ChannelKind>,

    /// Filter by the organization of the receiving endpoint.
    #[arg(long, value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    endpoint_org: Option<String>,

    #[command(flatten)]
    page: PageArgs,
}

/// Show a quarantined event with its payload. The platform's activity log records each view.
///
/// Example:
///   tenantctl webhook quarantine show EVENT
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// ID of the event.
    #[arg(value_name = "EVENT")]
    id: Uuid,
}

/// Assign an event to an organization; a worker then processes it.
///
/// The rules for received events apply again: the command fails if the event names an identity held
/// by another organization, or one that this organization has not registered while it has others.
///
/// Example:
///   tenantctl webhook quarantine assign EVENT --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AssignArgs {
    /// ID of the event.
    #[arg(value_name = "EVENT")]
    id: Uuid,
}

/// Register the number, agent or instance named by an event, and assign the event.
///
/// The identity is set in the channel, as with `channel set`, and granted to the organization
/// of the receiving endpoint, or to the one of --org.
///
/// Examples:
///   tenantctl webhook quarantine adopt EVENT
///   tenantctl webhook quarantine adopt EVENT --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AdoptArgs {
    /// ID of the event.
    #[arg(value_name = "EVENT")]
    id: Uuid,
}

/// Discard an event and permanently remove its payload. It is never processed.
///
/// Example:
///   tenantctl webhook quarantine discard EVENT
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DiscardArgs {
    /// ID of the event.
    #[arg(value_name = "EVENT")]
    id: Uuid,
}

impl QuarantineCommand {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Assign(args) => app.show(args.run(app).await?).await,
            Self::Adopt(args) => app.show(args.run(app).await?).await,
            Self::Discard(args) => app.show(args.run(app).await?).await,
        }
    }
}

impl ListArgs {
    async fn run(self, app: &App) -> Result<Listing<QuarantinedView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        session.require_operator("see quarantined events")?;
        let endpoint_organization = match &self.endpoint_org {
            Some(named) => Some(app.organization(&session, Some(named)).await?.id),
            None => None,
        };
        let filter = QuarantineFilter {
            status: self.status,
            channel: self.channel,
            endpoint_organization,
            limit: PageArgs::fetch(limit),
        };
        let found = quarantine::list(&session, &filter).await?;
        let rows = found.into_iter().map(QuarantinedView::from).collect();
        Ok(Listing::of(rows, "no quarantined events match").limit(limit))
    }
}

impl ShowArgs {
    async fn run(self, app: &App) -> Result<ShownView> {
        let session = app.session().await?;
        let (listed, delivery) = quarantine::show(&session, self.id).await?;
        Ok(ShownView::new(listed, delivery))
    }
}

impl AssignArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("assign quarantined events")?;
        let organization = app.organization(&session, None).await?;
        let assigned = quarantine::assign(&session, self.id, organization.id).await?;
        Ok(ChangedView::assigned(assigned))
    }
}

impl AdoptArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("adopt what quarantined events name")?;
        // Only --org applies: the current organization of other commands is not meant here.
        let to = match &app.global.org {
            Some(named) => Some(app.organization(&session, Some(named)).await?.id),
            None => None,
        };
        let assigned = quarantine::adopt(&session, self.id, to).await?;
        Ok(ChangedView::assigned(assigned))
    }
}

impl DiscardArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("discard quarantined events")?;
        let confirmed = confirm(app, self.id).await?;
        let listed = quarantine::discard(&session, self.id, confirmed).await?;
        Ok(ChangedView {
            said: format!("discarded quarantined event {}", self.id),
            next: Vec::new(),
            event: listed.into(),
        })
    }
}

async fn confirm(app: &App, id: Uuid) -> Result<Confirmed> {
    if app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let what = format!("discard quarantined event {id} and remove its payload");
    app.announce(&format!("about to {what}"))?;
    let prompter = app.printer.prompter();
    let assent = app.assent().await?;
    if assent.confirm.is_some() || assent.protected.is_some() {
        prompter.type_to_confirm(&what, &id.to_string(), &assent)
    } else {
        prompter.confirm(&format!("{}?", assent.placed(&what)), "--yes", assent.yes)
    }
}

/// A quarantined event, without its payload.
#[derive(Serialize)]
struct QuarantinedView {
    id: String,
    channel: ChannelKind,
    kind: String,
    status: QuarantineStatus,
    reason: String,
    /// The identities it names, as `kind value`.
    identities: Vec<String>,
    /// The organization of the receiving endpoint; `null` if purged.
    endpoint_organization: Option<String>,
    endpoint_id: String,
    assigned_organization: Option<String>,
    idempotency_key: String,
    #[serde(with = "rfc3339")]
    received_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    finished_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    scheme: Scheme,
}

impl From<Listed> for QuarantinedView {
    fn from(listed: Listed) -> Self {
        let event = listed.event;
        let slug = |slug: Option<crate::domain::Slug>| slug.map(|slug| slug.to_string());
        Self {
            id: event.id.to_string(),
            channel: event.channel,
            kind: event.kind,
            status: event.status,
            reason: event.reason,
            identities: event.identities,
            endpoint_organization: slug(listed.endpoint_organization),
            endpoint_id: event.endpoint_id.to_string(),
            assigned_organization: slug(listed.assigned_organization),
            idempotency_key: event.idempotency_key,
            received_at: event.received_at,
            finished_at: event.finished_at,
            scheme: event.scheme,
        }
    }
}

impl QuarantinedView {
    fn show(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, None);
        page.field("Channel", style.bold(self.channel.as_str()))
            .field("Kind", &self.kind)
            .field("Status", status_cell(&style, self.status))
            .field("Reason", &self.reason)
            .field("Names", Cell::optional(listed(&self.identities).as_deref()))
            .field("Id", &self.id)
            .field("Key", &self.idempotency_key)
            .field(
                "Endpoint of",
                self.endpoint_organization
                    .as_deref()
                    .unwrap_or("a purged organization"),
            )
            .field("Endpoint", &self.endpoint_id)
            .optional_field("Assigned to", self.assigned_organization.as_ref())
            .field("Received", time(self.received_at))
            .optional_field("Finished", self.finished_at.map(time));
    }

    fn next(&self) -> Vec<Hint> {
        let id = &self.id;
        match (self.status, &self.assigned_organization) {
            (QuarantineStatus::Waiting, _) => vec![
                run!["webhook", "quarantine", "assign", id, "--org", "SLUG"],
                run!["webhook", "quarantine", "adopt", id],
                run!["webhook", "quarantine", "discard", id],
            ],
            (QuarantineStatus::Assigned, Some(slug)) => {
                vec![run!["webhook", "events", "show", id, "--org", slug]]
            }
            _ => Vec::new(),
        }
    }
}

fn listed(identities: &[String]) -> Option<String> {
    (!identities.is_empty()).then(|| identities.join(", "))
}

fn status_cell(style: &Style, status: QuarantineStatus) -> Cell {
    match status {
        QuarantineStatus::Waiting => style.warn(status.as_str()),
        QuarantineStatus::Assigned => style.ok(status.as_str()),
        QuarantineStatus::Discarded => style.dim(status.as_str()),
    }
}

impl Record for QuarantinedView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "channel",
            "kind",
            "status",
            "reason",
            "identities",
            "endpoint_organization",
            "endpoint_id",
            "assigned_organization",
            "idempotency_key",
            "received_at",
            "finished_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["RECEIVED", "ENDPOINT OF", "NAMES", "STATUS", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.time(self.received_at, None).into(),
            Cell::optional(self.endpoint_organization.as_deref()),
            Cell::optional(listed(&self.identities).as_deref()),
            status_cell(style, self.status),
            self.id.as_str().into(),
        ]
    }
}

/// A quarantined event with its payload.
#[derive(Serialize)]
struct ShownView {
    #[serde(flatten)]
    event: QuarantinedView,
    /// The scheme of the signature that verified the event.
    verified_by: String,
    method: String,
    query: String,
    headers: Value,
    /// The body as text, if it is UTF-8.
    body: Option<String>,
    /// The body in base64.
    body_base64: String,
}

impl ShownView {
    fn new(listed: Listed, delivery: Delivery) -> Self {
        let event = QuarantinedView::from(listed);
        Self {
            verified_by: event.scheme.to_string(),
            body: std::str::from_utf8(&delivery.body).ok().map(str::to_owned),
            body_base64: STANDARD.encode(&delivery.body),
            method: delivery.method,
            query: delivery.query,
            headers: delivery.headers,
            event,
        }
    }
}

impl View for ShownView {
    fn human(&self, page: &mut Page) {
        self.event.show(page);
        page.field("Verified", self.verified_by.as_str());
        page.heading(format!("{} {}", self.method, self.query));
        if let Some(headers) = self.headers.as_object() {
            for (name, value) in headers {
                page.field(name, value.as_str().unwrap_or_default());
            }
        }
        page.blank()
            .text(self.body.as_deref().unwrap_or(&self.body_base64));
    }

    fn next(&self) -> Vec<Hint> {
        self.event.next()
    }
}

/// A quarantined event after a change.
#[derive(Serialize)]
struct ChangedView {
    #[serde(flatten)]
    event: QuarantinedView,
    #[serde(skip)]
    said: String,
    #[serde(skip)]
    next: Vec<Hint>,
}

impl ChangedView {
    fn assigned(assigned: Assigned) -> Self {
        let event = QuarantinedView::from(assigned.listed);
        let slug = &assigned.organization.slug;
        let id = &event.id;
        let (said, next) = match assigned.is_new {
            true => (
                format!("assigned event {id} to organization {slug}; it is waiting for a worker"),
                vec![
                    run!["webhook", "events", "show", id, "--org", slug],
                    run!["serve"].labeled("run a worker"),
                ],
            ),
            false => (
                format!(
                    "assigned event {id} to organization {slug}, which has already received it; it is \
                     not processed again"
                ),
                Vec::new(),
            ),
        };
        Self { event, said, next }
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        page.line(self.said.as_str());
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }
}
