//! `activity show`

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{NamedLog, view::EntryView};
use crate::{
    app::App,
    cli::{Scope, values},
    db::activity::StoredEntry,
    domain::hexadecimal,
    error::Result,
    output::{Page, View},
    services::activity,
};

/// Show an entry, with the values before and after the change.
///
/// Examples:
///   tenantctl activity show 12 --org harbor-clinic
///   tenantctl activity show 12 -o json | jq -r .before.instructions
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The number of the entry in `activity list`.
    #[arg(value_name = "SEQUENCE", allow_negative_numbers = true, value_parser = values::positive::<i64>)]
    sequence: i64,

    /// Show an entry of the platform's own log.
    #[arg(long, conflicts_with = "org", add = Scope::Platform)]
    platform: bool,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<ShownView> {
        let session = app.session().await?;
        let log = NamedLog::find(app, &session, self.platform).await?;
        let stored = activity::show(&session, log.log, self.sequence).await?;
        Ok(ShownView::new(&log, stored))
    }
}

#[derive(Serialize)]
pub(super) struct ShownView {
    #[serde(flatten)]
    entry: EntryView,
    previous_hash: String,
    hash: String,
}

impl ShownView {
    fn new(log: &NamedLog, stored: StoredEntry) -> Self {
        Self {
            entry: EntryView::new(log, stored.entry),
            previous_hash: hexadecimal(&stored.previous_hash),
            hash: hexadecimal(&stored.hash),
        }
    }
}

impl View for ShownView {
    fn human(&self, page: &mut Page) {
        let entry = &self.entry;
        let style = page.style();
        page.field("Entry", entry.sequence)
            .field("When", style.time(entry.occurred_at, entry.zone))
            .field("Actor", &entry.actor)
            .field("Action", style.bold(&entry.action))
            .field("Object", entry.object())
            .field("Request", &entry.request_id)
            .field("Hash", &self.hash);
        if entry.before.is_some() || entry.after.is_some() {
            page.heading("What changed")
                .diff(&readable(&entry.before), &readable(&entry.after));
        }
    }
}

/// Formats a value as YAML, which keeps the line breaks of a long text.
fn readable(value: &Option<Value>) -> String {
    let yaml = value.as_ref().map(serde_norway::to_string);
    yaml.and_then(Result::ok).unwrap_or_default()
}
