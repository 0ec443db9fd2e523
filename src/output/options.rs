//! Output options: the format, color and the kind of the streams.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invocation::Invocation;

/// The format of stdout.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Human-readable.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl Format {
    /// Returns `true` if errors are printed as JSON too. This includes YAML: JSON is a subset of
    /// YAML 1.2.
    pub const fn structures_errors(self) -> bool {
        matches!(self, Self::Json | Self::Yaml | Self::Ndjson)
    }
}

/// Use of color.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, even in a pipe.
    Always,
    /// Never.
    Never,
}

/// The options of a [`Printer`](super::Printer); the environment is read by the caller.
#[derive(Clone, Debug, Default)]
pub struct PrinterOptions {
    /// `--output`.
    pub format: Format,
    /// `--color`.
    pub color: ColorChoice,
    /// `--excel-safe`: no CSV cell begins a formula.
    pub excel_safe: bool,
    /// `--quiet`: only data, warnings and errors.
    pub quiet: bool,
    /// The flags repeated in commands displayed for pasting.
    pub invocation: Invocation,
    /// `--no-input`: never prompt.
    pub no_input: bool,
    /// `CI` is set.
    pub ci: bool,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color_env: bool,
    /// `CLICOLOR_FORCE` is set and not `0` (<https://bixense.com/clicolors>).
    pub force_color_env: bool,
    /// `TERM` is `dumb`.
    pub dumb_terminal: bool,
    /// Stdin is a terminal.
    pub stdin_terminal: bool,
    /// Stdout is a terminal.
    pub stdout_terminal: bool,
    /// Stderr is a terminal.
    pub stderr_terminal: bool,
    /// Width of the terminal, if known; otherwise nothing is wrapped.
    pub width: Option<u16>,
    /// The time zone for displayed times; UTC if not set.
    pub time_zone: Option<Tz>,
}

impl PrinterOptions {
    /// Returns `true` if a stream that is (or is not) a terminal gets color: the flag takes
    /// precedence over `NO_COLOR`, which takes precedence over `CLICOLOR_FORCE`.
    pub(super) fn colored(&self, terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if self.no_color_env => false,
            ColorChoice::Auto if self.force_color_env => true,
            ColorChoice::Auto => terminal && !self.dumb_terminal,
        }
    }

    /// Returns `true` if a prompt may be shown. This requires stderr, where the prompt appears.
    pub(super) fn interactive(&self) -> bool {
        self.stdin_terminal
            && self.stdout_terminal
            && self.stderr_terminal
            && !self.ci
            && !self.no_input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_environment() {
        let options = |color, no_color_env, force_color_env| PrinterOptions {
            color,
            no_color_env,
            force_color_env,
            ..PrinterOptions::default()
        };
        assert!(options(ColorChoice::Always, true, false).colored(false));
        assert!(!options(ColorChoice::Never, false, true).colored(true));
        assert!(!options(ColorChoice::Auto, true, true).colored(true));
        assert!(options(ColorChoice::Auto, false, true).colored(false));
        assert!(options(ColorChoice::Auto, false, false).colored(true));
        assert!(!options(ColorChoice::Auto, false, false).colored(false));
    }

    #[test]
    fn a_dumb_terminal_gets_no_colour() {
        let options = PrinterOptions {
            dumb_terminal: true,
            ..PrinterOptions::default()
        };
        assert!(!options.colored(true));
    }
}
