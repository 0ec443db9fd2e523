//! Splits an SQL file into statements like psql: at semicolons outside strings, quoted names,
//! dollar quotes, comments and parentheses, without `\` commands and the data of COPY FROM STDIN.

use crate::quoting::{comment_length, dollar_length, is_word_part, is_word_start, quoted_length};

/// A statement in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Text without the semicolon, and without leading white space and comments.
    pub text: &'a str,
    /// Byte offset of its start.
    pub offset: usize,
    /// Line of its start, counted from 1.
    pub line: u32,
}

/// Returns the statements of `sql`.
pub fn statements(sql: &str) -> Vec<Piece<'_>> {
    let mut splitter = Splitter {
        sql,
        at: 0,
        start: None,
        depth: 0,
        begin_depth: 0,
        pieces: Vec::new(),
        counted: (0, 1),
    };
    while splitter.at < sql.len() {
        splitter.step();
    }
    splitter.finish(sql.len());
    splitter.pieces
}

struct Splitter<'a> {
    sql: &'a str,
    at: usize,
    /// Start of the current statement, if any.
    start: Option<usize>,
    depth: usize,
    /// Nesting depth in BEGIN ATOMIC … END and CASE … END of a function body.
    begin_depth: usize,
    pieces: Vec<Piece<'a>>,
    /// A known offset and its line, to continue counting from.
    counted: (usize, u32),
}

impl<'a> Splitter<'a> {
    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return;
        };
        match first {
            _ if first.is_whitespace() => self.at += first.len_utf8(),
            '-' if rest.starts_with("--") => self.at += line_length(rest),
            '/' if rest.starts_with("/*") => self.at += comment_length(rest),
            '\\' => self.meta_command(),
            ';' if self.depth == 0 && self.begin_depth == 0 => {
                let end = self.at;
                self.at += 1;
                self.finish(end);
            }
            _ => {
                self.start.get_or_insert(self.at);
                self.at += self.token_length(first, rest);
            }
        }
    }

    /// Returns the length of a token.
    fn token_length(&mut self, first: char, rest: &str) -> usize {
        match first {
            '\'' => quoted_length(rest, '\'', false),
            '"' => quoted_length(rest, '"', false),
            '$' => dollar_length(rest),
            '(' => {
                self.depth += 1;
                1
            }
            ')' => {
                self.depth = self.depth.saturating_sub(1);
                1
            }
            _ if is_word_start(first) => {
                let end = rest.find(|c: char| !is_word_part(c)).unwrap_or(rest.len());
                let word = &rest[..end];
                if word.eq_ignore_ascii_case("e") && rest[end..].starts_with('\'') {
                    return end + quoted_length(&rest[end..], '\'', true);
                }
                self.word(word);
                end
            }
            // A number includes the following letters, so that the `e5` of 1e5 is not a name.
            _ if first.is_ascii_digit() => {
                rest.find(|c: char| !is_word_part(c)).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        }
    }

    /// Semicolons in `BEGIN ATOMIC … END` are part of the statement (PostgreSQL manual, CREATE
    /// FUNCTION); CASE has an END too.
    fn word(&mut self, word: &str) {
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted);
        if self.begin_depth > 0 {
            if is("case") {
                self.begin_depth += 1;
            } else if is("end") {
                self.begin_depth -= 1;
            }
        } else if is("atomic") && self.defines_routine() {
            self.begin_depth = 1;
        }
    }

    fn defines_routine(&self) -> bool {
        let text = &self.sql[self.start.unwrap_or(self.at)..self.at];
        let mut words = text.split_whitespace();
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("create"))
            && text
                .split_whitespace()
                .next_back()
                .is_some_and(|word| word.eq_ignore_ascii_case("begin"))
    }

    /// Skips a meta-command. `\g` and its variants end the statement; others do not affect it.
    fn meta_command(&mut self) {
        let rest = self.rest();
        let length = line_length(rest);
        let name: String = rest[1..]
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        let at_line_start = self.sql[..self.at]
            .rsplit('\n')
            .next()
            .is_none_or(|before| before.trim().is_empty());
        let sends = matches!(
            name.as_str(),
            "g" | "gx" | "gset" | "gexec" | "gdesc" | "crosstabview" | "watch"
        );
        if sends {
            let end = self.at;
            self.at += length;
            self.depth = 0;
            self.finish(end);
        } else if at_line_start && self.start.is_none() {
            self.at += length;
        } else {
            self.start.get_or_insert(self.at);
            self.at += 1;
        }
    }

    /// Ends the current statement at `end`.
    fn finish(&mut self, end: usize) {
        self.begin_depth = 0;
        let Some(start) = self.start.take() else {
            return;
        };
        let text = self.sql[start..end].trim_end();
        let line = self.line_of(start);
        self.pieces.push(Piece {
            text,
            offset: start,
            line,
        });
        if copies_from_stdin(text) {
            self.at += data_length(self.rest());
        }
    }

    fn line_of(&mut self, offset: usize) -> u32 {
        let (from, line) = self.counted;
        let between = self.sql[from..offset].matches('\n').count();
        let line = line.saturating_add(u32::try_from(between).unwrap_or(u32::MAX));
        self.counted = (offset, line);
        line
    }
}

