//! Notation of `pg_node_tree`: nodes `{TAG :field value …}`, lists `(…)`, tokens and datums.
//!
//! PostgreSQL writes it in `outfuncs.c` and reads it in `readfuncs.c`. Fields differ between server
//! versions, so they are looked up by name and a missing one is not an error.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Deeper trees are rejected because they are walked recursively.
const MAX_DEPTH: usize = 400;

/// `{TAG :field value …}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    pub tag: &'a str,
    pub fields: Vec<(&'a str, Value<'a>)>,
}

/// Content of a field or a list element.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `<>`: no node, an empty list, or no string.
    Null,
    /// A number, a flag, a name or a string, without escapes.
    Token(Cow<'a, str>),
    Node(Node<'a>),
    List(Vec<Value<'a>>),
    /// `(i 1 2)`, `(o 1 2)`, `(x 1 2)` and the set `(b 1 2)`.
    Numbers(Vec<i64>),
    /// `20 [ 80 0 0 0 … ]`: the bytes of a constant.
    Datum(Vec<u8>),
}

impl<'a> Node<'a> {
    /// Returns the field called `name`.
    pub fn field(&self, name: &str) -> Option<&Value<'a>> {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value)
    }

    /// Returns the node in the field, if there is one.
    pub fn node(&self, name: &str) -> Option<&Node<'a>> {
        self.field(name)?.as_node()
    }

    /// Returns the elements of the list in the field; empty for `<>` or a field that this version
    /// does not have.
    pub fn list(&self, name: &str) -> &[Value<'a>] {
        match self.field(name) {
            Some(Value::List(values)) => values,
            _ => &[],
        }
    }

    /// Returns the token in the field.
    pub fn token(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_token()
    }

    /// Returns the number in the field; the default for a field that this version does not have.
    pub fn number<T: std::str::FromStr + Default>(&self, name: &str) -> T {
        let parsed = self.token(name).and_then(|token| token.parse().ok());
        parsed.unwrap_or_default()
    }

    /// `true` if the field is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.token(name) == Some("true")
    }
}

impl<'a> Value<'a> {
    pub fn as_node(&self) -> Option<&Node<'a>> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    pub fn as_token(&self) -> Option<&str> {
        match self {
            Self::Token(token) => Some(token),
            _ => None,
        }
    }
}

/// Parses one value that takes up the whole text.
pub fn parse(text: &str) -> Result<Value<'_>> {
    let mut reader = Reader { rest: text };
    let token = reader.next().ok_or_else(|| broken("is empty"))?;
    let value = reader.value(token, 0)?;
    match reader.next() {
        None => Ok(value),
        Some(token) => Err(broken(&format!("continues after its end with \"{token}\""))),
    }
}

