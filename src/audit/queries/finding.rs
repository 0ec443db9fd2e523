//! Findings of the query checks.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer},
};

use super::{Access, Problem, Statement, TenantTables, Use, analyse, with_room};
use crate::audit::report::{Check, Class, Confidence, Finding, Fix, Phase, Severity, Skipped};

/// Length in characters after which a long statement is truncated.
const SHOWN: usize = 400;

/// The checks of statements.
pub const CHECKS: &[Check] = &[
    NO_PREDICATE,
    UNFILTERED_WRITE,
    INSERT_WITHOUT_KEY,
    SETS_KEY,
    JOIN_WITHOUT_KEY,
];

const NO_PREDICATE: Check = Check {
    id: "query-no-tenant-predicate",
    class: Class::Query,
    severity: Severity::High,
    confidence: Confidence::Medium,
    title: "a statement reads a tenant table without naming the tenant",
    page: include_str!("../../../docs/audit/query-no-tenant-predicate.md"),
};

const UNFILTERED_WRITE: Check = Check {
    id: "query-unfiltered-write",
    title: "a statement changes or deletes rows of a tenant table without naming the tenant",
    page: include_str!("../../../docs/audit/query-unfiltered-write.md"),
    ..NO_PREDICATE
};

const INSERT_WITHOUT_KEY: Check = Check {
    id: "query-insert-without-key",
    title: "a statement inserts into a tenant table without the tenant key",
    page: include_str!("../../../docs/audit/query-insert-without-key.md"),
    ..NO_PREDICATE
};

const SETS_KEY: Check = Check {
    id: "query-sets-key",
    severity: Severity::Medium,
    title: "a statement gives rows to another tenant",
    page: include_str!("../../../docs/audit/query-sets-key.md"),
    ..NO_PREDICATE
};

const JOIN_WITHOUT_KEY: Check = Check {
    id: "query-join-without-tenant-key",
    severity: Severity::Low,
    title: "a statement reaches a tenant table by an id alone",
    page: include_str!("../../../docs/audit/query-join-without-tenant-key.md"),
    ..NO_PREDICATE
};

/// Returns one finding per table and problem in each statement. The same statement in two places,
/// or with other literals, is one finding.
pub fn check(
    tables: &TenantTables,
    statements: impl IntoIterator<Item = Statement>,
) -> (Vec<Finding>, Vec<Skipped>) {
    let statements: Vec<Statement> = statements.into_iter().collect();
    with_room(|| check_all(tables, statements)).unwrap_or_else(|error| {
        let skipped = Skipped {
            check: Class::Query.to_string(),
            object: None,
            reason: format!("could not start a thread: {error}"),
        };
        (Vec::new(), vec![skipped])
    })
}

fn check_all(tables: &TenantTables, statements: Vec<Statement>) -> (Vec<Finding>, Vec<Skipped>) {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut skipped = Vec::new();
    for statement in statements {
        match analyse(tables, &statement.sql) {
            Ok(uses) => {
                for finding in judge(tables, &statement, &uses) {
                    merge(&mut findings, finding, &statement);
                }
            }
            Err(error) => skipped.push(Skipped {
                check: Class::Query.to_string(),
                object: Some(statement.label),
                reason: format!("could not parse the statement: {error}"),
            }),
        }
    }
    (findings.into_values().collect(), skipped)
}

fn judge(tables: &TenantTables, statement: &Statement, uses: &[Use]) -> Vec<Finding> {
    let wrong = uses.iter().filter(|one| one.problem.is_some());
    let mut seen = BTreeSet::new();
    let wrong: Vec<&Use> = wrong
        .filter(|one| seen.insert((&one.table, one.problem)))
        .collect();
    if wrong.is_empty() {
        return Vec::new();
    }
    let part = fingerprint(&statement.sql);
    wrong
        .into_iter()
        .filter_map(|one| finding(tables, statement, one, &part))
        .collect()
}

fn finding(tables: &TenantTables, statement: &Statement, one: &Use, part: &str) -> Option<Finding> {
    let (schema, name) = &one.table;
    let object = format!("{schema}.{name}");
    let key = tables.find(Some(schema), name)?.key.columns().join(", ");
    let shown = match one.alias == *name {
        true => object.clone(),
        false => format!("{object} ({})", one.alias),
    };
    let place = &statement.label;
    let (check, message, remedy) = match one.problem? {
        Problem::UnfilteredRead => (
            &NO_PREDICATE,
            format!("{place} reads {shown} with no predicate on {key}"),
            format!("add a predicate on {key} of {object}"),
        ),
        Problem::UnfilteredUpdate | Problem::UnfilteredDelete => (
            &UNFILTERED_WRITE,
            format!(
                "{place} {} {shown} with no predicate on {key}",
                match one.access {
                    Access::Delete => "deletes from",
                    _ => "updates",
                }
            ),
            format!("add a predicate on {key} of {object}"),
        ),
        Problem::InsertWithoutKey => (
            &INSERT_WITHOUT_KEY,
            format!("{place} inserts into {shown} without {key}"),
            format!("also insert {key}"),
        ),
        Problem::SetsKey => (
            &SETS_KEY,
            format!("{place} sets {key} of {shown}"),
            format!("remove {key} from the SET list"),
        ),
        Problem::JoinWithoutKey => (
            &JOIN_WITHOUT_KEY,
            format!("{place} accesses {shown} by id alone, without {key}"),
            format!("also compare {key} of {object}"),
        ),
    };
    let fix = Fix::advice(Phase::Policies, remedy);
    let mut finding = Finding::new(check, object, message, fix)
        .part(part)
        .fact(shortened(&statement.sql));
    finding.location = statement.location.clone();
    finding.evidence.count = statement.calls;
    Some(finding)
}

/// Adds a finding, or adds its location and calls to an existing finding of the same statement.
fn merge(findings: &mut BTreeMap<String, Finding>, finding: Finding, statement: &Statement) {
    let Some(same) = findings.get_mut(&finding.fingerprint) else {
        findings.insert(finding.fingerprint.clone(), finding);
        return;
    };
    let also = format!("also {}", statement.label);
    if same.location != finding.location && !same.evidence.facts.contains(&also) {
        same.evidence.facts.push(also);
    }
    if let Some(calls) = finding.evidence.count {
        *same.evidence.count.get_or_insert(0) += calls;
    }
}

fn shortened(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let whole = words.join(" ");
    match whole.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

/// Returns a short hash of a statement. White space, comments, case, literals and the names of
/// placeholders do not affect it.
pub fn fingerprint(sql: &str) -> String {
    let mut hash = Sha256::new();
    for token in Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize()
        .unwrap_or_default()
    {
        match token {
            Token::Whitespace(_) | Token::SemiColon => continue,
            Token::Word(word) if word.quote_style.is_none() => {
                hash.update(word.value.to_lowercase());
            }
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::Placeholder(_) => hash.update("?"),
            other => hash.update(other.to_string()),
        }
        hash.update([0]);
    }
    let digest = hash.finalize();
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
