//! Scan of the text of a body: SQL, or PL/pgSQL with SQL in it.
//!
//! It scans tokens instead of parsing, because PL/pgSQL is not SQL, and only the tables in its
//! statements matter.

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer},
};

/// Access to a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) enum Access {
    Read,
    Insert,
    /// UPDATE, DELETE, MERGE or TRUNCATE.
    Change,
}

/// A name in the position of a table, or of a called function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

/// A relevant token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    /// A word as in the catalog. A quoted word is not a keyword.
    Word {
        name: String,
        quoted: bool,
    },
    Text(String),
    /// `$1`.
    Argument,
    Sign(String),
}

/// Tokens of a body.
pub(super) struct Text {
    pieces: Vec<Piece>,
}

impl Text {
    /// Splits a source text into tokens; `None` if it is not possible.
    pub(super) fn read(source: &str) -> Option<Self> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, source)
            .tokenize()
            .ok()?;
        let pieces = tokens.into_iter().filter_map(|token| match token {
            Token::Word(word) => Some(Piece::Word {
                quoted: word.quote_style.is_some(),
                name: match word.quote_style {
                    Some(_) => word.value,
                    None => word.value.to_lowercase(),
                },
            }),
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
                Some(Piece::Text(text))
            }
            Token::DollarQuotedString(text) => Some(Piece::Text(text.value)),
            Token::Placeholder(_) => Some(Piece::Argument),
            Token::Whitespace(_) => None,
            other => Some(Piece::Sign(other.to_string())),
        });
        Some(Self {
            pieces: pieces.collect(),
        })
    }

    /// Returns the tables that it names, with the access to each. The result includes names of
    /// common table expressions, which do not resolve to a table.
    pub(super) fn tables(&self) -> Vec<(Name, Access)> {
        let mut found = Vec::new();
        let mut expected = None;
        let mut in_from = false;
        let mut outer = Vec::new();
        let mut at = 0;
        while let Some(piece) = self.pieces.get(at) {
            at += 1;
            match piece {
                Piece::Word {
                    quoted: false,
                    name,
                } if is_filler(name) => {}
                Piece::Word {
                    quoted: false,
                    name,
                } if let Some(access) = self.opened(name, at) => {
                    expected = Some(access);
                    in_from = access == Access::Read;
                }
                Piece::Word {
                    quoted: false,
                    name,
                } if ends_from(name) => {
                    (expected, in_from) = (None, false);
                }
                Piece::Word { .. } => {
                    if let Some(access) = expected.take() {
                        let (name, next) = self.name(at - 1);
                        at = next;
                        if access == Access::Insert || !self.is_sign(at, "(") {
                            found.push((name, access));
                        }
                    }
                }
                Piece::Sign(sign) => match sign.as_str() {
                    "(" => {
                        outer.push(in_from);
                        // Parentheses in FROM group joins.
                        in_from = in_from && expected.is_some();
                    }
                    ")" => (in_from, expected) = (outer.pop().unwrap_or_default(), None),
                    "," if in_from => expected = Some(Access::Read),
                    ";" => (expected, in_from) = (None, false),
                    _ => {}
                },
                Piece::Text(_) | Piece::Argument => expected = None,
            }
        }
        found
    }

    /// Returns the functions that it calls.
    pub(super) fn calls(&self) -> Vec<Name> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.pieces.len() {
            if !matches!(self.pieces[at], Piece::Word { .. }) {
                at += 1;
                continue;
            }
            let (name, next) = self.name(at);
            if self.is_sign(next, "(") {
                found.push(name);
            }
            at = next;
        }
        found
    }

    /// Returns the dynamic statements that it contains as strings.
    pub(super) fn dynamic(&self) -> Vec<Self> {
        if !self.pieces.iter().any(|piece| is_word(piece, "execute")) {
            return Vec::new();
        }
        let strings = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Self::read(text),
            _ => None,
        });
        strings.collect()
    }

    /// Returns the tokens in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// `true` if it reads the role that the session logged in as.
    pub(super) fn asks_login(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| is_word(piece, "session_user"))
    }

    /// Returns the text without calls that are only compared with NULL: a session with a user does
    /// not say which tenant the rows belong to.
    pub(super) fn without_presence_tests(&self) -> Self {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let mut at = 0;
        while let Some(piece) = self.pieces.get(at) {
            match self.presence_test(at) {
                Some(end) => at = end,
                None => {
                    pieces.push(piece.clone());
                    at += 1;
                }
            }
        }
        Self { pieces }
    }

    /// Returns the end of a `call(…) IS NULL` or `IS NOT NULL` at `at`.
    fn presence_test(&self, at: usize) -> Option<usize> {
        if !matches!(self.pieces.get(at)?, Piece::Word { .. }) {
            return None;
        }
        let (_, open) = self.name(at);
        if !self.is_sign(open, "(") {
            return None;
        }
        let mut depth = 0;
        let close = (open..self.pieces.len()).find(|place| {
            depth += i32::from(self.is_sign(*place, "(")) - i32::from(self.is_sign(*place, ")"));
            depth == 0
        })?;
        match self.pieces.get(close + 1..)? {
            [is, null, ..] if is_word(is, "is") && is_word(null, "null") => Some(close + 3),
            [is, not, null, ..]
                if is_word(is, "is") && is_word(not, "not") && is_word(null, "null") =>
            {
                Some(close + 4)
            }
            _ => None,
        }
    }

    /// `true` if it looks up rows by a value that only their owner knows: a token, a hash.
    pub(super) fn looks_up_secret(&self) -> bool {
        self.pieces.windows(2).any(|pair| match pair {
            [Piece::Word { name, .. }, Piece::Sign(sign)] => sign == "=" && is_secret(name),
            _ => false,
        })
    }

    /// `true` if it contains that name anywhere.
    pub(super) fn names(&self, wanted: &str) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Word { name, .. } if name == wanted))
    }

    /// Returns the columns of `NEW` and `OLD` that it compares for equality in a condition.
    pub(super) fn looked_up(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut in_condition = false;
        for (at, piece) in self.pieces.iter().enumerate() {
            if ["where", "on"].iter().any(|word| is_word(piece, word)) {
                in_condition = true;
            } else if ["set", "select", "values", "returning", "then"]
                .iter()
                .any(|word| is_word(piece, word))
                || self.is_sign(at, ";")
            {
                in_condition = false;
            }
            let row = is_word(piece, "new") || is_word(piece, "old");
            let compared = self.is_sign(at + 3, "=") || (at > 0 && self.is_sign(at - 1, "="));
            if in_condition
                && row
                && compared
                && self.is_sign(at + 1, ".")
                && let Some(Piece::Word { name, .. }) = self.pieces.get(at + 2)
            {
                found.push(name.clone());
            }
        }
        found
    }

    /// Returns the access that the keyword before `at` introduces.
    fn opened(&self, keyword: &str, at: usize) -> Option<Access> {
        let after = |word| at >= 2 && is_word(&self.pieces[at - 2], word);
        match keyword {
            "from" if after("delete") => Some(Access::Change),
            // IS DISTINCT FROM is a comparison.
            "from" if after("distinct") => None,
            // JOIN … USING (column)
            "using" if self.is_sign(at, "(") => None,
            "from" | "join" | "using" => Some(Access::Read),
            "into" if after("insert") => Some(Access::Insert),
            "into" if after("merge") => Some(Access::Change),
            "update" | "truncate" => Some(Access::Change),
            _ => None,
        }
    }

    /// Returns the name at `at`, and its end.
    fn name(&self, at: usize) -> (Name, usize) {
        let word = |at: usize| match self.pieces.get(at) {
            Some(Piece::Word { name, .. }) => Some(name.clone()),
            _ => None,
        };
        let mut parts = vec![word(at).unwrap_or_default()];
        let mut next = at + 1;
        while self.is_sign(next, ".")
            && let Some(part) = word(next + 1)
        {
            parts.push(part);
            next += 2;
        }
        let name = parts.pop().unwrap_or_default();
        (
            Name {
                schema: parts.pop(),
                name,
            },
            next,
        )
    }

    fn is_sign(&self, at: usize, wanted: &str) -> bool {
        matches!(self.pieces.get(at), Some(Piece::Sign(sign)) if sign == wanted)
    }
}

