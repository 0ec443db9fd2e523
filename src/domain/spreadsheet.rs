//! Cells that a spreadsheet would evaluate.

use std::borrow::Cow;

/// `cell`, prefixed with an apostrophe if a spreadsheet would take it for a formula (OWASP, CSV
/// injection). [`without_mark`] removes it.
pub fn excel_safe(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(begins_formula) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// `cell` without the apostrophe that [`excel_safe`], or a person who knows spreadsheets, put
/// before what would be a formula.
pub fn without_mark(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(formula) if formula.starts_with(begins_formula) => formula,
        _ => cell,
    }
}

/// Full-width forms are included: the input method of a spreadsheet may produce them.
fn begins_formula(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_no_part_of_the_value() {
        for (cell, marked) in [
            ("+41443643532", "'+41443643532"),
            ("=1", "'=1"),
            ("＝1", "'＝1"),
            ("'s-Hertogenbosch", "'s-Hertogenbosch"),
            ("'", "'"),
            ("", ""),
            ("1-2", "1-2"),
        ] {
            assert_eq!(excel_safe(cell), marked);
            assert_eq!(without_mark(marked), cell);
        }
    }
}