fn line_length(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

fn copies_from_stdin(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    let copies = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("copy"));
    copies
        && words.clone().zip(words.skip(1)).any(|(one, next)| {
            one.eq_ignore_ascii_case("from") && next.eq_ignore_ascii_case("stdin")
        })
}

/// Returns the length of the rest of the line, the data, and the terminating line `\.`.
fn data_length(text: &str) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        length += line.len();
        if line.trim_end() == "\\." {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn expect(sql: &str, expected: &[(&str, u32)]) {
        let pieces = statements(sql);
        let found: Vec<(&str, u32)> = pieces.iter().map(|one| (one.text, one.line)).collect();
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn semicolons_end_statements_and_lines_are_counted() {
        expect(
            "-- head;\nSELECT 1;\n\n/* a; /* b; */ */ SELECT\n2 ; SELECT 3",
            &[("SELECT 1", 2), ("SELECT\n2", 4), ("SELECT 3", 5)],
        );
        expect(" ;; \n ; ", &[]);
    }

    #[test]
    fn what_is_quoted_is_whole() {
        for sql in [
            "SELECT 'a;b''; c'",
            "SELECT E'a\\'; b'",
            "SELECT 'a\\'",
            "SELECT \"a;b\"\"c;\"",
            "SELECT $$ a; $1; b $$",
            "SELECT $tag$ a; $$ ; $tag$ || 'x;'",
            "SELECT $1, a$b$c FROM t",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        ] {
            expect(&format!("{sql};SELECT 2"), &[(sql, 1), ("SELECT 2", 1)]);
        }
        expect(
            "BEGIN; SELECT atomic; END",
            &[("BEGIN", 1), ("SELECT atomic", 1), ("END", 1)],
        );
    }

    #[test]
    fn psql_commands_and_data_are_left_out() {
        expect(
            "\\set x 'a;b'\n  \\echo hi;\nSELECT :x \\gset\nSELECT 2;",
            &[("SELECT :x", 3), ("SELECT 2", 4)],
        );
        expect(
            "COPY t (a) FROM stdin;\n1;'\n\\N\n\\.\nSELECT 1;",
            &[("COPY t (a) FROM stdin", 1), ("SELECT 1", 5)],
        );
    }

    proptest! {
        #[test]
        fn pieces_are_parts_of_the_text_in_order(
            sql in "([a-z ;'\"$()\\n\\\\/*-]|--|/\\*|\\*/|\\$\\$|\\$a\\$|é|copy t from stdin;|\\\\\\.){0,60}"
        ) {
            let mut end = 0;
            for piece in statements(&sql) {
                prop_assert!(piece.offset >= end);
                prop_assert!(!piece.text.is_empty());
                prop_assert!(sql[piece.offset..].starts_with(piece.text));
                let line = sql[..piece.offset].matches('\n').count() + 1;
                prop_assert_eq!(piece.line as usize, line);
                end = piece.offset + piece.text.len();
            }
        }

        #[test]
        fn no_statement_is_lost(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("SELECT 1"), Just("SELECT 'a;b'"), Just("SELECT $x$;$x$"),
                    Just("SELECT (1)"), Just("SELECT \";\""), Just("INSERT INTO t VALUES (E'\\';')"),
                ],
                0..20,
            ),
            gap in "[ \\n]{0,3}(--[^\\n]{0,5}\\n|/\\*[a-z;]{0,5}\\*/)?",
        ) {
            let sql: String = parts.iter().map(|part| format!("{gap}{part};")).collect();
            let found: Vec<&str> = statements(&sql).iter().map(|one| one.text).collect();
            prop_assert_eq!(found, parts);
        }
    }
}
