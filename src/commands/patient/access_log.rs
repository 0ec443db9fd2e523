//! `patient access-log`

use chrono::{DateTime, Utc};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{pages, references},
        complete,
        views::PageArgs,
    },
    db::access::AccessFilter,
    domain::access::{Access, Reader},
    error::Result,
    output::{Cell, Listing, Record, Style},
    rfc3339,
    services::booking::access_log,
};

/// List accesses to patient records, newest first.
///
/// Each record that an answer depended on is logged. The log is append-only; `activity verify`
/// detects tampering. It contains only patient IDs, including those of patients erased since.
///
/// Examples:
///   tenantctl patient access-log P-1042
///   tenantctl patient access-log --reader sam@harbor.example --since 2026-11-01
///   tenantctl patient access-log --all -o ndjson --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AccessLogArgs {
    /// Filter by patient: an ID, or an ID in the practice's own system.
    #[arg(value_name = "ID|EXTERNAL_ID")]
    patient: Option<String>,

    /// Filter by reader name or address containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    reader: Option<String>,

    /// Filter by function, or by import: ImportPatients, ImportAppointments.
    #[arg(long, value_parser = values::record_reader, add = ArgValueCompleter::new(complete::record_readers))]
    function: Option<Reader>,

    /// Show accesses at or after this time: a date or an RFC 3339 time.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    since: Option<DateTime<Utc>>,

    /// Show accesses before this time.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<DateTime<Utc>>,

    #[command(flatten)]
    page: PageArgs,
}

impl AccessLogArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<AccessRecord>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let patient = match &self.patient {
            Some(reference) => Some(references::patient(&session, &organization, reference).await?),
            None => None,
        };
        let zone = organization.time_zone.tz();
        let filter = AccessFilter {
            patient,
            actor: self.reader,
            function: self.function,
            since: self.since,
            until: self.until,
            before: None,
            limit: 0,
        };
        let rows = pages::rows(limit, move |most, before| {
            let session = session.clone();
            let filter = AccessFilter {
                limit: i64::from(most) + 1,
                before,
                ..filter.clone()
            };
            async move {
                let mut page = access_log::page(&session, organization.id, &filter).await?;
                let more = page.len() > most as usize;
                page.truncate(most as usize);
                let last = page.last().map(|access| access.id).filter(|_| more);
                let records = page
                    .into_iter()
                    .map(|access| AccessRecord::new(access, zone));
                Ok((records.collect(), last))
            }
        });
        Ok(Listing::new(rows, "no matching record accesses").limit(limit))
    }
}

/// One access to a record.
#[derive(Clone, Serialize)]
pub(super) struct AccessRecord {
    id: String,
    #[serde(with = "rfc3339")]
    occurred_at: DateTime<Utc>,
    actor: String,
    function: String,
    patient_id: String,
    request_id: String,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl AccessRecord {
    fn new(access: Access, zone: chrono_tz::Tz) -> Self {
        Self {
            id: access.id.to_string(),
            occurred_at: access.occurred_at,
            actor: access.actor,
            function: access.function,
            patient_id: access.patient_id.to_string(),
            request_id: access.request_id.to_string(),
            zone,
        }
    }
}

impl Record for AccessRecord {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "occurred_at",
            "actor",
            "function",
            "patient_id",
            "request_id",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["WHEN", "WHO", "FUNCTION", "PATIENT"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.time(self.occurred_at, Some(self.zone)).into(),
            style.bold(&self.actor),
            self.function.as_str().into(),
            self.patient_id.as_str().into(),
        ]
    }
}
