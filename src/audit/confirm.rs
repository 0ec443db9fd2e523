//! A suspicion and the attack on it become one finding: with the proof where it got through, with
//! less confidence where it did not.

use std::collections::BTreeSet;

use super::{
    checks::probe::{Leak, Probed},
    findings::{Claim, Suspicion},
};
use crate::domain::audit::{Confidence, Finding, Operation, Severity, Verdict};

/// Joins what was suspected with what the attacks showed.
pub fn settle(suspicions: Vec<Suspicion>, probed: &Probed) -> Vec<Finding> {
    // A finding of the probe has a leak for each context in which it got through.
    let mut told: BTreeSet<&str> = BTreeSet::new();
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
        // To read is the plainest proof.
        if let Some(plainest) = proofs
            .iter()
            .min_by_key(|leak| (leak.operation, leak.context))
        {
            confirm(&mut finding, plainest);
            told.extend(proofs.iter().map(|leak| leak.finding.fingerprint.as_str()));
        } else if is_refuted(&claims, probed) {
            refute(&mut finding);
        }
        findings.push(finding);
    }
    for Leak { finding, .. } in &probed.leaks {
        if told.insert(&finding.fingerprint) {
            findings.push(finding.clone());
        }
    }
    findings
}

fn confirms(claim: &Claim, leak: &Leak) -> bool {
    claim.covers(leak.object, leak.role, leak.operation, leak.context)
}

fn confirm(finding: &mut Finding, leak: &Leak) {
    // To point at another tenant's row is not to reach it.
    let proven = match leak.operation {
        Operation::Reference => Severity::High,
        _ => Severity::Critical,
    };
    finding.severity = finding.severity.min(proven);
    finding.confidence = Confidence::Proven;
    finding.evidence.facts.push(leak.finding.message.clone());
    finding.evidence.statements = leak.finding.evidence.statements.clone();
    finding.evidence.rows = leak.finding.evidence.rows.clone();
}

/// Every attack that would confirm it was made, at least one of them, and all were blocked.
fn is_refuted(claims: &[Claim], probed: &Probed) -> bool {
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
    let fact = "every attack that would confirm it was made, and blocked";
    finding.evidence.facts.push(fact.to_owned());
}
