//! The isolation matrix: rows × operations, with a mark per context in each cell.

use serde::Serialize;

use super::style::{Style, Tone};

/// The result of one operation in one context.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Own data, accessible as expected.
    Allowed,
    /// Another tenant's data, inaccessible as expected.
    Blocked,
    /// Another tenant's data was reached.
    Leak,
    /// Could not be tried, which proves nothing.
    Skipped,
    /// There is nothing to try.
    NotApplicable,
}

impl Mark {
    const ALL: [Self; 5] = [
        Self::Allowed,
        Self::Blocked,
        Self::Leak,
        Self::Skipped,
        Self::NotApplicable,
    ];

    /// A symbol that is readable without color.
    const fn symbol(self) -> &'static str {
        match self {
            Self::Allowed => "✓",
            Self::Blocked => "×",
            Self::Leak => "!",
            Self::Skipped => "?",
            Self::NotApplicable => "·",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Allowed => "allowed (own rows)",
            Self::Blocked => "blocked",
            Self::Leak => "LEAK",
            Self::Skipped => "skipped",
            Self::NotApplicable => "not applicable",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Allowed => Tone::Plain,
            Self::Blocked => Tone::Ok,
            Self::Leak => Tone::Bad,
            Self::Skipped => Tone::Warn,
            Self::NotApplicable => Tone::Dim,
        }
    }
}

/// A matrix for display on a page.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// The label of the first column: `table`.
    pub subject: String,
    /// The columns: `select`, `insert`, ….
    pub operations: Vec<String>,
    /// The marks of a cell, in this order: `Default Organization`, `Harbor Clinic`, `none`.
    pub contexts: Vec<String>,
    /// A row per subject.
    pub rows: Vec<MatrixRow>,
    /// `true` if the leaks are listed by name below; `false` if findings report them.
    pub names_leaks: bool,
}

/// One subject of a [`Matrix`].
#[derive(Clone, Debug, Serialize)]
pub struct MatrixRow {
    /// The subject: `patients`.
    pub name: String,
    /// `cells[operation][context]`.
    pub cells: Vec<Vec<Mark>>,
}

impl Matrix {
    /// The number of cells that contain `mark`.
    pub fn count(&self, mark: Mark) -> usize {
        let marks = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        marks.filter(|seen| **seen == mark).count()
    }

    /// Lays out the matrix: bands of operations that fit the width, a legend, the leaks by name.
    pub(super) fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        for (index, band) in self.bands(style.width).into_iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            self.render_band(style, band, &mut out);
        }
        self.render_legend(style, &mut out);
        if self.names_leaks {
            self.render_leaks(style, &mut out);
        }
        out
    }

    fn render_band(&self, style: &Style, band: std::ops::Range<usize>, out: &mut String) {
        let name_width = self.name_width();
        let mut header = vec![padded(style, &self.subject, Tone::Bold, name_width)];
        header.extend(band.clone().map(|operation| {
            let name = &self.operations[operation];
            padded(style, name, Tone::Bold, self.operation_width(operation))
        }));
        push_line(out, &header.join("  "));
        for row in &self.rows {
            let mut cells = vec![padded(style, &row.name, Tone::Plain, name_width)];
            cells.extend(band.clone().map(|operation| {
                let marks = row.cells.get(operation).map_or(&[][..], Vec::as_slice);
                let width = self.operation_width(operation);
                marks_of_cell(style, marks, width)
            }));
            push_line(out, &cells.join("  "));
        }
    }

    fn render_legend(&self, style: &Style, out: &mut String) {
        // Most matrices have no skipped cells and then need no explanation of them.
        let shown = Mark::ALL
            .iter()
            .filter(|mark| **mark != Mark::Skipped || self.count(Mark::Skipped) > 0);
        let meanings: Vec<String> = shown
            .map(|mark| {
                let symbol = style.line(mark.tone(), mark.symbol());
                format!("{symbol} {}", mark.meaning())
            })
            .collect();
        out.push('\n');
        push_line(out, &meanings.join("   "));
        if self.contexts.len() > 1 {
            let contexts = self.contexts.join(", ");
            let text = format!("in each cell, from left to right: {contexts}");
            push_line(out, &style.line(Tone::Dim, &text));
        }
    }

    fn render_leaks(&self, style: &Style, out: &mut String) {
        for row in &self.rows {
            for (operation, marks) in self.operations.iter().zip(&row.cells) {
                for (context, mark) in self.contexts.iter().zip(marks) {
                    if *mark == Mark::Leak {
                        let text = format!("LEAK: {operation} on {} as {context}", row.name);
                        push_line(out, &style.line(Tone::Bad, &text));
                    }
                }
            }
        }
    }

    /// Ranges of operations that fit next to the names; at least one each.
    fn bands(&self, width: Option<u16>) -> Vec<std::ops::Range<usize>> {
        let available = width.map_or(usize::MAX, usize::from);
        let mut bands = Vec::new();
        let mut start = 0;
        let mut used = self.name_width();
        for operation in 0..self.operations.len() {
            let needed = self.operation_width(operation) + 2;
            if used.saturating_add(needed) > available && operation > start {
                bands.push(start..operation);
                start = operation;
                used = self.name_width();
            }
            used += needed;
        }
        bands.push(start..self.operations.len());
        bands
    }

    fn name_width(&self) -> usize {
        let names = self.rows.iter().map(|row| row.name.as_str());
        let widths = names.chain([self.subject.as_str()]).map(width_of);
        widths.max().unwrap_or(0)
    }

    fn operation_width(&self, operation: usize) -> usize {
        let marks = (self.contexts.len() * 2).saturating_sub(1);
        width_of(&self.operations[operation]).max(marks)
    }
}

