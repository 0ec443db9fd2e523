//! The report of `doctor`: one line per check, and suggested fixes.

use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    hint::Hint,
    output::{Cell, Page, Printer, Style, View},
};

/// Outcome of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    /// It works, but needs attention.
    Warning,
    Failed,
    /// Not checked because an earlier check failed. Not a pass.
    Skipped,
}

/// Subject of a check, which decides the exit code when it fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Area {
    Configuration,
    Database,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check<Remedy = Hint> {
    /// A stable name, for scripts.
    pub(super) name: &'static str,
    pub(super) area: Area,
    pub(super) state: State,
    pub(super) message: String,
    /// Suggested fix: a command or a statement to paste, if there is one.
    pub(super) remedy: Option<Remedy>,
}

impl Check {
    fn new(name: &'static str, area: Area, state: State, message: impl Into<String>) -> Self {
        Self {
            name,
            area,
            state,
            message: message.into(),
            remedy: None,
        }
    }

    pub(super) fn ok(name: &'static str, area: Area, message: impl Into<String>) -> Self {
        Self::new(name, area, State::Ok, message)
    }

    pub(super) fn warning(name: &'static str, area: Area, message: impl Into<String>) -> Self {
        Self::new(name, area, State::Warning, message)
    }

    pub(super) fn failed(name: &'static str, area: Area, message: impl Into<String>) -> Self {
        Self::new(name, area, State::Failed, message)
    }

    pub(super) fn skipped(name: &'static str, area: Area, message: impl Into<String>) -> Self {
        Self::new(name, area, State::Skipped, message)
    }

    /// Returns a failed check with the message, causes and hints of an error.
    pub(super) fn broken(name: &'static str, area: Area, error: &Error) -> Self {
        let causes = error.causes().into_iter();
        let message = std::iter::once(error.to_string()).chain(causes);
        let check = Self::failed(name, area, message.collect::<Vec<_>>().join(": "));
        match error.hints() {
            [] => check,
            [first, rest @ ..] => {
                let next_line = |text: Hint, hint: &Hint| text.then("\n").then(hint);
                check.remedy(rest.iter().fold(first.clone(), next_line))
            }
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<Hint>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Completes the commands of the remedy with the global flags they need.
    fn completed(self, printer: &Printer) -> Check<String> {
        Check {
            name: self.name,
            area: self.area,
            state: self.state,
            message: self.message,
            remedy: self.remedy.map(|remedy| printer.complete(&remedy)),
        }
    }
}

impl<Remedy> Check<Remedy> {
    fn needs_attention(&self) -> bool {
        matches!(self.state, State::Warning | State::Failed)
    }

    fn cell(&self, style: &Style) -> Cell {
        match self.state {
            State::Ok => style.ok("ok"),
            State::Warning => style.warn("warning"),
            State::Failed => style.bad("failed"),
            State::Skipped => style.dim("skipped"),
        }
    }
}

/// All checks, in the order in which they ran.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `true` if no check failed; there may be warnings.
    healthy: bool,
    checks: Vec<Check<String>>,
}

impl Report {
    /// `printer` completes the remedies so that they refer to the same database.
    pub(super) fn new(checks: Vec<Check>, printer: &Printer) -> Self {
        Self {
            healthy: !checks.iter().any(|check| check.state == State::Failed),
            checks: checks
                .into_iter()
                .map(|check| check.completed(printer))
                .collect(),
        }
    }

    /// Returns the failure that decides the exit code.
    ///
    /// # Errors
    /// `Unavailable` if a database check failed, `Failure` if only other checks failed.
    pub(super) fn verdict(&self) -> Result<()> {
        let failed: Vec<&Check<String>> = self
            .checks
            .iter()
            .filter(|check| check.state == State::Failed)
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        let kind = if failed.iter().any(|check| check.area == Area::Database) {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Failure
        };
        let names: Vec<&str> = failed.iter().map(|check| check.name).collect();
        Err(Error::new(
            kind,
            format!(
                "{} of {} checks failed: {}",
                failed.len(),
                self.checks.len(),
                names.join(", ")
            ),
        )
        .hint("see `What to do` in the report (`remedy` in JSON) for fixes"))
    }
}

impl View for Report {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let rows: Vec<_> = self
            .checks
            .iter()
            .map(|check| {
                vec![
                    check.cell(&style),
                    check.name.replace('_', " ").into(),
                    check.message.as_str().into(),
                ]
            })
            .collect();
        page.table(&["STATE", "CHECK", "FINDING"], &rows);

        let remedies = self.checks.iter().filter(|check| check.needs_attention());
        let remedies: Vec<(&Check<String>, &String)> = remedies
            .filter_map(|check| Some((check, check.remedy.as_ref()?)))
            .collect();
        if remedies.is_empty() {
            return;
        }
        page.heading("What to do");
        for (check, remedy) in remedies {
            page.line(style.bold(check.name.replace('_', " ")));
            for line in remedy.lines() {
                page.line(format!("  {line}"));
            }
        }
    }

    fn summary(&self) -> Option<String> {
        let warnings = self
            .checks
            .iter()
            .filter(|check| check.state == State::Warning)
            .count();
        match (self.healthy, warnings) {
            (true, 0) => Some("all checks passed".to_owned()),
            (true, 1) => Some("no check failed; 1 warning".to_owned()),
            (true, count) => Some(format!("no check failed; {count} warnings")),
            (false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(checks: Vec<Check>) -> u8 {
        match Report::new(checks, &Printer::captured().0).verdict() {
            Ok(()) => 0,
            Err(error) => error.kind().exit_code(),
        }
    }

    #[test]
    fn the_exit_code_tells_which_part_failed() {
        use Area::{Configuration, Database};
        let warning = || Check::warning("clock", Database, "late");
        let skipped = || Check::skipped("rights", Database, "not reached");
        let file = || Check::failed("config_file", Configuration, "broken");
        let server = || Check::failed("connection", Database, "refused");
        assert_eq!(exit_code(vec![warning(), skipped()]), 0);
        assert_eq!(exit_code(vec![file(), warning()]), 1);
        assert_eq!(exit_code(vec![file(), server()]), 7);
    }

    #[test]
    fn a_broken_check_keeps_cause_and_hints() {
        let error = Error::unavailable("cannot reach it")
            .because("refused")
            .hint("start it")
            .hint("or name another");
        let check = Check::broken("connection", Area::Database, &error);
        assert_eq!(check.message, "cannot reach it: refused");
        assert_eq!(check.remedy.unwrap(), "start it\nor name another");
    }
}
