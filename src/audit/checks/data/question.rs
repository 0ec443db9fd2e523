//! One question to the rows: the statements that count, list and sample them, and the finding
//! they make.

use serde_json::Value;

use super::draft::{Draft, Operand, Reads};
use crate::{
    audit::{
        catalog::{Oid, Relation},
        model::Model,
    },
    domain::audit::{Check, Finding, Skipped},
    quoting::identifier,
};

/// What is to be asked, and what cannot be.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) questions: Vec<Question>,
    pub(super) skipped: Vec<Skipped>,
}

impl Plan {
    /// Says what cannot be asked, and why.
    pub(super) fn skip(&mut self, check: &Check, object: Option<String>, reason: &str) {
        self.skipped.push(Skipped {
            check: check.id.to_owned(),
            object,
            reason: reason.to_owned(),
        });
    }
}

/// Whether any row is wrong in one way.
pub(super) struct Question {
    /// The finding if there are any; its message goes on after "in 3 rows of public.notes, ".
    finding: Finding,
    /// Whose rows are counted.
    pub(super) table: Oid,
    pub(super) reads: Reads,
    counted: &'static str,
    shown: Vec<(String, String)>,
    from: String,
}

/// What is shown of the rows that a question is about.
pub(super) struct Shown<'m> {
    model: &'m Model,
    columns: Vec<(String, String)>,
}

impl<'m> Shown<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self {
            model,
            columns: Vec::new(),
        }
    }

    /// The primary key of the row called `alias`, or its place where it has none.
    pub(super) fn key(
        &mut self,
        draft: &mut Draft<'_>,
        relation: &Relation,
        alias: &str,
        prefix: &str,
    ) -> Option<()> {
        let tenant = self.model.tenancy.key(relation.oid);
        let key = self.model.catalog.primary_key(relation.oid);
        for number in key
            .iter()
            .filter(|number| Some(**number) != tenant || key.len() == 1)
        {
            let name = self.model.column_name(relation.oid, *number);
            let label = format!("{prefix}{name}");
            let column = draft.column(relation.oid, alias, *number)?;
            self.add(label, column.sql());
        }
        if key.is_empty() {
            self.add(format!("{prefix}ctid"), &format!("{alias}.ctid"));
        }
        Some(())
    }

    /// A column.
    pub(super) fn column(&mut self, label: impl Into<String>, operand: &Operand) {
        self.add(label.into(), operand.sql());
    }

    fn add(&mut self, label: String, sql: &str) {
        if self.columns.iter().all(|(known, _)| *known != label) {
            self.columns.push((label, sql.to_owned()));
        }
    }
}

impl Question {
    pub(super) fn new(finding: Finding, table: Oid, draft: Draft<'_>, shown: Shown<'_>) -> Self {
        let (from, reads) = draft.finish();
        Self {
            finding,
            table,
            reads,
            counted: "count(*)",
            shown: shown.columns,
            from,
        }
    }

    /// Counts each row once, also where the statement joins it with several.
    #[must_use]
    pub(super) fn counting_rows_once(mut self) -> Self {
        self.counted = "count(DISTINCT (c.tableoid, c.ctid))";
        self
    }

    /// It was not answered: why.
    pub(super) fn skipped(&self, reason: String) -> Skipped {
        Skipped {
            check: self.finding.check.clone(),
            object: Some(self.finding.object.clone()),
            reason,
        }
    }

    /// How many rows are wrong.
    pub(super) fn count(&self) -> String {
        format!("SELECT {}\n{}", self.counted, self.from)
    }

    /// All of them.
    pub(super) fn listing(&self) -> String {
        self.select(None)
    }

    /// Some of them, as JSON. The server takes an inequality of keys to hold for nearly every
    /// row, and under LIMIT would look for few rows one by one; a materialized query is planned
    /// for all of its rows, and still stops when no more are asked for.
    pub(super) fn sample(&self, rows: u32, whole: bool) -> String {
        let listing = self.select(whole.then_some("to_jsonb(c) AS \"row\""));
        format!(
            "WITH wrong AS MATERIALIZED (\n{listing}\n)\n\
             SELECT to_jsonb(wrong) FROM wrong LIMIT {rows}"
        )
    }

    fn select(&self, further: Option<&str>) -> String {
        let columns = self.shown.iter();
        let mut columns: Vec<String> = columns
            .map(|(label, sql)| format!("{sql} AS {}", identifier(label)))
            .collect();
        columns.extend(further.map(str::to_owned));
        format!("SELECT {}\n{}", columns.join(", "), self.from)
    }

    /// The finding, now that the rows are counted.
    pub(super) fn answered(&self, count: u64, rows: Vec<Value>) -> Finding {
        let mut finding = self.finding.clone();
        let noun = if count == 1 { "row" } else { "rows" };
        finding.message = format!(
            "in {count} {noun} of {}, {}",
            finding.object, finding.message
        );
        finding.evidence.count = Some(count);
        finding.evidence.rows = rows;
        finding.shown_by([self.listing()])
    }
}
