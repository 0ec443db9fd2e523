//! A migration of the fixes that need no decision, in an order in which they can be applied.

use serde::Serialize;

use super::finding::{Finding, Phase};
use crate::quoting::comment_line;

/// The output of `audit fix`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Migration {
    /// In the order of application.
    pub steps: Vec<Step>,
    /// Findings that need a decision.
    pub left: Vec<Left>,
}

/// One statement, and the findings that it fixes.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub phase: Phase,
    /// Statement without the semicolon.
    pub sql: String,
    /// `check object`, for each finding.
    #[serde(rename = "mends")]
    pub fixes: Vec<String>,
}

/// A finding that cannot be fixed mechanically.
#[derive(Clone, Debug, Serialize)]
pub struct Left {
    pub check: String,
    pub object: String,
    pub remedy: String,
    /// Statements to start from.
    pub sql: Vec<String>,
}

impl Migration {
    /// Collects the fixes of findings: by phase, and within a phase in the order of the findings. A
    /// statement that several findings need is included once.
    pub fn of(findings: &[Finding]) -> Self {
        let mut migration = Self::default();
        for finding in findings {
            if !finding.fix.mechanical || finding.fix.sql.is_empty() {
                migration.left.push(Left {
                    check: finding.check.clone(),
                    object: finding.object.clone(),
                    remedy: finding.fix.summary.clone(),
                    sql: finding.fix.sql.clone(),
                });
                continue;
            }
            let fixed = format!("{} {}", finding.check, finding.object);
            for sql in &finding.fix.sql {
                match migration.steps.iter_mut().find(|step| step.sql == *sql) {
                    Some(step) => {
                        step.phase = step.phase.min(finding.fix.phase);
                        if !step.fixes.contains(&fixed) {
                            step.fixes.push(fixed.clone());
                        }
                    }
                    None => migration.steps.push(Step {
                        phase: finding.fix.phase,
                        sql: sql.clone(),
                        fixes: vec![fixed.clone()],
                    }),
                }
            }
        }
        // A stable sort keeps the statements of one finding in order.
        migration.steps.sort_by_key(|step| step.phase);
        migration
    }

    /// Returns the text of the migration. Names from the database cannot break out of a comment line.
    pub fn to_sql(&self) -> String {
        let mut text = String::new();
        if self.steps.is_empty() {
            text.push_str("-- Nothing can be fixed automatically.\n");
        } else {
            // The definitions of policies and defaults were printed under this search path.
            text.push_str("BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;\n");
            for step in &self.steps {
                text.push('\n');
                for fixed in &step.fixes {
                    comment(&mut text, fixed);
                }
                text.push_str(&step.sql);
                text.push_str(";\n");
            }
            text.push_str("\nCOMMIT;\n");
        }
        if !self.left.is_empty() {
            text.push_str("\n-- To be decided:\n");
        }
        for left in &self.left {
            text.push_str("--\n");
            comment(
                &mut text,
                &format!("{} {}: {}", left.check, left.object, left.remedy),
            );
            for sql in &left.sql {
                comment(&mut text, &format!("    {sql};"));
            }
        }
        text
    }
}

fn comment(text: &mut String, prose: &str) {
    for line in prose.split(['\n', '\r']) {
        text.push_str("-- ");
        text.push_str(&comment_line(line));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::report::{Check, Class, Confidence, Fix, Severity};

    const CHECK: Check = Check {
        id: "x",
        class: Class::Catalog,
        severity: Severity::High,
        confidence: Confidence::High,
        title: "",
        page: "",
    };

    fn finding(object: &str, fix: Fix) -> Finding {
        Finding::new(&CHECK, object, "", fix)
    }

    #[test]
    fn steps_are_in_the_order_in_which_they_apply_and_there_once() {
        let findings = [
            finding("a", Fix::mechanical(Phase::Security, "", ["ENABLE a"])),
            finding(
                "b",
                Fix::mechanical(Phase::References, "", ["KEY b", "FK b"]),
            ),
            finding("c", Fix::mechanical(Phase::Keys, "", ["KEY b"])),
            finding("d", Fix::advice(Phase::Rows, "look")),
        ];
        let migration = Migration::of(&findings);
        let statements: Vec<&str> = migration.steps.iter().map(|one| one.sql.as_str()).collect();
        assert_eq!(statements, ["KEY b", "FK b", "ENABLE a"]);
        assert_eq!(migration.steps[0].fixes, ["x b", "x c"]);
        assert!(migration.to_sql().contains("-- x d: look"));
    }

    #[test]
    fn a_name_with_a_line_break_stays_a_comment() {
        let fix = Fix::mechanical(Phase::Keys, "", ["SELECT 1"]);
        let sql = Migration::of(&[finding("a\nDROP TABLE b;", fix)]).to_sql();
        assert!(sql.contains("-- DROP TABLE b;"), "{sql}");
        assert!(!sql.contains("\nDROP"), "{sql}");
    }
}
