//! `tenantctl completions`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::{
    context::App,
    error::{Context, Error, Result},
};

/// Print the script that completes commands, flags and real values in a shell.
///
/// Organizations, members, channels and profiles are asked of the database and the configuration
/// as you type. The script calls tenantctl, so print it anew after an upgrade; loading it at the
/// start of the shell does that by itself.
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
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,

    /// Write it to this file instead.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A shell that can complete.
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
    /// The name under which clap knows it.
    const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Elvish => "elvish",
            Self::PowerShell => "powershell",
        }
    }

    /// The name of the committed copy in `completions/`, which is where packages expect it.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "tenantctl.bash",
            Self::Zsh => "_tenantctl",
            Self::Fish => "tenantctl.fish",
            Self::Elvish => "tenantctl.elv",
            Self::PowerShell => "_tenantctl.ps1",
        }
    }

    /// The script that makes the shell ask tenantctl.
    ///
    /// # Errors
    /// `Failure` when this build cannot complete in that shell.
    pub fn script(self) -> Result<String> {
        let shells = Shells::builtins();
        let completer = shells.completer(self.name()).ok_or_else(|| {
            Error::failure(format!("this build cannot complete in {}", self.name()))
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
            .context("the completion script cannot be written")?;
        String::from_utf8(script).context("the completion script is not valid UTF-8")
    }
}

impl CompletionsArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Stdout or the file cannot be written.
    pub async fn run(self, app: &App) -> Result<()> {
        app.print_or_write(
            self.out.as_deref(),
            &self.shell.script()?,
            "the completion script",
        )
    }
}
