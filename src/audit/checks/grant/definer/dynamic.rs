//! Dynamic statements with input from the caller of a function (PostgreSQL manual, 43.5.4
//! "Executing Dynamic Commands": the input has to be quoted).

use std::collections::BTreeMap;

use super::text::{Piece, Text};
use crate::audit::catalog::{Function, Oid};

/// The part of a dynamic statement that the caller controls.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Handed {
    #[default]
    Nothing,
    /// The name of a table or column.
    Name,
    /// The text of the statement.
    Statement,
}

/// Functions that run their first argument, or return the table that it names (PostgreSQL manual,
/// 9.15.3 and 9.13.4).
const RUNNING: &[&str] = &[
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "ts_stat",
];
const SHOWING: &[&str] = &[
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
];

/// Returns the largest part of a statement that the caller of that function controls.
pub(super) fn handed_in(function: &Function, text: &Text) -> Handed {
    let mut flow = Flow {
        known: arguments(function),
    };
    let mut worst = Handed::Nothing;
    for statement in statements(text.pieces()) {
        if let Some((name, value)) = assignment(statement) {
            let handed = flow.value(value);
            flow.known.insert(name.to_owned(), handed);
        }
        worst = worst.max(flow.run(statement));
    }
    worst
}

/// Returns the arguments that can contain text. A number or a uuid cannot inject a statement.
fn arguments(function: &Function) -> BTreeMap<String, Handed> {
    let modes = &function.argument_modes;
    let types = if modes.is_empty() {
        &function.argument_types
    } else {
        &function.all_argument_types
    };
    let is_input = |place: usize| {
        matches!(
            modes.get(place).map_or("i", String::as_str),
            "i" | "b" | "v"
        )
    };
    let names = function.argument_names.iter().zip(types).enumerate();
    names
        .filter(|(place, _)| is_input(*place))
        .map(|(_, (name, type_oid))| (name.to_lowercase(), carried(*type_oid)))
        .collect()
}

/// Returns the part of a statement that a value of that type can contain (pg_type.dat).
fn carried(type_oid: Oid) -> Handed {
    match type_oid.0 {
        // text, varchar, bpchar, name, json, jsonb, xml, and arrays of the first two
        25 | 1043 | 1042 | 19 | 114 | 3802 | 142 | 1009 | 1015 => Handed::Statement,
        2205 => Handed::Name,
        _ => Handed::Nothing,
    }
}

/// Splits a body into its statements.
fn statements(pieces: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    let ends = |piece: &Piece| match piece {
        Piece::Sign(sign) => sign == ";",
        Piece::Word {
            name,
            quoted: false,
        } => matches!(
            name.as_str(),
            "declare" | "begin" | "then" | "else" | "loop"
        ),
        _ => false,
    };
    pieces.split(ends)
}

/// Returns the name and the value of `name := value`, with or without a type before the value.
fn assignment(statement: &[Piece]) -> Option<(&str, &[Piece])> {
    let at = statement.iter().position(|piece| is_sign(piece, ":="))?;
    match statement.first()? {
        Piece::Word { name, .. } => Some((name, &statement[at + 1..])),
        _ => None,
    }
}

/// Content of arguments and variables.
struct Flow {
    known: BTreeMap<String, Handed>,
}

impl Flow {
    /// Returns the input in the text that a statement runs, by EXECUTE or by a function that runs
    /// its argument.
    fn run(&self, statement: &[Piece]) -> Handed {
        let mut worst = Handed::Nothing;
        for (at, piece) in statement.iter().enumerate() {
            let Piece::Word {
                name,
                quoted: false,
            } = piece
            else {
                continue;
            };
            let rest = &statement[at + 1..];
            if name == "execute" {
                let end = rest.iter().position(ends_execute).unwrap_or(rest.len());
                worst = worst.max(self.value(&rest[..end]));
            } else if RUNNING.contains(&name.as_str()) {
                worst = worst.max(self.value(parenthesized(rest)));
            } else if SHOWING.contains(&name.as_str()) {
                worst = worst.max(self.value(parenthesized(rest)).min(Handed::Name));
            }
        }
        worst
    }

    /// Returns the input from the caller in an expression.
    fn value(&self, pieces: &[Piece]) -> Handed {
        let mut worst = Handed::Nothing;
        let mut at = 0;
        while let Some(piece) = pieces.get(at) {
            at += 1;
            let mut handed = match piece {
                Piece::Word { name, .. }
                    if pieces.get(at).is_some_and(|next| is_sign(next, "(")) =>
                {
                    let inner = parenthesized(&pieces[at..]);
                    at += inner.len() + 2;
                    self.call(name, inner)
                }
                Piece::Word { name, .. } => self.known.get(name).copied().unwrap_or_default(),
                Piece::Argument => self.known.values().copied().max().unwrap_or_default(),
                Piece::Text(_) | Piece::Sign(_) => Handed::Nothing,
            };
            while let [sign, Piece::Word { name, .. }, ..] = pieces.get(at..).unwrap_or_default()
                && is_sign(sign, "::")
            {
                handed = handed.min(cast(name));
                at += 2;
            }
            worst = worst.max(handed);
        }
        worst
    }

    fn call(&self, name: &str, arguments: &[Piece]) -> Handed {
        match name {
            "quote_literal" | "quote_nullable" => Handed::Nothing,
            "quote_ident" => self.value(arguments).min(Handed::Name),
            "format" => self.format(arguments),
            _ => self.value(arguments),
        }
    }

