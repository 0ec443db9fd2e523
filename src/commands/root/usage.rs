//! Usage errors: clap's text for terminals, JSON for scripts.

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::takes;
use crate::{
    app::App,
    cli::GlobalArgs,
    config::OutputFormat,
    error::Error,
    output::{escape, redact},
    system::Environment,
};

/// Prints clap's message (including help and version) and returns the exit code.
pub(super) fn report(error: &clap::Error, environment: &Environment) -> ExitCode {
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    // A closed pipe is not an error.
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return code;
    }
    // clap repeats the arguments, which may contain a misplaced password or token.
    let text = error.render().to_string();
    let clean = escape::block(&redact(&text)).into_owned();
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
    let app = App::new(global, environment.clone(), takes);
    app.printer.error(&as_error(&clean));
    code
}

fn without_label(text: &str) -> &str {
    text.strip_prefix("error: ").unwrap_or(text)
}

/// Parses `error: message`, an empty line, then details, usage and hints.
fn as_error(text: &str) -> Error {
    let mut parts = text.splitn(2, "\n\n");
    let message = without_label(parts.next().unwrap_or_default().trim());
    let shown = Error::usage(message);
    match parts.next().map(str::trim) {
        Some(rest) if !rest.is_empty() => shown.hint(rest),
        _ => shown.hint("see tenantctl --help"),
    }
}

/// The requested structured format, as far as it can be determined from arguments that could not be
/// parsed.
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
