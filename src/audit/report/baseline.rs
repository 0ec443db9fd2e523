//! The baseline: findings accepted until a date, each with an owner.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{
    check::{Class, Confidence, Severity},
    difference::skip_reason,
    document::{Report, Suppressed},
    finding::Finding,
};
use crate::error::{Error, Result};

mod file;

/// The accepted findings, and the file that contains them.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    entries: Vec<Entry>,
    /// The file's contents, with comments.
    document: toml_edit::DocumentMut,
}

/// One accepted finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    pub fingerprint: String,
    pub check: String,
    pub class: Class,
    pub object: String,
    pub column: Option<String>,
    pub part: Option<String>,
    /// The severity when it was accepted: a finding that became more severe is reported again.
    pub severity: Severity,
    /// The confidence when it was accepted: a finding that was proven since is reported again.
    pub confidence: Confidence,
    pub reason: String,
    pub owner: String,
    /// The last day on which the entry is valid.
    pub expires: NaiveDate,
    pub accepted_at: NaiveDate,
}

/// The owner, reason and expiry of accepted findings.
#[derive(Clone, Debug)]
pub struct Acceptance {
    pub reason: String,
    pub owner: String,
    /// The last day on which the entry is valid.
    pub expires: NaiveDate,
}

/// The result of [`Baseline::accept`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    pub added: u64,
    /// Number of existing entries with a new reason, owner or date.
    pub renewed: u64,
}

impl Baseline {
    /// Parses a baseline. `file` names it in errors.
    ///
    /// # Errors
    /// `BadInput` with the line for invalid TOML, an unknown, missing or empty key, and a finding that
    /// is accepted twice.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        file::parse(text, file)
    }

    /// Returns the text of the file: comments and the order of entries are preserved.
    pub fn to_text(&self) -> String {
        self.document.to_string()
    }

    /// The entries in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Accepts findings; an existing entry is updated with the new reason, owner and date.
    ///
    /// # Errors
    /// `BadInput` if reason or owner is empty, or the date has passed.
    pub fn accept(
        &mut self,
        findings: &[Finding],
        acceptance: &Acceptance,
        today: NaiveDate,
    ) -> Result<Accepted> {
        acceptance.check(today)?;
        let mut accepted = Accepted::default();
        for finding in findings {
            let entry = acceptance.of(finding, today);
            let known = self.entries.iter().position(|known| entry.replaces(known));
            match known {
                Some(index) => {
                    file::replace(&mut self.document, index, &entry)?;
                    self.entries[index] = entry;
                    accepted.renewed += 1;
                }
                None => {
                    file::append(&mut self.document, &entry)?;
                    self.entries.push(entry);
                    accepted.added += 1;
                }
            }
        }
        Ok(accepted)
    }

    /// Moves the accepted findings to `suppressed`, and adds a note for every entry that does not apply:
    /// it expired, its finding is gone or became more severe, or it describes another finding than its
    /// fingerprint.
    pub fn apply(&self, report: &mut Report, today: NaiveDate) {
        let entries: BTreeMap<&str, &Entry> = self
            .entries
            .iter()
            .map(|entry| (entry.fingerprint.as_str(), entry))
            .collect();
        let mut seen = BTreeSet::new();
        let mut notes = Vec::new();
        for finding in std::mem::take(&mut report.findings) {
            let Some(entry) = entries.get(finding.fingerprint.as_str()) else {
                report.findings.push(finding);
                continue;
            };
            seen.insert(entry.fingerprint.as_str());
            match entry.objection(&finding, today) {
                Some(objection) => {
                    notes.push(format!("{entry} {objection}"));
                    report.findings.push(finding);
                }
                None => report.suppressed.push(entry.suppress(finding)),
            }
        }
        let unseen = self.entries.iter();
        let unseen = unseen.filter(|entry| !seen.contains(entry.fingerprint.as_str()));
        for entry in unseen {
            // A skipped check does not mean that the finding is gone.
            if skip_reason(&report.skipped, &entry.check, entry.class, &entry.object).is_none() {
                notes.push(format!("{entry} no longer exists: remove its entry"));
            }
        }
        report.notes.extend(notes);
        report.tally();
    }
}

impl Acceptance {
    fn check(&self, today: NaiveDate) -> Result<()> {
        for (what, text) in [("reason", &self.reason), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                return Err(Error::bad_input(format!(
                    "the {what} is empty: required for an accepted finding"
                )));
            }
        }
        if self.expires < today {
            return Err(Error::bad_input(format!(
                "the expiry date {} has passed",
                self.expires
            )));
        }
        Ok(())
    }

    fn of(&self, finding: &Finding, today: NaiveDate) -> Entry {
        Entry {
            fingerprint: finding.fingerprint.clone(),
            check: finding.check.clone(),
            class: finding.class,
            object: finding.object.clone(),
            column: finding.column.clone(),
            part: finding.part.clone(),
            severity: finding.severity,
            confidence: finding.confidence,
            reason: self.reason.trim().to_owned(),
            owner: self.owner.trim().to_owned(),
            expires: self.expires,
            accepted_at: today,
        }
    }
}

