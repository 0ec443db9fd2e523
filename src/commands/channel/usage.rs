//! `channel usage`

use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    db::webhooks::usage::DayOfUse,
    error::Result,
    output::{Cell, Listing, Record, Style},
    services::channels,
};

/// Show the usage of the channels by day, in the organization's time zone.
///
/// Calls and messages are counted as reported by the providers, each once: see tenantctl webhook.
///
/// Examples:
///   tenantctl channel usage
///   tenantctl channel usage --from 2026-11-01 --to 2026-11-30 -o csv
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UsageArgs {
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    to: Option<NaiveDate>,
}

impl UsageArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<UsageView>> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let days = channels::usage(&session, organization.id, self.from, self.to).await?;
        let rows = days.into_iter().map(UsageView::from).collect();
        let empty = format!("no usage of {} in that period", organization.slug);
        Ok(Listing::of(rows, empty))
    }
}

#[derive(Serialize)]
pub(super) struct UsageView {
    day: NaiveDate,
    channel: String,
    calls: i64,
    call_seconds: i64,
    messages: i64,
}

impl From<DayOfUse> for UsageView {
    fn from(day: DayOfUse) -> Self {
        Self {
            day: day.day,
            channel: day.channel,
            calls: day.calls,
            call_seconds: day.call_seconds,
            messages: day.messages,
        }
    }
}

impl Record for UsageView {
    fn fields() -> &'static [&'static str] {
        &["day", "channel", "calls", "call_seconds", "messages"]
    }

    fn columns() -> &'static [&'static str] {
        &["DAY", "CHANNEL", "CALLS", "SECONDS", "MESSAGES"]
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![
            self.day.to_string().into(),
            self.channel.as_str().into(),
            self.calls.into(),
            self.call_seconds.into(),
            self.messages.into(),
        ]
    }
}
