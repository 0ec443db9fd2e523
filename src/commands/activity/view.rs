//! An entry, as printed by `list` and `show`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::NamedLog;
use crate::{
    domain::Entry,
    output::{Cell, Record, Style},
    rfc3339,
};

#[derive(Serialize)]
pub(super) struct EntryView {
    /// The slug; `None` for the platform's own log.
    organization: Option<String>,
    pub(super) sequence: i64,
    id: String,
    #[serde(with = "rfc3339")]
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) actor: String,
    pub(super) action: String,
    object_type: String,
    object_id: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) request_id: String,
    #[serde(skip)]
    pub(super) zone: Option<chrono_tz::Tz>,
}

impl EntryView {
    pub(super) fn new(log: &NamedLog, entry: Entry) -> Self {
        Self {
            organization: log.organization.clone(),
            sequence: entry.sequence,
            id: entry.id.to_string(),
            occurred_at: entry.occurred_at,
            actor: entry.actor,
            action: entry.action,
            object_type: entry.object_type,
            object_id: entry.object_id,
            before: entry.before,
            after: entry.after,
            request_id: entry.request_id.to_string(),
            zone: log.zone,
        }
    }

    pub(super) fn object(&self) -> String {
        format!("{} {}", self.object_type, self.object_id)
    }
}

impl Record for EntryView {
    fn fields() -> &'static [&'static str] {
        &[
            "organization",
            "sequence",
            "id",
            "occurred_at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "before",
            "after",
            "request_id",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["#", "WHEN", "ACTOR", "ACTION", "OBJECT"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            self.sequence.into(),
            style.time(self.occurred_at, self.zone).into(),
            self.actor.as_str().into(),
            style.bold(&self.action),
            self.object().into(),
        ]
    }
}