fn broken(what: &str) -> Error {
    Error::failure(format!("the server's expression tree {what}"))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Returns the next raw token, split like in `pg_strtok`: a backslash escapes the next
    /// character.
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches([' ', '\n', '\t']);
        let first = text.chars().next()?;
        let end = if matches!(first, '(' | ')' | '{' | '}') {
            1
        } else {
            let mut escaped = false;
            let ends = |character: char| {
                let ends =
                    !escaped && matches!(character, ' ' | '\n' | '\t' | '(' | ')' | '{' | '}');
                escaped = !escaped && character == '\\';
                ends
            };
            text.find(ends).unwrap_or(text.len())
        };
        let (token, rest) = text.split_at(end);
        self.rest = rest;
        Some(token)
    }

    fn need(&mut self) -> Result<&'a str> {
        self.next().ok_or_else(|| broken("ends too early"))
    }

    fn value(&mut self, token: &'a str, depth: usize) -> Result<Value<'a>> {
        if depth > MAX_DEPTH {
            return Err(broken("is nested too deeply"));
        }
        match token {
            "{" => Ok(Value::Node(self.node(depth)?)),
            "(" => self.list(depth),
            "}" | ")" => Err(broken(&format!("has an unexpected \"{token}\""))),
            "<>" => Ok(Value::Null),
            _ => Ok(Value::Token(unescape(token))),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node<'a>> {
        let tag = self.need()?;
        if matches!(tag, "{" | "}" | "(" | ")") {
            return Err(broken("has a node without a name"));
        }
        let mut fields = Vec::new();
        loop {
            let token = self.need()?;
            if token == "}" {
                return Ok(Node { tag, fields });
            }
            let name = token
                .strip_prefix(':')
                .ok_or_else(|| broken(&format!("has \"{token}\" instead of a field")))?;
            let first = self.need()?;
            fields.push((name, self.field(first, depth + 1)?));
        }
    }

    /// Parses the value of a field, the only value that may be a datum.
    fn field(&mut self, token: &'a str, depth: usize) -> Result<Value<'a>> {
        let value = self.value(token, depth)?;
        let before = self.rest;
        if !matches!(value, Value::Token(_)) || self.next() != Some("[") {
            self.rest = before;
            return Ok(value);
        }
        let mut bytes = Vec::new();
        loop {
            match self.need()? {
                "]" => return Ok(Value::Datum(bytes)),
                // Bytes are written as C's `char`, which is signed on some platforms.
                byte => match byte.parse::<i16>().map(i16::to_le_bytes) {
                    Ok([low, 0 | 0xff]) => bytes.push(low),
                    _ => return Err(broken(&format!("has \"{byte}\" among bytes"))),
                },
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>> {
        let mut token = self.need()?;
        if matches!(token, "i" | "o" | "x" | "b") {
            return self.numbers();
        }
        let mut values = Vec::new();
        while token != ")" {
            values.push(self.value(token, depth + 1)?);
            token = self.need()?;
        }
        Ok(Value::List(values))
    }

    fn numbers(&mut self) -> Result<Value<'a>> {
        let mut numbers = Vec::new();
        loop {
            match self.need()? {
                ")" => return Ok(Value::Numbers(numbers)),
                number => numbers.push(
                    number
                        .parse()
                        .map_err(|_| broken(&format!("has \"{number}\" among numbers")))?,
                ),
            }
        }
    }
}

/// Removes the quotes of a string element and the backslashes of escapes.
fn unescape(token: &str) -> Cow<'_, str> {
    let inner = token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(token);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMPARISON: &str = r#"{OPEXPR :opno 2972 :opfuncid 2956 :args ({VAR :varno 1 :varattno 2 :varlevelsup 0} {CONST :consttype 25 :constisnull false :constvalue 6 [ 24 0 0 0 -61 -87 ]}) :names ("a" "b\ \"c\"") :columns (i 1 -2) :set (b) :alias <> :label *SELECT*\ 1}"#;

    fn node(text: &str) -> Node<'_> {
        match parse(text).expect("a tree") {
            Value::Node(node) => node,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let node = node(COMPARISON);
        assert_eq!(node.tag, "OPEXPR");
        assert_eq!(node.number::<u32>("opno"), 2972);
        let args = node.list("args");
        assert_eq!(args[0].as_node().expect("a node").tag, "VAR");
        let constant = args[1].as_node().expect("a node");
        assert!(!constant.flag("constisnull"));
        let bytes = vec![24, 0, 0, 0, 0xc3, 0xa9];
        assert_eq!(constant.field("constvalue"), Some(&Value::Datum(bytes)));
        let names: Vec<_> = node
            .list("names")
            .iter()
            .filter_map(Value::as_token)
            .collect();
        assert_eq!(names, ["a", "b \"c\""]);
        assert_eq!(node.field("columns"), Some(&Value::Numbers(vec![1, -2])));
        assert_eq!(node.field("set"), Some(&Value::Numbers(vec![])));
        assert_eq!(node.field("alias"), Some(&Value::Null));
        assert_eq!(node.token("label"), Some("*SELECT* 1"));
    }

    #[test]
    fn a_field_that_a_version_lacks_has_its_default() {
        let node = node("{VAR :varno 1}");
        assert_eq!(node.number::<u32>("varlevelsup"), 0);
        assert!(node.list("args").is_empty());
        assert!(!node.flag("inh"));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "(",
            ")",
            "{A :b}",
            "{A b}",
            "(i x)",
            "{A :b 1 [ 700 ]}",
            "1 2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[{}()\\[\\]<>:a-z0-9 \\\\\"é-]{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_tree_cut_short_is_an_error(at in 1..COMPARISON.len()) {
            prop_assert!(parse(&COMPARISON[..at]).is_err());
        }
    }
}
