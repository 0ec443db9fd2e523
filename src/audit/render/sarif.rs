//! SARIF 2.1.0 (OASIS standard), with the properties used by GitHub's code scanning ("SARIF support
//! for code scanning" in GitHub's documentation).

use serde_json::{Value, json};

use super::wording::{acceptance, class_of_skip, explanation, probe_role, visible};
use crate::audit::report::{
    Check, Class, Confidence, Finding, Report, Severity, Skipped, Suppressed,
};
use crate::error::{Context, Result};
use crate::rfc3339;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes the log.
pub(super) fn render(report: &Report, checks: &[Check]) -> Result<String> {
    let database = &report.database;
    let open = report.findings.iter().map(|one| result(one, None, checks));
    let accepted = report.suppressed.iter();
    let accepted = accepted.map(|one| result(&one.finding, Some(one), checks));
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": checks.iter().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": true,
                "endTimeUtc": rfc3339::format(&database.audited_at),
                "toolExecutionNotifications":
                    report.skipped.iter().map(|skip| skipped(skip, checks)).collect::<Vec<_>>(),
                "toolConfigurationNotifications":
                    report.notes.iter().map(|note| notification(note)).collect::<Vec<_>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": open.chain(accepted).collect::<Vec<_>>(),
            "properties": {
                "database": database.name,
                "serverVersion": database.server_version,
                "role": database.role,
                "attack_role": probe_role(database),
            },
        }],
    });
    let mut text =
        serde_json::to_string_pretty(&log).context("the report could not be written as SARIF")?;
    text.push('\n');
    Ok(text)
}

fn rule(check: &Check) -> Value {
    json!({
        "id": check.id,
        "name": check.id,
        "shortDescription": { "text": check.title },
        "fullDescription": { "text": check.title },
        "help": { "text": check.page, "markdown": check.page },
        "defaultConfiguration": { "level": level(check.severity) },
        "properties": {
            "tags": ["security", check.class],
            "precision": precision(check.confidence),
            "security-severity": security_severity(check.severity),
        },
    })
}

fn result(finding: &Finding, suppressed: Option<&Suppressed>, checks: &[Check]) -> Value {
    let mut result = json!({
        "ruleId": finding.check,
        "level": level(finding.severity),
        "message": { "text": message(&explanation(finding)) },
        "locations": [location(finding)],
        // GitHub distinguishes alerts by the first fingerprint, which it cannot compute for a
        // location that is not a file of the repository.
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,
            "tenantctl/v1": finding.fingerprint,
        },
        // Present in all results or none (section 3.27.23); an empty list means "not suppressed".
        "suppressions": suppressed.map(suppression).into_iter().collect::<Vec<_>>(),
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "class": finding.class,
            "security-severity": security_severity(finding.severity),
        },
    });
    let index = checks.iter().position(|check| check.id == finding.check);
    if let Some(index) = index {
        result["ruleIndex"] = index.into();
    }
    result
}

fn suppression(suppressed: &Suppressed) -> Value {
    json!({
        "kind": "external",
        "status": "accepted",
        "justification": visible(&acceptance(suppressed)),
        "properties": { "owner": suppressed.owner, "expires": suppressed.expires },
    })
}

/// Code scanning shows only results with a physical location, so a database object gets an
/// artificial path.
fn location(finding: &Finding) -> Value {
    let (uri, line) = match &finding.location {
        Some(location) => (file_uri(&location.file), location.line.max(1)),
        None => (object_uri(&finding.object), 1),
    };
    let qualified = match &finding.column {
        Some(column) => format!("{}.{column}", finding.object),
        None => finding.object.clone(),
    };
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri },
            "region": { "startLine": line },
        },
        "logicalLocations": [{
            "name": finding.column.as_ref().unwrap_or(&finding.object),
            "fullyQualifiedName": qualified,
            "kind": kind(finding),
        }],
    })
}

/// The kinds of section 3.33.7, if one matches.
fn kind(finding: &Finding) -> &'static str {
    match finding.class {
        Class::Query => "resource",
        _ if finding.object.ends_with(')') => "function",
        _ => "object",
    }
}

/// Formats `database/public/notes`.
fn object_uri(object: &str) -> String {
    let path: Vec<String> = object.splitn(2, '.').map(segment).collect();
    format!("database/{}", path.join("/"))
}

