//! The difference between two audits of one database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    check::{Class, Confidence, Severity},
    document::{Report, Skipped},
    finding::Finding,
};

/// The difference between two reports. Findings are matched by fingerprint; a finding accepted by a
/// baseline is compared like any other, because it is still in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub before: Side,
    pub after: Side,
    /// Found now; checked and not found before.
    pub new: Vec<Found>,
    /// Found before; checked and not found now.
    pub gone: Vec<Found>,
    /// Found both times, with a different judgement.
    pub changed: Vec<Changed>,
    /// Number of findings in both reports with the same judgement.
    pub unchanged: u64,
    /// Found now, and skipped before: it may have existed before.
    pub skipped_before: Vec<Unseen>,
    /// Found before, and skipped now: it may still exist.
    pub skipped_after: Vec<Unseen>,
}

/// The identification of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    pub database: String,
    pub audited_at: DateTime<Utc>,
}

/// A finding, and `true` if a baseline accepts it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    #[serde(flatten)]
    pub finding: Finding,
    pub accepted: bool,
}

/// A finding of both reports with a different judgement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    /// The finding in the later report.
    #[serde(flatten)]
    pub found: Found,
    pub before: Judgement,
}

/// The judgement of a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Judgement {
    pub severity: Severity,
    pub confidence: Confidence,
    pub accepted: bool,
}

/// A finding of one report that the other report skipped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unseen {
    #[serde(flatten)]
    pub found: Found,
    /// The reason why the other report skipped it.
    pub reason: String,
}

impl Found {
    /// Returns the judgement.
    pub fn judgement(&self) -> Judgement {
        Judgement {
            severity: self.finding.severity,
            confidence: self.finding.confidence,
            accepted: self.accepted,
        }
    }
}

impl Changed {
    /// `true` if it is more severe, more certain, or no longer accepted.
    pub fn is_worse(&self) -> bool {
        let (before, after) = (self.before, self.found.judgement());
        after.severity < before.severity
            || after.confidence < before.confidence
            || (before.accepted && !after.accepted)
    }
}

impl Difference {
    /// The highest severity among new or worsened findings that are not accepted.
    pub fn worst(&self) -> Option<Severity> {
        let new = self.new.iter();
        let unseen = self.skipped_before.iter().map(|unseen| &unseen.found);
        let worse = self.changed.iter().filter(|changed| changed.is_worse());
        new.chain(unseen)
            .chain(worse.map(|changed| &changed.found))
            .filter(|found| !found.accepted)
            .map(|found| found.finding.severity)
            .min()
    }
}

/// Compares two reports.
pub fn diff(before: &Report, after: &Report) -> Difference {
    let (earlier, later) = (found(before), found(after));
    let mut difference = Difference {
        before: side(before),
        after: side(after),
        new: Vec::new(),
        gone: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
        skipped_before: Vec::new(),
        skipped_after: Vec::new(),
    };
    for (fingerprint, found) in &later {
        let known = earlier.get(fingerprint).map(Found::judgement);
        match known {
            None => place(
                before,
                found,
                &mut difference.new,
                &mut difference.skipped_before,
            ),
            Some(known) if known == found.judgement() => difference.unchanged += 1,
            Some(known) => difference.changed.push(Changed {
                found: found.clone(),
                before: known,
            }),
        }
    }
    for (fingerprint, found) in &earlier {
        if !later.contains_key(fingerprint) {
            place(
                after,
                found,
                &mut difference.gone,
                &mut difference.skipped_after,
            );
        }
    }
    difference.sort();
    difference
}

impl Difference {
    /// Sorts by severity, highest first, as in a report.
    fn sort(&mut self) {
        fn rank(found: &Found) -> (Severity, Confidence, &str, &str) {
            let finding = &found.finding;
            (
                finding.severity,
                finding.confidence,
                &finding.object,
                &finding.check,
            )
        }
        self.new.sort_by(|a, b| rank(a).cmp(&rank(b)));
        self.gone.sort_by(|a, b| rank(a).cmp(&rank(b)));
        self.changed
            .sort_by(|a, b| rank(&a.found).cmp(&rank(&b.found)));
        for unseen in [&mut self.skipped_before, &mut self.skipped_after] {
            unseen.sort_by(|a, b| rank(&a.found).cmp(&rank(&b.found)));
        }
    }
}

/// Adds a finding that `other` lacks to one of the lists: `other` checked and did not find it, or did
/// not check.
fn place(other: &Report, found: &Found, absent: &mut Vec<Found>, unseen: &mut Vec<Unseen>) {
    let finding = &found.finding;
    match skip_reason(
        &other.skipped,
        &finding.check,
        finding.class,
        &finding.object,
    ) {
        Some(reason) => unseen.push(Unseen {
            found: found.clone(),
            reason: reason.to_owned(),
        }),
        None => absent.push(found.clone()),
    }
}

/// Returns the reason why a check of this class was skipped on `object`, if it was.
pub(super) fn skip_reason<'a>(
    skipped: &'a [Skipped],
    check: &str,
    class: Class,
    object: &str,
) -> Option<&'a str> {
    let concerns = |skip: &&Skipped| {
        (skip.check == check || skip.check == class.as_str())
            && skip.object.as_deref().is_none_or(|one| one == object)
    };
    skipped
        .iter()
        .find(concerns)
        .map(|skip| skip.reason.as_str())
}

