//! Search for people by the start of any part of their names, ignoring accents and case.

use unicode_normalization::UnicodeNormalization;

/// Maximum number of name parts searched: more do not help, and cost rows.
pub const MOST_PARTS: usize = 12;

/// Folds a name for comparing and sorting: lower case, without accents, in its script.
/// `Müller-Weiß` becomes `muller-weiss`.
///
/// Source: Unicode Standard Annex #15, compatibility decomposition (NFKD); Latin letters that do
/// not decompose (ß, ø, ł) are transliterated.
pub fn fold(text: &str) -> String {
    let letters = text.nfkd().filter(|&c| !is_accent(c));
    // Lower-casing may produce several characters, including marks: for example İ.
    let lower = letters.flat_map(char::to_lowercase).nfkd();
    let mut folded = String::with_capacity(text.len());
    for c in lower.filter(|&c| !is_accent(c)) {
        match deunicode::deunicode_char(c) {
            Some(plain) if is_latin(c) => folded.extend(plain.chars().flat_map(char::to_lowercase)),
            _ => folded.push(c),
        }
    }
    folded
}

/// The parts of names that a search matches by prefix, without duplicates.
pub fn parts<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for name in names {
        for part in fold(name).split(|c: char| !c.is_alphanumeric()) {
            if !part.is_empty() && !parts.iter().any(|known| known == part) {
                parts.push(part.to_owned());
            }
        }
    }
    parts.truncate(MOST_PARTS);
    parts
}

/// The sort key of a row: the last name, then the first, folded. The separator occurs in no name
/// and sorts before every letter, so that Van sorts before Van Berg and is not a prefix of any
/// other name.
pub fn sort_name(first_name: &str, last_name: &str) -> String {
    format!("{}\u{1f}{}", fold(last_name), fold(first_name))
}

/// The first text, in byte order, after everything that begins with `prefix`.
pub fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Returns `true` for marks that people omit when they type: of Latin, Greek and Cyrillic letters,
/// and the vowel points of Hebrew and Arabic. Marks that make a different letter of a script are
/// not accents.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{591}'..='\u{5C7}' | '\u{64B}'..='\u{65F}' | '\u{670}')
}

fn is_latin(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A720}'..='\u{A7FF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accents_and_case_do_not_count() {
        for (text, folded) in [
            ("Müller-Weiß", "muller-weiss"),
            ("ŁUKASZ Søren", "lukasz soren"),
            ("Nguyễn", "nguyen"),
            ("İpek", "ipek"),
            ("Ἀθηνᾶ", "αθηνα"),
            ("Андрей", "андреи"),
            ("北京", "北京"),
            ("ﬁona", "fiona"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_name_is_found_by_each_of_its_parts() {
        assert_eq!(
            parts(["Ana Lucía", "García-Márquez"]),
            ["ana", "lucia", "garcia", "marquez"]
        );
        assert_eq!(parts(["O’Neill"]), ["o", "neill"]);
        assert_eq!(parts(["Ana", "Ana"]), ["ana"]);
        assert_eq!(parts(["—"]), [] as [&str; 0]);
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,30}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn what_begins_with_a_prefix_lies_before_its_end(prefix in "\\PC{0,8}", rest in "\\PC{0,8}") {
            let text = format!("{prefix}{rest}");
            prop_assert!(text.as_str() >= prefix.as_str() && text < after_prefix(&prefix) || rest.starts_with(char::MAX));
        }
    }
}
