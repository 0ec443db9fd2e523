//! A command that is shown for pasting means the same database as the invocation that shows it.

use std::borrow::Cow;

/// The nouns whose commands need a database.
const WITH_DATABASE: &[&str] = &[
    "access", "activity", "agent", "audit", "channel", "db", "doctor", "invite", "member", "org",
    "user",
];

/// The nouns whose commands need the configuration file alone.
const WITH_CONFIGURATION: &[&str] = &["config", "demo", "init", "local"];

const PROGRAM: &str = "tenantctl ";

/// The flags of this invocation that the next one has to repeat.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RepeatedFlags {
    /// `--config FILE`, quoted for a shell.
    pub config: Option<String>,
    /// `--profile NAME` or `--database-url URL`, quoted for a shell.
    pub database: Option<String>,
}

impl RepeatedFlags {
    /// Puts the flags into every command in `text`.
    pub(super) fn put_into<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if *self == Self::default() {
            return Cow::Borrowed(text);
        }
        let mut repeated = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, after) = rest.split_at(at + PROGRAM.len());
            repeated.push_str(before);
            for flag in self.needed_by(after) {
                repeated.push_str(flag);
                repeated.push(' ');
            }
            rest = after;
        }
        repeated.push_str(rest);
        Cow::Owned(repeated)
    }

    /// The flags that a command whose arguments are `arguments` needs.
    fn needed_by(&self, arguments: &str) -> impl Iterator<Item = &String> {
        let end = arguments.find(|c: char| !c.is_ascii_lowercase());
        let noun = &arguments[..end.unwrap_or(arguments.len())];
        let with_database = WITH_DATABASE.contains(&noun);
        let with_configuration = with_database || WITH_CONFIGURATION.contains(&noun);
        let config = self.config.iter().filter(move |_| with_configuration);
        config.chain(self.database.iter().filter(move |_| with_database))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> RepeatedFlags {
        RepeatedFlags {
            config: Some("--config 'my file'".to_owned()),
            database: Some("--profile staging".to_owned()),
        }
    }

    #[test]
    fn commands_get_the_flags_that_they_need() {
        for (text, repeated) in [
            (
                "undo: tenantctl org resume harbor",
                "undo: tenantctl --config 'my file' --profile staging org resume harbor",
            ),
            (
                "run `tenantctl db migrate`, or `tenantctl init`",
                "run `tenantctl --config 'my file' --profile staging db migrate`, \
                 or `tenantctl --config 'my file' init`",
            ),
            ("tenantctl role list", "tenantctl role list"),
            (
                "tenantctl --profile local db migrate",
                "tenantctl --profile local db migrate",
            ),
            (
                "install the tenantctl release",
                "install the tenantctl release",
            ),
            ("tenantctl organize", "tenantctl organize"),
        ] {
            assert_eq!(flags().put_into(text), repeated);
        }
    }

    #[test]
    fn without_flags_nothing_changes() {
        let text = "tenantctl db migrate";
        assert_eq!(RepeatedFlags::default().put_into(text), text);
    }
}
