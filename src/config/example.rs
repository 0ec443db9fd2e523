//! Generation of `config.example.toml` from the schema, so that it cannot drift from the code.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{Kind, Node, ResolvedSchema};

/// The profile that the example defines.
const EXAMPLE_PROFILE: &str = "staging";

/// A configuration file that documents every option with its default.
///
/// Prose starts with `# `; an option that can be enabled by removing one character starts with `#`.
pub fn example() -> String {
    let schema = ResolvedSchema::of_config();
    let root = schema.root();
    let (sections, options): (Vec<_>, Vec<_>) = root
        .keys()
        .into_iter()
        .partition(|(_, node)| node.kind() == Kind::Table);

    let mut text = String::new();
    comment(&mut text, root.description());
    comment(
        &mut text,
        "\nRemove the `#` in front of an option to set it.",
    );
    for (key, node) in options {
        option(&mut text, key, node);
    }
    for (key, node) in sections {
        section(&mut text, key, node);
    }
    text
}

fn section(text: &mut String, key: &str, node: Node<'_>) {
    text.push('\n');
    comment(text, node.description());
    let (header, options) = match node.any_key() {
        // Left as a comment: a defined profile must be complete.
        Some(profile) => (format!("#[{key}.{EXAMPLE_PROFILE}]"), profile.keys()),
        None => (format!("[{key}]"), node.keys()),
    };
    text.push_str(&header);
    text.push('\n');
    for (key, node) in options {
        option(text, key, node);
    }
}

fn option(text: &mut String, key: &str, node: Node<'_>) {
    text.push('\n');
    comment(text, node.description());
    let choices = node.choices();
    if !choices.is_empty() {
        comment(text, &format!("One of: {}.", choices.join(", ")));
    }
    if let (Some(least), Some(greatest)) = node.limits() {
        comment(text, &format!("From {least} to {greatest}."));
    }
    let value = match node.default() {
        Some(default) => {
            comment(text, &format!("Default: {}", literal(default)));
            default
        }
        None => {
            comment(text, "Default: not set. For example:");
            node.example()
                .expect("the schema has an example for each option without a default")
        }
    };
    writeln!(text, "#{key} = {}", literal(value)).expect("a String takes all text");
}

fn comment(text: &mut String, prose: &str) {
    for line in prose.lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        // Numbers, booleans and lists of strings have the same syntax in JSON and TOML.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::inspect::inspect;
    use super::*;

    /// The example with every option enabled.
    fn switched_on() -> String {
        let example = example();
        let lines = example.lines().map(|line| match line.strip_prefix('#') {
            Some(option) if !option.is_empty() && !option.starts_with(' ') => option,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn as_it_is_it_sets_nothing() {
        let inspection = inspect(&example());
        assert_eq!(inspection.mistakes, []);
        assert!(inspection.keys.is_empty());
    }

    #[test]
    fn every_option_is_valid_and_shows_its_default() {
        let inspection = inspect(&switched_on());
        // The example shows all ways to configure a database and a password; only one of each may
        // be set.
        let messages: Vec<String> = inspection
            .mistakes
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(messages.len(), 5, "{messages:?}");
        let named = [
            "attack_url",
            "password_command",
            "database_url",
            "tenant_url",
            "tenant_url",
        ];
        for (message, part) in messages.iter().zip(named) {
            let part = format!("only one of {part}");
            assert!(message.contains(&part), "{messages:?}");
        }

        let config = inspection.config;
        assert_eq!(config.invitations, Default::default());
        assert_eq!(config.organizations, Default::default());
        assert_eq!(config.output.page_size, 50);
        assert!(config.output.format.is_some() && config.editor.is_some());
        assert!(config.profiles[EXAMPLE_PROFILE].organization.is_some());
    }
}
