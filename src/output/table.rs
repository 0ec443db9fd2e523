//! Tables for display: boxed and fitted to the width on a terminal, plain aligned columns with one
//! line per row in a pipe.

use comfy_table::{
    Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, ContentLineStyle,
    LineStyle, Table, TableStyle, Width, presets,
};

use super::escape;
use super::style::{Cell, Style, Tone};

/// Light lines around the table and under the header.
const BOXED: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┌', '─', '┬', '┐'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

/// Renders rows under a header; every line ends with a line break. An id is never broken, so that
/// it can be copied: its column keeps its width, and the others shrink. If too little would be left
/// for them, the ids of the last column are put under the first.
pub(super) fn render(style: &Style, columns: &[&str], rows: &[Vec<Cell>]) -> String {
    let header: Vec<Cell> = columns
        .iter()
        .map(|column| Cell::new(*column, Tone::Bold))
        .collect();
    let mut grid: Vec<Vec<Text>> = [texts(&header)]
        .into_iter()
        .chain(rows.iter().map(|row| texts(row)))
        .collect();
    if is_crowded(style, &grid) {
        for row in &mut grid {
            stack(row);
        }
    }
    let constraints: Vec<Option<ColumnConstraint>> = (0..grid.first().map_or(0, Vec::len))
        .map(|column| constraint(&grid, column))
        .collect();
    let mut table = bare(style);
    let mut grid = grid.into_iter();
    table.set_header(
        grid.next()
            .unwrap_or_default()
            .into_iter()
            .map(|text| toned(style, text.text, text.tone)),
    );
    for row in grid {
        table.add_row(row.into_iter().map(|text| {
            let alignment = match text.numeric {
                true => CellAlignment::Right,
                false => CellAlignment::Left,
            };
            toned(style, text.text, text.tone).set_alignment(alignment)
        }));
    }
    for (column, constraint) in table.column_iter_mut().zip(constraints) {
        if let Some(constraint) = constraint {
            column.set_constraint(constraint);
        }
    }
    if style.terminal {
        table.load_style(BOXED);
    } else {
        pad(&mut table);
    }
    lines(&table)
}

/// An escaped cell text; line breaks in it belong to the table.
struct Text {
    text: String,
    tone: Tone,
    numeric: bool,
}

fn texts(cells: &[Cell]) -> Vec<Text> {
    let text = |cell: &Cell| Text {
        text: escape::line(&cell.text).into_owned(),
        tone: cell.tone,
        numeric: cell.numeric,
    };
    cells.iter().map(text).collect()
}

/// Puts the last cell under the first.
fn stack(row: &mut Vec<Text>) {
    let Some(last) = row.pop() else { return };
    if let Some(first) = row.first_mut() {
        first.text.push('\n');
        first.text.push_str(&last.text);
    }
}

/// Keeps the ids of a column unbroken, both alone and as words of a text.
fn constraint(grid: &[Vec<Text>], column: usize) -> Option<ColumnConstraint> {
    if has_ids(grid, column) {
        return Some(ColumnConstraint::ContentWidth);
    }
    let cells = grid.iter().filter_map(|row| row.get(column));
    let mut words = cells.flat_map(|cell| cell.text.split_whitespace());
    words
        .any(is_id)
        .then_some(ColumnConstraint::LowerBoundary(Width::Fixed(
            ID_WIDTH + GAP,
        )))
}

fn has_ids(grid: &[Vec<Text>], column: usize) -> bool {
    let cells = grid.iter().filter_map(|row| row.get(column));
    let mut lines = cells.flat_map(|cell| cell.text.lines());
    lines.any(is_id)
}

/// Width of a UUID.
const ID_WIDTH: u16 = 36;

fn is_id(text: &str) -> bool {
    text.len() == usize::from(ID_WIDTH) && uuid::Uuid::try_parse(text).is_ok()
}

/// Minimum width of a column, unless its content is narrower.
const LEAST: u16 = 12;

