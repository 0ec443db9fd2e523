//! The commands of a page, with the output that it shows.

use std::{fs, path::Path};

/// A command of a page.
pub struct Step {
    /// The number of its line in the page.
    pub line: usize,
    /// The text for the shell; can have several lines.
    pub command: String,
    /// `None` in a block of commands only.
    pub shown: Option<Shown>,
}

/// The output that a page shows.
pub struct Shown {
    pub lines: Vec<String>,
    /// The page says that lines are missing, and `…` stands for a part of a line.
    pub shortened: bool,
    /// The page says that long lines are wrapped.
    pub wrapped: bool,
}

impl Shown {
    pub fn is_error(&self) -> bool {
        let error = ["error: ", "{\"schema_version\":1,\"code\":"];
        let mut lines = self.lines.iter();
        lines.any(|line| error.iter().any(|start| line.starts_with(start)))
    }
}

/// The steps of the `console` and `sh` blocks of a page, in its order.
pub fn steps(page: &str) -> Vec<Step> {
    let text = read(page);
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut steps = Vec::new();
    while let Some((_, opening)) = lines.next() {
        let Some(language) = opening.strip_prefix("```") else {
            continue;
        };
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .collect();
        match language {
            "console" => {
                let note = lines
                    .clone()
                    .map(|(_, line)| line)
                    .find(|line| !line.is_empty());
                steps.extend(dialog(&block, note.unwrap_or_default()));
            }
            "sh" => steps.extend(script(&block)),
            _ => {}
        }
    }
    assert!(!steps.is_empty(), "{page} has no commands");
    steps
}

/// The first `text` block of a page: a part of an output.
pub fn text(page: &str) -> Shown {
    let text = read(page);
    let lines = text.lines().skip_while(|line| *line != "```text").skip(1);
    Shown {
        lines: lines
            .take_while(|line| *line != "```")
            .map(str::to_owned)
            .collect(),
        shortened: true,
        wrapped: false,
    }
}

pub fn has_commands(page: &str) -> bool {
    let text = read(page);
    text.lines()
        .any(|line| ["```console", "```sh"].contains(&line))
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    fs::read_to_string(path).expect("the page")
}

/// Commands after `$ `, each followed by its output. The note is the line after the block.
fn dialog(block: &[(usize, &str)], note: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut continues = false;
    for (line, text) in block {
        let last = steps.last_mut();
        match (text.strip_prefix("$ "), last) {
            (_, Some(step)) if continues => {
                step.command.push('\n');
                step.command.push_str(text);
            }
            (Some(command), _) => steps.push(Step {
                line: *line,
                command: command.to_owned(),
                shown: Some(Shown {
                    lines: Vec::new(),
                    shortened: note.starts_with("(Shortened"),
                    wrapped: note.starts_with("(Wrapped")
                        || note.starts_with("(Shortened and wrapped"),
                }),
            }),
            (None, Some(step)) => {
                let shown = step.shown.as_mut().expect("a step with output");
                shown.lines.push((*text).to_owned());
                continue;
            }
            (None, None) => panic!("line {line}: output without a command"),
        }
        continues = text.ends_with('\\');
    }
    steps
}

/// Commands only, with comments, continued lines and here-documents.
fn script(block: &[(usize, &str)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = block.iter();
    while let Some((line, first)) = lines.next() {
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let mut command = (*first).to_owned();
        let mut end = first
            .split_once("<<'")
            .and_then(|(_, rest)| rest.split('\'').next());
        while end.is_some() || command.ends_with('\\') {
            let (_, next) = lines.next().expect("a command that ends in its block");
            command.push('\n');
            command.push_str(next);
            end = end.filter(|end| next != end);
        }
        steps.push(Step {
            line: *line,
            command,
            shown: None,
        });
    }
    steps
}
