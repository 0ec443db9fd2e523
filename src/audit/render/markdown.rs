//! Markdown for a comment on a pull request (GitHub Flavored Markdown).

use super::{
    grid::{self, Grid},
    groups::{self, FindingGroup},
    wording::{
        acceptance, nothing_found, row_count, severity_label, statement, subject, summary,
        thousands, visible, visible_line,
    },
};
use crate::audit::report::{Finding, Report, Severity};

/// GitHub refuses a comment of more than 65,536 characters; the rest is reserved for a header that
/// a workflow adds.
const LONGEST: usize = 60_000;

/// Writes the comment.
pub(super) fn render(report: &Report) -> String {
    let head = head(report);
    let mut tail = String::new();
    push_accepted(report, &mut tail);
    push_skipped(report, &mut tail);
    push_matrix(report, &mut tail);
    // The matrix is the least useful part if space is short.
    if head.len() + tail.len() > LONGEST / 2 {
        tail = String::new();
        push_skipped(report, &mut tail);
        tail.truncate(tail.floor_char_boundary(LONGEST / 2));
        tail.push_str("\nThe rest does not fit into this comment: see `-o json`.\n");
    }
    let room = LONGEST.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", findings(report, room))
}

fn head(report: &Report) -> String {
    let mut out = format!("## Tenant isolation: {}\n\n", code(&report.database.name));
    out.push_str(&format!("{}\n\n", text(&summary(report))));
    if let Some(nothing) = nothing_found(report) {
        out.push_str(&format!("**{nothing}**\n\n"));
        return out;
    }
    out.push_str("| severity | findings |\n| --- | ---: |\n");
    for severity in Severity::ALL {
        let number = report.summary.findings.get(severity).copied();
        if let Some(number) = number.filter(|number| *number > 0) {
            out.push_str(&format!("| {severity} | {} |\n", thousands(number)));
        }
    }
    out.push('\n');
    out
}

/// The findings, as many as fit.
fn findings(report: &Report, room: usize) -> String {
    let mut out = String::new();
    let mut left = report.findings.len();
    for group in groups::findings(report) {
        let section = section(&group);
        if out.len() + section.len() > room {
            let more = thousands(left as u64);
            out.push_str(&format!(
                "**{more} more findings do not fit into this comment: use `-o json` to show all.**\n\n"
            ));
            break;
        }
        out.push_str(&section);
        left -= group.findings.len();
    }
    out
}

fn section(group: &FindingGroup<'_>) -> String {
    let (shown, more) = group.shown();
    let mut out: String = shown.iter().map(|finding| details(finding)).collect();
    if more > 0 {
        let (more, check) = (thousands(more as u64), code(group.check));
        out.push_str(&format!(
            "and {more} more of {check} (use `-o json` to show all)\n\n"
        ));
    }
    out
}

fn details(finding: &Finding) -> String {
    let mut out = format!(
        "<details><summary><b>{}</b> <code>{}</code> <code>{}</code> [{}]</summary>\n\n{}\n\n",
        severity_label(finding.severity),
        html(&finding.check),
        html(&subject(finding)),
        finding.confidence,
        text(&finding.message),
    );
    if let Some(location) = &finding.location {
        let place = format!("{}:{}", location.file, location.line);
        out.push_str(&format!("At {}\n\n", code(&place)));
    }
    let evidence = &finding.evidence;
    for fact in &evidence.facts {
        out.push_str(&format!("- {}\n", code(fact)));
    }
    if !evidence.facts.is_empty() {
        out.push('\n');
    }
    if !evidence.statements.is_empty() {
        out.push_str(&format!("Proof:\n\n{}", sql(&evidence.statements)));
    }
    if let Some(rows) = row_count(finding) {
        out.push_str(&format!("{rows}\n\n"));
    }
    if !evidence.rows.is_empty() {
        let rows: Vec<String> = evidence.rows.iter().map(ToString::to_string).collect();
        out.push_str(&fence("json", &rows.join("\n")));
    }
    out.push_str(&format!("**Fix:** {}\n\n", text(&finding.fix.summary)));
    if !finding.fix.sql.is_empty() {
        out.push_str(&sql(&finding.fix.sql));
    }
    out.push_str("</details>\n\n");
    out
}

fn push_accepted(report: &Report, out: &mut String) {
    if !report.suppressed.is_empty() || !report.notes.is_empty() {
        out.push_str("### Baseline\n\n");
        for suppressed in &report.suppressed {
            let finding = &suppressed.finding;
            out.push_str(&format!(
                "- {} {}: {}\n",
                code(&finding.check),
                code(&subject(finding)),
                text(&acceptance(suppressed))
            ));
        }
        for note in &report.notes {
            out.push_str(&format!("- {}\n", text(note)));
        }
        out.push('\n');
    }
}

fn push_skipped(report: &Report, out: &mut String) {
    if report.skipped.is_empty() {
        return;
    }
    out.push_str("### Skipped (not checked; does not count as passed)\n\n");
    for group in groups::skipped(&report.skipped) {
        let what = code(&format!("{}{}", group.check, group.on()));
        out.push_str(&format!("- {what}: {}\n", text(group.reason)));
    }
    out.push('\n');
}

