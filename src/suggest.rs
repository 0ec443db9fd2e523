//! "Did you mean": similar names for an unknown one.

use strsim::{jaro_winkler, levenshtein};

use crate::error::Error;

/// More than three suggestions do not help.
const MOST: usize = 3;
/// Similarity (Jaro-Winkler, 0 to 1) from which a name is suggested.
const NEAR: f64 = 0.85;
/// Maximum length of a value repeated in an error.
const LONGEST_SHOWN: usize = 80;

/// Up to three of `known` that `wanted` may have meant, the most similar first.
///
/// Matches names that differ only in case, contain it, or have up to a third of the letters
/// mistyped.
pub fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut scored: Vec<(f64, &str)> = known
        .filter_map(|name| similarity(&wanted, &name.to_lowercase()).map(|score| (score, name)))
        .collect();
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored
        .into_iter()
        .take(MOST)
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn similarity(wanted: &str, name: &str) -> Option<f64> {
    if wanted == name {
        return Some(2.0);
    }
    let score = jaro_winkler(wanted, name);
    let letters = wanted.chars().count();
    let is_part = letters >= 3 && name.contains(wanted);
    let is_mistyped = levenshtein(wanted, name) <= letters / 3;
    (is_part || is_mistyped || score >= NEAR).then_some(score)
}

/// The hint "did you mean …?", if a similar name is known.
pub fn did_you_mean<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = nearest(wanted, known);
    match near.as_slice() {
        [] => None,
        [only] => Some(format!("did you mean {only}?")),
        [rest @ .., last] => Some(format!("did you mean {} or {last}?", rest.join(", "))),
    }
}

/// `value` quoted for an error message: control characters escaped, truncated if long.
pub fn quoted(value: &str) -> String {
    match value.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}

/// The error for a name that is not in a closed list, with the list and a hint at a similar name.
pub(crate) fn unknown_name(what: &str, text: &str, allowed: &[&str]) -> Error {
    let value = quoted(text);
    let error = Error::bad_input(format!(
        "{value} is not a known {what}; allowed are {}",
        allowed.join(", ")
    ));
    match did_you_mean(text, allowed.iter().copied()) {
        Some(hint) => error.hint(hint),
        None => error.hint(format!("use one of {}", allowed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLINICS: [&str; 5] = [
        "default-organization",
        "harbor-clinic",
        "harbour-dental",
        "lakeside",
        "lakeside-2",
    ];

    #[test]
    fn suggests_what_was_meant() {
        let cases: [(&str, &[&str]); 6] = [
            ("harbor-clinc", &["harbor-clinic", "harbour-dental"]),
            ("LAKESIDE", &["lakeside", "lakeside-2"]),
            ("lakeside2", &["lakeside-2", "lakeside"]),
            ("organization", &["default-organization"]),
            ("zzz", &[]),
            ("", &[]),
        ];
        for (wanted, expected) in cases {
            assert_eq!(nearest(wanted, CLINICS.into_iter()), expected, "{wanted}");
        }
    }

    #[test]
    fn suggests_three_at_most() {
        let many = ["clinic-1", "clinic-2", "clinic-3", "clinic-4", "clinic-5"];
        assert_eq!(nearest("clinic", many.into_iter()).len(), 3);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_list_and_a_near_one() {
        let error = unknown_name("role", "ownr", &["owner", "admin"]);
        assert_eq!(
            error.to_string(),
            "\"ownr\" is not a known role; allowed are owner, admin"
        );
        assert_eq!(error.hints(), ["did you mean owner?"]);
    }

    #[test]
    fn a_quoted_value_is_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[31m"), "\"a\\u{1b}[31m\"");
        assert_eq!(quoted(&"é".repeat(500)).chars().count(), LONGEST_SHOWN + 3);
    }
}
