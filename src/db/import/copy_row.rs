//! Rows in the text format of COPY.

use std::io::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::targets::{COMMON, Target};
use crate::domain::{
    OrganizationId,
    import::{Fault, ImportKind, RowSink},
};

/// Builds rows for [`super::Copying`] (PostgreSQL manual, COPY, "Text Format").
#[derive(Debug)]
pub struct CopyRow {
    kind: ImportKind,
    buffer: Vec<u8>,
    /// Offset of the current row.
    row_start: usize,
    /// Number of columns written for the current row.
    columns: usize,
}

impl CopyRow {
    /// Creates a builder for rows of a kind.
    pub fn new(kind: ImportKind) -> Self {
        Self {
            kind,
            buffer: Vec::new(),
            row_start: 0,
            columns: 0,
        }
    }

    /// Starts a row.
    pub fn begin(&mut self, record: u64, line: u64, organization: OrganizationId, id: Uuid) {
        self.row_start = self.buffer.len();
        self.columns = 0;
        let organization = organization.as_uuid();
        self.write(format_args!(
            "{record}\t{line}\t{organization}\t{id}\t\\N\t\\N\t\\N"
        ));
    }

    /// Finishes the row.
    pub fn end(&mut self) {
        debug_assert_eq!(self.columns, Target::of(self.kind).staged.len());
        self.buffer.push(b'\n');
    }

    /// Finishes the row as rejected, without its values.
    pub fn reject(
        &mut self,
        record: u64,
        line: u64,
        organization: Option<OrganizationId>,
        faults: &[Fault],
    ) {
        self.buffer.truncate(self.row_start);
        self.write(format_args!("{record}\t{line}\t"));
        match organization {
            Some(id) => self.write(format_args!("{}", id.as_uuid())),
            None => self.buffer.extend_from_slice(b"\\N"),
        }
        self.buffer.extend_from_slice(b"\t\\N\t\\N\t\\N\t");
        let faults = serde_json::to_string(faults).unwrap_or_else(|_| "[]".to_owned());
        // PostgreSQL's jsonb cannot store NUL.
        self.escaped(&faults.replace("\\u0000", "\\ufffd"));
        for _ in Target::of(self.kind).staged {
            self.buffer.extend_from_slice(b"\t\\N");
        }
        self.buffer.push(b'\n');
    }

    /// Marks the end of the buffer as the start of a row that is rejected without [`Self::begin`].
    pub fn mark(&mut self) {
        self.row_start = self.buffer.len();
    }

    /// Returns the number of bytes so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Reports whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Takes the rows so far; the next ones go into a buffer of that capacity.
    pub fn take(&mut self, capacity: usize) -> Vec<u8> {
        self.row_start = 0;
        std::mem::replace(&mut self.buffer, Vec::with_capacity(capacity))
    }

    fn column(&mut self, name: &'static str) {
        debug_assert_eq!(
            Target::of(self.kind)
                .staged
                .get(self.columns)
                .map(|(name, _)| *name),
            Some(name)
        );
        self.columns += 1;
        self.buffer.push(b'\t');
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.buffer.write_fmt(text);
    }

    fn null(&mut self) {
        self.buffer.extend_from_slice(b"\\N");
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest
            .iter()
            .position(|b| matches!(b, b'\\' | b'\t' | b'\n' | b'\r'))
        {
            self.buffer.extend_from_slice(&rest[..at]);
            self.buffer.extend_from_slice(match rest[at] {
                b'\\' => b"\\\\",
                b'\t' => b"\\t",
                b'\n' => b"\\n",
                _ => b"\\r",
            });
            rest = &rest[at + 1..];
        }
        self.buffer.extend_from_slice(rest);
    }
}

impl RowSink for CopyRow {
    fn text(&mut self, column: &'static str, value: Option<&str>) {
        self.column(column);
        match value {
            Some(text) => self.escaped(text),
            None => self.null(),
        }
    }

    fn texts(&mut self, column: &'static str, values: &[String]) {
        self.column(column);
        let mut array = String::from("{");
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                array.push(',');
            }
            array.push('"');
            for c in value.chars() {
                if matches!(c, '"' | '\\') {
                    array.push('\\');
                }
                array.push(c);
            }
            array.push('"');
        }
        array.push('}');
        self.escaped(&array);
    }

    fn date(&mut self, column: &'static str, value: Option<NaiveDate>) {
        self.column(column);
        match value {
            Some(date) => self.write(format_args!("{date}")),
            None => self.null(),
        }
    }

    fn time(&mut self, column: &'static str, value: Option<DateTime<Utc>>) {
        self.column(column);
        match value {
            Some(time) => self.write(format_args!("{}", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))),
            None => self.null(),
        }
    }

    fn number(&mut self, column: &'static str, value: Option<i64>) {
        self.column(column);
        match value {
            Some(number) => self.write(format_args!("{number}")),
            None => self.null(),
        }
    }

    fn uuid(&mut self, column: &'static str, value: Option<Uuid>) {
        self.column(column);
        match value {
            Some(id) => self.write(format_args!("{id}")),
            None => self.null(),
        }
    }

    fn bytes(&mut self, column: &'static str, value: Option<&[u8]>) {
        self.column(column);
        let Some(bytes) = value else {
            return self.null();
        };
        // The hexadecimal form of bytea, with its backslash escaped for COPY.
        self.buffer.extend_from_slice(b"\\\\x");
        for byte in bytes {
            self.write(format_args!("{byte:02x}"));
        }
    }
}

/// Every staging table starts with the columns that this writes first.
const _: () = assert!(COMMON.len() == 7);
