//! Texts and numbers shared by several formats.

use crate::audit::report::{
    Class, DatabaseSummary, Finding, Report, RoleSummary, Severity, Suppressed, TenantSummary,
    Verdict,
};
use crate::output::escape;

/// Formats `1 finding`, `2,000 findings`, `3 tries`.
pub(super) fn count(number: u64, what: &str) -> String {
    let thousands = thousands(number);
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("{thousands} {what}"),
        (_, Some(stem)) => format!("{thousands} {stem}ies"),
        (_, None) => format!("{thousands} {what}s"),
    }
}

/// Formats `1,990`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The counts of a report on one line.
pub(super) fn summary(report: &Report) -> String {
    let summary = &report.summary;
    let mut parts = vec![findings(report)];
    if summary.suppressed > 0 {
        parts.push(format!("{} accepted", thousands(summary.suppressed)));
    }
    parts.push(format!(
        "{}, {} skipped",
        count(summary.checks_run, "check"),
        thousands(summary.skipped)
    ));
    if let Some(statements) = summary.statements {
        parts.push(format!("{} read", count(statements, "statement")));
    }
    if summary.attempts > 0 {
        parts.push(format!(
            "{}: {} blocked, {}",
            count(summary.attempts, "try"),
            thousands(summary.blocked),
            count(summary.leaks, "leak"),
        ));
    }
    parts.push(format!("{:.1} s", summary.seconds));
    parts.join(" · ")
}

/// Formats `3 findings: 1 critical, 2 high`.
fn findings(report: &Report) -> String {
    let total = report.findings.len() as u64;
    if total == 0 {
        return "no findings".to_owned();
    }
    let by_severity: Vec<String> = Severity::ALL
        .iter()
        .filter_map(|severity| {
            let number = *report.summary.findings.get(severity)?;
            (number > 0).then(|| format!("{} {severity}", thousands(number)))
        })
        .collect();
    format!("{}: {}", count(total, "finding"), by_severity.join(", "))
}

/// The message for a report without findings; `None` if there are findings.
pub(super) fn nothing_found(report: &Report) -> Option<String> {
    if !report.findings.is_empty() {
        return None;
    }
    let accepted = match report.suppressed.len() as u64 {
        0 => String::new(),
        number => format!(" beyond {} accepted", thousands(number)),
    };
    Some(
        match report.skipped.is_empty() && !has_skipped_attempt(report) {
            true => format!("No findings{accepted}."),
            false => format!(
                "No findings{accepted}. Skipped checks were not run; this does not prove isolation for them."
            ),
        },
    )
}

fn has_skipped_attempt(report: &Report) -> bool {
    let mut verdicts = report.matrix.iter().map(|attempt| &attempt.verdict);
    verdicts.any(|verdict| matches!(verdict, Verdict::Skipped(_)))
}

/// The tenant key, and whether it was inferred or configured.
pub(super) fn tenant_key(tenant: &TenantSummary) -> String {
    let source = match tenant.specified {
        true => "configured",
        false => "inferred",
    };
    let key_type = tenant.key_type.as_deref();
    let key_type = key_type.map_or_else(String::new, |name| format!(" ({name})"));
    match (&tenant.root, &tenant.key) {
        (Some(root), Some(key)) => format!(
            "{}.{}, in other tables {key}{key_type}; {source}",
            root.table, root.column
        ),
        (Some(root), None) => format!("{}.{}{key_type}; {source}", root.table, root.column),
        (None, Some(key)) => format!("{key}{key_type}, without a tenant table; {source}"),
        (None, None) => "no tenant table or column found".to_owned(),
    }
}

/// The way in which a session sets its tenant.
pub(super) fn session(tenant: &TenantSummary) -> &str {
    match &tenant.context {
        Some(context) => &context.description,
        None => "tenant setting not found",
    }
}

/// The role used for the probes.
pub(super) fn probe_role(database: &DatabaseSummary) -> &str {
    match database.probe_role.as_str() {
        "" => &database.role,
        role => role,
    }
}

/// A role that was not considered an application role, and the flag that adds it.
pub(super) fn left_out(summary: &RoleSummary) -> String {
    let RoleSummary { role, why } = summary;
    format!("{role}: {why}; if the application connects as it: --app-role {role}")
}

/// The severity as shown in a heading.
pub(super) fn severity_label(severity: Severity) -> String {
    severity.as_str().to_uppercase()
}

