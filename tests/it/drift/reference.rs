//! `docs/cli`: the help of every command, a page for each noun.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};
use tenantctl::commands::root::Cli;

use super::Files;

/// The width of help where it is not a terminal's.
const WIDTH: usize = 100;

/// The pages by file name, with `README.md` as the way in.
pub(super) fn pages() -> Files {
    // The global flags are described once, on the first page.
    let mut nouns = Cli::command().term_width(WIDTH).mut_args(|argument| {
        let global = argument.is_global_set();
        argument.hide(global)
    });
    nouns.build();
    let mut pages = Files::from([("README.md".to_owned(), index())]);
    for noun in nouns.get_subcommands().filter(|noun| !noun.is_hide_set()) {
        let mut page = String::new();
        describe(&mut page, noun, 1);
        pages.insert(format!("{}.md", noun.get_name()), page);
    }
    pages
}

fn index() -> String {
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    let mut page = String::from("# tenantctl\n\nThe help of every command, by noun:\n\n");
    for noun in root.get_subcommands().filter(|noun| !noun.is_hide_set()) {
        let name = noun.get_name();
        let about = noun.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default().replace('\n', " ");
        let about = about.trim_end_matches('.');
        writeln!(page, "- [{name}]({name}.md): {about}").expect("a String takes all text");
    }
    page.push_str("\n## Global options, exit codes\n\n");
    help(&mut page, &root);
    page.push_str(
        "\nThese pages are generated: `UPDATE_DRIFT=1 cargo test drift` regenerates them.\n",
    );
    page
}

fn describe(page: &mut String, command: &Command, level: usize) {
    if level > 1 {
        page.push('\n');
    }
    let name = command.get_bin_name().unwrap_or(command.get_name());
    writeln!(page, "{} {name}\n", "#".repeat(level)).expect("a String takes all text");
    help(page, command);
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        describe(page, verb, level + 1);
    }
}

fn help(page: &mut String, command: &Command) {
    let text = command.clone().render_long_help().to_string();
    page.push_str("```text\n");
    for line in text.trim_end().lines() {
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
}