/// Returns `true` if the last column contains ids that leave too little room for the others.
fn is_crowded(style: &Style, grid: &[Vec<Text>]) -> bool {
    let (Some(width), Some(count)) = (style.width, grid.first().map(Vec::len)) else {
        return false;
    };
    if !style.terminal || count < 3 || !has_ids(grid, count - 1) {
        return false;
    }
    let needed = (0..count).map(|column| {
        let cells = grid.iter().filter_map(|row| row.get(column));
        let content = cells.map(|cell| columns(&cell.text)).max().unwrap_or(0);
        let least = match has_ids(grid, column) {
            true => content,
            false => content.min(LEAST),
        };
        // A line, and a space on both sides.
        u32::from(least) + 3
    });
    needed.sum::<u32>() + 1 > width.into()
}

/// Gap between two columns without lines.
const GAP: u16 = 2;

/// Renders labels and values in two aligned columns without lines; values keep their line breaks. A
/// single word that is too long for its column, such as a link or a hash, is put unbroken on a
/// separate line, so that it can be copied.
pub(super) fn render_fields(style: &Style, fields: &[(String, Cell)]) -> String {
    let labels = fields.iter().map(|(label, _)| columns(label));
    let label_width = labels.max().unwrap_or(0).saturating_add(GAP);
    let is_too_long = |value: &Cell| {
        let text = value.text.trim_end();
        style.width.is_some_and(|width| {
            !text.contains(char::is_whitespace)
                && columns(text)
                    .saturating_add(label_width)
                    .saturating_add(GAP)
                    > width
        })
    };
    let mut out = String::new();
    for run in fields.chunk_by(|(_, one), (_, next)| is_too_long(one) == is_too_long(next)) {
        if run.first().is_some_and(|(_, value)| is_too_long(value)) {
            for (label, value) in run {
                out.push_str(&style.line(Tone::Dim, label));
                out.push('\n');
                out.push_str(&style.line(value.tone, value.text.trim_end()));
                out.push('\n');
            }
        } else {
            out.push_str(&aligned(style, run, label_width));
        }
    }
    out
}

fn aligned(style: &Style, fields: &[(String, Cell)], label_width: u16) -> String {
    let mut table = bare(style);
    for (label, value) in fields {
        let label = toned(style, escape::line(label).into_owned(), Tone::Dim);
        let text = escape::block(value.text.trim_end()).into_owned();
        table.add_row([label, toned(style, text, value.tone)]);
    }
    pad(&mut table);
    if let Some(labels) = table.column_mut(0) {
        labels.set_constraint(ColumnConstraint::Absolute(Width::Fixed(label_width)));
    }
    lines(&table)
}

/// The width of a line on a terminal.
fn columns(text: &str) -> u16 {
    let width = dialoguer::console::measure_text_width(&escape::line(text));
    u16::try_from(width).unwrap_or(u16::MAX)
}

