//! The only place where names and values become part of SQL text (PostgreSQL manual, 4.1), and
//! where such text is made safe for a terminal without changing the objects it names.

use std::borrow::Cow;

/// A quoted identifier: any text becomes one name, never syntax.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant: any text becomes one value, regardless of `standard_conforming_strings`.
pub fn literal(value: &str) -> String {
    if value.contains('\\') {
        format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

/// Returns `true` for characters that control a terminal or reorder the text around them: C0, DEL,
/// C1, line and paragraph separators, and the marks, embeddings, overrides and isolates of the
/// Unicode bidirectional algorithm (UAX #9, table 4).
pub fn is_hazard(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Returns `true` for a hazard or a zero-width character: two names may differ only in such a
/// character.
fn is_unseen(character: char) -> bool {
    is_hazard(character)
        || matches!(
            character,
            '\u{ad}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200d}'
                | '\u{2060}'..='\u{2064}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{e0000}'..='\u{e01ef}'
        )
}

/// Rewrites statements in visible characters that can be printed and pasted.
///
/// A terminal must not receive control characters, and a printer that rewrites them would make the
/// statement name another object. Quoted names that contain such characters therefore become
/// `U&"…"`, and strings become `E'…'`; both mean the same regardless of
/// `standard_conforming_strings` (PostgreSQL manual, 4.1.2). A plain string with a backslash is
/// rewritten too: it is read as written only while that setting is on, as the audit keeps it.
pub fn printable(sql: &str) -> Cow<'_, str> {
    if !sql.contains(|c| c == '\\' || is_unseen(c)) {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = token(&mut out, rest, first);
        rest = &rest[length..];
    }
    Cow::Owned(out)
}

/// Writes the first token of `rest` and returns its length.
fn token(out: &mut String, rest: &str, first: char) -> usize {
    match first {
        '"' | '\'' => {
            let length = quoted_length(rest, first, false);
            requote(out, &rest[..length], first);
            length
        }
        '$' => {
            let length = dollar_length(rest);
            dollar_quoted(out, &rest[..length]);
            length
        }
        '-' if rest.starts_with("--") => {
            let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
            out.extend(rest[..length].chars().map(blank));
            length
        }
        '/' if rest.starts_with("/*") => {
            let length = comment_length(rest);
            out.extend(rest[..length].chars().map(blank));
            length
        }
        _ if is_word_start(first) => word(out, rest),
        // A carriage return ends a line comment, like a line feed.
        '\r' => {
            out.push('\n');
            1
        }
        '\n' => {
            out.push('\n');
            1
        }
        _ if first.is_ascii_control() => {
            out.push(' ');
            1
        }
        other => {
            out.push(other);
            other.len_utf8()
        }
    }
}

/// Writes a word together with the string or name that it prefixes.
fn word(out: &mut String, rest: &str) -> usize {
    let end = rest.find(|c| !is_word_part(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    out.push_str(word);
    if word.eq_ignore_ascii_case("e") && after.starts_with('\'') {
        let length = quoted_length(after, '\'', true);
        after[..length].chars().for_each(|c| match is_unseen(c) {
            true => escape_in_string(out, c),
            false => out.push(c),
        });
        return end + length;
    }
    let quote = after.strip_prefix('&').and_then(|text| text.chars().next());
    match quote {
        Some(quote @ ('"' | '\'')) if word.eq_ignore_ascii_case("u") => {
            let length = 1 + quoted_length(&after[1..], quote, false);
            after[..length].chars().for_each(|c| match is_unseen(c) {
                true => escape_unicode(out, c),
                false => out.push(c),
            });
            end + length
        }
        // Bit strings and national strings contain no escapes.
        _ if after.starts_with('\'') && matches!(word, "b" | "B" | "x" | "X" | "n" | "N") => {
            let length = quoted_length(after, '\'', false);
            out.push_str(&after[..length]);
            end + length
        }
        _ => end,
    }
}

/// Writes a plain quoted name or string, quotes included.
fn requote(out: &mut String, token: &str, quote: char) {
    let closed = token.len() > 1 && token.ends_with(quote);
    if !closed || !token.chars().any(is_unseen) && (quote == '"' || !token.contains('\\')) {
        out.push_str(token);
        return;
    }
    if out.ends_with(is_word_part) {
        out.push(' ');
    }
    out.push_str(if quote == '"' { "U&" } else { "E" });
    for character in token.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            _ if !is_unseen(character) => out.push(character),
            _ if quote == '"' => escape_unicode(out, character),
            _ => escape_in_string(out, character),
        }
    }
}

/// Keeps `$tag$ … $tag$` if it contains no invisible characters except line breaks.
fn dollar_quoted(out: &mut String, token: &str) {
    let tag = token[1..].find('$').map_or(0, |end| end + 2);
    if token.len() < 2 * tag || tag == 0 || !token.chars().any(|c| c != '\n' && is_unseen(c)) {
        out.push_str(token);
        return;
    }
    let body = &token[tag..token.len() - tag];
    let escaped = format!("'{}'", body.replace('\'', "''"));
    requote(out, &escaped, '\'');
}

/// Writes `\XXXX` or `\+XXXXXX`, in `U&"…"`.
fn escape_unicode(out: &mut String, character: char) {
    let code = u32::from(character);
    out.push_str(&match code {
        ..=0xffff => format!("\\{code:04X}"),
        _ => format!("\\+{code:06X}"),
    });
}

/// Writes `\n`, `\uXXXX` or `\UXXXXXXXX`, in `E'…'`.
fn escape_in_string(out: &mut String, character: char) {
    let code = u32::from(character);
    out.push_str(&match (character, code) {
        ('\n', _) => "\\n".to_owned(),
        (_, ..=0xffff) => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    });
}

/// Replaces a character in a comment, where nothing is a name.
fn blank(character: char) -> char {
    match is_unseen(character) && character != '\n' {
        true => ' ',
        false => character,
    }
}

/// The text for a one-line comment, with invisible characters escaped as in Rust.
pub fn comment_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unseen(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

/// Returns `true` if an SQL word may begin with `c`.
pub fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

/// Returns `true` if an SQL word may continue with `c`.
pub fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$'
}

/// The length of a `/* … */` comment; comments nest (PostgreSQL manual, 4.1.5).
pub fn comment_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of a quoted text; a doubled quote is part of it, and so is a quote after a backslash
/// if backslashes escape.
pub fn quoted_length(text: &str, quote: char, backslash: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && backslash {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// The length of `$tag$ … $tag$`, of a parameter, or of a lone dollar sign.
pub fn dollar_length(text: &str) -> usize {
    let tag = text[1..].find(|c: char| !is_word_part(c) || c == '$');
    let Some(end) = tag.filter(|end| text[1 + end..].starts_with('$')) else {
        return 1;
    };
    let tag = &text[..end + 2];
    if tag[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    match text[tag.len()..].find(tag) {
        Some(close) => close + 2 * tag.len(),
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_escaped_from() {
        assert_eq!(
            identifier("a\"; DROP TABLE x; --"),
            "\"a\"\"; DROP TABLE x; --\""
        );
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\' OR true --"), r"E'\\'' OR true --'");
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for sql in [
            "ALTER TABLE public.\"Zähne\" ENABLE ROW LEVEL SECURITY",
            "SELECT 'a', $1, $$b$$, E'\\n', U&\"\\00E9\", B'01', 1e5 -- c",
            "DO $x$\nBEGIN\nEND $x$",
            "SELECT \"診療所\".\"😀\"",
            "SELECT \"a\\b\"",
        ] {
            assert_eq!(printable(sql), sql);
        }
    }

    #[test]
    fn names_and_strings_become_escapes_that_mean_the_same() {
        for (sql, expected) in [
            ("\"a\u{1b}[2J\\b\"\"c\"", r#"U&"a\001B[2J\\b""c""#),
            ("\"a\nb\".\"c\"", r#"U&"a\000Ab"."c""#),
            ("\"a\u{200b}b\u{e0041}\"", r#"U&"a\200Bb\+0E0041""#),
            ("'a\tb''c'", r"E'a\u0009b''c'"),
            ("'a\nb'", r"E'a\nb'"),
            (r"'a\b'", r"E'a\\b'"),
            ("E'a\u{7}\\n'", r"E'a\u0007\n'"),
            ("U&\"\\0041\u{1b}\"", r#"U&"\0041\001B""#),
            ("DO $$ '\u{1b}' $$", r"DO E' ''\u001B'' '"),
            ("-- a\u{1b}\rSELECT\t1", "-- a \nSELECT 1"),
            ("/* \u{9b} */ '\u{202e}'", r"/*   */ E'\u202E'"),
            ("date'\u{1}'", r"date E'\u0001'"),
        ] {
            assert_eq!(printable(sql), expected, "{sql:?}");
        }
    }
}