fn push_matrix(report: &Report, out: &mut String) {
    for mut grid in grid::grids(&report.matrix) {
        let cut = grid.cut();
        out.push_str(&format!("### Attempts as {}\n\n", code(grid.role)));
        if !grid.rows.is_empty() {
            out.push_str(&table(&grid));
        }
        if let Some(cut) = cut.text() {
            out.push_str(&format!("{cut}\n\n"));
        }
    }
}

fn table(grid: &Grid<'_>) -> String {
    let operations: Vec<&str> = grid.operations.iter().map(|one| one.as_str()).collect();
    let mut out = format!(
        "| object | {} |\n| --- |{}\n",
        operations.join(" | "),
        " --- |".repeat(operations.len())
    );
    for row in &grid.rows {
        let cells: Vec<String> = row
            .cells
            .iter()
            .map(|marks| {
                let signs: Vec<&str> = marks.iter().map(|one| grid::sign(*one).0).collect();
                signs.join(" ")
            })
            .collect();
        let name = code(row.object).replace('|', "\\|");
        out.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    let contexts: Vec<String> = grid
        .contexts
        .iter()
        .map(|one| grid::context(*one))
        .collect();
    out.push_str(&format!(
        "\n{}; in each cell, from left to right: {}\n\n",
        grid::LEGEND,
        contexts.join(", ")
    ));
    out
}

fn sql(statements: &[String]) -> String {
    let statements: Vec<String> = statements.iter().map(|sql| statement(sql)).collect();
    fence("sql", &statements.join("\n"))
}

/// A fenced block with a fence longer than any in the text (CommonMark 4.5).
fn fence(language: &str, text: &str) -> String {
    let text = visible(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}

/// A code span with a delimiter longer than any run in the text (CommonMark 6.1), so that names
/// in it are not interpreted as formatting, links or mentions.
fn code(text: &str) -> String {
    let text = visible_line(text);
    let tick = "`".repeat(longest_run(&text) + 1);
    match text.contains('`') {
        true => format!("{tick} {text} {tick}"),
        false => format!("{tick}{text}{tick}"),
    }
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// Escapes a text so that it contains no formatting.
fn text(text: &str) -> String {
    let mut out = String::new();
    for character in visible_line(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => {
                if "\\`*_[]()!|~$-+=".contains(other) {
                    out.push('\\');
                }
                out.push(other);
            }
        }
    }
    unlinked(&out)
}

/// GitHub creates links, mentions and references after parsing Markdown, when escapes are gone; an
/// empty comment prevents this.
fn unlinked(text: &str) -> String {
    text.replace('@', "@<!-- -->")
        .replace('#', "#<!-- -->")
        .replace("://", ":<!-- -->//")
        .replace("www.", "www<!-- -->.")
        .replace("GH\\-", "GH<!-- -->\\-")
}

/// Escapes text inside HTML.
fn html(text: &str) -> String {
    visible_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample;

    #[test]
    fn names_format_nothing() {
        let markdown = render(&sample::report());
        // Only code shows it unchanged; there it is inert.
        let mut fenced = false;
        for line in markdown.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                let prose = without_code(line);
                assert!(!prose.contains("<script"), "{line}");
                // Markdown is not parsed in the line of a summary, and there are no mentions in
                // code.
                let inert = line.starts_with("<details><summary>");
                assert!(inert || !prose.contains("[a]("), "{line}");
                assert!(inert || !prose.contains("@team"), "{line}");
                assert!(inert || !prose.contains("http://"), "{line}");
            }
        }
        assert!(!fenced, "{markdown}");
    }

    /// A line without its code spans.
    fn without_code(line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            if rest[..start].ends_with('\\') {
                out.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
                continue;
            }
            out.push_str(&rest[..start]);
            let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
            let tick = "`".repeat(run);
            rest = &rest[start + run..];
            let end = rest.find(&tick).expect("a code span ends");
            rest = &rest[end + run..];
        }
        out + rest
    }

    #[test]
    fn a_fence_and_a_span_are_longer_than_any_in_the_text() {
        assert_eq!(
            fence("sql", "a\n````\nb"),
            "`````sql\na\n````\nb\n`````\n\n"
        );
        assert_eq!(code("a``b"), "``` a``b ```");
        assert_eq!(code("notes"), "`notes`");
    }

    #[test]
    fn a_row_of_the_matrix_has_as_many_cells_as_its_header() {
        let markdown = render(&sample::report());
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let table = markdown
            .lines()
            .skip_while(|line| !line.starts_with("| object |"));
        let table: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
        assert_eq!(table.len(), 4, "{markdown}");
        assert!(
            table.iter().all(|line| cells(line) == cells(table[0])),
            "{table:?}"
        );
        assert!(
            table[2].contains("| · ? |") || table[3].contains("| ? · × |"),
            "{table:?}"
        );
    }

    #[test]
    fn a_comment_is_never_too_long_and_says_what_it_leaves_out() {
        let mut report = sample::many(12);
        for index in 0..400 {
            let mut finding = sample::finding(&format!("public.x{index}"), Severity::Low);
            finding.check = format!("check-{index}");
            report.findings.push(finding);
        }
        report.tally();
        let markdown = render(&report);
        assert!(markdown.chars().count() < 65_536);
        assert!(
            markdown.contains("and 2 more of `rls-disabled`"),
            "{markdown}"
        );
        assert!(markdown.contains("more findings do not fit into this comment"));
    }

    #[test]
    fn nothing_found_is_said() {
        let markdown = render(&sample::empty());
        assert!(markdown.contains("**No findings.**"), "{markdown}");
    }
}
