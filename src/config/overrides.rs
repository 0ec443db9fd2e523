//! Overrides of the file by the environment and flags.

use std::path::PathBuf;

use clap::ValueEnum;

use super::file::{ColorChoice, OutputFormat};
use super::load::Loaded;
use super::settings::ValueSource;
use crate::error::{Error, Result};
use crate::system::Environment;

const OUTPUT: &str = "TENANTCTL_OUTPUT";
const DATA_DIR: &str = "TENANTCTL_DATA_DIR";
const BINDIR: &str = "TENANTCTL_PG_BINDIR";
const EDITOR: &str = "TENANTCTL_EDITOR";
/// Used only if no tenantctl setting specifies an editor, like git.
const COMMON_EDITORS: [&str; 2] = ["VISUAL", "EDITOR"];

/// The global flags that override a configuration value.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlagOverrides {
    /// `--output`
    pub output: Option<OutputFormat>,
    /// `--color`
    pub color: Option<ColorChoice>,
}

impl Loaded {
    /// Applies flags, which take precedence over everything else.
    pub fn apply_flags(&mut self, flags: FlagOverrides) {
        if let Some(format) = flags.output {
            self.config.output.format = Some(format);
            self.set_source("output.format", ValueSource::Flag("--output"));
        }
        if let Some(color) = flags.color {
            self.config.output.color = Some(color);
            self.set_source("output.color", ValueSource::Flag("--color"));
        }
    }

    /// Applies the environment, which takes precedence over the file.
    pub(super) fn apply_environment(&mut self, env: &Environment) -> Result<()> {
        if let Some(name) = env.text(OUTPUT)? {
            self.config.output.format = Some(output_format(name)?);
            self.set_source("output.format", ValueSource::Variable(OUTPUT));
        }
        if let Some(path) = env.text(DATA_DIR)? {
            self.config.local.data_dir = Some(PathBuf::from(path));
            self.set_source("local.data_dir", ValueSource::Variable(DATA_DIR));
        }
        if let Some(path) = env.text(BINDIR)? {
            self.config.local.bindir = Some(PathBuf::from(path));
            self.set_source("local.bindir", ValueSource::Variable(BINDIR));
        }
        self.apply_editor(env)
    }

    fn apply_editor(&mut self, env: &Environment) -> Result<()> {
        let mut variables = vec![EDITOR];
        if self.config.editor.is_none() {
            variables.extend(COMMON_EDITORS);
        }
        for variable in variables {
            if let Some(command) = env.text(variable)? {
                self.config.editor = Some(command.to_owned());
                self.set_source("editor", ValueSource::Variable(variable));
                break;
            }
        }
        Ok(())
    }
}

fn output_format(name: &str) -> Result<OutputFormat> {
    OutputFormat::from_str(name, true).map_err(|_| {
        let allowed: Vec<String> = OutputFormat::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
            .collect();
        Error::usage(format!(
            "{OUTPUT} is `{name}`, which is not a valid output format"
        ))
        .hint(format!("set it to one of {}", allowed.join(", ")))
    })
}