fn marks_of_cell(style: &Style, marks: &[Mark], width: usize) -> String {
    let shown: Vec<String> = marks
        .iter()
        .map(|mark| style.line(mark.tone(), mark.symbol()))
        .collect();
    let used = (marks.len() * 2).saturating_sub(1);
    format!("{}{}", shown.join(" "), blanks(width, used))
}

fn padded(style: &Style, text: &str, tone: Tone, width: usize) -> String {
    format!(
        "{}{}",
        style.line(tone, text),
        blanks(width, width_of(text))
    )
}

fn blanks(width: usize, used: usize) -> String {
    " ".repeat(width.saturating_sub(used))
}

fn width_of(text: &str) -> usize {
    dialoguer::console::measure_text_width(&super::escape::line(text))
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        use Mark::{Allowed, Blocked, Leak, NotApplicable};
        Matrix {
            subject: "table".into(),
            operations: vec!["select".into(), "reference".into()],
            contexts: vec!["A".into(), "B".into(), "none".into()],
            rows: vec![
                MatrixRow {
                    name: "organizations".into(),
                    cells: vec![vec![Allowed, Blocked, Blocked], vec![NotApplicable; 3]],
                },
                MatrixRow {
                    name: "patients".into(),
                    cells: vec![
                        vec![Allowed, Leak, Blocked],
                        vec![Allowed, Blocked, Blocked],
                    ],
                },
            ],
            names_leaks: true,
        }
    }

    #[test]
    fn it_is_readable_without_colour() {
        assert_eq!(
            matrix().render(&Style::default()),
            "table          select  reference\n\
             organizations  ✓ × ×   · · ·\n\
             patients       ✓ ! ×   ✓ × ×\n\
             \n\
             ✓ allowed (own rows)   × blocked   ! LEAK   · not applicable\n\
             in each cell, from left to right: A, B, none\n\
             LEAK: select on patients as B\n"
        );
    }

    #[test]
    fn a_leak_is_red_and_a_block_green() {
        let style = Style {
            color: true,
            ..Style::default()
        };
        let text = matrix().render(&style);
        assert!(text.contains("\x1b[1m\x1b[31m!\x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[32m×\x1b[0m"), "{text:?}");
    }

    #[test]
    fn a_narrow_terminal_gets_bands() {
        let style = Style {
            width: Some(25),
            ..Style::default()
        };
        let text = matrix().render(&style);
        assert!(text.contains("table          reference\n"), "{text}");
        assert_eq!(text.matches("\npatients").count(), 2, "{text}");
    }

    #[test]
    fn marks_are_counted() {
        assert_eq!(matrix().count(Mark::Leak), 1);
        assert_eq!(matrix().count(Mark::Blocked), 5);
    }
}
