//! `activity list`

use chrono::{DateTime, Utc};
use clap::Args;
use futures_util::StreamExt;

use super::{NamedLog, view::EntryView};
use crate::{
    app::App,
    cli::{Scope, values},
    commands::views::PageArgs,
    db::activity::ActivityFilter,
    error::{Error, Result},
    output::Listing,
    services::activity,
};

/// List the entries of the activity log, newest first.
///
/// Examples:
///   tenantctl activity list --org harbor-clinic
///   tenantctl activity list --action channel --object web --since 2026-11-01
///   tenantctl activity list --actor sam@harbor.example --all -o ndjson
///   tenantctl activity list --platform
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Only actions by this person: a part of the address or name, in any case.
    #[arg(long, value_name = "TEXT")]
    actor: Option<String>,

    /// Only this action (member.role), or those of this noun (member).
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,

    /// Only actions on this object: an id, or the name of a channel.
    #[arg(long, value_name = "ID")]
    object: Option<String>,

    /// Only actions at this time or later: RFC 3339, or a day (UTC).
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    since: Option<DateTime<Utc>>,

    /// Only actions before this time: RFC 3339, or a day (UTC).
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<DateTime<Utc>>,

    /// The platform's own log: sign-ups and the defaults of all organizations.
    #[arg(long, conflicts_with = "org", add = Scope::Platform)]
    platform: bool,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<EntryView>> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            return Err(
                Error::usage(format!("--since {since} is not before --until {until}"))
                    .hint("swap the two"),
            );
        }
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let log = NamedLog::find(app, &session, self.platform).await?;
        let filter = ActivityFilter {
            actor: self.actor,
            action: self.action,
            object_id: self.object,
            since: self.since,
            until: self.until,
            limit: PageArgs::fetch(limit),
        };
        let entries = activity::list(&session, log.log, filter).await?;
        let rows = entries
            .map(move |row| row.map(|stored| EntryView::new(&log, stored.entry)))
            .boxed();
        Ok(Listing::new(rows, "no matching activity").limit(limit))
    }
}
