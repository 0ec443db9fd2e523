//! Output of the demo.

use std::path::Path;

use serde::Serialize;

use super::{
    attack::{CONTEXTS, Isolation},
    scenario::{Played, Side},
};
use crate::{
    app::App,
    audit::report::{Operation, Verdict},
    output::{Cell, Mark, Matrix, MatrixRow, Page, Style, View},
};

#[derive(Serialize)]
pub(super) struct DemoView {
    organizations: Vec<OrganizationSummary>,
    invited: Invited,
    summary: MatrixSummary,
    #[serde(flatten)]
    matrix: Isolation,
    try_next: Vec<String>,
}

#[derive(Serialize)]
struct OrganizationSummary {
    name: String,
    slug: String,
    owner: String,
    twilio_instructions: Option<String>,
    whatsapp_enabled: bool,
}

#[derive(Serialize)]
struct Invited {
    email: String,
    organization: String,
    role: String,
}

#[derive(Serialize)]
struct MatrixSummary {
    tables: usize,
    tried: usize,
    blocked: usize,
    leaks: usize,
}

impl DemoView {
    pub(super) fn new(app: &App, played: &Played, matrix: &Isolation) -> Self {
        let count = |wanted: fn(&Verdict) -> bool| {
            let verdicts = matrix.trials.iter().map(|trial| &trial.verdict);
            verdicts.filter(|verdict| wanted(verdict)).count()
        };
        Self {
            organizations: vec![summary(&played.default), summary(&played.harbor)],
            invited: Invited {
                email: played.invited.0.to_string(),
                organization: played.harbor.organization.slug.to_string(),
                role: played.invited.1.to_string(),
            },
            summary: MatrixSummary {
                tables: matrix.tables.len(),
                tried: count(|verdict| !matches!(verdict, Verdict::NotApplicable(_))),
                blocked: count(|verdict| matches!(verdict, Verdict::Blocked(_))),
                leaks: matrix.leaks(),
            },
            matrix: matrix.clone(),
            try_next: commands(&program(app), played),
        }
    }
}

fn summary(side: &Side) -> OrganizationSummary {
    OrganizationSummary {
        name: side.organization.name.clone(),
        slug: side.organization.slug.to_string(),
        owner: side.owner.to_string(),
        twilio_instructions: side.twilio.instructions.clone(),
        whatsapp_enabled: side.whatsapp.enabled,
    }
}

/// Returns the commands to try next, ready to be pasted.
fn commands(program: &str, played: &Played) -> Vec<String> {
    let (default, harbor) = (&played.default, &played.harbor);
    let harbor_slug = &harbor.organization.slug;
    [
        "org list".to_owned(),
        format!("org show {harbor_slug}"),
        format!("channel instructions resolve twilio_realtime --org {harbor_slug}"),
        format!("appointment list --org {harbor_slug}"),
        format!("member list --org {harbor_slug} --as {}", default.owner),
        format!("activity verify --org {}", default.organization.slug),
    ]
    .into_iter()
    .map(|command| format!("{program} --profile local {command}"))
    .collect()
}

/// Returns the command of this program: its name if PATH finds it, its path otherwise.
fn program(app: &App) -> String {
    let called = std::env::args().next().unwrap_or_default();
    let is_path = Path::new(&called).components().count() > 1;
    if !is_path || app.environment.get("PATH").is_none() {
        return "tenantctl".to_owned();
    }
    shell_words::quote(&called).into_owned()
}

impl View for DemoView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.heading("Two organizations in one database");
        let rows: Vec<Vec<Cell>> = self
            .organizations
            .iter()
            .map(|organization| organization.row(&style))
            .collect();
        page.table(
            &["ORGANIZATION", "OWNER", "TWILIO INSTRUCTIONS", "WHATSAPP"],
            &rows,
        );

        page.heading("No tenant sees another: every cell was tried as tenant_app and rolled back");
        page.matrix(&self.marks());
        let MatrixSummary {
            tables,
            tried,
            blocked,
            leaks,
        } = self.summary;
        let verdict = format!(
            "{tried} tries on {tables} tables and views: {blocked} blocked, {} reads of own rows \
             allowed, {leaks} leaks",
            tried - blocked - leaks
        );
        page.blank();
        page.line(match leaks {
            0 => style.ok(verdict),
            _ => style.bad(verdict),
        });

        page.heading("Try next");
        for command in &self.try_next {
            let remark = match command.contains(" --as ") {
                true => "   # refused: that owner is not a member there",
                false => "",
            };
            page.text(format!("  {command}{remark}"));
        }
    }
}

impl DemoView {
    fn marks(&self) -> Matrix {
        let cell = |table: &str, operation| {
            let contexts = CONTEXTS.iter();
            contexts
                .map(|context| mark(self.matrix.verdict(table, operation, *context)))
                .collect()
        };
        let row = |table: &String| MatrixRow {
            name: table.clone(),
            cells: Operation::ALL
                .iter()
                .map(|operation| cell(table, *operation))
                .collect(),
        };
        let names = self.organizations.iter();
        Matrix {
            subject: "table".to_owned(),
            operations: Operation::ALL
                .iter()
                .map(|operation| operation.as_str().to_owned())
                .collect(),
            contexts: names
                .map(|organization| format!("as {}", organization.name))
                .chain(["as no organization".to_owned()])
                .collect(),
            rows: self.matrix.tables.iter().map(row).collect(),
            names_leaks: true,
        }
    }
}

impl OrganizationSummary {
    fn row(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.name),
            self.owner.as_str().into(),
            Cell::optional(self.twilio_instructions.as_ref()),
            if self.whatsapp_enabled {
                style.ok("on")
            } else {
                style.dim("off")
            },
        ]
    }
}

fn mark(verdict: Option<&Verdict>) -> Mark {
    match verdict {
        Some(Verdict::Allowed) => Mark::Allowed,
        Some(Verdict::Blocked(_)) => Mark::Blocked,
        Some(Verdict::Leak(_)) => Mark::Leak,
        Some(Verdict::Skipped(_)) => Mark::Skipped,
        Some(Verdict::NotApplicable(_)) | None => Mark::NotApplicable,
    }
}