fn bare(style: &Style) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    if style.color {
        // Color is already decided; crossterm would check NO_COLOR again and let it override
        // --color=always.
        crossterm::style::force_color_output(true);
        table.enforce_styling();
    }
    // Color only the words, not the padding of their column.
    table.style_text_only();
    match style.width {
        Some(width) => table
            .set_width(width)
            .set_content_arrangement(ContentArrangement::Dynamic),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

fn toned(style: &Style, text: String, tone: Tone) -> comfy_table::Cell {
    let cell = comfy_table::Cell::new_owned(text);
    if !style.color {
        return cell;
    }
    match tone {
        Tone::Plain => cell,
        Tone::Ok => cell.fg(Color::DarkGreen),
        Tone::Warn => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        Tone::Dim => cell.add_attribute(Attribute::Dim),
        Tone::Bold => cell.add_attribute(Attribute::Bold),
    }
}

/// Two spaces between columns instead of a space on both sides of each.
fn pad(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
}

fn lines(table: &Table) -> String {
    let mut out = String::new();
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec!["harbor".into(), Cell::new("active", Tone::Ok), 12.into()],
            vec!["診療\n所".into(), Cell::optional(None::<&str>), 3.into()],
        ]
    }

    #[test]
    fn a_pipe_gets_plain_columns() {
        let text = render(&Style::default(), &["slug", "status", "members"], &rows());
        assert_eq!(
            text,
            "slug      status  members\n\
             harbor    active       12\n\
             診療\\n所  -             3\n"
        );
    }

    /// Two rows with an id, on a terminal of that width.
    fn with_ids(width: u16, columns: &[&str]) -> String {
        let style = Style {
            terminal: true,
            width: Some(width),
            ..Style::default()
        };
        let row = |id: &str| {
            let mut row = vec![Cell::from("2026-11-30 09:00 CET until 09:30")];
            row.resize(columns.len() - 1, "Some words".into());
            row.push(id.into());
            row
        };
        render(&style, columns, &[row(ID), row("-")])
    }

    const ID: &str = "0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11";

    #[test]
    fn an_id_is_never_broken() {
        for columns in [
            &["when", "id"][..],
            &["when", "who", "id"],
            &["when", "patient", "provider", "operatory", "status", "id"],
        ] {
            let text = with_ids(80, columns);
            assert!(text.contains(ID), "{text}");
            assert!(
                text.lines().all(|line| line.chars().count() <= 80),
                "{text}"
            );
        }
    }

    #[test]
    fn an_id_within_a_text_stays_whole() {
        let style = Style {
            terminal: true,
            width: Some(80),
            ..Style::default()
        };
        let mut row: Vec<Cell> = vec!["Some words here".into(); 3];
        row.push(format!("appointment {ID}").into());
        let text = render(&style, &["when", "who", "what", "object"], &[row]);
        assert!(text.contains(ID), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn ids_stand_under_the_first_column_where_they_would_crowd_the_others() {
        let columns = ["when", "patient", "provider", "operatory", "status", "id"];
        let narrow = with_ids(80, &columns);
        assert!(narrow.contains(&format!("│ {ID} │")), "{narrow}");
        assert!(narrow.contains("│ id  "), "{narrow}");
        assert!(!narrow.contains("\\n"), "{narrow}");
        let wide = with_ids(140, &columns);
        assert!(wide.contains(&format!("{ID} │\n")), "{wide}");
    }

    #[test]
    fn a_pipe_is_never_wrapped() {
        let long = "word ".repeat(100);
        let text = render(&Style::default(), &["text"], &[vec![long.into()]]);
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_terminal_gets_a_box_that_fits() {
        let style = Style {
            terminal: true,
            width: Some(30),
            ..Style::default()
        };
        let text = render(&style, &["name"], &[vec!["many words ".repeat(9).into()]]);
        assert!(
            text.starts_with('┌') && text.trim_end().ends_with('┘'),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 30),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn tones_become_colour() {
        let style = Style {
            color: true,
            ..Style::default()
        };
        let text = render(&style, &["s"], &[vec![Cell::new("active", Tone::Ok)]]);
        assert!(text.contains("\x1b[1ms\x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[38;5;2mactive\x1b[39m"), "{text:?}");
    }

    #[test]
    fn a_long_word_is_never_broken() {
        let style = Style {
            terminal: true,
            width: Some(40),
            ..Style::default()
        };
        let link = format!("https://app.example/#token={}", "x".repeat(60));
        let fields = [
            ("email".to_owned(), Cell::from("kim@harbor.example")),
            ("link".to_owned(), Cell::from(link.as_str())),
            ("id".to_owned(), Cell::from("many words ".repeat(5))),
        ];
        let text = render_fields(&style, &fields);
        assert!(
            text.starts_with(&format!(
                "email  kim@harbor.example\nlink\n{link}\nid     many"
            )),
            "{text}"
        );
        let others = text.lines().filter(|line| *line != link);
        assert!(others.clone().all(|line| line.len() <= 40), "{text}");
        assert!(others.count() > 3, "{text}");
    }

    #[test]
    fn fields_align_and_keep_their_lines() {
        let fields = [
            ("slug".to_owned(), Cell::from("harbor")),
            ("greeting".to_owned(), Cell::from("Hello\nthere\n")),
        ];
        assert_eq!(
            render_fields(&Style::default(), &fields),
            "slug      harbor\ngreeting  Hello\n          there\n"
        );
    }
}
