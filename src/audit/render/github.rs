//! Annotations of GitHub Actions ("Workflow commands for GitHub Actions" in GitHub's
//! documentation): one line each, highest severity first, because a step shows only the first ten
//! of a level.

use super::{
    groups,
    wording::{nothing_found, subject, summary, visible, visible_line},
};
use crate::audit::report::{Finding, Report, Severity};

/// Writes the commands.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        out.push_str(&annotation(finding));
    }
    for skip in groups::skipped(&report.skipped) {
        let title = format!("audit: skipped {}{}", skip.check, skip.on());
        out.push_str(&command("warning", &[("title", &title)], skip.reason));
    }
    for note in &report.notes {
        out.push_str(&command("warning", &[("title", "audit: baseline")], note));
    }
    let verdict = nothing_found(report);
    let verdict = verdict.map_or_else(String::new, |text| format!("{text}\n"));
    let counts = format!("{verdict}{}", summary(report));
    out.push_str(&command("notice", &[("title", "audit")], &counts));
    out
}

fn annotation(finding: &Finding) -> String {
    let title = format!(
        "{}: {} {}",
        finding.severity,
        finding.check,
        subject(finding)
    );
    let line = finding.location.as_ref().map(|one| one.line.to_string());
    let mut properties = vec![("title", title.as_str())];
    if let (Some(location), Some(line)) = (&finding.location, &line) {
        properties.push(("file", &location.file));
        properties.push(("line", line));
    }
    let message = format!("{}\nfix: {}", finding.message, finding.fix.summary);
    command(level(finding.severity), &properties, &message)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    }
}

/// `::error title=…,file=…::message`
fn command(level: &str, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", property(value)))
        .collect();
    format!("::{level} {}::{}\n", properties.join(","), data(message))
}

fn data(text: &str) -> String {
    escaped(&visible(text))
}

fn property(text: &str) -> String {
    escaped(&visible_line(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// Escapes the percent sign first, because the other escapes contain it. After [`visible`] no
/// carriage return is left to escape.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample;

    #[test]
    fn every_line_is_one_command_and_no_name_makes_another() {
        let text = render(&sample::report());
        // Three findings, two groups of skips, one note, the counts.
        assert_eq!(text.lines().count(), 7, "{text}");
        for line in text.lines() {
            let (head, _message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let (level, properties) = head.split_once(' ').unwrap();
            assert!(["error", "warning", "notice"].contains(&level), "{line}");
            for property in properties.split(',') {
                let (name, value) = property.split_once('=').unwrap();
                assert!(["title", "file", "line"].contains(&name), "{line}");
                assert!(!value.contains(':'), "{line}");
            }
        }
    }

    #[test]
    fn a_finding_in_a_file_is_shown_there() {
        let text = render(&sample::report());
        assert!(text.contains(",file=src/a b.sql,line=7::"), "{text}");
    }

    #[test]
    fn percent_and_breaks_are_escaped_once() {
        assert_eq!(data("50%\r\nx"), "50%25%0Ax");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
        assert_eq!(property("a\nb"), "a\\nb");
    }

    #[test]
    fn nothing_found_is_said() {
        let text = render(&sample::empty());
        assert!(
            text.starts_with("::notice title=audit::No findings.%0Ano findings · 4 checks"),
            "{text}"
        );
    }
}
