//! `audit diff`: new, changed and resolved findings.

use super::{
    checks::tone,
    wording::{count, severity_label, subject, thousands},
};
use crate::audit::report::difference::{Changed, Difference, Found, Judgement, Side, Unseen};
use crate::output::{Cell, Page, Style, Tone, View};

/// Longer lists of one kind are truncated on a page.
const SHOWN: usize = 50;

impl View for Difference {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("before", side(&style, &self.before))
            .field("after", side(&style, &self.after));
        section(page, "New", &self.new, |found| {
            line(found, tone(found.finding.severity), "")
        });
        section(page, "Changed", &self.changed, changed);
        section(page, "Gone", &self.gone, |found| line(found, Tone::Ok, ""));
        section(
            page,
            "Found now, skipped before (may not be new)",
            &self.skipped_before,
            unseen,
        );
        section(
            page,
            "Found before, skipped now (may still exist)",
            &self.skipped_after,
            unseen,
        );
        page.blank()
            .line(Cell::new(totals(self), self.worst().map_or(Tone::Ok, tone)));
    }
}

fn side(style: &Style, side: &Side) -> String {
    format!("{}, {}", side.database, style.time(side.audited_at, None))
}

fn section<T>(page: &mut Page, title: &str, all: &[T], line: impl Fn(&T) -> Cell) {
    if all.is_empty() {
        return;
    }
    page.heading(title);
    for one in all.iter().take(SHOWN) {
        page.line(line(one));
    }
    if all.len() > SHOWN {
        let more = thousands((all.len() - SHOWN) as u64);
        page.line(Cell::new(
            format!("and {more} more (use -o json to show all)"),
            Tone::Bold,
        ));
    }
}

fn line(found: &Found, tone: Tone, remark: &str) -> Cell {
    let finding = &found.finding;
    let accepted = match found.accepted {
        true => "  accepted by the baseline",
        false => "",
    };
    let text = format!(
        "{:<8}  {}  {}  [{}]{accepted}{remark}",
        severity_label(finding.severity),
        finding.check,
        subject(finding),
        finding.confidence,
    );
    Cell::new(text, tone)
}

fn changed(changed: &Changed) -> Cell {
    let Judgement {
        severity,
        confidence,
        accepted,
    } = changed.before;
    let accepted = match accepted {
        true => ", accepted",
        false => "",
    };
    let tone = match changed.is_worse() {
        true => tone(changed.found.finding.severity),
        false => Tone::Plain,
    };
    let remark = format!("  was {severity} [{confidence}]{accepted}");
    line(&changed.found, tone, &remark)
}

fn unseen(unseen: &Unseen) -> Cell {
    line(&unseen.found, Tone::Warn, &format!("  {}", unseen.reason))
}

fn totals(difference: &Difference) -> String {
    let number = |all: usize| thousands(all as u64);
    let unknown = difference.skipped_before.len() + difference.skipped_after.len();
    format!(
        "{} new, {} changed, {} gone, {} unknown · {} unchanged",
        number(difference.new.len()),
        number(difference.changed.len()),
        number(difference.gone.len()),
        number(unknown),
        count(difference.unchanged, "finding"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample;
    use crate::audit::report::{Report, Severity, difference::diff};

    fn text(before: &Report, after: &Report) -> String {
        let mut page = Page::new(Style::default(), crate::output::Invocation::default());
        diff(before, after).human(&mut page);
        page.finish()
    }

    #[test]
    fn what_came_and_went_is_listed() {
        let (mut before, mut after) = (sample::many(3), sample::many(2));
        before.findings[0].severity = Severity::Low;
        after
            .findings
            .push(sample::finding("public.new", Severity::High));
        let text = text(&before, &after);
        assert!(
            text.contains("New\nHIGH      rls-disabled  public.new  [high]\n"),
            "{text}"
        );
        assert!(
            text.contains("Gone\nHIGH      rls-disabled  public.t2  [high]\n"),
            "{text}"
        );
        assert!(
            text.contains("public.t0  [high]  was low [high]\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\n1 new, 1 changed, 1 gone, 0 unknown · 1 finding unchanged\n"),
            "{text}"
        );
    }

    #[test]
    fn what_is_unknown_is_reported_with_the_reason() {
        let mut after = sample::empty();
        after.skipped = sample::report().skipped;
        after.skipped[0].check = "catalog".to_owned();
        let text = text(&sample::many(60), &after);
        assert!(text.contains("(may still exist)\n"), "{text}");
        assert!(text.contains("no right: "), "{text}");
        assert!(
            text.contains("and 10 more (use -o json to show all)\n"),
            "{text}"
        );
        assert!(text.contains("0 gone, 60 unknown"), "{text}");
    }

    #[test]
    fn names_cannot_control_the_terminal() {
        let text = text(&sample::empty(), &sample::report());
        let hazard = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(hazard, None, "{text}");
    }
}
