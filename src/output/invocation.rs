//! Commands displayed for pasting, which must select the same database, organization and user as
//! the current invocation.

use crate::hint::{Command, Hint, PROGRAM, Part, quoted};

/// The flags of this invocation, which the next one does not have unless they are repeated.
/// Settings from environment and configuration apply without being repeated.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The value of `--config`.
    pub config: Option<String>,
    /// `--profile NAME` or `--database-url URL`, without a password.
    pub database: Option<[String; 2]>,
    /// The value of `--org`.
    pub organization: Option<String>,
    /// The value of `--as`.
    pub act_as: Option<String>,
    /// The flags that a command accepts, by its arguments.
    pub takes: Taking,
}

/// The flags that a command accepts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Takes {
    pub config: bool,
    pub database: bool,
    pub organization: bool,
    /// `true` if it can run as a user of the platform.
    pub user: bool,
}

/// Determines [`Takes`] from the arguments of a command.
#[derive(Clone, Copy, Debug)]
pub struct Taking(pub fn(&[String]) -> Takes);

impl Default for Taking {
    /// Repeats nothing if the command line is unknown.
    fn default() -> Self {
        Self(|_| Takes::default())
    }
}

impl Invocation {
    /// The hint with its commands as they must be typed.
    pub fn complete(&self, hint: &Hint) -> String {
        let written = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Command(command) => self.command(command),
        };
        hint.parts().iter().map(written).collect()
    }

    fn command(&self, command: &Command) -> String {
        let words = command.words();
        let takes = self.takes.0(words);
        let names = |flag: &str| names(words, flag);
        let mut line: Vec<&str> = vec![PROGRAM];
        if let Some(file) = self.config.as_deref().filter(|_| takes.config)
            && !names("--config")
        {
            line.extend(["--config", file]);
        }
        if let Some([flag, value]) = self.database.as_ref().filter(|_| takes.database)
            && !(names("--profile") || names("--database-url"))
        {
            line.extend([flag.as_str(), value]);
        }
        line.extend(words.iter().map(String::as_str));
        if let Some(organization) = self.organization.as_deref().filter(|_| takes.organization)
            && !names("--org")
        {
            line.extend(["--org", organization]);
        }
        if let Some(email) = self.act_as.as_deref().filter(|_| takes.user)
            && !(command.is_operators() || names("--as"))
        {
            line.extend(["--as", email]);
        }
        line.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// Returns `true` if the arguments contain that flag.
fn names(words: &[String], flag: &str) -> bool {
    words.iter().any(|word| {
        word.strip_prefix(flag)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;

    fn invocation() -> Invocation {
        Invocation {
            config: Some("my file".into()),
            database: Some(["--profile".into(), "staging".into()]),
            organization: Some("harbor".into()),
            act_as: Some("ann@harbor.example".into()),
            takes: Taking(|words| Takes {
                config: words[0] != "role",
                database: !matches!(words[0].as_str(), "role" | "init"),
                organization: words[0] == "patient",
                user: words[0] == "patient",
            }),
        }
    }

    #[test]
    fn a_command_gets_the_flags_that_it_takes() {
        let config = "tenantctl --config 'my file'";
        for (hint, expected) in [
            (
                run!["patient", "delete", 1]
                    .labeled("undo")
                    .remark("for good"),
                format!(
                    "undo: {config} --profile staging patient delete 1 --org harbor \
                     --as ann@harbor.example (for good)"
                ),
            ),
            (run!["init"], format!("{config} init")),
            (run!["role", "list"], "tenantctl role list".to_owned()),
            (
                Hint::from("no command, tenantctl patient"),
                "no command, tenantctl patient".to_owned(),
            ),
        ] {
            assert_eq!(invocation().complete(&hint), expected);
        }
    }

    #[test]
    fn what_the_command_says_itself_wins() {
        let hint = run![
            "patient",
            "list",
            "--org=tide",
            "--as",
            "x@y.example",
            "--profile",
            "p"
        ];
        assert_eq!(
            invocation().complete(&hint),
            "tenantctl --config 'my file' patient list --org=tide --as x@y.example --profile p"
        );
        let hint = run!["patient", "list", "--organic"].by_operator();
        assert_eq!(
            invocation().complete(&hint),
            "tenantctl --config 'my file' --profile staging patient list --organic --org harbor"
        );
    }

    #[test]
    fn nothing_is_repeated_where_nothing_was_given() {
        let plain = Invocation {
            takes: invocation().takes,
            ..Invocation::default()
        };
        assert_eq!(
            plain.complete(&run!["patient", "list"]),
            "tenantctl patient list"
        );
    }
}
