//! The language rules of CONTRIBUTING.md, as far as counting can keep them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Words and phrases with a plainer one in their place. Identifiers count too: they are read as well.
const PHRASES: &[&str] = &[
    "all the same",
    "amid",
    "anew",
    "anybody",
    "are none",
    "as a rule",
    "as ever",
    "behaviour",
    "colour",
    "everybody",
    "for ever",
    "goes on",
    "gone on",
    "in vain",
    "is none",
    "is so already",
    "lest",
    "mend",
    "mended",
    "mends",
    "mightiest",
    "nobody",
    "once and for all",
    "out of sight",
    "so already",
    "somebody",
    "the other way round",
    "to be had",
    "told",
    "what is there",
    "whoever",
    "whom",
    "whose",
];

/// Openings of doc comments that announce a sentence about something else than the item.
const OPENINGS: &[&str] = &[
    "As", "By", "How", "What", "When", "Where", "Whether", "Which", "Who", "Whom", "Whose", "Why",
];

/// The phrases in `src` and `docs`: names of accounts and JSON keys, mostly.
const MOST_PHRASES: usize = 60;
/// The same of the openings, in doc comments of 1,000. The goal is 50.
const MOST_OPENINGS: usize = 22;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "md")
        {
            found.push(path);
        }
    }
}

fn texts(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        files(&root.join(folder), &mut found);
    }
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a file of text");
            (path, text)
        })
        .collect()
}

/// How often a phrase occurs as whole words.
fn count(line: &str, phrase: &str) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(phrase)
        .filter(|(start, _)| {
            let before = line[..*start].chars().next_back();
            let after = line[start + phrase.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .count()
}

#[test]
fn phrases_with_a_plainer_one_in_their_place_become_fewer() {
    let mut places = Vec::new();
    for (path, text) in texts(&["src", "docs"]) {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for phrase in PHRASES {
                for _ in 0..count(&line, phrase) {
                    places.push(format!("{}:{}: {phrase}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(
        places.len() <= MOST_PHRASES,
        "{} of at most {MOST_PHRASES}:\n{}",
        places.len(),
        places.join("\n")
    );
}

#[test]
fn doc_comments_begin_with_a_noun_or_a_verb() {
    let mut all = 0;
    let mut places = Vec::new();
    for (path, text) in texts(&["src"]) {
        let mut is_inside = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
            if let Some(doc) = doc.filter(|_| !is_inside) {
                all += 1;
                let first = doc.split_whitespace().next().unwrap_or_default();
                if OPENINGS.contains(&first) {
                    places.push(format!("{}:{}:{doc}", path.display(), number + 1));
                }
            }
            is_inside = doc.is_some();
        }
    }
    let share = places.len() * 1000 / all;
    assert!(
        share <= MOST_OPENINGS,
        "{share} of 1000, at most {MOST_OPENINGS}:\n{}",
        places.join("\n")
    );
}

#[test]
fn whole_words_are_counted() {
    assert_eq!(count("who told them is_told untold told", "told"), 2);
    assert_eq!(count("forever and for ever.", "for ever"), 1);
}