/// Keeps a relative path relative to the root of the repository.
fn file_uri(file: &str) -> String {
    let path: Vec<String> = file
        .trim_start_matches("./")
        .split('/')
        .map(segment)
        .collect();
    let path = path.join("/");
    match file.starts_with('/') {
        true => format!("file://{path}"),
        false => path,
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn skipped(skip: &Skipped, checks: &[Check]) -> Value {
    let on = skip.object.as_ref();
    let on = on.map_or_else(String::new, |object| format!(" on {object}"));
    let what = match class_of_skip(&skip.check) {
        Some(class) => format!("all checks of the class {class}"),
        None => skip.check.clone(),
    };
    let mut notice = notification(&format!("skipped: {what}{on}: {}", skip.reason));
    if let Some(index) = checks.iter().position(|check| check.id == skip.check) {
        notice["associatedRule"] = json!({ "id": skip.check, "index": index });
    }
    notice
}

fn notification(text: &str) -> Value {
    json!({ "level": "warning", "message": { "text": message(text) } })
}

/// A plain text message, in which `[a](b)` would be a link (section 3.11.6), so names are escaped.
fn message(text: &str) -> String {
    let text = visible(text);
    match text.contains("](") {
        true => text.replace('[', "\\[").replace(']', "\\]"),
        false => text,
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

const fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "very-high",
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// A score in the range that GitHub maps to the severity: over 9.0 critical, from 7.0 high, from
/// 4.0 medium, from 0.1 low.
const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample::{self, CHECKS, NASTY};

    fn run() -> Value {
        let text = render(&sample::report(), &CHECKS).unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(log["version"], "2.1.0");
        log["runs"][0].clone()
    }

    #[test]
    fn every_result_has_what_code_scanning_asks_for() {
        let run = run();
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        for result in results {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~%/".contains(c);
            assert!(uri.chars().all(allowed), "{uri}");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            let fingerprint = &result["partialFingerprints"]["primaryLocationLineHash"];
            assert_eq!(fingerprint.as_str().unwrap().len(), 16);
        }
        for rule in rules {
            let severity = rule["properties"]["security-severity"].as_str().unwrap();
            assert!(severity.parse::<f64>().unwrap() <= 10.0);
            assert!(
                rule["help"]["markdown"]
                    .as_str()
                    .unwrap()
                    .contains("`the fix`")
            );
        }
    }

    #[test]
    fn levels_follow_the_severity() {
        let levels: Vec<Value> = run()["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["level"].clone())
            .collect();
        assert_eq!(levels, ["error", "error", "note", "warning"]);
    }

    #[test]
    fn a_statement_is_placed_in_its_file_and_an_object_in_the_database() {
        let results = run()["results"].clone();
        let place = |index: usize| results[index]["locations"][0]["physicalLocation"].clone();
        assert_eq!(place(1)["artifactLocation"]["uri"], "database/public/notes");
        assert_eq!(place(2)["artifactLocation"]["uri"], "src/a%20b.sql");
        assert_eq!(place(2)["region"]["startLine"], 7);
        assert_eq!(file_uri("./sql/a.sql"), "sql/a.sql");
        assert_eq!(file_uri("/srv/a b.sql"), "file:///srv/a%20b.sql");
        assert_eq!(object_uri("app"), "database/app");
    }

    #[test]
    fn what_the_baseline_accepts_is_suppressed_and_nothing_else() {
        let results = run()["results"].clone();
        for index in 0..3 {
            assert_eq!(results[index]["suppressions"], json!([]));
        }
        let suppression = &results[3]["suppressions"][0];
        assert_eq!(suppression["kind"], "external");
        assert_eq!(suppression["properties"]["expires"], "2027-01-31");
        let why = suppression["justification"].as_str().unwrap();
        assert!(why.starts_with("accepted by kim"), "{why}");
    }

    #[test]
    fn what_was_skipped_is_notified() {
        let invocation = run()["invocations"][0].clone();
        let notices = invocation["toolExecutionNotifications"].as_array().unwrap();
        assert_eq!(notices.len(), 3);
        assert!(notices[0].get("associatedRule").is_none());
        assert_eq!(notices[1]["associatedRule"]["id"], "rls-disabled");
        let text = notices[1]["message"]["text"].as_str().unwrap();
        assert!(text.contains("on public.locked"), "{text}");
        let notes = invocation["toolConfigurationNotifications"]
            .as_array()
            .unwrap();
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn no_name_becomes_a_link() {
        assert!(message(NASTY).contains("\\[a\\](http://evil.example)"));
        assert_eq!(message("values[1]"), "values[1]");
    }
}
