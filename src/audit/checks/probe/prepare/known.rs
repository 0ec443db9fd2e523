//! Rows of the targets that the auditor knows.

use serde_json::Value;

use crate::audit::report::ContextKind;

/// Rows of one target that the auditor knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRows {
    pub(crate) a: Sides,
    pub(crate) b: Sides,
    /// Reason why the auditor could not read the rows.
    pub(crate) unreadable: Option<String>,
    pub(crate) rows: Option<(Option<Row>, Option<Row>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) own: Rows,
    pub(crate) other: Rows,
}

/// Rows of one tenant, or of all but one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) exist: bool,
    /// Identities of a few rows; empty if no column identifies rows, or if they are not needed.
    pub(crate) ids: Vec<Vec<String>>,
}

/// One whole row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Vec<String>,
    pub(crate) value: Value,
    /// Its `ctid`, in a table; an update changes it.
    pub(crate) version: Option<String>,
}

impl KnownRows {
    fn side(&self, context: ContextKind) -> &Sides {
        match context {
            ContextKind::B => &self.b,
            _ => &self.a,
        }
    }

    /// Returns the rows of the tenant of a context.
    pub(crate) fn own(&self, context: ContextKind) -> &Rows {
        &self.side(context).own
    }

    /// Returns the rows of every other tenant.
    pub(crate) fn other(&self, context: ContextKind) -> &Rows {
        &self.side(context).other
    }

    /// Adds a row of the tenant of a context. If both tenants have one, the auditor does not need
    /// to see the rows.
    pub(crate) fn add_row(&mut self, context: ContextKind, row: Row) {
        let rows = Rows {
            exist: true,
            ids: vec![row.id.clone()],
        };
        let (a, b) = self.rows.get_or_insert_default();
        if context == ContextKind::B {
            (self.b.own, self.a.other) = (rows.clone(), rows);
            *b = Some(row);
        } else {
            (self.a.own, self.b.other) = (rows.clone(), rows);
            *a = Some(row);
        }
        if a.is_some() && b.is_some() {
            self.unreadable = None;
        }
    }

    /// Returns one row of the tenant of a context.
    pub(crate) fn own_row(&self, context: ContextKind) -> Option<&Row> {
        let (a, b) = self.rows.as_ref()?;
        if context == ContextKind::B {
            b.as_ref()
        } else {
            a.as_ref()
        }
    }

    /// Returns one row of the tenant that is probed.
    pub(crate) fn other_row(&self, context: ContextKind) -> Option<&Row> {
        let (a, b) = self.rows.as_ref()?;
        if context == ContextKind::B {
            a.as_ref()
        } else {
            b.as_ref()
        }
    }
}

/// Returns the row in a document of `survey`.
pub(crate) fn read_row(value: &Value) -> Option<Row> {
    Some(Row {
        id: read_id(value.get("id")?)?,
        value: value.get("row")?.clone(),
        version: value
            .get("version")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}

pub(crate) fn read_id(value: &Value) -> Option<Vec<String>> {
    let parts = value.as_array()?.iter();
    parts.map(|part| part.as_str().map(str::to_owned)).collect()
}
