//! The log of a server as JSON, one object per line.
//!
//! Every request is logged, so a line is written directly from the event, in one pass; the JSON
//! formatter of tracing-subscriber takes several times as long.

use std::fmt::{self, Debug};

use chrono::SecondsFormat;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::system::Clock;

/// `{"timestamp": …, "level": …, fields of the event, "target": …}`
pub(super) struct JsonLines(pub(super) Clock);

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let time = self.0.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let level = metadata.level();
        write!(writer, r#"{{"timestamp":"{time}","level":"{level}""#)?;
        let mut fields = Fields {
            writer: writer.by_ref(),
            written: Ok(()),
        };
        event.record(&mut fields);
        fields.written?;
        writeln!(writer, r#","target":"{}"}}"#, metadata.target())
    }
}

struct Fields<'a> {
    writer: Writer<'a>,
    /// The first failure, after which nothing more is written.
    written: fmt::Result,
}

impl Fields<'_> {
    /// Writes a field with a value that is already JSON.
    fn json(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.written.is_ok() {
            self.written = write!(self.writer, r#","{}":{value}"#, field.name());
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            // With a decimal point, even for a whole number, so that readers parse it as a float.
            true => self.json(field, format_args!("{value:?}")),
            false => self.json(field, format_args!("null")),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.json(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.json(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.json(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match serde_json::to_string(value) {
            Ok(text) => self.json(field, format_args!("{text}")),
            Err(_) => self.written = Err(fmt::Error),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::Printer;

    #[test]
    fn a_line_is_an_object_whatever_is_in_its_fields() {
        let (printer, captured) = Printer::captured();
        let log = tracing_subscriber::fmt()
            .event_format(JsonLines(Clock::System))
            .with_writer(move || printer.log_writer())
            .finish();
        tracing::subscriber::with_default(log, || {
            tracing::info!(
                number = -3,
                large = u64::MAX,
                ms = 0.25,
                whole = 12.0,
                none = f64::NAN,
                is = true,
                text = "a \"b\"\n\\ü\u{1}",
                shown = %"c\td",
                debug = ?Some("e"),
                "said of {}",
                "\"f\""
            );
        });
        let line = captured.stderr();
        assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
        let mut line: Value = serde_json::from_str(&line).unwrap();
        let time = line["timestamp"].take();
        assert!(chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).is_ok());
        assert_eq!(
            line,
            json!({
                "timestamp": null,
                "level": "INFO",
                "message": "said of \"f\"",
                "number": -3,
                "large": u64::MAX,
                "ms": 0.25,
                "whole": 12.0,
                "none": null,
                "is": true,
                "text": "a \"b\"\n\\ü\u{1}",
                "shown": "c\td",
                "debug": "Some(\"e\")",
                "target": module_path!(),
            })
        );
    }
}
