//! The layout of one object for display: headings, aligned fields, tables, blocks of text.

use super::diff::unified_diff;
use super::invocation::Invocation;
use super::matrix::Matrix;
use super::style::{Cell, Style, Tone};
use super::table;
use crate::hint::Hint;

/// The page that a [`View`](super::View) is written to. All text is escaped; only a [`Tone`] adds
/// color.
#[derive(Debug)]
pub struct Page {
    style: Style,
    invocation: Invocation,
    out: String,
    /// Consecutive fields are aligned together, so they are buffered until the last one.
    fields: Vec<(String, Cell)>,
}

impl Page {
    pub(crate) fn new(style: Style, invocation: Invocation) -> Self {
        Self {
            style,
            invocation,
            out: String::new(),
            fields: Vec::new(),
        }
    }

    /// The style of this page, for toned values and times.
    pub fn style(&self) -> Style {
        self.style
    }

    /// The hint with its commands as they must be typed.
    pub fn complete(&self, hint: &Hint) -> String {
        self.invocation.complete(hint)
    }

    /// Starts a section.
    pub fn heading(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.blank();
        let heading = self.style.line(Tone::Bold, text.as_ref());
        self.push(&heading)
    }

    /// A label and its value; consecutive fields are aligned.
    pub fn field(&mut self, label: impl Into<String>, value: impl Into<Cell>) -> &mut Self {
        self.fields.push((label.into(), value.into()));
        self
    }

    /// A field that is omitted if there is no value.
    pub fn optional_field(
        &mut self,
        label: impl Into<String>,
        value: Option<impl Into<Cell>>,
    ) -> &mut Self {
        match value {
            Some(value) => self.field(label, value),
            None => self,
        }
    }

    /// A table.
    pub fn table(&mut self, columns: &[&str], rows: &[Vec<Cell>]) -> &mut Self {
        self.end_fields();
        self.out
            .push_str(&table::render(&self.style, columns, rows));
        self
    }

    /// A block of text, with its line breaks.
    pub fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        let text = self.style.block(Tone::Plain, text.as_ref());
        self.push(&text)
    }

    /// A line in a tone.
    pub fn line(&mut self, line: impl Into<Cell>) -> &mut Self {
        let Cell { text, tone, .. } = line.into();
        let line = self.style.line(tone, &text);
        self.push(&line)
    }

    /// The unified diff of two texts.
    pub fn diff(&mut self, before: &str, after: &str) -> &mut Self {
        let diff = unified_diff(&self.style, before, after);
        self.end_fields();
        self.out.push_str(&diff);
        self
    }

    /// A matrix with its legend.
    pub fn matrix(&mut self, matrix: &Matrix) -> &mut Self {
        self.end_fields();
        self.out.push_str(&matrix.render(&self.style));
        self
    }

    /// One empty line, unless the page is empty or ends with one.
    pub fn blank(&mut self) -> &mut Self {
        self.end_fields();
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.end_fields();
        self.out
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.end_fields();
        self.out.push_str(text);
        if !text.ends_with('\n') {
            self.out.push('\n');
        }
        self
    }

    fn end_fields(&mut self) {
        if !self.fields.is_empty() {
            let fields = std::mem::take(&mut self.fields);
            self.out
                .push_str(&table::render_fields(&self.style, &fields));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_laid_out() {
        let mut page = Page::new(Style::default(), Invocation::default());
        page.heading("Harbor Clinic")
            .field("slug", "harbor")
            .optional_field("locale", Some("en-US"))
            .optional_field("deleted", None::<&str>)
            .heading("Channels")
            .table(&["kind", "on"], &[vec!["web".into(), true.into()]])
            .blank()
            .text("two\nlines");
        assert_eq!(
            page.finish(),
            "Harbor Clinic\n\
             slug    harbor\n\
             locale  en-US\n\
             \n\
             Channels\n\
             kind  on\n\
             web   yes\n\
             \n\
             two\n\
             lines\n"
        );
    }

    #[test]
    fn data_cannot_control_the_terminal() {
        let evil = "x\x1b]0;owned\x07\u{202e}";
        let style = Style {
            terminal: true,
            ..Style::default()
        };
        let mut page = Page::new(style, Invocation::default());
        page.heading(evil)
            .field(evil, evil)
            .text(evil)
            .line(evil)
            .table(&[evil], &[vec![evil.into()]])
            .diff(evil, "");
        let text = page.finish();
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
        assert_eq!(text.matches("\\u{1b}]0;owned").count(), 8, "{text}");
    }
}
