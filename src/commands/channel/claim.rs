//! `channel claim`

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::{Scope, values},
    commands::{complete, views::PageArgs},
    db::webhooks::claims::{ClaimFilter, ListedClaim},
    domain::{
        Organization, OrganizationStatus,
        channel::identity::{ClaimStatus, Identity, IdentityKind},
    },
    error::Result,
    hint::Hint,
    output::{Cell, Listing, Page, Record, Style, View},
    rfc3339, run,
    services::claims::{self, Decided},
};

/// Manage claims to telephone numbers, agents and instances. Each belongs to one organization on
/// the platform, which claims it by `channel set`.
#[derive(Debug, Subcommand)]
pub enum ClaimCommand {
    #[command(add = Scope::Platform)]
    List(ListArgs),
    Approve(ApproveArgs),
    Reject(RejectArgs),
    Release(ReleaseArgs),
}

/// List the claims of all organizations, waiting ones first.
///
/// Examples:
///   tenantctl channel claim list --status pending
///   tenantctl channel claim list --kind phone_number --of harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Only claims with this status: granted, pending, rejected, released or dormant.
    #[arg(long, value_name = "STATUS", value_parser = values::claim_status)]
    status: Option<ClaimStatus>,

    /// Only claims of this kind: retell_agent, phone_number, meta_phone_number_id or
    /// evolution_instance.
    #[arg(long, value_name = "KIND", value_parser = values::identity_kind)]
    kind: Option<IdentityKind>,

    /// Only claims of this organization.
    #[arg(long, value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    of: Option<String>,

    #[command(flatten)]
    page: PageArgs,
}

/// The identity of a command.
#[derive(Args, Clone, Debug)]
pub struct IdentityArgs {
    /// The kind: retell_agent, phone_number, meta_phone_number_id or evolution_instance.
    #[arg(value_name = "KIND", value_parser = values::identity_kind)]
    kind: IdentityKind,

    /// The number (in E.164), agent or instance.
    #[arg(value_name = "VALUE")]
    value: String,
}

/// Grant a claim. Only one organization can hold an identity.
///
/// Example:
///   tenantctl channel claim approve phone_number +41443643532 --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ApproveArgs {
    #[command(flatten)]
    identity: IdentityArgs,
}

/// Reject a waiting claim. It waits again after the setting is removed and added again.
///
/// Example:
///   tenantctl channel claim reject phone_number +41443643532 --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RejectArgs {
    #[command(flatten)]
    identity: IdentityArgs,
}

/// Release an identity from an organization, so that another can claim it. The organization's
/// channel stops responding to it.
///
/// Example:
///   tenantctl channel claim release phone_number +41443643532 --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ReleaseArgs {
    #[command(flatten)]
    identity: IdentityArgs,
}

impl ClaimCommand {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Approve(args) => {
                let decided = args.identity.decide(app, ClaimStatus::Granted).await?;
                app.show(decided).await
            }
            Self::Reject(args) => {
                let decided = args.identity.decide(app, ClaimStatus::Rejected).await?;
                app.show(decided).await
            }
            Self::Release(args) => {
                let decided = args.identity.decide(app, ClaimStatus::Released).await?;
                app.show(decided).await
            }
        }
    }
}

impl ListArgs {
    async fn run(self, app: &App) -> Result<Listing<ClaimView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        session.require_operator("see the claims of all organizations")?;
        let organization = match &self.of {
            Some(named) => Some(app.organization(&session, Some(named)).await?.id),
            None => None,
        };
        let filter = ClaimFilter {
            status: self.status,
            kind: self.kind,
            organization,
            limit: PageArgs::fetch(limit),
        };
        let found = claims::list(&session, &filter).await?;
        let rows = found.into_iter().map(ClaimView::from).collect();
        Ok(Listing::of(rows, "no matching claims").limit(limit))
    }
}

impl IdentityArgs {
    async fn decide(self, app: &App, status: ClaimStatus) -> Result<DecidedView> {
        let identity = Identity::parse(self.kind, &self.value)?;
        let session = app.session().await?;
        session.require_operator("decide on claims")?;
        let organization = app.organization(&session, None).await?;
        let decided = match status {
            ClaimStatus::Granted => claims::approve(&session, organization.id, &identity).await?,
            ClaimStatus::Rejected => claims::reject(&session, organization.id, &identity).await?,
            _ => claims::release(&session, organization.id, &identity).await?,
        };
        Ok(DecidedView::new(decided))
    }
}

#[derive(Serialize)]
struct ClaimView {
    kind: IdentityKind,
    value: String,
    organization: String,
    organization_status: OrganizationStatus,
    status: ClaimStatus,
    /// The organization that holds the identity, for a claim that is not granted.
    held_by: Option<String>,
    #[serde(with = "rfc3339")]
    since: DateTime<Utc>,
}

impl From<ListedClaim> for ClaimView {
    fn from(claim: ListedClaim) -> Self {
        Self {
            kind: claim.identity.kind,
            value: claim.identity.value,
            organization: claim.organization.to_string(),
            organization_status: claim.organization_status,
            status: claim.status,
            held_by: claim.holder.map(|slug| slug.to_string()),
            since: claim.since,
        }
    }
}

impl Record for ClaimView {
    fn fields() -> &'static [&'static str] {
        &[
            "kind",
            "value",
            "organization",
            "organization_status",
            "status",
            "held_by",
            "since",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["KIND", "VALUE", "ORGANIZATION", "STATUS", "HELD BY"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            self.kind.as_str().into(),
            self.value.as_str().into(),
            style.bold(&self.organization),
            status_cell(style, self.status),
            Cell::optional(self.held_by.as_deref()),
        ]
    }
}

/// The status of a claim, in its color.
pub(super) fn status_cell(style: &Style, status: ClaimStatus) -> Cell {
    match status {
        ClaimStatus::Granted => style.ok(status.as_str()),
        ClaimStatus::Pending => style.warn(status.as_str()),
        ClaimStatus::Rejected | ClaimStatus::Released => style.bad(status.as_str()),
        ClaimStatus::Dormant => style.dim(status.as_str()),
    }
}

/// The decision of the operator.
#[derive(Serialize)]
struct DecidedView {
    /// `false` if nothing changed.
    changed: bool,
    kind: IdentityKind,
    value: String,
    organization: String,
    status: ClaimStatus,
}

impl DecidedView {
    fn new(decided: Decided) -> Self {
        let changed = decided.is_change();
        let Organization { slug, .. } = decided.organization;
        Self {
            changed,
            kind: decided.identity.kind,
            value: decided.identity.value,
            organization: slug.to_string(),
            status: decided.after,
        }
    }
}

impl View for DecidedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        let Self {
            kind,
            value,
            organization,
            status,
            ..
        } = self;
        Some(match self.changed {
            true => format!("{kind} {value}: the claim of organization {organization} is {status}"),
            false => format!(
                "{kind} {value}: the claim of organization {organization} is already {status}; nothing \
                 was changed"
            ),
        })
    }

    fn next(&self) -> Vec<Hint> {
        if !self.changed {
            return Vec::new();
        }
        let Self {
            kind,
            value,
            organization,
            ..
        } = self;
        let verb = match self.status {
            ClaimStatus::Granted => "release",
            _ => "approve",
        };
        let undo = run!["channel", "claim", verb, kind, value, "--org", organization];
        vec![undo.labeled("undo")]
    }
}
