//! `tenantctl man`

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use serde::Serialize;

use crate::{
    cli::Cli,
    context::App,
    error::{Context, Result},
    hint::Hint,
    output::{Page, View},
};

/// Print the manual page, or write one for every command into a folder.
///
/// Examples:
///   tenantctl man | man -l -
///   tenantctl man --out ~/.local/share/man/man1
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ManArgs {
    /// The folder for all the pages. It is made where it does not exist.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The folder or stdout cannot be written.
    pub async fn run(self, app: &App) -> Result<()> {
        match self.out {
            None => app.printer.raw(&page(&Man::new(Cli::command()))?),
            Some(folder) => {
                app.refuse_dry_run("man --out")?;
                app.printer.view(&write_all(folder)?)
            }
        }
    }
}

fn write_all(folder: PathBuf) -> Result<WrittenView> {
    let doing = format!("cannot write manual pages to {}", folder.display());
    fs::create_dir_all(&folder).context(&doing)?;
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    write_tree(root, &folder).context(doing)?;
    Ok(WrittenView { folder })
}

/// A page for the command and for each below it.
fn write_tree(command: Command, folder: &Path) -> Result<()> {
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        write_tree(below.clone(), folder)?;
    }
    let man = Man::new(command);
    fs::write(folder.join(man.get_filename()), page(&man)?)?;
    Ok(())
}

/// The page of one command, with its indented lines (examples, statements) as they are: filled
/// and hyphenated they could not be pasted.
fn page(man: &Man) -> Result<String> {
    let mut rendered = Vec::new();
    man.render(&mut rendered)
        .context("the manual page cannot be written")?;
    Ok(unfilled(&String::from_utf8_lossy(&rendered)))
}

fn unfilled(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut inside = false;
    for line in page.lines() {
        let indented = line.starts_with("  ");
        if indented != inside {
            out.push_str(if indented { ".nf\n" } else { ".fi\n" });
            inside = indented;
        }
        out.push_str(line);
        out.push('\n');
    }
    if inside {
        out.push_str(".fi\n");
    }
    out
}

#[derive(Serialize)]
struct WrittenView {
    folder: PathBuf,
}

impl View for WrittenView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        Some(format!(
            "wrote the manual pages to {}",
            self.folder.display()
        ))
    }

    fn next(&self) -> Vec<Hint> {
        let page = self.folder.join("tenantctl.1");
        let page = page.to_string_lossy();
        vec![format!("man {}", shell_words::quote(&page)).into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_not_filled() {
        assert_eq!(
            unfilled("Text.\nExamples:\n  one \\-\\-all\n  two\n.SH OPTIONS\n"),
            "Text.\nExamples:\n.nf\n  one \\-\\-all\n  two\n.fi\n.SH OPTIONS\n"
        );
    }
}
