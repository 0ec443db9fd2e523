//! Checking a file without a database, or before the first step is written.

use super::{
    Gauge, Outcome, Plan, ShownFault, Tenants,
    plan::SHOWN_FAULTS,
    reading::{Reading, RowTaker},
    rejects::RejectFile,
};
use crate::{
    csv_file::{CsvFile, Record},
    domain::import::{Fault, RowSink, Tenant},
    error::Result,
};

/// Reads the whole file and holds each row to its rules. Keys are not compared, with each other or
/// with what the database has: that is its work.
///
/// # Errors
/// `BadInput` where the file cannot be read, `Failure` where the reject file cannot be written.
pub fn check(file: &CsvFile, plan: &Plan, tenants: &Tenants, gauge: &Gauge) -> Result<Outcome> {
    let mut reading = Reading::open(file, plan, tenants, gauge)?;
    let rejects = match &plan.reject_file {
        Some(path) => {
            let delimiter = reading.format().delimiter;
            let headers = reading.headers();
            Some(RejectFile::create(
                path,
                headers,
                delimiter,
                plan.excel_safe,
            )?)
        }
        None => None,
    };
    let mut checked = Checked {
        outcome: Outcome::default(),
        rejects,
        discarded: Discarded,
    };
    while reading.next(&mut checked)?.is_some() {
        if plan.is_too_many(checked.outcome.counts.rejected) {
            checked.outcome.too_many_errors = true;
            break;
        }
    }
    let mut outcome = checked.outcome;
    if let Some(mut rejects) = checked.rejects {
        rejects.sync()?;
        outcome.reject_file.clone_from(&plan.reject_file);
    }
    outcome.format = Some(reading.format());
    outcome.unknown_columns = reading.unknown_columns().to_vec();
    Ok(outcome)
}

struct Checked {
    outcome: Outcome,
    rejects: Option<RejectFile>,
    discarded: Discarded,
}

impl RowTaker for Checked {
    fn begin(&mut self, _record: &Record, _tenant: &Tenant) {}

    fn sink(&mut self) -> &mut dyn RowSink {
        &mut self.discarded
    }

    fn accept(&mut self) {
        self.outcome.counts.new += 1;
    }

    fn reject(
        &mut self,
        record: &Record,
        _tenant: Option<&Tenant>,
        faults: Vec<Fault>,
    ) -> Result<()> {
        self.outcome.counts.rejected += 1;
        if let Some(rejects) = &mut self.rejects {
            rejects.write(record, &Fault::all_told(&faults))?;
        }
        for fault in faults {
            if self.outcome.faults.len() < SHOWN_FAULTS {
                self.outcome
                    .faults
                    .push(ShownFault::new(record.line(), fault));
            }
        }
        Ok(())
    }
}

/// Where values go that nobody stores.
struct Discarded;

impl RowSink for Discarded {
    fn text(&mut self, _: &'static str, _: Option<&str>) {}
    fn texts(&mut self, _: &'static str, _: &[String]) {}
    fn date(&mut self, _: &'static str, _: Option<chrono::NaiveDate>) {}
    fn time(&mut self, _: &'static str, _: Option<chrono::DateTime<chrono::Utc>>) {}
    fn number(&mut self, _: &'static str, _: Option<i64>) {}
    fn uuid(&mut self, _: &'static str, _: Option<uuid::Uuid>) {}
    fn bytes(&mut self, _: &'static str, _: Option<&[u8]>) {}

    fn wants_derived(&self) -> bool {
        false
    }
}
