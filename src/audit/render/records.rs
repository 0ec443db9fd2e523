//! Findings as list rows, for `-o csv` and `-o ndjson`.

use super::{checks::tone, wording::subject};
use crate::audit::report::Finding;
use crate::output::{Cell, Record, Style};

impl Record for Finding {
    fn fields() -> &'static [&'static str] {
        &[
            "check",
            "class",
            "severity",
            "confidence",
            "object",
            "column",
            "part",
            "message",
            "evidence",
            "fix",
            "location",
            "fingerprint",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["SEVERITY", "CHECK", "OBJECT", "CONFIDENCE"]
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![
            Cell::new(self.severity.as_str(), tone(self.severity)),
            self.check.as_str().into(),
            subject(self).into(),
            self.confidence.as_str().into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::report::{Finding, Location};
    use crate::{
        audit::render::sample,
        output::{Format, Listing, Printer, PrinterOptions},
    };

    async fn printed(format: Format, findings: Vec<Finding>) -> String {
        let (printer, captured) = Printer::captured_with(PrinterOptions {
            format,
            ..PrinterOptions::default()
        });
        let listing = Listing::of(findings, "no findings");
        printer.list(listing).await.unwrap();
        captured.stdout()
    }

    fn with_every_field() -> Finding {
        let finding = sample::report().findings[0].clone();
        finding.column("id").part("policy").location(Location {
            file: "a.sql".to_owned(),
            line: 3,
        })
    }

    #[tokio::test]
    async fn csv_has_a_column_for_every_field_and_a_header_without_findings() {
        let header = printed(Format::Csv, Vec::new()).await;
        assert!(header.starts_with("check,class,severity,"), "{header}");
        let one = printed(Format::Csv, vec![with_every_field()]).await;
        assert!(one.starts_with(&header), "{one}");
        assert!(one.len() > header.len(), "{one}");
    }

    #[tokio::test]
    async fn ndjson_has_a_line_for_each_finding() {
        let text = printed(Format::Ndjson, sample::many(3).findings).await;
        assert_eq!(text.lines().count(), 3);
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["schema_version"], 1);
            assert_eq!(value["fingerprint"].as_str().map(str::len), Some(16));
        }
    }
}
