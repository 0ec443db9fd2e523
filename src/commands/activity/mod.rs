//! `tenantctl activity`: who did what when, and the proof that nobody rewrote it.

mod list;
mod show;
mod verify;
mod view;

use chrono_tz::Tz;
use clap::Subcommand;

use crate::{
    context::App,
    error::Result,
    services::{Session, activity::Log},
};

/// Read the activity log, and verify its chain of hashes.
#[derive(Debug, Subcommand)]
pub enum ActivityCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
}

impl ActivityCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Verify(args) => args.run(app).await,
        }
    }
}

/// A log with what people call it.
#[derive(Clone, Debug)]
struct NamedLog {
    log: Log,
    /// The slug; `None`: the platform's.
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
        let organization = app.organization(session, None).await?;
        Ok(Self {
            log: Log::Organization(organization.id),
            organization: Some(organization.slug.to_string()),
            zone: Some(organization.time_zone.tz()),
        })
    }
}
