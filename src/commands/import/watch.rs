//! The progress of an import: rows, rows per second, remaining time, and the phase.

use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration};

use crate::{
    output::Printer,
    services::import::{Gauge, Phase},
};

/// Interval between updates of the display.
const INTERVAL: Duration = Duration::from_millis(250);

/// Runs the work and displays its progress.
pub(super) async fn watched<T>(
    printer: &Printer,
    gauge: &Gauge,
    size: u64,
    work: impl Future<Output = T>,
) -> T {
    let begun = Instant::now();
    let progress = printer.spinner(&line(gauge, size, Duration::ZERO));
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(INTERVAL) => {
                progress.set_message(&line(gauge, size, begun.elapsed()));
            }
        }
    }
}

fn line(gauge: &Gauge, size: u64, elapsed: Duration) -> String {
    let (records, bytes) = (gauge.records(), gauge.bytes());
    let mut line = format!("{}: {} rows", gauge.phase().describe(), HumanCount(records));
    let seconds = elapsed.as_secs_f64();
    if records == 0 || seconds < 0.5 {
        return line;
    }
    let rate = records as f64 / seconds;
    line.push_str(&format!(", {} rows/s", HumanCount(rate.round() as u64)));
    // The time of the server for writing cannot be estimated.
    if gauge.phase() == Phase::Reading && (1..size).contains(&bytes) {
        let left = seconds / bytes as f64 * (size - bytes) as f64;
        let percent = bytes.saturating_mul(100) / size;
        line.push_str(&format!(", {percent} % read"));
        if let Ok(left) = Duration::try_from_secs_f64(left.ceil()) {
            line.push_str(&format!(", {} left to read", HumanDuration(left)));
        }
    }
    line
}
