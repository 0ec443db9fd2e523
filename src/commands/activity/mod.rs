//! `tenantctl activity`: the activity log, and its verification.

mod heads;
mod list;
mod show;
mod verify;
mod view;

use chrono_tz::Tz;
use clap::Subcommand;
use futures_util::TryStreamExt as _;

use crate::{
    app::App,
    db::organizations::OrganizationFilter,
    domain::{Organization, OrganizationId},
    error::Result,
    services::{Session, activity::Log, organizations},
};

/// Read the activity log, and verify its hash chain and that of the access log.
#[derive(Debug, Subcommand)]
pub enum ActivityCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
    Heads(heads::HeadsArgs),
}

impl ActivityCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Verify(args) => args.run(app).await,
            Self::Heads(args) => app.list(args.run(app).await?).await,
        }
    }
}

/// A log with its name for display.
#[derive(Clone, Debug)]
struct NamedLog {
    log: Log,
    /// The slug; `None` for the platform.
    organization: Option<String>,
    zone: Option<Tz>,
}

impl NamedLog {
    const PLATFORM: Self = Self {
        log: Log::Platform,
        organization: None,
        zone: None,
    };

    async fn find(app: &App, session: &Session, platform: bool) -> Result<Self> {
        if platform {
            return Ok(Self::PLATFORM);
        }
        Ok(app.organization(session, None).await?.into())
    }

    /// Returns the log of every organization, and the platform's own.
    async fn all(session: &Session, what: &str) -> Result<Vec<Self>> {
        session.require_operator(what)?;
        let mut logs: Vec<Self> = organizations::list(session, OrganizationFilter::default())
            .map_ok(Self::from)
            .try_collect()
            .await?;
        logs.push(Self::PLATFORM);
        Ok(logs)
    }

    fn organization_id(&self) -> Option<OrganizationId> {
        match self.log {
            Log::Organization(id) => Some(id),
            Log::Platform => None,
        }
    }

    fn owner(&self) -> &str {
        self.organization.as_deref().unwrap_or("the platform")
    }
}

impl From<Organization> for NamedLog {
    fn from(organization: Organization) -> Self {
        Self {
            log: Log::Organization(organization.id),
            organization: Some(organization.slug.to_string()),
            zone: Some(organization.time_zone.tz()),
        }
    }
}
