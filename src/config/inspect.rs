//! Parsing of a configuration file, with all its mistakes.

use std::collections::BTreeSet;

use toml_edit::{Document, DocumentMut, Item, Table, TableLike};

use super::file::Config;
use super::mistake::{Finding, KeyPath, Mistake, dotted, position};
use super::{rules, shape};
use crate::output::redact;

/// The contents of a configuration file.
pub(super) struct Inspection {
    /// Its values; a value that could not be read is replaced by its default.
    pub(super) config: Config,
    /// The dotted keys it sets.
    pub(super) keys: BTreeSet<String>,
    /// Its mistakes, in the order of the file.
    pub(super) mistakes: Vec<Mistake>,
}

/// Inspects `text`.
pub(super) fn inspect(text: &str) -> Inspection {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return unreadable(text, error.message(), error.span()),
    };
    let mut findings = shape::check(document.as_table());
    let config: Config = match toml_edit::de::from_document(understood(text, &findings)) {
        Ok(config) => config,
        Err(error) => return unreadable(text, error.message(), error.span()),
    };
    // A rule about a part that could not be read would complain about the missing value.
    let mut broken = rules::check(&config);
    broken.retain(|rule| !findings.iter().any(|shape| shape.concerns_same_part(rule)));
    findings.extend(broken);

    let mut mistakes: Vec<Mistake> = findings
        .into_iter()
        .map(|finding| finding.locate(&document))
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    let mut keys = BTreeSet::new();
    collect_keys(document.as_table(), &mut KeyPath::new(), &mut keys);
    Inspection {
        config,
        keys,
        mistakes,
    }
}

fn unreadable(text: &str, message: &str, span: Option<std::ops::Range<usize>>) -> Inspection {
    let (line, column) = position(text, span.map_or(0, |span| span.start));
    Inspection {
        config: Config::default(),
        keys: BTreeSet::new(),
        mistakes: vec![Mistake {
            line,
            column,
            key: None,
            // A message may quote the text around the mistake.
            message: redact(message).replace('\n', ", "),
            hint: None,
        }],
    }
}

/// The document without the values that have the wrong shape, so that the rest can be checked
/// further. A table is kept as an empty one, because its name may be referenced elsewhere.
fn understood(text: &str, findings: &[Finding]) -> DocumentMut {
    let mut document: DocumentMut = text.parse().unwrap_or_default();
    for Finding { path, .. } in findings {
        let Some((last, tables)) = path.split_last() else {
            continue;
        };
        let parent = tables.iter().try_fold(document.as_item_mut(), |item, key| {
            item.as_table_like_mut()?.get_mut(key)
        });
        if let Some(parent) = parent.and_then(Item::as_table_like_mut) {
            parent.remove(last);
            if tables == ["profiles"] {
                parent.insert(last, Item::Table(Table::new()));
            }
        }
    }
    document
}

fn collect_keys(table: &dyn TableLike, path: &mut KeyPath, keys: &mut BTreeSet<String>) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        match item.as_table_like() {
            Some(table) => collect_keys(table, path, keys),
            None => {
                keys.insert(dotted(path));
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        let found = inspect(text).mistakes;
        found.iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn reads_values_and_remembers_which_keys_were_set() {
        let text = "editor = 'vi'\n[output]\npage_size = 5\n[profiles.a]\ndatabase_url_env = 'A'\n";
        let inspection = inspect(text);
        assert_eq!(inspection.mistakes, []);
        assert_eq!(inspection.config.output.page_size, 5);
        assert_eq!(inspection.config.invitations.expires_days, 7);
        let keys: Vec<&str> = inspection.keys.iter().map(String::as_str).collect();
        assert_eq!(
            keys,
            ["editor", "output.page_size", "profiles.a.database_url_env"]
        );
    }

    #[test]
    fn mistakes_of_shape_and_of_rules_are_found_together_in_file_order() {
        assert_eq!(
            mistakes(
                "default_profile = 'prod'\n\
                 [invitations]\nlink_template = 'https://a.example/'\nexpires_days = 0\n\
                 [outptu]\n"
            ),
            [
                "1:1: default_profile: profile `prod` not found",
                "3:1: invitations.link_template: has no {token} after a `#`, so a link would \
                 not contain its token",
                "4:1: invitations.expires_days: must be between 1 and 30, not 0",
                "5:2: outptu: unknown key",
            ]
        );
    }

    #[test]
    fn a_mistake_does_not_cause_another() {
        assert_eq!(
            mistakes("default_profile = 'a'\n[profiles.a]\ndatabse_url = 'postgres://h/d'\n"),
            ["3:1: profiles.a.databse_url: unknown key"]
        );
        assert_eq!(
            mistakes("default_profile = 'a'\n[profiles]\na = 'postgres://o:hunter2@h/d'\n"),
            ["3:1: profiles.a: must be a table, not a string"]
        );
    }

    #[test]
    fn a_syntax_mistake_has_its_place_and_no_quote() {
        let found = mistakes("[profiles.a]\ndatabase_url = postgres://ops:hunter2@db/app\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("2:16: "), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
}