    /// Returns the input in a call of `format`, which inserts its arguments unquoted for `%s`, as a
    /// name for `%I`, and as a literal for `%L` (PostgreSQL manual, 9.4.1).
    fn format(&self, arguments: &[Piece]) -> Handed {
        let mut arguments = separated(arguments).into_iter();
        let Some([Piece::Text(template)]) = arguments.next() else {
            return arguments
                .map(|one| self.value(one))
                .max()
                .unwrap_or_default();
        };
        let specifiers = specifiers(template);
        let put_in = arguments.enumerate().map(|(place, one)| {
            let mut for_it = specifiers.iter().filter(|(which, _)| *which == place);
            let as_is = for_it.clone().any(|(_, kind)| *kind == 's');
            let as_name = for_it.any(|(_, kind)| *kind == 'I');
            match (as_is, as_name) {
                (true, _) => self.value(one),
                (false, true) => self.value(one).min(Handed::Name),
                (false, false) => Handed::Nothing,
            }
        });
        put_in.max().unwrap_or_default()
    }
}

/// Returns the argument, from 0, and the letter of each specifier in a template for `format`.
fn specifiers(template: &str) -> Vec<(usize, char)> {
    let mut found = Vec::new();
    let mut next = 0;
    let mut parts = template.split('%').skip(1);
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // `%%` is a percent sign, followed by text.
            parts.next();
            continue;
        }
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let rest = &part[digits.len()..];
        let place = match (digits.parse::<usize>(), rest.strip_prefix('$')) {
            (Ok(place), Some(_)) => place.saturating_sub(1),
            _ => next,
        };
        if let Some(kind) = part.chars().find(char::is_ascii_alphabetic) {
            found.push((place, kind));
            next = place + 1;
        }
    }
    found
}

/// Returns the part of a statement that is possible after a cast to that type.
fn cast(type_name: &str) -> Handed {
    match type_name {
        "regclass" | "regproc" => Handed::Name,
        "text" | "varchar" | "character" | "name" | "json" | "jsonb" | "xml" => Handed::Statement,
        _ => Handed::Nothing,
    }
}

/// Returns the content of the parentheses at the start of the pieces.
fn parenthesized(pieces: &[Piece]) -> &[Piece] {
    let mut depth = 0;
    for (at, piece) in pieces.iter().enumerate() {
        if is_sign(piece, "(") {
            depth += 1;
        } else if is_sign(piece, ")") {
            depth -= 1;
        }
        if depth == 0 {
            return pieces.get(1..at).unwrap_or_default();
        }
    }
    pieces.get(1..).unwrap_or_default()
}

/// Splits arguments at the commas outside parentheses.
fn separated(pieces: &[Piece]) -> Vec<&[Piece]> {
    let mut depth = 0;
    pieces
        .split(|piece| {
            depth += i32::from(is_sign(piece, "(")) - i32::from(is_sign(piece, ")"));
            depth == 0 && is_sign(piece, ",")
        })
        .collect()
}

fn ends_execute(piece: &Piece) -> bool {
    matches!(piece, Piece::Word { name, quoted: false } if matches!(name.as_str(), "using" | "into"))
}

fn is_sign(piece: &Piece, wanted: &str) -> bool {
    matches!(piece, Piece::Sign(sign) if sign == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(source: &str) -> Handed {
        let text = Text::read(source).expect("tokens");
        let mut flow = Flow {
            known: BTreeMap::from([("q".to_owned(), Handed::Statement)]),
        };
        let mut worst = Handed::Nothing;
        for statement in statements(text.pieces()) {
            if let Some((name, value)) = assignment(statement) {
                let value = flow.value(value);
                flow.known.insert(name.to_owned(), value);
            }
            worst = worst.max(flow.run(statement));
        }
        worst
    }

    #[test]
    fn what_is_run_as_it_was_handed_in() {
        for source in [
            "BEGIN EXECUTE q; END",
            "BEGIN RETURN QUERY EXECUTE 'SELECT * FROM ' || q; END",
            "BEGIN EXECUTE format('SELECT %s', q) INTO x; END",
            "DECLARE s text := 'SELECT ' || q; BEGIN EXECUTE s; END",
            "BEGIN s := q; FOR r IN EXECUTE s LOOP RETURN NEXT r; END LOOP; END",
            "SELECT query_to_xml(q, true, true, '')",
            "BEGIN EXECUTE $1; END",
        ] {
            assert_eq!(handed(source), Handed::Statement, "{source}");
        }
    }

    #[test]
    fn what_is_only_named() {
        for source in [
            "BEGIN EXECUTE format('SELECT * FROM %I', q); END",
            "BEGIN EXECUTE 'SELECT * FROM ' || quote_ident(q); END",
            "BEGIN EXECUTE format('SELECT %2$L, %1$I', q, 1); END",
            "SELECT table_to_xml(q::regclass, true, true, '')",
        ] {
            assert_eq!(handed(source), Handed::Name, "{source}");
        }
    }

    #[test]
    fn what_is_a_constant_by_then() {
        for source in [
            "BEGIN EXECUTE 'SELECT * FROM notes WHERE body = $1' USING q; END",
            "BEGIN EXECUTE format('SELECT %L', q); END",
            "BEGIN EXECUTE format('100%% of %L', q); END",
            "BEGIN EXECUTE 'SELECT ' || quote_literal(q); END",
            "BEGIN EXECUTE 'SELECT ' || q::int; END",
            "BEGIN PERFORM q; END",
        ] {
            assert_eq!(handed(source), Handed::Nothing, "{source}");
        }
    }
}
