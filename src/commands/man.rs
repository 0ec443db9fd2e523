//! `tenantctl man`

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::{
    app::{App, Written},
    commands::root::Cli,
    error::{Context, Result},
    files::{self, Readers},
};

/// Print the manual page, or write one for every command to a directory.
///
/// Examples:
///   tenantctl man | man -l -
///   tenantctl man --out ~/.local/share/man/man1
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ManArgs {
    /// Write all pages to this directory, creating it if needed. Existing pages are replaced only
    /// with --overwrite.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManArgs {
    /// Runs the command.
    pub async fn run(self, app: &App) -> Result<()> {
        match self.out {
            None => app.printer.raw(&page(&Man::new(Cli::command()))?),
            Some(folder) => app.printer.view(&write_all(app, &folder)?),
        }
    }
}

fn write_all(app: &App, folder: &Path) -> Result<Written> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    render_tree(root, folder, &mut pages)?;
    // Checked before the first page is written, so that all pages are written or none.
    if folder.exists() {
        for (path, _page) in &pages {
            app.expect_writable(path)?;
        }
    }
    if !app.global.dry_run {
        let doing = format!("could not create the directory {}", folder.display());
        fs::create_dir_all(folder).context(doing)?;
        for (path, page) in &pages {
            files::write(path, page.as_bytes(), app.existing(), Readers::Usual)?;
        }
    }
    let first = folder.join("tenantctl.1");
    let first = shell_words::quote(&first.to_string_lossy()).into_owned();
    Ok(Written {
        written: !app.global.dry_run,
        summary: format!("{} manual pages to {}", pages.len(), folder.display()),
        files: pages.into_iter().map(|(path, _page)| path).collect(),
        next: vec![format!("man {first}").into()],
    })
}

/// Renders a page for the command and each of its subcommands.
fn render_tree(command: Command, folder: &Path, pages: &mut Vec<(PathBuf, String)>) -> Result<()> {
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        render_tree(below.clone(), folder, pages)?;
    }
    let man = Man::new(command);
    pages.push((folder.join(man.get_filename()), page(&man)?));
    Ok(())
}

/// Renders the page of one command. Indented lines (examples, statements) are not filled or
/// hyphenated, so that they can be pasted.
fn page(man: &Man) -> Result<String> {
    let mut rendered = Vec::new();
    man.render(&mut rendered)
        .context("could not render the manual page")?;
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
