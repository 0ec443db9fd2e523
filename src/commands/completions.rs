//! `tenantctl completions`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::{
    app::App,
    error::{Context, Error, Result},
};

/// Generate a shell completion script for commands, flags and values.
///
/// Organizations, members, channels and profiles are looked up in the database and the
/// configuration as you type. The script calls tenantctl, so generate it again after an upgrade;
/// sourcing it at shell startup, as below, always uses the current version.
///
/// Examples:
///   echo 'source <(tenantctl completions bash)' >> ~/.bashrc
///   echo 'source <(tenantctl completions zsh)' >> ~/.zshrc
///   tenantctl completions fish --overwrite --out ~/.config/fish/completions/tenantctl.fish
///   echo 'eval (tenantctl completions elvish | slurp)' >> ~/.config/elvish/rc.elv
///   tenantctl completions powershell | Out-String | Invoke-Expression
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CompletionsArgs {
    /// Shell to generate the script for.
    #[arg(value_enum)]
    shell: Shell,

    /// Write the script to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A shell with completion support.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    PowerShell,
}

impl Shell {
    /// The shell's name in clap.
    const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Elvish => "elvish",
            Self::PowerShell => "powershell",
        }
    }

    /// The file name of the committed copy in `completions/`, as packages expect it.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "tenantctl.bash",
            Self::Zsh => "_tenantctl",
            Self::Fish => "tenantctl.fish",
            Self::Elvish => "tenantctl.elv",
            Self::PowerShell => "_tenantctl.ps1",
        }
    }

    /// The script that makes the shell call tenantctl for completions.
    ///
    /// # Errors
    /// `Failure` if this build does not support the shell.
    pub fn script(self) -> Result<String> {
        let shells = Shells::builtins();
        let completer = shells.completer(self.name()).ok_or_else(|| {
            Error::failure(format!(
                "this build does not support completion for {}",
                self.name()
            ))
        })?;
        let mut script = Vec::new();
        completer
            .write_registration(
                "COMPLETE",
                "tenantctl",
                "tenantctl",
                "tenantctl",
                &mut script,
            )
            .context("could not write the completion script")?;
        String::from_utf8(script).context("the completion script is not valid UTF-8")
    }
}

impl CompletionsArgs {
    /// Runs the command.
    pub async fn run(self, app: &App) -> Result<()> {
        app.print_or_write(
            self.out.as_deref(),
            &self.shell.script()?,
            "the completion script",
        )
    }
}
