//! Cells that a spreadsheet would evaluate.

use std::borrow::Cow;

/// `cell` with an apostrophe before it where a spreadsheet would take it for a formula
/// (OWASP, CSV injection). [`without_mark`] takes it off again.
pub fn excel_safe(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(begins_formula) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// What `cell` means: without the apostrophe that [`excel_safe`], or a person who knows
/// spreadsheets, put before what would be a formula.
pub fn without_mark(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(formula) if formula.starts_with(begins_formula) => formula,
        _ => cell,
    }
}

/// The wide forms count where the input method of a spreadsheet makes them.
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
