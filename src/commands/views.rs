//! Views shared by several nouns.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    domain::{Organization, OrganizationStatus, Role},
    output::{Cell, Page, Record, Style},
    rfc3339,
};

/// An organization, as shown by every command.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationView {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub status: OrganizationStatus,
    pub time_zone: String,
    pub locale: String,
    pub allowed_email_domains: Vec<String>,
    #[serde(with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    pub suspended_at: Option<DateTime<Utc>>,
    #[serde(with = "rfc3339::option")]
    pub deleted_at: Option<DateTime<Utc>>,
    #[serde(with = "rfc3339::option")]
    pub purge_after: Option<DateTime<Utc>>,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            slug: organization.slug.to_string(),
            name: organization.name,
            status: organization.status,
            time_zone: organization.time_zone.name().to_owned(),
            locale: organization.locale.to_string(),
            allowed_email_domains: organization.allowed_email_domains,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
            suspended_at: organization.suspended_at,
            deleted_at: organization.deleted_at,
            purge_after: organization.purge_after,
            zone: organization.time_zone.tz(),
        }
    }
}

impl OrganizationView {
    /// Writes name, slug, status and settings as fields.
    pub fn fields(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Name", style.bold(&self.name))
            .field("Slug", &self.slug)
            .field("Id", &self.id)
            .field("Status", status_cell(&style, self.status))
            .field("Time zone", &self.time_zone)
            .field("Locale", &self.locale);
        if !self.allowed_email_domains.is_empty() {
            page.field("Invites only", self.allowed_email_domains.join(", "));
        }
        page.field("Created", time(self.created_at))
            .optional_field("Suspended", self.suspended_at.map(time))
            .optional_field("Deleted", self.deleted_at.map(time))
            .optional_field("Purge after", self.purge_after.map(time));
    }
}

impl Record for OrganizationView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "slug",
            "name",
            "status",
            "time_zone",
            "locale",
            "allowed_email_domains",
            "created_at",
            "updated_at",
            "suspended_at",
            "deleted_at",
            "purge_after",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["SLUG", "NAME", "STATUS", "TIME ZONE", "CREATED"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.slug),
            self.name.as_str().into(),
            status_cell(style, self.status),
            self.time_zone.as_str().into(),
            style.time(self.created_at, Some(self.zone)).into(),
        ]
    }
}

/// The colored status of an organization.
pub fn status_cell(style: &Style, status: OrganizationStatus) -> Cell {
    match status {
        OrganizationStatus::Active => style.ok(status.as_str()),
        OrganizationStatus::Suspended => style.warn(status.as_str()),
        OrganizationStatus::Deleted => style.bad(status.as_str()),
    }
}

/// The colored state of a channel: on, off, or on with a problem.
pub fn channel_state_cell(
    style: &Style,
    enabled: bool,
    organization: OrganizationStatus,
    warnings: usize,
) -> Cell {
    match (enabled, organization, warnings) {
        (false, ..) => style.dim("off"),
        (true, OrganizationStatus::Active, 0) => style.ok("on"),
        (true, OrganizationStatus::Active, 1) => style.warn("on, with a warning"),
        (true, OrganizationStatus::Active, count) => {
            style.warn(format!("on, with {count} warnings"))
        }
        (true, status, _) => style.warn(format!("on, but the organization is {status}")),
    }
}

/// A role; owners are shown in bold.
pub fn role_cell(style: &Style, role: Role) -> Cell {
    match role {
        Role::Owner => style.bold(role.as_str()),
        _ => role.as_str().into(),
    }
}

/// The paging flags of a list: `--limit`, `--all`.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct PageArgs {
    /// Maximum number of rows to show. Default: page_size in the configuration.
    #[arg(long, value_name = "N", conflicts_with = "all", allow_negative_numbers = true, value_parser = values::positive::<u32>)]
    pub limit: Option<u32>,

    /// Show all rows.
    #[arg(long)]
    pub all: bool,
}

impl PageArgs {
    /// Number of rows to show; `None` for all.
    pub fn limit(&self, app: &App) -> crate::error::Result<Option<u64>> {
        if self.all {
            return Ok(None);
        }
        let page_size = app.config()?.output.page_size;
        Ok(Some(self.limit.unwrap_or(page_size).into()))
    }

    /// Number of rows to fetch: one more than shown, to detect further rows.
    pub fn fetch(limit: Option<u64>) -> Option<i64> {
        limit.map(|limit| i64::try_from(limit).map_or(i64::MAX, |limit| limit.saturating_add(1)))
    }
}
