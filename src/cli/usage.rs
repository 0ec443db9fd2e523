//! Arguments that cannot be understood: clap's own words for a person, JSON for a script.

use std::{ops::Range, process::ExitCode};

use clap::error::ErrorKind;

use super::GlobalArgs;
use crate::{
    config::OutputFormat,
    context::{App, Environment},
    error::Error,
    output::{escape, redact},
};

/// An invitation token has this many characters of base64url; whatever is as long may be one.
const TOKEN_LENGTH: usize = 64;

/// Prints what clap has to say (help and version too) and gives the exit code.
pub fn tell(error: &clap::Error, environment: &Environment) -> ExitCode {
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    // A closed pipe is nobody's error.
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return code;
    }
    let text = error.render().to_string();
    let clean = escape::block(&mask(&text)).into_owned();
    let Some(format) = structured(environment) else {
        let _ = match clean == text {
            true => error.print(),
            false => clap::Error::raw(error.kind(), without_label(&clean)).print(),
        };
        return code;
    };
    let global = GlobalArgs {
        output: Some(format),
        ..GlobalArgs::default()
    };
    let app = App::new(global, environment.clone());
    app.printer.error(&as_error(&clean));
    code
}

fn without_label(text: &str) -> &str {
    text.strip_prefix("error: ").unwrap_or(text)
}

/// clap repeats what was typed, which may be a password or a token in the wrong place.
fn mask(text: &str) -> String {
    let text = redact(text);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for token in tokens(&text) {
        out.push_str(&text[end..token.start]);
        out.push_str("***");
        end = token.end;
    }
    out.push_str(&text[end..]);
    out
}

/// Words as long as a token, and what follows `token=`: a cut link ends within its token.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(offset) = text[start..].find(is_base64url) {
        start += offset;
        let length = text[start..]
            .find(|c| !is_base64url(c))
            .unwrap_or(text.len() - start);
        if length >= TOKEN_LENGTH || text[..start].ends_with("token=") {
            found.push(start..start + length);
        }
        start += length;
    }
    found
}

/// `error: message`, an empty line, then details, usage and hints.
fn as_error(text: &str) -> Error {
    let mut parts = text.splitn(2, "\n\n");
    let message = without_label(parts.next().unwrap_or_default().trim());
    let told = Error::usage(message);
    match parts.next().map(str::trim) {
        Some(rest) if !rest.is_empty() => told.hint(rest),
        _ => told.hint("see tenantctl --help"),
    }
}

/// The structured format that was asked for, as far as it can be told from arguments that could
/// not be parsed.
fn structured(environment: &Environment) -> Option<OutputFormat> {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut wanted = environment.get("TENANTCTL_OUTPUT").map(str::to_owned);
    for (index, argument) in arguments.iter().enumerate() {
        if let Some(value) = argument
            .strip_prefix("--output=")
            .or_else(|| argument.strip_prefix("-o").filter(|rest| !rest.is_empty()))
        {
            wanted = Some(value.trim_start_matches('=').to_owned());
        } else if argument == "-o" || argument == "--output" {
            wanted = arguments.get(index + 1).cloned();
        }
    }
    match wanted.as_deref() {
        Some("json") => Some(OutputFormat::Json),
        Some("ndjson") => Some(OutputFormat::Ndjson),
        Some("yaml") => Some(OutputFormat::Yaml),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_tokens_are_masked_and_nothing_else() {
        let token = "Ab3-_".repeat(13)[..TOKEN_LENGTH].to_owned();
        for (told, masked) in [
            (
                format!("unexpected argument '{token}' found"),
                "unexpected argument '***' found",
            ),
            (format!("--email={token}"), "--email=***"),
            (
                format!("https://p.example/#token={}…", &token[..20]),
                "https://p.example/#token=***…",
            ),
            (
                "unrecognized 'postgres://u:pw@h/db'".to_owned(),
                "unrecognized 'postgres://u:***@h/db'",
            ),
        ] {
            assert_eq!(mask(&told), masked);
        }
        let harmless = "error: unexpected argument '--a-rather-long-flag-name' found";
        assert_eq!(mask(harmless), harmless);
    }
}