impl Entry {
    fn replaces(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Returns the reason why the entry does not accept the finding with its fingerprint.
    fn objection(&self, finding: &Finding, today: NaiveDate) -> Option<String> {
        let names_it = self.check == finding.check
            && self.object == finding.object
            && self.column == finding.column
            && self.part == finding.part;
        if !names_it {
            return Some(format!(
                "has the fingerprint of {} on {}: accept it again",
                finding.check, finding.object
            ));
        }
        if self.expires < today {
            return Some(format!(
                "expired on {}: accepted by {}",
                self.expires, self.owner
            ));
        }
        if finding.severity < self.severity {
            return Some(format!(
                "was accepted as {} and is now {}",
                self.severity, finding.severity
            ));
        }
        let proven_since =
            finding.confidence == Confidence::Proven && self.confidence != Confidence::Proven;
        proven_since.then(|| "was accepted before it was proven: accept it again".to_owned())
    }

    fn suppress(&self, finding: Finding) -> Suppressed {
        Suppressed {
            finding,
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            expires: self.expires,
        }
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "baseline: {} on {}", self.check, self.object)?;
        match &self.part {
            Some(part) => write!(f, " ({part})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::report::difference::tests::{finding, report, skip};

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn acceptance() -> Acceptance {
        Acceptance {
            reason: "archive, not in use".to_owned(),
            owner: "kim".to_owned(),
            expires: date("2027-01-31"),
        }
    }

    fn today() -> NaiveDate {
        date("2026-11-23")
    }

    fn baseline(findings: &[Finding]) -> Baseline {
        let mut baseline = Baseline::default();
        baseline.accept(findings, &acceptance(), today()).unwrap();
        // Parsed from the text, as in the file.
        Baseline::parse(&baseline.to_text(), "baseline.toml").unwrap()
    }

    fn applied(baseline: &Baseline, findings: &[Finding], today: NaiveDate) -> Report {
        let mut report = report(findings);
        baseline.apply(&mut report, today);
        report
    }

    #[test]
    fn what_is_accepted_moves_aside() {
        let (a, b) = (
            finding("public.a").column("x").part("p"),
            finding("public.b"),
        );
        let report = applied(&baseline(std::slice::from_ref(&a)), &[a, b], today());
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.suppressed[0].owner, "kim");
        assert_eq!(report.suppressed[0].finding.object, "public.a");
        assert_eq!(report.summary.suppressed, 1);
        assert!(report.notes.is_empty(), "{:?}", report.notes);
    }

    #[test]
    fn the_last_day_counts_and_the_next_does_not() {
        let a = [finding("public.a")];
        let baseline = baseline(&a);
        let last = applied(&baseline, &a, date("2027-01-31"));
        assert_eq!(last.suppressed.len(), 1);
        let next = applied(&baseline, &a, date("2027-02-01"));
        assert_eq!(next.findings.len(), 1);
        assert_eq!(
            next.notes,
            ["baseline: rls-disabled on public.a expired on 2027-01-31: accepted by kim"]
        );
    }

    #[test]
    fn what_vanished_is_reported_unless_it_was_not_checked() {
        let baseline = baseline(&[finding("public.a")]);
        let gone = applied(&baseline, &[], today());
        assert_eq!(
            gone.notes,
            ["baseline: rls-disabled on public.a no longer exists: remove its entry"]
        );
        let mut skipped = report(&[]);
        skipped.skipped.push(skip("catalog", None));
        baseline.apply(&mut skipped, today());
        assert!(skipped.notes.is_empty(), "{:?}", skipped.notes);
    }

    #[test]
    fn what_became_worse_is_not_accepted_any_more() {
        let baseline = baseline(&[finding("public.a")]);
        for (worse, word) in [
            (finding("public.a").severity(Severity::Critical), "critical"),
            (finding("public.a").confidence(Confidence::Proven), "proven"),
        ] {
            let report = applied(&baseline, &[worse], today());
            assert_eq!(report.findings.len(), 1);
            assert!(report.notes[0].contains(word), "{:?}", report.notes);
        }
        let better = finding("public.a").severity(Severity::Low);
        assert!(applied(&baseline, &[better], today()).findings.is_empty());
    }

    #[test]
    fn an_entry_that_was_changed_by_hand_accepts_nothing() {
        let a = [finding("public.a")];
        let text = baseline(&a).to_text().replace("public.a", "public.b");
        let edited = Baseline::parse(&text, "baseline.toml").unwrap();
        let report = applied(&edited, &a, today());
        assert_eq!(report.findings.len(), 1);
        assert!(report.notes[0].contains("has the fingerprint of rls-disabled on public.a"));
    }

    #[test]
    fn an_acceptance_needs_a_reason_an_owner_and_a_future_date() {
        let refused = |change: fn(&mut Acceptance)| {
            let mut acceptance = acceptance();
            change(&mut acceptance);
            let mut baseline = Baseline::default();
            let result = baseline.accept(&[finding("public.a")], &acceptance, today());
            assert!(baseline.entries().is_empty());
            result.unwrap_err().to_string()
        };
        assert!(refused(|one| one.reason = "  ".to_owned()).contains("reason"));
        assert!(refused(|one| one.owner = String::new()).contains("owner"));
        assert!(refused(|one| one.expires = date("2026-11-22")).contains("has passed"));
    }
}
