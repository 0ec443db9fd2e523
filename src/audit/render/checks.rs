//! `audit checks` and `audit explain`.

use serde::Serialize;

use crate::audit::report::{Check, Confidence, Severity};
use crate::output::{Cell, Page, Record, Style, Tone, View};

impl Record for Check {
    fn fields() -> &'static [&'static str] {
        &["id", "class", "severity", "confidence", "title"]
    }

    fn columns() -> &'static [&'static str] {
        &["CHECK", "CLASS", "SEVERITY", "CONFIDENCE", "TITLE"]
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![
            Cell::new(self.id, Tone::Bold),
            self.class.as_str().into(),
            Cell::new(self.severity.as_str(), tone(self.severity)),
            self.confidence.as_str().into(),
            self.title.into(),
        ]
    }
}

/// The documentation page of a check.
#[derive(Serialize)]
pub struct Explanation {
    #[serde(flatten)]
    check: Check,
    severity_means: &'static str,
    confidence_means: &'static str,
    page: &'static str,
}

impl Explanation {
    /// Creates the page of a check.
    pub fn new(check: &Check) -> Self {
        let Check {
            severity,
            confidence,
            page,
            ..
        } = *check;
        Self {
            check: *check,
            severity_means: Severity::description(severity),
            confidence_means: Confidence::description(confidence),
            page,
        }
    }
}

impl View for Explanation {
    fn human(&self, page: &mut Page) {
        let Check {
            id,
            class,
            severity,
            confidence,
            ..
        } = &self.check;
        page.field("check", Cell::new(*id, Tone::Bold))
            .field("class", format!("{class}: {}", class.description()))
            .field("severity", format!("{severity}: {}", self.severity_means))
            .field(
                "confidence",
                format!("{confidence}: {}", self.confidence_means),
            )
            .blank()
            .text(self.page);
    }
}

/// The tone of a severity.
pub(super) const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
        Severity::Info => Tone::Dim,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::render::sample::CHECKS,
        output::{Format, Listing, Printer, PrinterOptions},
    };

    #[tokio::test]
    async fn checks_are_listed_in_csv_with_the_fields_they_have() {
        let (printer, captured) = Printer::captured_with(PrinterOptions {
            format: Format::Csv,
            ..PrinterOptions::default()
        });
        let listing = Listing::of(CHECKS.to_vec(), "no checks");
        printer.list(listing).await.unwrap();
        let text = captured.stdout();
        assert!(
            text.starts_with(
                "id,class,severity,confidence,title\n\
                 rls-disabled,catalog,high,high,something is open\n"
            ),
            "{text}"
        );
        assert_eq!(text.lines().count(), CHECKS.len() + 1);
    }

    #[test]
    fn an_explanation_is_the_page() {
        let explanation = Explanation::new(&CHECKS[0]);
        let (printer, captured) = Printer::captured();
        printer.view(&explanation).unwrap();
        let text = captured.stdout();
        assert!(text.contains("check       rls-disabled\n"), "{text}");
        assert!(text.ends_with(CHECKS[0].page), "{text}");
        let json = serde_json::to_value(&explanation).unwrap();
        assert_eq!(json["id"], "rls-disabled");
        assert_eq!(json["page"], CHECKS[0].page);
    }
}
