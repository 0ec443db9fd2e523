//! `appointment slots`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, references, span},
        complete,
        views::PageArgs,
    },
    domain::booking::{ClockTime, Operatory, Provider, Slot, parameters::GetAvailableSlots},
    error::Result,
    output::{Cell, Listing, Record, Style},
    run,
    services::booking::slots,
};

/// Maximum number of slots in a list.
const MOST: u64 = 10_000;

/// List free slots: working hours without appointments.
///
/// Examples:
///   tenantctl appointment slots --provider Keller --days 3
///   tenantctl appointment slots --length 45 --time-from 13:00 --time-until 18:00 --lead 120
///   tenantctl appointment slots --from 2026-12-01 --without-operatory --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SlotsArgs {
    /// Only with this provider: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Only in this operatory; by default, in any free one.
    #[arg(long, conflicts_with = "without_operatory", add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Slots that need no operatory, as for a call.
    #[arg(long)]
    without_operatory: bool,

    /// The first date; by default, today.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// Number of dates, 1 to 92.
    #[arg(long, value_name = "N", default_value = "14", value_parser = values::whole_number::<u32>(1..=92))]
    days: u32,

    /// Length in minutes, 5 to 1440.
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = values::whole_number::<u32>(5..=1440))]
    length: u32,

    /// Minutes between the starts of slots, 5 to 1440; by default, the length.
    #[arg(long, value_name = "MINUTES", value_parser = values::whole_number::<u32>(5..=1440))]
    step: Option<u32>,

    /// Minimum number of minutes from now to the start of the first slot.
    #[arg(long, value_name = "MINUTES", default_value = "0", value_parser = values::whole_number::<u32>(0..=525_600))]
    lead: u32,

    /// Slots that start at this time of the day or later.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    time_from: Option<ClockTime>,

    /// Slots that end at this time of the day or earlier.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    time_until: Option<ClockTime>,

    #[command(flatten)]
    page: PageArgs,
}

impl SlotsArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<SlotRecord>> {
        let limit = self.page.limit(app)?.unwrap_or(MOST).min(MOST);
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        let parameters = GetAvailableSlots {
            provider_id: references::optional::<Provider>(&session, &organization, provider)
                .await?,
            operatory_id: references::optional::<Operatory>(&session, &organization, operatory)
                .await?,
            without_operatory: self.without_operatory,
            date_from: self.from,
            days: Some(self.days),
            length_minutes: Some(self.length),
            step_minutes: self.step,
            lead_minutes: Some(self.lead),
            time_from: self.time_from,
            time_until: self.time_until,
            limit: u32::try_from(limit).ok(),
        };
        let found = slots::get_available(&session, organization.id, &parameters).await?;
        let zone = organization.time_zone.tz();
        let names = Names::load(app, &session, &organization).await?;
        let records = found.slots.into_iter().map(|slot| SlotRecord {
            provider: names.provider(slot.provider_id),
            operatory: slot.operatory_id.map(|id| names.operatory(id)),
            slot,
            zone,
        });
        let mut records: Vec<SlotRecord> = records.collect();
        // The list removes one row if there are more.
        records.extend(records.last().cloned().filter(|_| found.more));
        let slug = &organization.slug;
        let empty =
            run!["schedule", "list", "--org", slug].labeled("no free slots; list the schedules");
        let rows = stream::iter(records).map(Ok).boxed();
        Ok(Listing::new(rows, empty).limit(Some(limit)))
    }
}

/// A free slot.
#[derive(Clone, Serialize)]
pub(super) struct SlotRecord {
    #[serde(flatten)]
    slot: Slot,
    #[serde(skip)]
    provider: String,
    #[serde(skip)]
    operatory: Option<String>,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl Record for SlotRecord {
    fn fields() -> &'static [&'static str] {
        &[
            "starts_at",
            "ends_at",
            "local_start",
            "provider_id",
            "operatory_id",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["STARTS", "UNTIL", "PROVIDER", "OPERATORY"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let Slot {
            starts_at, ends_at, ..
        } = self.slot;
        vec![
            style.bold(style.time(starts_at, Some(self.zone))),
            span::until(starts_at, ends_at, self.zone).into(),
            self.provider.as_str().into(),
            Cell::optional(self.operatory.as_deref()),
        ]
    }
}
