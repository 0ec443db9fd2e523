//! Input and output of the readers of rows: the organization, the staged values, and the faults.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::Fault;
use crate::domain::{Organization, OrganizationId};

/// The properties of an organization that are needed to read its rows.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: OrganizationId,
    /// The ISO 3166-1 region for national phone numbers.
    pub region: Option<String>,
    pub zone: Tz,
    /// The date in the organization's time zone.
    pub today: NaiveDate,
}

impl Tenant {
    /// Returns the properties of an organization at a time.
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

/// Receives the values of a row, column by column, with the names and in the order of the staging
/// table.
pub trait RowSink {
    fn text(&mut self, column: &'static str, value: Option<&str>);
    fn texts(&mut self, column: &'static str, values: &[String]);
    fn date(&mut self, column: &'static str, value: Option<NaiveDate>);
    fn time(&mut self, column: &'static str, value: Option<DateTime<Utc>>);
    fn number(&mut self, column: &'static str, value: Option<i64>);
    fn uuid(&mut self, column: &'static str, value: Option<Uuid>);
    fn bytes(&mut self, column: &'static str, value: Option<&[u8]>);
    /// `true` if derived values, such as folded names, are needed.
    fn wants_derived(&self) -> bool {
        true
    }
}

/// The faults found in a row so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// `true` if there is no fault so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fault and returns no value.
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
