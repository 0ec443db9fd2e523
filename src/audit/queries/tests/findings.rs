//! Findings of the query checks.

use super::{
    super::{CHECKS, Location, Statement, check},
    schema,
};

#[test]
fn a_finding_has_its_place_and_the_same_statement_is_one() {
    let statement = |sql: &str, line: u32, calls: Option<u64>| Statement {
        sql: sql.to_owned(),
        location: Some(Location {
            file: "a.sql".to_owned(),
            line,
        }),
        calls,
        label: format!("a.sql:{line}"),
    };
    let (findings, skipped) = check(
        &schema(),
        [
            statement("SELECT * FROM notes WHERE id = 1", 1, Some(2)),
            statement("select *\n from NOTES where id = 27", 5, Some(3)),
            statement("SELECT 1 +", 9, None),
            statement("SELECT * FROM notes a, notes b", 11, None),
        ],
    );
    assert_eq!(findings.len(), 2, "{findings:#?}");
    let first = findings
        .iter()
        .find(|one| one.evidence.count.is_some())
        .expect("the one with calls");
    assert_eq!(first.check, "query-no-tenant-predicate");
    assert_eq!(first.object, "public.notes");
    assert_eq!(first.evidence.count, Some(5));
    assert_eq!(first.location.as_ref().map(|place| place.line), Some(1));
    assert_eq!(
        first.message,
        "a.sql:1 reads public.notes with no predicate on org_id"
    );
    assert!(first.evidence.facts.contains(&"also a.sql:5".to_owned()));
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].object.as_deref(), Some("a.sql:9"));
}

#[test]
fn every_check_has_its_page() {
    for check in CHECKS {
        let title = format!("# {}: ", check.id);
        assert!(check.page.starts_with(&title), "{}", check.id);
        for part in ["\n## Why\n", "\n## Example\n", "\n## Fix\n"] {
            assert!(check.page.contains(part), "{}: {part}", check.id);
        }
    }
}
