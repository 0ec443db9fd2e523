//! Merging of suspicions with the probes of them: a successful attempt adds a proof, blocked attempts
//! lower the confidence.

use std::collections::BTreeSet;

use super::{
    checks::probe::{Leak, Probed},
    findings::{Claim, Suspicion},
};
use crate::audit::report::{Confidence, Finding, Severity, Verdict};

/// Merges suspicions with the results of the probes.
pub fn merge(suspicions: Vec<Suspicion>, probed: &Probed) -> Vec<Finding> {
    // A finding of the probe has one leak per context in which an attempt succeeded.
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    let mut findings = Vec::with_capacity(suspicions.len() + probed.leaks.len());
    for Suspicion {
        mut finding,
        claims,
    } in suspicions
    {
        let proofs: Vec<&Leak> = probed
            .leaks
            .iter()
            .filter(|leak| claims.iter().any(|claim| confirms(claim, leak)))
            .collect();
        // Reading is the clearest proof.
        if let Some(plainest) = proofs
            .iter()
            .min_by_key(|leak| (leak.operation, leak.context))
        {
            confirm(&mut finding, plainest);
            reported.extend(proofs.iter().map(|leak| leak.finding.fingerprint.as_str()));
        } else if is_refuted(&claims, probed) {
            refute(&mut finding);
        }
        findings.push(finding);
    }
    for Leak { finding, .. } in &probed.leaks {
        if reported.insert(&finding.fingerprint) {
            findings.push(finding.clone());
        }
    }
    findings
}

fn confirms(claim: &Claim, leak: &Leak) -> bool {
    claim.covers(leak.object, leak.role, leak.operation, leak.context)
}

fn confirm(finding: &mut Finding, leak: &Leak) {
    // The probe decides the severity: referring to another tenant's row is less severe than
    // reading it.
    finding.severity = finding.severity.min(leak.finding.severity);
    finding.confidence = leak.finding.confidence;
    finding.evidence.facts.push(leak.finding.message.clone());
    finding.evidence.statements = leak.finding.evidence.statements.clone();
    finding.evidence.rows = leak.finding.evidence.rows.clone();
}

/// `true` if at least one attempt that would confirm it was made, and all of them were made and
/// blocked.
fn is_refuted(claims: &[Claim], probed: &Probed) -> bool {
    if claims.iter().any(|claim| !claim.decisive) {
        return false;
    }
    let mut blocked = false;
    for (object, role, attempt) in &probed.attempts {
        let covered = claims
            .iter()
            .any(|claim| claim.covers(*object, *role, attempt.operation, attempt.context));
        if covered {
            match attempt.verdict {
                Verdict::Blocked(_) => blocked = true,
                _ => return false,
            }
        }
    }
    blocked
}

