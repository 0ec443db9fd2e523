//! The printer's options, from flags, environment, configuration and streams.

use std::io::IsTerminal;

use secrecy::SecretString;

use crate::{
    cli::GlobalArgs,
    config::{self, Loaded},
    output::{Invocation, PrinterOptions, Takes, Taking},
    system::Environment,
};

pub(super) fn printer_options(
    global: &GlobalArgs,
    environment: &Environment,
    loaded: Option<&Loaded>,
    takes: fn(&[String]) -> Takes,
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
        invocation: invocation(global, takes),
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

/// The flags that the next command line must repeat to have the same meaning.
fn invocation(global: &GlobalArgs, takes: fn(&[String]) -> Takes) -> Invocation {
    let url = |url: &String| {
        let given = SecretString::from(url.as_str());
        // A password is not displayed, so a URL with a password is replaced by its source.
        match config::mask(&given) == *url {
            true => url.clone(),
            false => "URL".to_owned(),
        }
    };
    let pair = |flag: &str, value: String| [flag.to_owned(), value];
    let database = global.database_url.as_ref().map(url);
    let profile = global.profile.clone();
    Invocation {
        config: global
            .config
            .as_ref()
            .map(|file| file.to_string_lossy().into_owned()),
        database: database
            .map(|url| pair("--database-url", url))
            .or_else(|| profile.map(|name| pair("--profile", name))),
        organization: global.org.clone(),
        act_as: global.act_as.as_ref().map(ToString::to_string),
        takes: Taking(takes),
    }
}
