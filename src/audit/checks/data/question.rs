//! One question about the rows: the statements that count, list and sample them, and the resulting
//! finding.

use serde_json::Value;

use super::draft::{Draft, Operand, ROW, Reads};
use crate::{
    audit::{
        catalog::{Oid, Relation},
        model::Model,
        report::{Check, Finding, Skipped},
        spelling,
    },
    quoting::identifier,
};

/// Questions to run, and questions that are skipped.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) questions: Vec<Question>,
    pub(super) skipped: Vec<Skipped>,
}

impl Plan {
    /// Records a question that is skipped, with the reason.
    pub(super) fn skip(&mut self, check: &Check, object: Option<String>, reason: &str) {
        self.skipped.push(Skipped {
            check: check.id.to_owned(),
            object,
            reason: reason.to_owned(),
        });
    }
}

/// A search for rows that violate one condition.
pub(super) struct Question {
    /// The finding if there are any; its message continues "in 3 rows of public.notes, ".
    finding: Finding,
    /// The table with the rows that are counted.
    pub(super) table: Oid,
    pub(super) reads: Reads,
    counted: &'static str,
    shown: Vec<Labeled>,
    /// The SQL expression for the whole row as a JSON document.
    whole: String,
    from: String,
}

/// A column that is shown.
struct Labeled {
    label: String,
    sql: String,
    /// The same expression for a JSON document.
    document: String,
}

/// Columns that are shown of the rows that a question is about.
pub(super) struct Shown<'m> {
    model: &'m Model,
    columns: Vec<Labeled>,
}

impl<'m> Shown<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self {
            model,
            columns: Vec::new(),
        }
    }

    /// Adds the primary key of the row called `alias`, or its `ctid` if it has none.
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
            self.column(label, &column);
        }
        if key.is_empty() {
            let ctid = format!("{alias}.ctid");
            self.add(format!("{prefix}ctid"), ctid.clone(), ctid);
        }
        Some(())
    }

    /// Adds a column.
    pub(super) fn column(&mut self, label: impl Into<String>, operand: &Operand) {
        self.add(label.into(), operand.sql().to_owned(), operand.document());
    }

    fn add(&mut self, label: String, sql: String, document: String) {
        if self.columns.iter().all(|known| known.label != label) {
            self.columns.push(Labeled {
                label,
                sql,
                document,
            });
        }
    }
}

impl Question {
    pub(super) fn new(finding: Finding, table: Oid, draft: Draft<'_>, shown: Shown<'_>) -> Self {
        let whole = spelling::row(ROW, shown.model.catalog.columns_of(table));
        let (from, reads) = draft.finish();
        Self {
            finding,
            table,
            reads,
            counted: "pg_catalog.count(*)",
            shown: shown.columns,
            whole,
            from,
        }
    }

    /// Counts each row once, even if the statement joins it with several.
    #[must_use]
    pub(super) fn counting_rows_once(mut self) -> Self {
        self.counted = "pg_catalog.count(DISTINCT (c.tableoid, c.ctid))";
        self
    }

    /// Returns the question as skipped, with the reason.
    pub(super) fn skipped(&self, reason: String) -> Skipped {
        Skipped {
            check: self.finding.check.clone(),
            object: Some(self.finding.object.clone()),
            reason,
        }
    }

    /// Returns the statement that counts the rows.
    pub(super) fn count(&self) -> String {
        format!("SELECT {}\n{}", self.counted, self.from)
    }

    /// Returns the statement that lists all rows.
    pub(super) fn listing(&self) -> String {
        self.select(|column| &column.sql, None)
    }

    /// Returns the statement that reads some of the rows as JSON. The planner expects an inequality
    /// of keys to hold for nearly every row, and with LIMIT would search for few rows one by one; a
    /// materialized query is planned for all of its rows, and still stops when no more are needed.
    pub(super) fn sample(&self, rows: u32, whole: bool) -> String {
        let row = whole.then(|| format!("{} AS \"row\"", self.whole));
        let listing = self.select(|column| &column.document, row);
        format!(
            "WITH wrong AS MATERIALIZED (\n{listing}\n)\n\
             SELECT pg_catalog.to_jsonb(wrong) FROM wrong LIMIT {rows}"
        )
    }

    fn select(&self, of: fn(&Labeled) -> &String, further: Option<String>) -> String {
        let columns = self.shown.iter();
        let mut columns: Vec<String> = columns
            .map(|one| format!("{} AS {}", of(one), identifier(&one.label)))
            .collect();
        columns.extend(further);
        format!("SELECT {}\n{}", columns.join(", "), self.from)
    }

    /// Returns the finding with the number of rows and the samples.
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
