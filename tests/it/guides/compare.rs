//! The comparison of real output with the output that a page shows.

use std::sync::LazyLock;

use regex_automata::dfa::regex::Regex;

use super::page::Shown;

/// Texts that differ from run to run, in the order of their replacement. A time of the day after
/// a date is replaced; elsewhere (`11:30`, `T09:30`) it has to match.
const VARYING: &[(&str, &str)] = &[
    ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (
        "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
        "TIME",
    ),
    (
        "20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} [A-Z]{3,4}",
        "TIME",
    ),
    // Zurich in winter and in summer.
    ("[+]0[12]:00", "+OFFSET"),
    ("20[0-9]{2}-[0-9]{2}-[0-9]{2}", "DATE"),
    // Tokens and keys.
    ("[A-Za-z0-9_-]{40,}", "TOKEN"),
    ("· [0-9]+([.][0-9]+)? m?s", "· DURATION"),
    // The width of a column depends on the texts above.
    (" {2,}", "  "),
];

static EXPRESSIONS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let all = VARYING.iter();
    all.map(|(pattern, name)| (Regex::new(pattern).expect("an expression"), *name))
        .collect()
});

/// The line that names the database before a change. The pages leave it out.
const DATABASE: &str = "database: ";

/// Compares; gives the reason if the output is not as shown.
pub fn differs(shown: &Shown, real: &str) -> Option<String> {
    let expected = normalize(shown.lines.iter().map(String::as_str));
    let real = normalize(real.lines().filter(|line| !line.starts_with(DATABASE)));
    if shown.shortened {
        return in_order(&expected, &real, shown.wrapped);
    }
    let is_equal = match shown.wrapped {
        true => solid(&expected.concat()) == solid(&real.concat()),
        false => expected == real,
    };
    (!is_equal).then(|| "the output differs".to_owned())
}

/// Replaces what varies; without the empty lines at the ends.
fn normalize<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let text = lines
        .map(|line| {
            EXPRESSIONS
                .iter()
                .fold(line.trim_end().to_owned(), |line, (expression, name)| {
                    replace(&line, expression, name)
                })
        })
        .collect::<Vec<_>>()
        .join("\n");
    text.trim_matches('\n').lines().map(str::to_owned).collect()
}

fn replace(line: &str, expression: &Regex, name: &str) -> String {
    let mut replaced = String::new();
    let mut rest = 0;
    for found in expression.find_iter(line) {
        replaced.push_str(&line[rest..found.start()]);
        replaced.push_str(name);
        rest = found.end();
    }
    replaced.push_str(&line[rest..]);
    replaced
}

/// The text without white space, which differs between a wrapped line and the real one.
fn solid(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Looks for the shown lines, in their order. A wrapped line continues where the one before ended.
fn in_order(expected: &[String], real: &[String], wrapped: bool) -> Option<String> {
    let form = |line: &String| if wrapped { solid(line) } else { line.clone() };
    let mut lines = real.iter().map(form);
    let mut rest = String::new();
    for line in expected.iter().filter(|line| !line.is_empty()).map(form) {
        let fits = |real: &str| {
            let rest = after(&line, real)?;
            (wrapped || rest.is_empty()).then(|| rest.to_owned())
        };
        let found = match rest.is_empty() {
            true => lines.find_map(|real| fits(&real)),
            false => fits(&rest),
        };
        let Some(remainder) = found else {
            return Some(format!("not in the output, in this order: {line}"));
        };
        rest = remainder;
    }
    (!rest.is_empty()).then(|| format!("cut off before: {rest}"))
}

/// The rest of a real line after a shown one, in which `…` stands for any text.
fn after<'a>(shown: &str, real: &'a str) -> Option<&'a str> {
    let mut pieces = shown.split('…');
    let mut rest = real.strip_prefix(pieces.next()?)?;
    for piece in pieces {
        if piece.is_empty() {
            return Some("");
        }
        rest = &rest[rest.find(piece)? + piece.len()..];
    }
    Some(rest)
}

#[test]
fn what_varies_is_replaced_and_the_rest_has_to_match() {
    let shown = |lines: &[&str], shortened, wrapped| Shown {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        shortened,
        wrapped,
    };
    let whole = |line: &str, real| differs(&shown(&[line], false, false), real).is_none();
    assert!(whole(
        "until 2026-12-08 05:08 CET",
        "until 2027-06-01 17:30 CEST\n"
    ));
    assert!(whole(
        "at 2026-12-07T09:30+01:00",
        "at 2027-06-07T09:30+02:00"
    ));
    assert!(!whole(
        "at 2026-12-07T09:30+01:00",
        "at 2027-06-07T10:00+02:00"
    ));
    assert!(whole("4 rows · 0.2 s", "4 rows · 1.25 s"));
    assert!(!whole("4 rows", "5 rows"));
    assert!(!whole("born 1984-03-09", "born 1984-03-10"));

    let some = |lines: &[&str], real| differs(&shown(lines, true, false), real).is_none();
    assert!(some(&["a", "c"], "a\nb\nc\n"));
    assert!(!some(&["c", "a"], "a\nb\nc\n"));
    assert!(!some(&["a"], "ab\n"));
    assert!(some(&["{\"id\":1,…}"], "{\"id\":1,\"name\":\"x\"}"));

    let wrapped = |lines: &[&str], real| differs(&shown(lines, true, true), real).is_none();
    assert!(wrapped(&["one", "  two", "four"], "one two\nthree\nfour"));
    assert!(!wrapped(&["one", "four"], "one two\nthree\nfour"));
    assert!(!wrapped(&["one"], "one two"));
}