/// The findings of a report by fingerprint; of two with the same fingerprint, the more severe.
fn found(report: &Report) -> BTreeMap<&str, Found> {
    let open = report.findings.iter().map(|finding| (finding, false));
    let accepted = report.suppressed.iter().map(|one| (&one.finding, true));
    let mut found: BTreeMap<&str, Found> = BTreeMap::new();
    for (finding, accepted) in open.chain(accepted) {
        let rank = |finding: &Finding| (finding.severity, finding.confidence);
        let known = found.get(finding.fingerprint.as_str());
        if known.is_none_or(|known| rank(finding) < rank(&known.finding)) {
            let one = Found {
                finding: finding.clone(),
                accepted,
            };
            found.insert(&finding.fingerprint, one);
        }
    }
    found
}

fn side(report: &Report) -> Side {
    Side {
        database: report.database.name.clone(),
        audited_at: report.database.audited_at,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::report::{
        Check, DatabaseSummary, Fix, Phase, Summary, Suppressed, TenantSummary,
    };

    const CHECK: Check = Check {
        id: "rls-disabled",
        class: Class::Catalog,
        severity: Severity::High,
        confidence: Confidence::High,
        title: "row-level security is off",
        page: "",
    };

    pub(in crate::audit::report) fn finding(object: &str) -> Finding {
        let fix = Fix::advice(Phase::Security, "switch it on");
        Finding::new(&CHECK, object, format!("{object} is open"), fix)
    }

    pub(in crate::audit::report) fn report(findings: &[Finding]) -> Report {
        let mut report = Report {
            database: DatabaseSummary {
                name: "app".to_owned(),
                server_version: "15.18".to_owned(),
                role: "auditor".to_owned(),
                probe_role: "auditor".to_owned(),
                audited_at: DateTime::from_timestamp(1_795_442_760, 0).unwrap(),
            },
            tenant: TenantSummary::default(),
            summary: Summary::default(),
            findings: findings.to_vec(),
            skipped: Vec::new(),
            suppressed: Vec::new(),
            notes: Vec::new(),
            matrix: Vec::new(),
        };
        report.tally();
        report
    }

    pub(in crate::audit::report) fn skip(check: &str, object: Option<&str>) -> Skipped {
        Skipped {
            check: check.to_owned(),
            object: object.map(str::to_owned),
            reason: "locked".to_owned(),
        }
    }

    fn objects(found: &[Found]) -> Vec<&str> {
        let objects = found.iter().map(|one| one.finding.object.as_str());
        objects.collect()
    }

    #[test]
    fn what_came_went_changed_and_stayed() {
        let before = report(&[
            finding("public.a"),
            finding("public.b"),
            finding("public.c"),
        ]);
        let worse = finding("public.b").severity(Severity::Critical);
        let after = report(&[finding("public.a"), worse, finding("public.d")]);
        let difference = diff(&before, &after);
        assert_eq!(objects(&difference.new), ["public.d"]);
        assert_eq!(objects(&difference.gone), ["public.c"]);
        assert_eq!(difference.unchanged, 1);
        let [changed] = difference.changed.as_slice() else {
            panic!("{difference:?}");
        };
        assert_eq!(changed.before.severity, Severity::High);
        assert!(changed.is_worse());
        assert_eq!(difference.worst(), Some(Severity::Critical));
        assert_eq!(diff(&after, &after).worst(), None);
    }

    #[test]
    fn what_was_skipped_is_not_gone() {
        let before = report(&[finding("public.a"), finding("public.b")]);
        for (skipped, unseen) in [
            (skip("rls-disabled", Some("public.a")), 1),
            (skip("rls-disabled", None), 2),
            (skip("catalog", None), 2),
            (skip("probe", None), 0),
        ] {
            let mut after = report(&[]);
            after.skipped.push(skipped);
            let difference = diff(&before, &after);
            assert_eq!(difference.skipped_after.len(), unseen, "{difference:?}");
            assert_eq!(difference.gone.len(), 2 - unseen, "{difference:?}");
            let back = diff(&after, &before);
            assert_eq!(back.skipped_before.len(), unseen, "{back:?}");
            assert_eq!(back.worst(), Some(Severity::High));
        }
    }

    #[test]
    fn what_is_accepted_is_not_gone() {
        let before = report(&[finding("public.a")]);
        let mut after = report(&[]);
        after.suppressed.push(Suppressed {
            finding: finding("public.a"),
            reason: "archive".to_owned(),
            owner: "kim".to_owned(),
            expires: chrono::NaiveDate::from_ymd_opt(2027, 1, 31).unwrap(),
        });
        let accepted = diff(&before, &after);
        assert!(accepted.gone.is_empty(), "{accepted:?}");
        assert!(accepted.changed[0].found.accepted);
        assert_eq!(accepted.worst(), None);
        assert_eq!(diff(&after, &before).worst(), Some(Severity::High));
    }
}
