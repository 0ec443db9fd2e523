//! Parts of the session that a function's source text reads, if the server does not store a parsed
//! body.
//!
//! A tolerant scan of tokens, not a parser: the text may be SQL, PL/pgSQL or another language.

use std::collections::BTreeSet;

use super::session::{CLAIMS, SessionSource, claim};

#[derive(Debug, PartialEq)]
enum Token {
    /// An identifier or a qualified name, in lower case.
    Word(String),
    /// The content of a string constant.
    Text(String),
    /// `->`, `->>`, `#>` or `#>>`.
    Path,
    Other(char),
}

/// Returns the settings, claims and users that the text names.
pub(super) fn sources(text: &str) -> BTreeSet<SessionSource> {
    let tokens = tokens(text);
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let rest = &tokens[at + 1..];
        match word.strip_prefix("pg_catalog.").unwrap_or(word) {
            "current_setting" => {
                if let [Token::Other('('), Token::Text(setting), rest @ ..] = rest {
                    found.insert(claim(setting.clone(), path(rest)));
                }
            }
            "auth.jwt" => {
                found.insert(claim(CLAIMS.to_owned(), path(rest)));
            }
            "auth.uid" => {
                found.insert(claim(CLAIMS.to_owned(), vec!["sub".to_owned()]));
            }
            "auth.role" | "auth.email" => {
                let name = word["auth.".len()..].to_owned();
                found.insert(claim(CLAIMS.to_owned(), vec![name]));
            }
            "current_user" | "current_role" => {
                found.insert(SessionSource::CurrentUser);
            }
            "session_user" => {
                found.insert(SessionSource::SessionUser);
            }
            _ => {}
        }
    }
    found
}

/// Returns the setting with a JSON field that is named by an argument.
pub(super) fn field_by_argument(text: &str) -> Option<String> {
    let tokens = tokens(text);
    tokens.iter().enumerate().find_map(|(at, token)| {
        let Token::Word(word) = token else {
            return None;
        };
        let rest = &tokens[at + 1..];
        let (setting, rest) = match (word.strip_prefix("pg_catalog.").unwrap_or(word), rest) {
            ("current_setting", [Token::Other('('), Token::Text(setting), rest @ ..]) => {
                (setting.clone(), rest)
            }
            ("auth.jwt", rest) => (CLAIMS.to_owned(), rest),
            _ => return None,
        };
        let step = rest.iter().position(|token| *token == Token::Path)?;
        let ends = |token: &Token| *token == Token::Other(';');
        let by_argument = matches!(rest.get(step + 1)?, Token::Word(_) | Token::Other('$'));
        (by_argument && !rest[..step].iter().any(ends)).then_some(setting)
    })
}

/// Returns the JSON path that is applied to the value before these tokens, if any. Parentheses,
/// casts and further arguments may be in between.
fn path(tokens: &[Token]) -> Vec<String> {
    let mut path = Vec::new();
    for pair in tokens.windows(2) {
        match pair {
            [Token::Path, Token::Text(step)] => path.extend(steps(step)),
            [Token::Word(word), _] if is_between(word) => {}
            [Token::Word(_) | Token::Other(';' | '='), _] => break,
            _ => {}
        }
    }
    path
}

fn is_between(word: &str) -> bool {
    matches!(
        word,
        "true" | "false" | "json" | "jsonb" | "text" | "as" | "null"
    )
}

/// Returns the steps of a path operand: one name, or `{several,names}`.
pub(super) fn steps(operand: &str) -> Vec<String> {
    let several = operand
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match several {
        Some(list) => list.split(',').map(|step| step.trim().to_owned()).collect(),
        None => vec![operand.to_owned()],
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '\'' {
            let (content, length) = string(rest);
            found.push(Token::Text(content));
            length
        } else if first.is_alphabetic() || first == '_' {
            let end = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'));
            let length = rest.find(end).unwrap_or(rest.len());
            found.push(Token::Word(rest[..length].to_lowercase()));
            length
        } else if let Some(operator) = ["->>", "#>>", "->", "#>"]
            .into_iter()
            .find(|operator| rest.starts_with(operator))
        {
            found.push(Token::Path);
            operator.len()
        } else {
            // Quotes of identifiers are dropped, so that the name inside is read as a word.
            if first != '"' {
                found.push(Token::Other(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// Returns the string constant at the start of `text`, and its length in the text.
fn string(text: &str) -> (String, usize) {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            content.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            content.push('\'');
        } else {
            return (content, at + 1);
        }
    }
    (content, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn setting(name: &str) -> SessionSource {
        SessionSource::Setting(name.to_owned())
    }

    #[test]
    fn settings_and_claims_are_found() {
        let text = "select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
            (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
            -- current_setting('not.this')";
        let claim = SessionSource::Claim {
            setting: "request.jwt.claims".to_owned(),
            path: vec!["sub".to_owned()],
        };
        let expected = BTreeSet::from([setting("request.jwt.claim.sub"), claim]);
        assert_eq!(sources(text), expected);
    }

    #[test]
    fn a_path_of_several_steps_is_one_claim() {
        let expected = |path: &[&str]| {
            BTreeSet::from([SessionSource::Claim {
                setting: CLAIMS.to_owned(),
                path: path.iter().map(|step| (*step).to_owned()).collect(),
            }])
        };
        let found = sources("RETURN auth.jwt() -> 'app_metadata' ->> 'org'");
        assert_eq!(found, expected(&["app_metadata", "org"]));
        let found = sources("RETURN auth.jwt() #>> '{app_metadata,org}'");
        assert_eq!(found, expected(&["app_metadata", "org"]));
    }

    #[test]
    fn users_are_found_and_strings_are_not_code() {
        assert_eq!(
            sources("BEGIN RETURN CURRENT_USER; END"),
            BTreeSet::from([SessionSource::CurrentUser])
        );
        assert!(sources("select 'current_user it''s session_user'").is_empty());
    }

    #[test]
    fn a_field_that_an_argument_names_is_distinguished() {
        let found = |text: &str| field_by_argument(text);
        let claims = Some(CLAIMS.to_owned());
        let text = "SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> k";
        assert_eq!(found(text), claims);
        assert_eq!(found("RETURN auth.jwt() ->> $1"), claims);
        assert_eq!(found("RETURN auth.jwt() ->> 'org'"), None);
        assert_eq!(found("SELECT current_setting('a.b'); SELECT c -> d"), None);
    }

    proptest! {
        #[test]
        fn any_text_can_be_scanned(text in ".{0,60}") {
            let _ = sources(&text);
        }
    }
}
