//! Parsing of the command line, and the flags that a command accepts.

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;
use crate::{cli::Scope, output::Takes};

/// The scope of a command by its arguments, the noun first.
///
/// # Errors
/// The word that is not a command, a flag or an argument.
pub fn scope_of(words: &[String]) -> Result<Scope, String> {
    let mut command = &mut Cli::command();
    command.build();
    let mut scope = None;
    let mut rest = after_flags(command, words);
    while let Some((word, more)) = rest.split_first()
        && command.find_subcommand(word).is_some()
    {
        command = command.find_subcommand_mut(word).expect("found above");
        scope = command.get::<Scope>().copied().or(scope);
        rest = more;
    }
    check_arguments(command, rest)?;
    let of_flags = rest.iter().find_map(|word| {
        let flag = flag_of(command, word)?;
        flag.get::<Scope>().copied()
    });
    of_flags
        .or(scope)
        .ok_or_else(|| format!("unknown command: {}", words.join(" ")))
}

/// The scope of the parsed command.
fn scope_of_parsed(matches: &ArgMatches) -> Option<Scope> {
    let command = Cli::command();
    let mut command = &command;
    let mut matches = matches;
    let mut scope = None;
    while let Some((name, inner)) = matches.subcommand() {
        command = command.find_subcommand(name)?;
        scope = command.get::<Scope>().copied().or(scope);
        matches = inner;
    }
    scope
}

/// The flags that a displayed command accepts.
///
/// # Panics
/// In a debug build, if there is no such command: a hint that cannot be pasted is a bug.
pub fn takes(words: &[String]) -> Takes {
    let scope = scope_of(words);
    debug_assert!(
        scope.is_ok(),
        "a hint shows `{}`: {scope:?}",
        words.join(" ")
    );
    scope.map(Scope::takes).unwrap_or_default()
}

/// Parses the command line.
///
/// # Errors
/// The result of clap, which includes help and version.
pub fn parse() -> Result<(Cli, Option<Scope>), clap::Error> {
    let mut matches = Cli::command().try_get_matches()?;
    let scope = scope_of_parsed(&matches);
    let cli = Cli::from_arg_matches_mut(&mut matches)
        .map_err(|error| error.format(&mut Cli::command()))?;
    Ok((cli, scope))
}

/// The words after the flags that may precede the noun.
fn after_flags<'a>(command: &Command, mut words: &'a [String]) -> &'a [String] {
    while let Some(flag) = words.first().and_then(|word| flag_of(command, word)) {
        let is_pair = flag.get_action().takes_values() && !words[0].contains('=');
        words = words.get(1 + usize::from(is_pair)..).unwrap_or_default();
    }
    words
}

fn flag_of<'a>(command: &'a Command, word: &str) -> Option<&'a clap::Arg> {
    let mut flags = command.get_arguments();
    if let Some(name) = word.strip_prefix("--") {
        let name = name.split_once('=').map_or(name, |(name, _)| name);
        return flags.find(|arg| arg.get_long() == Some(name));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    flags.find(|arg| arg.get_short() == Some(letter) && letters.as_str().is_empty())
}

/// A negative number is a value.
fn is_flag(word: &str) -> bool {
    let letter = word.strip_prefix('-').and_then(|rest| rest.chars().next());
    letter.is_some_and(|c| c == '-' || c.is_ascii_alphabetic())
}

/// Checks that the words after a command are flags and arguments that it accepts. Values are not
/// checked: a hint may contain placeholders, as in `--role ROLE`.
fn check_arguments(command: &Command, words: &[String]) -> Result<(), String> {
    if words.is_empty() && command.is_subcommand_required_set() {
        return Err(format!("`{}` needs a subcommand", command.get_name()));
    }
    let room: usize = command
        .get_positionals()
        .map(|arg| arg.get_num_args().map_or(1, |range| range.max_values()))
        .fold(0, usize::saturating_add);
    let mut positionals = 0_usize;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            positionals += words.len();
            break;
        }
        if !is_flag(word) {
            positionals += 1;
            continue;
        }
        let flag = flag_of(command, word).ok_or_else(|| format!("unknown flag {word}"))?;
        let takes_value = flag.get_action().takes_values();
        if takes_value && !word.contains('=') && words.next().is_none() {
            return Err(format!("{word} requires a value"));
        }
        if !takes_value && word.contains('=') {
            return Err(format!("{word} takes no value"));
        }
    }
    match positionals <= room {
        true => Ok(()),
        false => Err(format!("{positionals} arguments, at most {room} expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(line: &str) -> Result<Scope, String> {
        scope_of(&shell_words::split(line).expect("quoted well"))
    }

    #[test]
    fn every_command_says_how_far_it_reaches() {
        fn walk(command: &Command, inherited: Option<Scope>, path: &str) {
            let scope = command.get::<Scope>().copied().or(inherited);
            let mut inner = command.get_subcommands().peekable();
            assert!(
                scope.is_some() || inner.peek().is_some(),
                "{path} has no scope"
            );
            for sub in inner {
                walk(sub, scope, &format!("{path} {}", sub.get_name()));
            }
        }
        walk(&Cli::command(), None, "tenantctl");
    }

    #[test]
    fn subcommands_and_flags_may_reach_otherwise_than_their_noun() {
        assert_eq!(scope("patient list"), Ok(Scope::Organization));
        assert_eq!(scope("agent system set x y"), Ok(Scope::Platform));
        assert_eq!(scope("activity list --platform"), Ok(Scope::Platform));
        assert_eq!(scope("audit checks"), Ok(Scope::Alone));
        assert_eq!(scope("audit --probe read"), Ok(Scope::Database));
        assert_eq!(scope("db migrate"), Ok(Scope::Database));
    }

    #[test]
    fn what_cannot_be_typed_is_told_apart() {
        for line in [
            "patients list",
            "patient",
            "patient lost",
            "patient list --colour",
            "patient show 1 2",
            "patient list --search",
            "patient list --all=yes",
            "patient list -x",
        ] {
            assert!(scope(line).is_err(), "{line}");
        }
        for line in [
            "channel set web greeting=Hi -- --x",
            "--profile x patient list -o json -q",
            "agent set receptionist_instructions -1",
        ] {
            assert_eq!(scope(line), Ok(Scope::Organization), "{line}");
        }
    }
}
