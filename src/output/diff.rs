//! Unified diffs.

use similar::{ChangeTag, TextDiff};

use super::style::{Style, Tone};

const CONTEXT_LINES: usize = 3;

/// The unified diff of two texts, without file names; empty if they are equal.
pub fn unified_diff(style: &Style, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut out = String::new();
    for hunk in diff
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .iter_hunks()
    {
        push_line(&mut out, &style.line(Tone::Dim, &hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ('-', Tone::Bad),
                ChangeTag::Insert => ('+', Tone::Ok),
                ChangeTag::Equal => (' ', Tone::Plain),
            };
            let text = change.value().trim_end_matches(['\r', '\n']);
            push_line(&mut out, &style.block(tone, &format!("{sign}{text}")));
            if change.missing_newline() {
                push_line(&mut out, "\\ No newline at end of file");
            }
        }
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_marked() {
        assert_eq!(
            unified_diff(&Style::default(), "a\nb\nc\n", "a\nB\nc"),
            "@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+c\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified_diff(&Style::default(), "a\n", "a\n"), "");
    }

    #[test]
    fn colour_and_escapes() {
        let style = Style {
            color: true,
            ..Style::default()
        };
        let text = unified_diff(&style, "", "x\x1b[2J\n");
        assert!(text.contains("\x1b[32m+x\\u{1b}[2J\x1b[0m"), "{text:?}");
    }
}
