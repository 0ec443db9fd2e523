//! Functions, classified by owner and body.

use std::collections::{BTreeMap, BTreeSet};

use super::server;

/// Kind of a function, regardless of the functions it calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// It belongs to a role that does not have the privileges of the session.
    Foreign,
    /// Its effect is unknown: it runs statements that it receives or builds, or its language is not
    /// parsed.
    Unknown,
    /// It may do harm if another role wrote the call.
    Dangerous,
    Plain,
}

/// A function that does not come with the server, judged by itself.
pub(super) struct Traits<'f> {
    pub(super) trusted: bool,
    pub(super) language: &'f str,
    pub(super) volatility: &'f str,
    pub(super) extension: Option<&'f str>,
    pub(super) takes_text: bool,
    pub(super) source: Option<&'f str>,
}

/// Commands that are unsafe in a READ ONLY transaction or before a rollback if another role decides
/// that they run.
const COMMANDS: &[&str] = &["alter", "copy", "create", "drop", "grant", "load", "revoke"];

pub(super) fn kind(one: &Traits<'_>) -> Kind {
    if !one.trusted {
        return Kind::Foreign;
    }
    let volatile = one.volatility == "v";
    match one.language {
        // Only a superuser can create them, so they do what they are made for. The effects of some
        // extensions are known.
        "c" | "internal" => {
            let harmless = one.extension.is_some_and(server::is_harmless_extension);
            match (harmless, volatile) {
                (true, _) => Kind::Plain,
                (false, _) if one.takes_text && one.volatility != "i" => Kind::Unknown,
                (false, true) => Kind::Dangerous,
                (false, false) => Kind::Plain,
            }
        }
        "sql" | "plpgsql" => {
            let words = one.source.map(words).unwrap_or_default();
            if words.contains("execute") {
                Kind::Unknown
            } else if volatile && COMMANDS.iter().any(|command| words.contains(*command)) {
                Kind::Dangerous
            } else {
                Kind::Plain
            }
        }
        _ => Kind::Unknown,
    }
}

/// Meanings of words and operators in a text. The server resolves them when the text runs, in the
/// search path of that moment, so any object of that name counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// In lower case.
    words: BTreeMap<String, Vec<usize>>,
    /// Names of more than one word, and operators.
    signs: Vec<(String, usize)>,
    /// The reasons against a word or an operator, by its position in the lists above.
    reasons: BTreeMap<usize, String>,
}

impl Names {
    /// Adds an object with that name.
    pub(super) fn add(&mut self, name: &str, what: usize) {
        let is_word = name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
        if is_word {
            let word = name.to_lowercase();
            self.words.entry(word).or_default().push(what);
        } else {
            self.signs.push((name.to_owned(), what));
        }
    }

    /// Returns the functions that a text may refer to.
    pub(super) fn named(&self, text: &str) -> BTreeSet<usize> {
        let words = words(text);
        let of_words = words.iter().filter_map(|word| self.words.get(word));
        let mut found: BTreeSet<usize> = of_words.flatten().copied().collect();
        let signs = self.signs.iter();
        found.extend(
            signs
                .filter(|(sign, _)| text.contains(sign.as_str()))
                .map(|(_, what)| *what),
        );
        found
    }

    /// Records the objects that must not be reached.
    pub(super) fn forbid(&mut self, reasons: BTreeMap<usize, String>) {
        self.reasons = reasons;
    }

    /// Returns the reason against running a text, if any.
    pub(super) fn reached(&self, text: &str) -> Option<String> {
        if is_disguised(text) {
            return Some("names that are written with Unicode escapes".to_owned());
        }
        let named = self.named(text);
        named
            .iter()
            .find_map(|what| self.reasons.get(what).cloned())
    }
}

/// `true` if a text contains Unicode escapes in names, which are not parsed here (PostgreSQL
/// manual, 4.1.2.3).
pub(super) fn is_disguised(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("u&\"") || text.contains("u&'")
}

/// Returns the words of a source text in lower case. Words in comments and constants count too, to
/// be safe.
pub fn words(source: &str) -> BTreeSet<String> {
    source
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(language: &'static str) -> Traits<'static> {
        Traits {
            trusted: true,
            language,
            volatility: "s",
            extension: None,
            takes_text: false,
            source: None,
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown() {
        let of = |language| kind(&traits(language));
        assert_eq!(of("plpython3u"), Kind::Unknown);
        assert_eq!(of("plpgsql"), Kind::Plain);
        let source = Some("BEGIN EXECUTE what; END");
        let runs = Traits {
            source,
            ..traits("plpgsql")
        };
        assert_eq!(kind(&runs), Kind::Unknown);
        // crosstab(text) of tablefunc is STABLE, and runs its argument.
        let extension = Some("tablefunc");
        let crosstab = Traits {
            extension,
            takes_text: true,
            ..traits("c")
        };
        assert_eq!(kind(&crosstab), Kind::Unknown);
        let trusted = false;
        let foreign = Traits {
            trusted,
            ..traits("c")
        };
        assert_eq!(kind(&foreign), Kind::Foreign);
    }

    #[test]
    fn names_are_found_whatever_their_letters() {
        let mut names = Names::default();
        names.add("Evil", 1);
        names.add("really evil", 2);
        names.add("===", 3);
        assert_eq!(names.named("SELECT \"Evil\"()"), BTreeSet::from([1]));
        // A function counts as reached if a part of a quoted name matches it.
        assert!(names.named("SELECT \"really evil\"()").contains(&2));
        assert_eq!(names.named("a===b"), BTreeSet::from([3]));
        assert!(names.named("devil == b").is_empty());
        assert!(is_disguised("SELECT U&\"\\0065vil\"()"));
    }
}
