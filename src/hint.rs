//! Hints for the user. A command in a hint is a value, not text: only the printer knows the
//! database, organization and user of the current invocation, so it writes the command out.

use std::fmt;

/// The name under which the program is called.
pub const PROGRAM: &str = "tenantctl";

/// A text with any number of commands.
///
/// ```
/// use tenantctl::{hint::Hint, run};
///
/// let undo = run!["patient", "delete", 7].labeled("undo");
/// assert_eq!(undo.to_string(), "undo: tenantctl patient delete 7");
/// let prose = Hint::from("a worker runs in `").then(run!["serve"]).then("`");
/// assert_eq!(prose.to_string(), "a worker runs in `tenantctl serve`");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hint {
    parts: Vec<Part>,
}

/// A piece of a [`Hint`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// A command to paste.
    Command(Command),
}

/// A command of this program, as arguments that no shell has quoted yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    words: Vec<String>,
    is_operators: bool,
}

impl Command {
    /// The arguments, without the name of the program.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns `true` if the operator has to run it, even when this invocation acts as a user.
    pub fn is_operators(&self) -> bool {
        self.is_operators
    }
}

/// Formats the arguments quoted for a shell.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PROGRAM)?;
        for word in &self.words {
            write!(f, " {}", quoted(word))?;
        }
        Ok(())
    }
}

/// Quotes a word for a shell; in `key=value`, only the value is quoted.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_/,.:@%+".contains(c);
    match word.split_once('=') {
        Some((key, "")) if key.chars().all(is_plain) => word.to_owned(),
        Some((key, value)) if !key.is_empty() && key.chars().all(is_plain) => {
            format!("{key}={}", shell_words::quote(value))
        }
        _ if !word.is_empty() && word.chars().all(is_plain) => word.to_owned(),
        _ => shell_words::quote(word).into_owned(),
    }
}

impl Hint {
    /// Creates a hint with one command from its arguments, the noun first; see [`crate::run!`] for
    /// arguments of several types.
    pub fn run<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        Self {
            parts: vec![Part::Command(Command {
                words,
                is_operators: false,
            })],
        }
    }

    /// Prefixes the hint with `label: `.
    #[must_use]
    pub fn labeled(mut self, label: impl fmt::Display) -> Self {
        self.parts.insert(0, Part::Text(format!("{label}: ")));
        self
    }

    /// Appends ` (remark)`.
    #[must_use]
    pub fn remark(self, remark: impl fmt::Display) -> Self {
        self.then(format!(" ({remark})"))
    }

    /// Appends more text or another command.
    #[must_use]
    pub fn then(mut self, more: impl Into<Self>) -> Self {
        self.parts.extend(more.into().parts);
        self
    }

    /// Adds arguments to the last command; does nothing for a text without one.
    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        if let Some(command) = self.last_command() {
            command.words.extend(words.into_iter().map(Into::into));
        }
        self
    }

    /// Omits `--as` from the last command: as the same user it would fail again.
    #[must_use]
    pub fn by_operator(mut self) -> Self {
        if let Some(command) = self.last_command() {
            command.is_operators = true;
        }
        self
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The commands in the hint.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.parts.iter().filter_map(|part| match part {
            Part::Command(command) => Some(command),
            Part::Text(_) => None,
        })
    }

    fn last_command(&mut self) -> Option<&mut Command> {
        self.parts.iter_mut().rev().find_map(|part| match part {
            Part::Command(command) => Some(command),
            Part::Text(_) => None,
        })
    }
}

/// Creates a [`Hint`] with one command, from arguments of any type that can be displayed.
#[macro_export]
macro_rules! run {
    ($($word:expr),+ $(,)?) => {
        $crate::hint::Hint::run([$(::std::string::ToString::to_string(&$word)),+])
    };
}

/// Formats the hint without the flags of an invocation: for tests, and where no flag can be known.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Command(command) => command.fmt(f),
        })
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self {
            parts: vec![Part::Text(text)],
        }
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Hint {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<&Self> for Hint {
    fn from(hint: &Self) -> Self {
        hint.clone()
    }
}

impl PartialEq<str> for Hint {
    fn eq(&self, text: &str) -> bool {
        let shown = self.to_string();
        shown == text
    }
}

impl PartialEq<&str> for Hint {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl PartialEq<String> for Hint {
    fn eq(&self, text: &String) -> bool {
        *self == **text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_and_placeholders_are_not() {
        let hint = run![
            "org",
            "create",
            "O'Hara & Co",
            "key=a b",
            "k=",
            "",
            "$(id)",
            "-1"
        ];
        assert_eq!(
            hint,
            "tenantctl org create 'O'\\''Hara & Co' key='a b' k= '' '$(id)' -1"
        );
    }

    #[test]
    fn arguments_go_to_the_command_and_remarks_after_it() {
        let hint = run!["appointment", "break", 1]
            .labeled("instead")
            .remark("BreakAppointment")
            .args(["--org", "harbor"]);
        assert_eq!(
            hint,
            "instead: tenantctl appointment break 1 --org harbor (BreakAppointment)"
        );
        assert_eq!(Hint::from("rest").args(["--org"]), "rest");
    }
}
