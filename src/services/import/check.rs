//! Checks a file without a database, or before the first step is written.

use std::{num::NonZero, thread};

use super::{
    Gauge, Outcome, Plan, ShownFault, Tenants,
    ahead::{Chunk, judge_all},
    plan::SHOWN_FAULTS,
    reading::Opened,
    rejects::RejectFile,
};
use crate::{
    csv_file::{CsvFile, Record},
    domain::import::{Cells, Fault, Layout, RowSink, read_row},
    error::Result,
    system::new_id,
};

/// Maximum number of threads that check. Splitting the file into records takes one more, which
/// becomes the bottleneck beyond this number.
const MOST_WORKERS: usize = 4;

/// Reads the whole file and checks each row. Keys are not compared, neither with each other nor
/// with the database.
///
/// # Errors
/// `BadInput` if the file cannot be read; `Failure` if the reject file cannot be written.
pub fn check(file: &CsvFile, plan: &Plan, tenants: &Tenants, gauge: &Gauge) -> Result<Outcome> {
    let Opened { records, layout } = Opened::open(file, plan, tenants)?;
    let mut outcome = Outcome {
        unknown_columns: layout.unknown().to_vec(),
        ..Outcome::default()
    };
    let mut rejects = match &plan.reject_file {
        Some(path) => Some(RejectFile::create(
            path,
            new_id(),
            plan.existing,
            &records,
            plan.excel_safe,
        )?),
        None => None,
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let judge = |chunk: &mut Chunk| judge(chunk, plan, tenants, &layout);
    judge_all(records, cores.min(MOST_WORKERS), judge, |chunk| {
        take(chunk, plan, &mut outcome, rejects.as_mut())?;
        let read = outcome.counts.new + outcome.counts.rejected;
        gauge.read(chunk.bytes_read(), read);
        outcome.format = Some(chunk.format());
        Ok(!outcome.too_many_errors)
    })?;
    if let Some(mut rejects) = rejects {
        rejects.sync()?;
        if outcome.counts.rejected > 0 {
            rejects.publish()?;
            outcome.reject_file.clone_from(&plan.reject_file);
        }
    }
    Ok(outcome)
}

/// Collects the faults of the records of a chunk.
fn judge(chunk: &mut Chunk, plan: &Plan, tenants: &Tenants, layout: &Layout) {
    let wrong = chunk
        .records()
        .iter()
        .enumerate()
        .filter_map(|(at, record)| {
            let faults = match tenants.of(record, layout) {
                Ok(tenant) => {
                    let cells = Cells::new(record, layout, plan.dates, tenant);
                    read_row(plan.kind, &cells, &mut Discarded)
                }
                Err(fault) => vec![fault],
            };
            (!faults.is_empty()).then_some((at, faults))
        });
    chunk.faults = wrong.collect();
}

/// Counts the rows of a chunk and reports the wrong ones until there are too many.
fn take(
    chunk: &Chunk,
    plan: &Plan,
    outcome: &mut Outcome,
    mut rejects: Option<&mut RejectFile>,
) -> Result<()> {
    let mut passed = 0;
    for (at, faults) in &chunk.faults {
        let record: &Record = &chunk.records()[*at];
        outcome.counts.new += (at - passed) as u64;
        passed = at + 1;
        outcome.counts.rejected += 1;
        if let Some(rejects) = &mut rejects {
            rejects.write(record, &Fault::all_told(faults))?;
        }
        let room = SHOWN_FAULTS.saturating_sub(outcome.faults.len());
        let shown = faults.iter().take(room);
        let shown = shown.map(|fault| ShownFault::new(record.line(), fault.clone()));
        outcome.faults.extend(shown);
        if plan.is_too_many(outcome.counts.rejected) {
            outcome.too_many_errors = true;
            return Ok(());
        }
    }
    outcome.counts.new += (chunk.records().len() - passed) as u64;
    Ok(())
}

/// A sink that discards the values.
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
