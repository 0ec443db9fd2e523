use proptest::prelude::*;

use super::*;
use crate::audit::report::{Severity, Verdict};
use crate::{
    audit::render::sample::{self, NASTY},
    output::Style,
};

fn shown(view: &ReportView<'_>, style: Style) -> String {
    let mut page = Page::new(style, crate::output::Invocation::default());
    view.human(&mut page);
    page.finish()
}

fn text(report: &Report) -> String {
    shown(&ReportView::new(report), Style::default())
}

#[test]
fn a_finding_has_reason_proof_rows_and_remedy() {
    let mut report = sample::many(1);
    let finding = &mut report.findings[0];
    finding.severity = Severity::Critical;
    finding.evidence.statements = vec!["SET ROLE app".into(), "SELECT *\nFROM notes;".into()];
    finding.evidence.rows = vec![serde_json::json!({"id": 1})];
    finding.evidence.count = Some(12);
    finding.fix.summary = "switch it on".into();
    finding.fix.sql = vec!["ALTER TABLE t0 ENABLE ROW LEVEL SECURITY".into()];
    assert!(
        text(&report).contains(
            "\nCRITICAL  rls-disabled  public.t0  [high]\n\
             \x20 row-level security is off on public.t0\n\
             \x20 proof:\n\
             \x20   SET ROLE app;\n\
             \x20   SELECT *\n\
             \x20   FROM notes;\n\
             \x20 12 rows, of which 1 is shown:\n\
             \x20   {\"id\":1}\n\
             \x20 fix: switch it on\n\
             \x20   ALTER TABLE t0 ENABLE ROW LEVEL SECURITY;\n"
        ),
        "{}",
        text(&report)
    );
}

#[test]
fn many_of_one_check_are_cut_and_reported() {
    let text = text(&sample::many(2000));
    assert_eq!(text.matches("\nHIGH ").count(), 3, "with proof and remedy");
    assert_eq!(text.matches("\n  HIGH ").count(), 7, "by their title");
    assert!(
        text.contains("  and 1,990 more of rls-disabled (use -o json to show all)\n"),
        "{text}"
    );
    assert!(
        text.contains("2,000 findings: 2,000 high · 4 checks, 0 skipped · 0.5 s"),
        "{text}"
    );
}

#[test]
fn nothing_found_is_said_and_what_was_skipped_is_no_proof() {
    let mut report = sample::empty();
    assert!(text(&report).contains("\nFindings\nNo findings.\n"));
    report.skipped = sample::report().skipped;
    report.tally();
    let text = text(&report);
    assert!(text.contains("does not count as passed"), "{text}");
    assert!(text.contains("does not prove isolation"), "{text}");
    // The two objects with one reason share one line.
    assert!(
        text.contains("rls-disabled on 2 objects: no right"),
        "{text}"
    );
}

#[test]
fn a_skipped_attempt_is_reported_below_its_matrix() {
    let text = text(&sample::report());
    assert!(text.contains("? skipped"), "{text}");
    assert!(text.contains("1 try skipped (no proof)"), "{text}");
}

#[test]
fn a_large_matrix_is_cut_unless_all_of_it_is_wanted() {
    let mut report = sample::report();
    let blocked = report.matrix[2].clone();
    assert!(matches!(blocked.verdict, Verdict::Blocked(_)));
    report.matrix = (0..50)
        .map(|index| {
            let mut attempt = blocked.clone();
            attempt.object = format!("public.table_{index}");
            attempt
        })
        .collect();
    let cut = text(&report);
    assert!(
        cut.contains("50 other objects without leaks (use --matrix"),
        "{cut}"
    );
    assert!(!cut.contains("public.table_49"), "{cut}");
    let whole = shown(
        &ReportView::new(&report).whole_matrix(true),
        Style::default(),
    );
    assert!(whole.contains("public.table_49"), "{whole}");
}

#[test]
fn tables_are_named_where_they_are_few() {
    let mut report = sample::empty();
    assert!(text(&report).contains("keyed tables  2: public.notes, "));
    let notes = report.tenant.tables[1].clone();
    report.tenant.tables = vec![notes; 9];
    assert!(text(&report).contains("keyed tables  9\n"));
}

#[test]
fn what_the_baseline_accepts_is_reported_with_its_owner() {
    let text = text(&sample::report());
    assert!(
        text.contains("accepted by kim until 2027-01-31: "),
        "{text}"
    );
    assert!(text.contains("Baseline\n  baseline: "), "{text}");
}

#[test]
fn messages_fit_the_terminal_and_statements_stay_whole() {
    let mut report = sample::many(1);
    report.findings[0].message = "many words ".repeat(20);
    report.findings[0].fix.sql = vec![format!("SELECT {}", "x, ".repeat(40))];
    let style = Style::default().with_width(40);
    let text = shown(&ReportView::new(&report), style);
    let words: Vec<&str> = text.lines().filter(|line| line.contains("words")).collect();
    assert!(
        words.len() > 5 && words.iter().all(|line| line.len() <= 40),
        "{text}"
    );
    assert!(text.contains(&"x, ".repeat(39)), "{text}");
}

#[test]
fn no_name_starts_a_line_of_its_own() {
    let mut report = sample::report();
    report.findings[0].evidence.statements = vec!["SELECT \"a\nNo finding.\"".into()];
    assert!(
        !text(&report)
            .lines()
            .any(|line| line.starts_with("No finding"))
    );
    assert!(
        !text(&report)
            .lines()
            .any(|line| line.starts_with("::error"))
    );
    assert!(NASTY.contains("\n::error"));
}

proptest! {
    #[test]
    fn no_text_controls_the_terminal(nasty in any::<String>()) {
        let json = serde_json::to_string(&sample::report()).unwrap();
        let quoted = |text: &str| {
            let quoted = serde_json::to_string(text).unwrap();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let json = json.replace(&quoted(NASTY), &quoted(&nasty));
        let report: Report = serde_json::from_str(&json).unwrap();
        let text = text(&report);
        let hazard = text.chars().find(|c| c.is_control() && *c != '\n');
        prop_assert_eq!(hazard, None);
    }
}