fn refute(finding: &mut Finding) {
    finding.confidence = Confidence::Low;
    finding.severity = finding.severity.max(Severity::Low);
    let fact = "every attack that would confirm it was made and blocked";
    finding.evidence.facts.push(fact.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{
        catalog::Oid,
        report::{Attempt, Check, Class, ContextKind, Evidence, Fix, Operation, Phase},
    };

    const TABLE: Oid = Oid(1);
    const ROLE: Oid = Oid(2);
    const SUSPECTED: Check = Check {
        id: "rls-disabled",
        class: Class::Catalog,
        severity: Severity::High,
        confidence: Confidence::High,
        title: "",
        page: "",
    };
    const PROBE: Check = Check {
        id: "probe-read",
        class: Class::Probe,
        severity: Severity::Critical,
        confidence: Confidence::Proven,
        ..SUSPECTED
    };

    fn finding(check: &Check) -> Finding {
        Finding::new(check, "public.a", "", Fix::advice(Phase::Security, ""))
    }

    fn suspicion(claims: Vec<Claim>) -> Vec<Suspicion> {
        vec![Suspicion {
            finding: finding(&SUSPECTED),
            claims,
        }]
    }

    fn leak(operation: Operation, context: ContextKind) -> Leak {
        let evidence = Evidence {
            statements: vec![format!("{operation} {context}")],
            ..Evidence::default()
        };
        Leak {
            object: TABLE,
            role: ROLE,
            operation,
            context,
            finding: Finding {
                evidence,
                ..finding(&PROBE).part(operation.as_str())
            },
        }
    }

    fn probed(verdicts: &[(ContextKind, Verdict)]) -> Probed {
        let attempt = |(context, verdict): &(ContextKind, Verdict)| {
            let attempt = Attempt {
                object: "public.a".to_owned(),
                role: "app".to_owned(),
                operation: Operation::Select,
                context: *context,
                verdict: verdict.clone(),
            };
            (TABLE, ROLE, attempt)
        };
        Probed {
            attempts: verdicts.iter().map(attempt).collect(),
            ..Probed::default()
        }
    }

    fn blocked() -> Verdict {
        Verdict::Blocked(String::new())
    }

    #[test]
    fn a_confirmed_suspicion_is_one_finding_with_the_plainest_proof() {
        let probed = Probed {
            leaks: vec![
                leak(Operation::Delete, ContextKind::A),
                leak(Operation::Select, ContextKind::B),
                leak(Operation::Select, ContextKind::A),
            ],
            ..Probed::default()
        };
        let writes = Claim {
            operations: Claim::WRITE,
            ..Claim::reads(TABLE)
        };
        let merged = merge(suspicion(vec![Claim::reads(TABLE), writes]), &probed);
        assert_eq!(merged.len(), 1, "{merged:#?}");
        assert_eq!(merged[0].check, "rls-disabled");
        assert_eq!(merged[0].severity, Severity::Critical);
        assert_eq!(merged[0].confidence, Confidence::Proven);
        assert_eq!(merged[0].evidence.statements, ["select A"]);
    }

    #[test]
    fn an_unsuspected_leak_is_reported_once_for_all_its_contexts() {
        let probed = Probed {
            leaks: vec![
                leak(Operation::Select, ContextKind::A),
                leak(Operation::Select, ContextKind::B),
                leak(Operation::Insert, ContextKind::A),
            ],
            ..Probed::default()
        };
        let elsewhere = suspicion(vec![Claim::reads(Oid(9))]);
        let merged = merge(elsewhere, &probed);
        let checks: Vec<&str> = merged.iter().map(|one| one.check.as_str()).collect();
        assert_eq!(checks, ["rls-disabled", "probe-read", "probe-read"]);
        assert_eq!(merged[0].confidence, Confidence::High);
    }

    #[test]
    fn it_takes_every_attempt_to_refute_a_suspicion() {
        let (a, b) = (ContextKind::A, ContextKind::B);
        let not_attempted = Verdict::NotApplicable(String::new());
        let skipped = Verdict::Skipped(String::new());
        for (verdicts, refuted) in [
            (vec![(a, blocked()), (b, blocked())], true),
            (vec![(a, blocked()), (b, not_attempted)], false),
            (vec![(a, blocked()), (b, skipped)], false),
            // A result without a claim is ignored.
            (vec![(ContextKind::None, blocked())], false),
            (vec![], false),
        ] {
            let merged = merge(suspicion(vec![Claim::reads(TABLE)]), &probed(&verdicts));
            let expected = if refuted {
                (Severity::Low, Confidence::Low)
            } else {
                (Severity::High, Confidence::High)
            };
            let found = (merged[0].severity, merged[0].confidence);
            assert_eq!(found, expected, "{verdicts:?}");
        }
    }

    #[test]
    fn what_depends_on_the_rows_of_the_day_is_not_refuted() {
        let claim = Claim {
            decisive: false,
            ..Claim::reads(TABLE)
        };
        let merged = merge(
            suspicion(vec![claim]),
            &probed(&[(ContextKind::A, blocked())]),
        );
        assert_eq!(merged[0].severity, Severity::High);
    }

    #[test]
    fn without_claims_nothing_changes() {
        let merged = merge(
            suspicion(Vec::new()),
            &probed(&[(ContextKind::A, blocked())]),
        );
        assert_eq!(merged[0].confidence, Confidence::High);
    }
}
