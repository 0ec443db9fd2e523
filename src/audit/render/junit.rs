//! JUnit XML: a suite per class, a case per passed check and per finding.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{
    groups::{self, SkipGroup},
    wording::{acceptance, class_of_skip, explanation, subject, visible, visible_line},
};
use crate::audit::report::{Check, Class, Finding, Report, Suppressed};
use crate::error::{Context, Result};

/// Writes the report. A check without a case in the report has passed.
pub(super) fn render(report: &Report, checks: &[Check]) -> Result<String> {
    let mut junit = Junit::new("tenantctl audit");
    junit.set_timestamp(report.database.audited_at);
    if let Ok(time) = Duration::try_from_secs_f64(report.summary.seconds) {
        junit.set_time(time);
    }
    let skipped = groups::skipped(&report.skipped);
    for class in Class::ALL {
        let suite = suite(*class, report, checks, &skipped);
        if !suite.test_cases.is_empty() {
            junit.add_test_suite(suite);
        }
    }
    let unknown = skipped
        .iter()
        .filter(|skip| class_of(skip, checks).is_none());
    let mut other = TestSuite::new("other");
    other.add_test_cases(unknown.map(|skip| skip_case(skip, "other")));
    if !other.test_cases.is_empty() {
        junit.add_test_suite(other);
    }
    junit
        .to_string()
        .context("the report could not be written as JUnit XML")
}

fn suite(class: Class, report: &Report, checks: &[Check], skipped: &[SkipGroup<'_>]) -> TestSuite {
    let mut suite = TestSuite::new(class.as_str());
    let findings = report.findings.iter();
    suite.add_test_cases(findings.filter(|one| one.class == class).map(failure));
    let accepted = report.suppressed.iter();
    let accepted = accepted.filter(|one| one.finding.class == class);
    suite.add_test_cases(accepted.map(accepted_case));
    let skipped = skipped
        .iter()
        .filter(|skip| class_of(skip, checks) == Some(class));
    suite.add_test_cases(skipped.clone().map(|skip| skip_case(skip, class.as_str())));

    let whole_class = skipped.clone().any(|skip| skip.check == class.as_str());
    let passed = |check: &&Check| {
        !whole_class
            && !report.findings.iter().any(|one| one.check == check.id)
            && !report
                .suppressed
                .iter()
                .any(|one| one.finding.check == check.id)
            && !skipped.clone().any(|skip| skip.check == check.id)
    };
    let of_class = checks.iter().filter(|check| check.class == class);
    suite.add_test_cases(of_class.filter(passed).map(|check| {
        let name = format!("{}: {}", check.id, check.title);
        case(&name, check.class.as_str(), TestCaseStatus::success())
    }));
    suite
}

fn class_of(skip: &SkipGroup<'_>, checks: &[Check]) -> Option<Class> {
    let check = checks.iter().find(|check| check.id == skip.check);
    class_of_skip(skip.check).or_else(|| check.map(|check| check.class))
}

fn failure(finding: &Finding) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_type(finding.severity.as_str())
        .set_message(visible_line(&finding.message))
        .set_description(visible(&explanation(finding)));
    case(&name(finding), finding.class.as_str(), status)
}

fn accepted_case(suppressed: &Suppressed) -> TestCase {
    let finding = &suppressed.finding;
    let mut status = TestCaseStatus::skipped();
    status.set_message(visible_line(&acceptance(suppressed)));
    case(&name(finding), finding.class.as_str(), status)
}

fn skip_case(skip: &SkipGroup<'_>, class: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status
        .set_message(visible_line(skip.reason))
        .set_description(visible(&skip.objects.join("\n")));
    case(&format!("{}{}", skip.check, skip.on()), class, status)
}

fn name(finding: &Finding) -> String {
    format!("{} {}", finding.check, subject(finding))
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(visible_line(name), status);
    case.set_classname(format!("audit.{class}"));
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample::{self, CHECKS};

    fn parsed(report: &Report) -> Junit {
        let xml = render(report, &CHECKS).unwrap();
        Junit::deserialize_from_str(&xml).unwrap()
    }

    /// Cases, failures and skips.
    fn counts(junit: &Junit) -> (usize, usize, usize) {
        let suites = junit.test_suites.iter();
        let cases: Vec<&TestCase> = suites.flat_map(|suite| &suite.test_cases).collect();
        let count = |wanted: fn(&TestCaseStatus) -> bool| {
            cases.iter().filter(|case| wanted(&case.status)).count()
        };
        (
            cases.len(),
            count(|status| matches!(status, TestCaseStatus::NonSuccess { .. })),
            count(|status| matches!(status, TestCaseStatus::Skipped { .. })),
        )
    }

    #[test]
    fn findings_fail_and_what_was_skipped_does_not_pass() {
        let junit = parsed(&sample::report());
        // Three findings, one accepted, two groups of skips, and of the five checks only
        // `no-index` passed: `orphan-rows` is of a class that was skipped.
        assert_eq!(counts(&junit), (7, 3, 3));
        let names: Vec<&str> = junit
            .test_suites
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["catalog", "data", "probe", "query"]);
        let passed: Vec<&str> = junit
            .test_suites
            .iter()
            .flat_map(|suite| &suite.test_cases)
            .filter(|case| matches!(case.status, TestCaseStatus::Success { .. }))
            .map(|case| case.name.as_str())
            .collect();
        assert_eq!(passed, ["no-index: something is open"]);
    }

    #[test]
    fn a_clean_report_passes_every_check() {
        assert_eq!(counts(&parsed(&sample::empty())), (CHECKS.len(), 0, 0));
    }

    #[test]
    fn a_skip_of_no_known_check_is_not_lost() {
        let mut report = sample::empty();
        report.skipped = sample::report().skipped;
        report.skipped.truncate(1);
        report.skipped[0].check = "elsewhere".to_owned();
        let junit = parsed(&report);
        assert_eq!(junit.test_suites.last().unwrap().name.as_str(), "other");
    }

    #[test]
    fn a_failure_carries_the_proof() {
        let junit = parsed(&sample::report());
        let xml = render(&sample::report(), &CHECKS).unwrap();
        assert!(xml.contains("type=\"critical\""), "{xml}");
        // Forbidden by XML 1.0, but accepted by some parsers.
        assert!(!xml.contains('\u{fffe}'), "{xml}");
        let probe = junit
            .test_suites
            .iter()
            .find(|one| one.name.as_str() == "probe");
        let case = &probe.unwrap().test_cases[0];
        let TestCaseStatus::NonSuccess { description, .. } = &case.status else {
            panic!("{case:?}");
        };
        let text = description.as_ref().unwrap().as_str();
        assert!(text.contains("proof:\nBEGIN;\nSELECT '"), "{text}");
        assert!(
            text.contains("<script>") && text.contains("\\u{1b}[2J"),
            "{text}"
        );
    }
}
