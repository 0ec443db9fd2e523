//! Check of the keys and types in the file against the schema.
//!
//! The deserializer stops at the first mistake and quotes the value it found, which may be a URL
//! with a password. This check finds all mistakes and quotes no value.

use toml_edit::{Item, TableLike};

use super::mistake::{Finding, KeyPath};
use super::schema::{Kind, Node, ResolvedSchema};
use crate::suggest::did_you_mean;

/// Every key that is not in the schema and every value that it does not allow.
pub(super) fn check(root: &dyn TableLike) -> Vec<Finding> {
    let schema = ResolvedSchema::of_config();
    let mut check = Check {
        root: schema.root(),
        path: KeyPath::new(),
        findings: Vec::new(),
    };
    check.table(root, schema.root());
    check.findings
}

struct Check<'a> {
    root: Node<'a>,
    path: KeyPath,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn table(&mut self, table: &dyn TableLike, node: Node<'a>) {
        let known = node.keys();
        for (key, item) in table.iter() {
            self.path.push(key.to_owned());
            match known.get(key).copied().or_else(|| node.any_key()) {
                Some(node) => self.value(item, node),
                None => {
                    let hint = did_you_mean(key, known.keys().copied())
                        .or_else(|| self.section_with(key))
                        .or_else(|| Some(format!("known keys: {}", join(known.keys()))));
                    self.report("unknown key".to_owned(), hint);
                }
            }
            self.path.pop();
        }
    }

    fn value(&mut self, item: &Item, node: Node<'a>) {
        match (node.kind(), item) {
            (Kind::Table, _) if item.is_table_like() => {
                if let Some(table) = item.as_table_like() {
                    self.table(table, node);
                }
            }
            (Kind::Text, _) if item.is_str() => {
                self.choice(item.as_str().unwrap_or_default(), node);
            }
            (Kind::Integer, _) if item.is_integer() => {
                self.limits(item.as_integer().unwrap_or_default(), node);
            }
            (Kind::Boolean, _) if item.is_bool() => {}
            (Kind::List, _) if is_list_of_strings(item) => {}
            (kind, _) => {
                let message = format!("must be {}, not {}", kind.describe(), found(item));
                self.report(message, None);
            }
        }
    }

    fn choice(&mut self, value: &str, node: Node<'a>) {
        let choices = node.choices();
        if !choices.is_empty() && !choices.contains(&value) {
            let message = format!("must be one of {}", join(&choices));
            self.report(message, did_you_mean(value, choices.into_iter()));
        }
    }

    fn limits(&mut self, value: i64, node: Node<'a>) {
        let (least, greatest) = node.limits();
        let least = least.unwrap_or(i64::MIN);
        let greatest = greatest.unwrap_or(i64::MAX);
        if !(least..=greatest).contains(&value) {
            let message = format!("must be between {least} and {greatest}, not {value}");
            self.report(message, None);
        }
    }

    /// A key under the wrong header is the most common mistake.
    fn section_with(&self, key: &str) -> Option<String> {
        self.root.keys().into_iter().find_map(|(name, section)| {
            let below = |node: Node<'_>| node.keys().contains_key(key);
            if below(section) {
                Some(format!("`{key}` belongs in [{name}]"))
            } else if section.any_key().is_some_and(below) {
                Some(format!("`{key}` belongs in [{name}.NAME]"))
            } else {
                None
            }
        })
    }

    fn report(&mut self, message: String, hint: Option<String>) {
        self.findings.push(Finding {
            path: self.path.clone(),
            message,
            hint: hint.map(Into::into),
        });
    }
}

fn is_list_of_strings(item: &Item) -> bool {
    let array = item.as_array();
    array.is_some_and(|array| array.iter().all(toml_edit::Value::is_str))
}

fn found(item: &Item) -> String {
    let name = item.type_name();
    let article = if name.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}

fn join<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use toml_edit::Document;

    use super::super::mistake::dotted;
    use super::*;

    fn findings(text: &str) -> Vec<(String, String, Option<String>)> {
        let document = Document::parse(text).unwrap();
        check(document.as_table())
            .into_iter()
            .map(|finding| {
                let hint = finding.hint.map(|hint| hint.to_string());
                (dotted(&finding.path), finding.message, hint)
            })
            .collect()
    }

    #[test]
    fn finds_every_mistake_at_once() {
        let found = findings(
            "page_size = 5\n\
             [output]\nformat = 'jsn'\npage_size = '50'\n\
             [invitations]\nexpires_days = 31\n\
             [profiles.staging]\ndatabse_url = 'x'\n",
        );
        let expected = [
            (
                "page_size",
                "unknown key",
                Some("`page_size` belongs in [output]"),
            ),
            (
                "output.format",
                "must be one of table, json, yaml, csv, ndjson",
                Some("did you mean json?"),
            ),
            ("output.page_size", "must be an integer, not a string", None),
            (
                "invitations.expires_days",
                "must be between 1 and 30, not 31",
                None,
            ),
            (
                "profiles.staging.databse_url",
                "unknown key",
                Some("did you mean database_url, database_url_env or database_url_file?"),
            ),
        ];
        let expected = expected.map(|(key, message, hint)| {
            (key.to_owned(), message.to_owned(), hint.map(str::to_owned))
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_quoted() {
        let found = findings("[profiles]\nstaging = 'postgres://ops:hunter2@db/app'\n");
        assert_eq!(found[0].1, "must be a table, not a string");
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_key_of_another_section_is_sent_there() {
        let found = findings("[output]\ndatabase_url = 'postgres://h/d'\n");
        assert_eq!(
            found[0].2.as_deref(),
            Some("`database_url` belongs in [profiles.NAME]")
        );
    }

    #[test]
    fn inline_tables_and_dotted_keys_are_tables() {
        assert!(findings("output = { page_size = 5 }\ndatabase.max_connections = 3\n").is_empty());
    }
}
