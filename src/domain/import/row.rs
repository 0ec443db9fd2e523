//! From the cells of a record to what is staged for the database.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    Cells, Fault, ImportKind, appointments, members, operatories, organizations, patients,
    providers, schedules,
};
use crate::domain::{Organization, OrganizationId};

/// What of an organization the reading of its rows needs.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: OrganizationId,
    /// ISO 3166-1, in which telephone numbers may be dialled.
    pub region: Option<String>,
    pub zone: Tz,
    /// The date there.
    pub today: NaiveDate,
}

impl Tenant {
    /// That of an organization, at that time.
    pub fn new(organization: &Organization, now: DateTime<Utc>) -> Self {
        let zone = organization.time_zone.tz();
        Self {
            id: organization.id,
            region: organization.locale.region().map(str::to_owned),
            zone,
            today: now.with_timezone(&zone).date_naive(),
        }
    }
}

/// Takes the values of a row, column by column. The names are those of the staging table; they have
/// to come in its order.
pub trait RowSink {
    fn text(&mut self, column: &'static str, value: Option<&str>);
    fn texts(&mut self, column: &'static str, values: &[String]);
    fn date(&mut self, column: &'static str, value: Option<NaiveDate>);
    fn time(&mut self, column: &'static str, value: Option<DateTime<Utc>>);
    fn number(&mut self, column: &'static str, value: Option<i64>);
    fn uuid(&mut self, column: &'static str, value: Option<Uuid>);
    fn bytes(&mut self, column: &'static str, value: Option<&[u8]>);
    /// Whether values that are only derived, such as folded names, are wanted at all.
    fn wants_derived(&self) -> bool {
        true
    }
}

/// The faults of a row, as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a fault; there is no value then.
    pub(super) fn wrong<T>(
        &mut self,
        column: &'static str,
        value: &str,
        rule: String,
    ) -> Option<T> {
        self.0.push(Fault::new(column, value, rule));
        None
    }
}

/// Reads a row, gives its values to `sink` and tells everything that is wrong with it. Where
/// something is, what the sink was given is worth nothing.
pub fn read_row(kind: ImportKind, cells: &Cells<'_>, sink: &mut dyn RowSink) -> Vec<Fault> {
    let mut faults = Faults::default();
    if let Some(fault) = of_the_record(cells) {
        return vec![fault];
    }
    match kind {
        ImportKind::Patients => patients::read(cells, &mut faults, sink),
        ImportKind::Providers => providers::read(cells, &mut faults, sink),
        ImportKind::Operatories => operatories::read(cells, &mut faults, sink),
        ImportKind::Schedules => schedules::read(cells, &mut faults, sink),
        ImportKind::Appointments => appointments::read(cells, &mut faults, sink),
        ImportKind::Members => members::read(cells, &mut faults, sink),
        ImportKind::Organizations => organizations::read(cells, &mut faults, sink),
    }
    faults.0
}

fn of_the_record(cells: &Cells<'_>) -> Option<Fault> {
    let record = cells.record;
    let (count, width) = (record.count(), cells.layout.width());
    if count != width {
        return Some(Fault::of_row(format!(
            "the row has {count} fields, the header {width}"
        )));
    }
    if record.is_damaged() {
        return Some(Fault::of_row(
            "it has bytes that are no characters of the file's encoding (see --encoding)",
        ));
    }
    let has_nul = !cells.is_plain && record.has_nul();
    has_nul.then(|| Fault::of_row("a field has a NUL character"))
}
