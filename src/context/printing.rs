//! The printer's options, from flags, environment, configuration and streams.

use std::io::IsTerminal;

use crate::{
    cli::GlobalArgs,
    config::{self, Environment, Loaded},
    output::{PrinterOptions, RepeatedFlags},
};

pub(super) fn printer_options(
    global: &GlobalArgs,
    environment: &Environment,
    loaded: Option<&Loaded>,
) -> PrinterOptions {
    let output = loaded.map(|loaded| &loaded.config.output);
    let is_set = |name| environment.get(name).is_some();
    PrinterOptions {
        format: global
            .output
            .or_else(|| output.and_then(|section| section.format))
            .unwrap_or_default(),
        color: global
            .color
            .or_else(|| output.and_then(|section| section.color))
            .unwrap_or_default(),
        excel_safe: global.excel_safe,
        quiet: global.quiet,
        repeat: repeated_flags(global),
        no_input: global.no_input,
        ci: is_set("CI"),
        no_color_env: is_set("NO_COLOR"),
        force_color_env: environment
            .get("CLICOLOR_FORCE")
            .is_some_and(|value| value != "0"),
        dumb_terminal: environment.get("TERM") == Some("dumb"),
        stdin_terminal: std::io::stdin().is_terminal(),
        stdout_terminal: std::io::stdout().is_terminal(),
        stderr_terminal: std::io::stderr().is_terminal(),
        width: crate::output::terminal_width(),
        time_zone: None,
    }
}

/// What the next invocation has to repeat to mean the same database.
fn repeated_flags(global: &GlobalArgs) -> RepeatedFlags {
    let flag = |name: &str, value: &str| format!("{name} {}", shell_words::quote(value));
    let url = |url: &String| {
        // A password is not shown, so the place of such a URL is.
        match config::has_password(&url.as_str().into()) {
            true => "--database-url URL".to_owned(),
            false => flag("--database-url", url),
        }
    };
    let profile = global.profile.as_ref();
    RepeatedFlags {
        config: global
            .config
            .as_ref()
            .map(|file| flag("--config", &file.to_string_lossy())),
        database: global
            .database_url
            .as_ref()
            .map(url)
            .or_else(|| profile.map(|name| flag("--profile", name))),
    }
}
