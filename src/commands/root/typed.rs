//! The global flags of an incomplete command line, for its completion.

use crate::cli::{GlobalArgs, values};

/// The flags that select the database, the organization and the user. `None` if the line contains
/// an invalid user, or a flag in place of a value: it must not be completed with the operator's
/// rights.
///
/// A shell runs `tenantctl -- WORDS`; the first word is the program and the last words may be
/// incomplete.
pub(in crate::commands) fn global_args(
    arguments: impl Iterator<Item = String>,
) -> Option<GlobalArgs> {
    let mut words = arguments.skip_while(|word| word != "--").skip(2);
    let mut global = GlobalArgs::default();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let (flag, attached) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if !matches!(
            flag,
            "--as" | "--org" | "--profile" | "--database-url" | "--config"
        ) {
            continue;
        }
        // Bash passes the equals sign as a separate word.
        let value = attached.or_else(|| words.find(|word| word != "="));
        if value.as_ref().is_some_and(|value| value.starts_with('-')) {
            return None;
        }
        match flag {
            "--as" => global.act_as = Some(values::email(&value?).ok()?),
            "--org" => global.org = value,
            "--profile" => global.profile = value,
            "--database-url" => global.database_url = value,
            _ => global.config = value.map(Into::into),
        }
    }
    Some(global)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<GlobalArgs> {
        let words = ["tenantctl", "--", "tenantctl"].into_iter();
        global_args(words.chain(line.split(' ')).map(str::to_owned))
    }

    #[test]
    fn flags_are_found_wherever_they_stand_and_however_they_are_written() {
        let found = of("--as owner@a.example org --profile=staging show --org alpha al").unwrap();
        assert_eq!(found.act_as.unwrap().as_str(), "owner@a.example");
        assert_eq!(found.profile.as_deref(), Some("staging"));
        assert_eq!(found.org.as_deref(), Some("alpha"));
        let found = of("org show --as = owner@a.example").unwrap();
        assert_eq!(found.act_as.unwrap().as_str(), "owner@a.example");
        let found = of("--database-url=postgres://h/d?a=b org show --config c.toml").unwrap();
        assert_eq!(found.database_url.as_deref(), Some("postgres://h/d?a=b"));
        assert_eq!(found.config.unwrap().to_str(), Some("c.toml"));
    }

    #[test]
    fn a_user_who_cannot_be_one_is_not_the_operator() {
        assert!(of("--as nobody org show").is_none());
        assert!(of("org show --as").is_none());
        assert!(of("org show -- --as").is_some());
    }

    #[test]
    fn a_flag_in_the_place_of_a_value_is_not_passed_over() {
        assert!(of("--org --as a@b.example org show").is_none());
        assert!(of("--profile --as a@b.example org show").is_none());
    }
}
