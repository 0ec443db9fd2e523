//! Progress of long operations: a bar or spinner on a terminal, a line every few seconds otherwise,
//! nothing with `--quiet`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::escape;
use super::printer::Printer;
use super::style::Tone;

/// Interval between lines without a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Interval between frames of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// A running job; it disappears from the terminal when it is finished or dropped.
pub struct Progress {
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Lines(Lines),
    Silent,
}

impl Progress {
    pub(super) fn start(printer: &Printer, what: &str, total: Option<u64>) -> Self {
        let options = printer.options();
        let display = if options.quiet {
            Display::Silent
        } else if options.stderr_terminal && !options.dumb_terminal {
            Display::Bar(bar(printer, what, total))
        } else {
            Display::Lines(Lines::start(printer, what, total, LINE_INTERVAL))
        };
        Self { display }
    }

    /// Adds `count` to the position.
    pub fn inc(&self, count: u64) {
        match &self.display {
            Display::Bar(bar) => bar.inc(count),
            Display::Lines(lines) => {
                lines.state.position.fetch_add(count, Ordering::Relaxed);
            }
            Display::Silent => {}
        }
    }

    /// Sets the position.
    pub fn set_position(&self, position: u64) {
        match &self.display {
            Display::Bar(bar) => bar.set_position(position),
            Display::Lines(lines) => lines.state.position.store(position, Ordering::Relaxed),
            Display::Silent => {}
        }
    }

    /// Sets the message.
    pub fn set_message(&self, what: &str) {
        match &self.display {
            Display::Bar(bar) => bar.set_message(escape::line(what).into_owned()),
            Display::Lines(lines) => {
                *lines
                    .state
                    .what
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = what.to_owned();
            }
            Display::Silent => {}
        }
    }

    /// Ends it; the caller reports the result.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

fn bar(printer: &Printer, what: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} [{bar:24}] {human_pos} of {human_len}, {rate}, {eta} left",
        None => "{spinner} {msg} ({elapsed})",
    };
    let style = ProgressStyle::with_template(template)
        .expect("the templates are constants that indicatif accepts")
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // Whole items: indicatif's `per_sec` shows four decimals.
            let rate = HumanCount(state.per_sec().round() as u64);
            // Writing to a string cannot fail.
            let _written = write!(out, "{rate}/s");
        })
        .progress_chars("=> ");
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let bar = printer.bars().add(bar.with_style(style));
    bar.set_message(escape::line(what).into_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// A thread that writes a line at intervals, even if the job itself reports nothing.
struct Lines {
    state: Arc<LineState>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct LineState {
    what: Mutex<String>,
    position: AtomicU64,
    total: Option<u64>,
    started: Instant,
}

impl Lines {
    fn start(printer: &Printer, what: &str, total: Option<u64>, interval: Duration) -> Self {
        let state = Arc::new(LineState {
            what: Mutex::new(what.to_owned()),
            position: AtomicU64::new(0),
            total,
            started: Instant::now(),
        });
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn({
            let (state, printer) = (Arc::clone(&state), printer.clone());
            move || {
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    printer.talk("", Tone::Plain, &state.line(state.started.elapsed()));
                }
            }
        });
        Self {
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread only affects progress lines.
            let _ended = thread.join();
        }
    }
}

impl LineState {
    fn line(&self, elapsed: Duration) -> String {
        let what = self.what.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.position.load(Ordering::Relaxed);
        let seconds = elapsed.as_secs_f64();
        let Some(total) = self.total.filter(|total| *total > 0) else {
            return match position {
                0 => format!("{what}: {} so far", HumanDuration(elapsed)),
                _ => format!("{what}: {}", HumanCount(position)),
            };
        };
        let percent = position.saturating_mul(100) / total;
        let mut line = format!(
            "{what}: {} of {} ({percent} %)",
            HumanCount(position),
            HumanCount(total)
        );
        if position > 0 && seconds > 0.0 {
            let rate = position as f64 / seconds;
            let left = total.saturating_sub(position) as f64 / rate;
            line.push_str(&format!(", {}/s", HumanCount(rate.round() as u64)));
            if let Ok(left) = Duration::try_from_secs_f64(left.ceil()) {
                line.push_str(&format!(", {} left", HumanDuration(left)));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::PrinterOptions;

    fn state(position: u64, total: Option<u64>) -> LineState {
        LineState {
            what: Mutex::new("importing".into()),
            position: AtomicU64::new(position),
            total,
            started: Instant::now(),
        }
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let line = |position, total| state(position, total).line(Duration::from_secs(4));
        assert_eq!(
            line(1200, Some(4800)),
            "importing: 1,200 of 4,800 (25 %), 300/s, 12 seconds left"
        );
        assert_eq!(line(0, Some(9)), "importing: 0 of 9 (0 %)");
        assert_eq!(line(7, None), "importing: 7");
        assert_eq!(line(0, None), "importing: 4 seconds so far");
    }

    #[test]
    fn lines_come_without_a_terminal_and_stop_at_the_end() {
        let (printer, captured) = Printer::captured();
        let lines = Lines::start(&printer, "working", None, Duration::from_millis(1));
        lines.state.position.store(3, Ordering::Relaxed);
        while !captured.stderr().contains("working: 3\n") {
            thread::yield_now();
        }
        drop(lines);
        let after = captured.stderr();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(captured.stderr(), after);
    }

    #[test]
    fn quiet_is_silent() {
        let (printer, _captured) = Printer::captured_with(PrinterOptions {
            quiet: true,
            ..PrinterOptions::default()
        });
        assert!(matches!(printer.spinner("x").display, Display::Silent));
    }
}