/// The object, with the column and the part, if any.
pub(super) fn subject(finding: &Finding) -> String {
    let mut subject = finding.object.clone();
    if let Some(column) = &finding.column {
        subject.push_str(&format!(".{column}"));
    }
    if let Some(part) = &finding.part {
        subject.push_str(&format!(" ({part})"));
    }
    subject
}

/// The owner, expiry and reason of an accepted finding.
pub(super) fn acceptance(suppressed: &Suppressed) -> String {
    let Suppressed {
        owner,
        expires,
        reason,
        ..
    } = suppressed;
    format!("accepted by {owner} until {expires}: {reason}")
}

/// A fact on one line: the text of a view or a policy contains line breaks and indents.
pub(super) fn fact(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A statement terminated for psql.
pub(super) fn statement(sql: &str) -> String {
    match sql.trim_end().ends_with(';') {
        true => sql.trim_end().to_owned(),
        false => format!("{};", sql.trim_end()),
    }
}

/// The evidence and the fix of a finding as plain lines, for unstructured formats.
pub(super) fn explanation(finding: &Finding) -> String {
    let mut lines = vec![finding.message.clone()];
    let evidence = &finding.evidence;
    lines.extend(
        evidence
            .facts
            .iter()
            .map(|fact| format!("fact: {}", self::fact(fact))),
    );
    if !evidence.statements.is_empty() {
        lines.push("proof:".to_owned());
        lines.extend(evidence.statements.iter().map(|sql| statement(sql)));
    }
    if let Some(rows) = row_count(finding) {
        lines.push(rows);
    }
    lines.extend(evidence.rows.iter().map(ToString::to_string));
    lines.push(format!("fix: {}", finding.fix.summary));
    lines.extend(finding.fix.sql.iter().map(|sql| statement(sql)));
    lines.join("\n")
}

/// Formats `1,204 rows, of which 3 are shown`; `None` without rows.
pub(super) fn row_count(finding: &Finding) -> Option<String> {
    let shown = finding.evidence.rows.len() as u64;
    match finding.evidence.count {
        Some(number) if number > shown && shown > 0 => Some(format!(
            "{}, of which {} shown:",
            count(number, "row"),
            match shown {
                1 => "1 is".to_owned(),
                _ => format!("{} are", thousands(shown)),
            }
        )),
        Some(number) if shown == 0 => Some(count(number, "row")),
        _ if shown > 0 => Some(format!("{}:", count(shown, "row"))),
        _ => None,
    }
}

/// The class that `check` names if a whole class was skipped.
pub(super) fn class_of_skip(check: &str) -> Option<Class> {
    Class::ALL.iter().copied().find(|one| one.as_str() == check)
}

/// Escapes for a block, and replaces the characters that XML 1.0 forbids (section 2.2) and that are
/// not control characters.
pub(super) fn visible(text: &str) -> String {
    escape::block(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Same as [`visible`], on one line.
pub(super) fn visible_line(text: &str) -> String {
    escape::line(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample;

    #[test]
    fn numbers_are_counted_in_words() {
        assert_eq!(count(1, "try"), "1 try");
        assert_eq!(count(0, "try"), "0 tries");
        assert_eq!(count(1_234_567, "finding"), "1,234,567 findings");
        assert_eq!(thousands(100), "100");
    }

    #[test]
    fn the_summary_has_every_count() {
        let mut report = sample::report();
        report.summary.seconds = 0.84;
        assert_eq!(
            summary(&report),
            "3 findings: 1 critical, 1 high, 1 low · 1 accepted · 4 checks, 3 skipped · \
             4 tries: 2 blocked, 1 leak · 0.8 s"
        );
    }

    #[test]
    fn no_finding_is_no_proof_where_something_was_skipped() {
        let mut report = sample::empty();
        assert_eq!(nothing_found(&report).as_deref(), Some("No findings."));
        report.skipped = sample::report().skipped;
        assert!(nothing_found(&report).unwrap().contains("does not prove"));
        assert_eq!(nothing_found(&sample::report()), None);
    }

    #[test]
    fn rows_that_are_not_shown_are_reported() {
        let mut finding = sample::report().findings[0].clone();
        finding.evidence.rows = vec![serde_json::json!({"id": 1})];
        finding.evidence.count = Some(1204);
        let counted = row_count(&finding).unwrap();
        assert_eq!(counted, "1,204 rows, of which 1 is shown:");
        finding.evidence.rows.clear();
        assert_eq!(row_count(&finding).as_deref(), Some("1,204 rows"));
        finding.evidence.count = None;
        assert_eq!(row_count(&finding), None);
    }
}
