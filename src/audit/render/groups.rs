//! Groups of findings and skipped checks, so that a thousand similar ones take one entry.

use crate::audit::report::{Finding, Report, Severity, Skipped};

/// Longer lists for one check are truncated on a page.
pub(super) const SHOWN_PER_CHECK: usize = 10;

/// The findings of one check with one severity.
pub(super) struct FindingGroup<'a> {
    pub(super) severity: Severity,
    pub(super) check: &'a str,
    pub(super) findings: Vec<&'a Finding>,
}

impl<'a> FindingGroup<'a> {
    /// The findings shown on a page, and the number of omitted ones.
    pub(super) fn shown(&self) -> (&[&'a Finding], usize) {
        let end = self.findings.len().min(SHOWN_PER_CHECK);
        (&self.findings[..end], self.findings.len() - end)
    }
}

/// The findings, highest severity first, grouped by check.
pub(super) fn findings(report: &Report) -> Vec<FindingGroup<'_>> {
    let mut groups: Vec<FindingGroup<'_>> = Vec::new();
    for finding in &report.findings {
        let same = |group: &&mut FindingGroup<'_>| {
            group.check == finding.check && group.severity == finding.severity
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.findings.push(finding),
            None => groups.push(FindingGroup {
                severity: finding.severity,
                check: &finding.check,
                findings: vec![finding],
            }),
        }
    }
    groups.sort_by_key(|group| group.severity);
    groups
}

/// The objects that one check skipped for one reason.
pub(super) struct SkipGroup<'a> {
    pub(super) check: &'a str,
    pub(super) reason: &'a str,
    /// The objects; empty if the whole check was skipped.
    pub(super) objects: Vec<&'a str>,
}

impl SkipGroup<'_> {
    /// Returns ` on public.a`, ` on 12 objects`, or nothing.
    pub(super) fn on(&self) -> String {
        match self.objects.as_slice() {
            [] => String::new(),
            [one] => format!(" on {one}"),
            many => format!(" on {}", super::wording::count(many.len() as u64, "object")),
        }
    }
}

/// The skipped checks, in the order of the report.
pub(super) fn skipped(skipped: &[Skipped]) -> Vec<SkipGroup<'_>> {
    let mut groups: Vec<SkipGroup<'_>> = Vec::new();
    for skip in skipped {
        let same = |group: &&mut SkipGroup<'_>| {
            group.check == skip.check
                && group.reason == skip.reason
                && group.objects.is_empty() == skip.object.is_none()
        };
        let object = skip.object.as_deref();
        match groups.iter_mut().find(same) {
            Some(group) => group.objects.extend(object),
            None => groups.push(SkipGroup {
                check: &skip.check,
                reason: &skip.reason,
                objects: object.into_iter().collect(),
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample;

    #[test]
    fn findings_of_a_check_stand_together_worst_first() {
        let mut report = sample::many(25);
        report
            .findings
            .push(sample::finding("b", Severity::Critical));
        report.tally();
        let groups = findings(&report);
        let sizes: Vec<_> = groups.iter().map(|group| group.findings.len()).collect();
        assert_eq!(sizes, [1, 25]);
        let (shown, more) = groups[1].shown();
        assert_eq!((shown.len(), more), (10, 15));
    }

    #[test]
    fn one_reason_for_many_objects_is_one_group() {
        let skip = |object: Option<&str>, reason: &str| Skipped {
            check: "data-orphan".to_owned(),
            object: object.map(str::to_owned),
            reason: reason.to_owned(),
        };
        let all = [
            skip(Some("public.a"), "locked"),
            skip(Some("public.b"), "locked"),
            skip(Some("public.c"), "no right"),
            skip(None, "locked"),
        ];
        let on: Vec<String> = skipped(&all).iter().map(SkipGroup::on).collect();
        assert_eq!(on, [" on 2 objects", " on public.c", ""]);
    }
}
