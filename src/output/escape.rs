//! Escapes characters that a terminal would obey or hide: data must not move the cursor, recolor
//! the screen or reverse the text around it.

use std::borrow::Cow;

use crate::quoting::is_hazard;

/// Escapes for one line: control characters, line breaks and tabs become `\n`, `\u{1b}`, ….
pub fn line(text: &str) -> Cow<'_, str> {
    replace(text, |character| {
        is_hazard(character).then(|| character.escape_default().to_string())
    })
}

/// Escapes for a block of text: line breaks are kept, a tab becomes four spaces (its width would
/// depend on the column), a carriage return before a line break is removed.
pub fn block(text: &str) -> Cow<'_, str> {
    let text = if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let escape = |character| match character {
        '\n' => None,
        '\t' => Some("    ".to_owned()),
        other => is_hazard(other).then(|| other.escape_default().to_string()),
    };
    match replace(&text, escape) {
        Cow::Owned(replaced) => Cow::Owned(replaced),
        Cow::Borrowed(_) => text,
    }
}

fn replace(text: &str, escape: impl Fn(char) -> Option<String>) -> Cow<'_, str> {
    let Some((start, _)) = text.char_indices().find(|(_, c)| escape(*c).is_some()) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 8);
    out.push_str(&text[..start]);
    for character in text[start..].chars() {
        match escape(character) {
            Some(visible) => out.push_str(&visible),
            None => out.push(character),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_text() {
        assert_eq!(line("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(line("a\u{9b}31m"), "a\\u{9b}31m");
        assert_eq!(line("two\nlines\tand\r"), "two\\nlines\\tand\\r");
    }

    #[test]
    fn text_direction_cannot_be_reversed() {
        assert_eq!(line("user\u{202e}nimda"), "user\\u{202e}nimda");
        assert_eq!(line("a\u{2067}b\u{2069}"), "a\\u{2067}b\\u{2069}");
    }

    #[test]
    fn ordinary_text_is_untouched() {
        for text in ["Zahnärzte am Hafen", "診療所", "a\\n", "😀"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_block_keeps_its_lines() {
        assert_eq!(block("a\r\n\tb\x07\n"), "a\n    b\\u{7}\n");
    }
}
