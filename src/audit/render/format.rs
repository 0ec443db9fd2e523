//! The formats of a report.

use super::{github, html, junit, markdown, plain::ReportView, sarif};
use crate::error::{Error, Result};
use crate::output::Invocation;
use crate::output::{Page, Style, View, encode};
use crate::{
    audit::report::{Check, Report},
    suggest::unknown_name,
};

/// A format of `--format` and `--report`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReportFormat {
    /// The page for terminals, without color.
    Plain,
    /// The report itself, as `-o json` prints it.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for test reports.
    Junit,
    /// Markdown, for a comment on a pull request.
    Markdown,
    /// Annotations of GitHub Actions.
    Github,
    /// One self-contained page.
    Html,
}

impl ReportFormat {
    /// All formats, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        Self::Plain,
        Self::Json,
        Self::Sarif,
        Self::Junit,
        Self::Markdown,
        Self::Github,
        Self::Html,
    ];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Github => "github",
            Self::Html => "html",
        }
    }

    /// All names, in the same order.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|one| one.as_str()).collect()
    }
}

impl std::fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for ReportFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().copied().find(|one| one.as_str() == text);
        known.ok_or_else(|| unknown_name("format of a report", text, &Self::names()))
    }
}

/// Writes a report in a format. `checks` are those of the audit, for their titles and, in JUnit,
/// the passed ones.
///
/// # Errors
/// `Failure` if a library cannot write the format.
pub fn render(report: &Report, checks: &[Check], format: ReportFormat) -> Result<String> {
    match format {
        ReportFormat::Plain => {
            let mut page = Page::new(Style::default(), Invocation::default());
            ReportView::new(report).human(&mut page);
            Ok(page.finish())
        }
        ReportFormat::Json => {
            let mut out = Vec::new();
            encode::json_pretty(report, &mut out)?;
            Ok(String::from_utf8_lossy(&out).into_owned())
        }
        ReportFormat::Sarif => sarif::render(report, checks),
        ReportFormat::Junit => junit::render(report, checks),
        ReportFormat::Markdown => Ok(markdown::render(report)),
        ReportFormat::Github => Ok(github::render(report)),
        ReportFormat::Html => html::render(report, checks),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        audit::render::sample,
        output::{Format, Printer, PrinterOptions},
    };

    #[test]
    fn names_lead_to_formats_and_back() {
        for format in ReportFormat::ALL {
            assert_eq!(format.as_str().parse::<ReportFormat>().unwrap(), *format);
        }
        let error = "sarf".parse::<ReportFormat>().unwrap_err();
        assert_eq!(error.hints(), ["did you mean sarif?"]);
    }

    #[test]
    fn json_is_the_report_and_can_be_read_again() {
        let report = sample::report();
        let text = render(&report, &sample::CHECKS, ReportFormat::Json).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema_version"], 1);
        let again: Report = serde_json::from_value(value).unwrap();
        assert_eq!(again, report);

        let (printer, captured) = Printer::captured_with(PrinterOptions {
            format: Format::Json,
            ..PrinterOptions::default()
        });
        printer.view(&ReportView::new(&report)).unwrap();
        assert_eq!(captured.stdout(), text);
    }

    #[test]
    fn no_format_lets_a_control_character_through() {
        let report = sample::report();
        for format in ReportFormat::ALL {
            let text = render(&report, &sample::CHECKS, *format).unwrap();
            let hazard = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(hazard, None, "{format}");
        }
    }
}