/// `true` if a name suggests a value that grants access by itself.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["token", "hash", "secret", "digest", "api_key", "password"]
        .iter()
        .any(|part| name.contains(part))
}

fn is_word(piece: &Piece, wanted: &str) -> bool {
    matches!(piece, Piece::Word { name, quoted: false } if name == wanted)
}

/// `true` for a word that may appear between a keyword and the table.
fn is_filler(word: &str) -> bool {
    matches!(word, "only" | "lateral" | "table" | "rows")
}

/// `true` for a word that ends the clause with tables.
fn ends_from(word: &str) -> bool {
    matches!(
        word,
        "where"
            | "group"
            | "order"
            | "having"
            | "limit"
            | "union"
            | "except"
            | "intersect"
            | "returning"
            | "select"
            | "set"
            | "values"
            | "into"
            | "loop"
            | "window"
            | "for"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tables(source: &str) -> Vec<(String, Access)> {
        let text = Text::read(source).expect("tokens");
        let shown = |one: Name| {
            one.schema
                .map_or(one.name.clone(), |s| format!("{s}.{}", one.name))
        };
        text.tables()
            .into_iter()
            .map(|(name, access)| (shown(name), access))
            .collect()
    }

    fn read(names: &[&str]) -> Vec<(String, Access)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), Access::Read))
            .collect()
    }

    #[test]
    fn tables_are_found_where_they_are_read() {
        assert_eq!(
            tables("SELECT a, b FROM public.notes n, ONLY tags t WHERE n.id = t.id"),
            read(&["public.notes", "tags"])
        );
        assert_eq!(
            tables("select (select max(x) from a), y from b join \"C\" c using (id)"),
            read(&["a", "b", "C"])
        );
        assert_eq!(
            tables("SELECT * FROM (a CROSS JOIN b), LATERAL f(b.x), c"),
            read(&["a", "b", "c"])
        );
        assert_eq!(
            tables("BEGIN FOR r IN SELECT * FROM notes LOOP RETURN NEXT r; END LOOP; END"),
            read(&["notes"])
        );
    }

    #[test]
    fn tables_are_found_where_they_are_written() {
        let found = tables(
            "BEGIN INSERT INTO a (x) SELECT y FROM b; UPDATE ONLY c SET x = 1 FROM d;
             DELETE FROM e USING f; TRUNCATE TABLE g; END",
        );
        let expected = [
            ("a", Access::Insert),
            ("b", Access::Read),
            ("c", Access::Change),
            ("d", Access::Read),
            ("e", Access::Change),
            ("f", Access::Read),
            ("g", Access::Change),
        ];
        assert_eq!(
            found,
            expected.map(|(name, access)| (name.to_owned(), access))
        );
    }

    #[test]
    fn what_only_looks_like_a_table_is_none() {
        assert!(tables("SELECT a IS DISTINCT FROM b, extract(epoch FROM now())").is_empty());
        assert!(tables("SELECT 'from notes' -- from notes").is_empty());
        assert!(
            tables("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1")
                .iter()
                .all(|(_, access)| *access == Access::Insert)
        );
        assert!(tables("SELECT id INTO notes FROM generate_series(1, 2) g(id)").is_empty());
    }

    #[test]
    fn statements_in_strings_are_found() {
        let read = |source: &str| Text::read(source).expect("tokens");
        let fixed = read("BEGIN EXECUTE 'SELECT * FROM notes'; END");
        let inside: Vec<_> = fixed.dynamic().iter().flat_map(Text::tables).collect();
        assert_eq!(inside.len(), 1);
        assert!(read("SELECT 'x' FROM notes").dynamic().is_empty());
    }

    #[test]
    fn calls_and_secrets_are_found() {
        let text =
            Text::read("SELECT app.tenant(), x FROM t WHERE token_hash = $1").expect("tokens");
        let name = Name {
            schema: Some("app".to_owned()),
            name: "tenant".to_owned(),
        };
        assert_eq!(text.calls(), [name]);
        assert!(text.looks_up_secret());
    }

    #[test]
    fn a_call_that_is_only_tested_for_presence_is_left_out() {
        let calls = |source: &str| {
            let text = Text::read(source).expect("tokens");
            text.without_presence_tests().calls().len()
        };
        assert_eq!(calls("IF auth.uid() IS NULL THEN"), 0);
        assert_eq!(calls("IF current_setting('a.b', true) IS NOT NULL THEN"), 0);
        assert_eq!(calls("IF auth.uid() = owner_id THEN"), 1);
        assert_eq!(calls("IF auth.uid() IS DISTINCT FROM owner_id THEN"), 1);
    }

    #[test]
    fn what_rows_are_found_by() {
        let text = |source: &str| Text::read(source).expect("tokens").looked_up();
        assert_eq!(
            text("SELECT n.body INTO NEW.body FROM notes n WHERE n.id = NEW.note_id; RETURN NEW;"),
            ["note_id"]
        );
        assert_eq!(text("UPDATE t SET a = NEW.a WHERE OLD.\"B\" = t.b"), ["B"]);
        assert!(text("INSERT INTO log VALUES (NEW.a); NEW.b := 1;").is_empty());
        assert!(text("IF NEW.a = OLD.a THEN RETURN NULL; END IF;").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_at(source in "(from |join |into |execute |[a-z\"'(),.;$1 ]){0,40}") {
            if let Some(text) = Text::read(&source) {
                let _ = (text.tables(), text.calls(), text.dynamic().len());
            }
        }
    }
}
