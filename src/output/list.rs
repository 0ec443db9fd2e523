//! Lists: a stream of records, written as they arrive.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::Serialize;

use super::encode::{self, CsvEncoder};
use super::options::{Format, PrinterOptions};
use super::style::{Cell, Style};
use super::table;
use crate::error::Result;
use crate::hint::Hint;

const DEFAULT_MORE: &str = "use --all for all rows, or --limit N for a longer page";

/// A row of a list: one object in JSON, one line in a table.
pub trait Record: Serialize {
    /// The serialized fields in order: the header of CSV, which is written even without rows.
    fn fields() -> &'static [&'static str];

    /// The header of the table.
    fn columns() -> &'static [&'static str];

    /// The cells under that header.
    fn cells(&self, style: &Style) -> Vec<Cell>;
}

/// The rows of a list and its messages.
pub struct Listing<T> {
    /// The rows; one more than `limit` if there are more.
    pub rows: BoxStream<'static, Result<T>>,
    /// Printed on stderr for an interactive user if there are no rows.
    pub empty: Hint,
    /// Maximum number of rows shown.
    pub limit: Option<u64>,
    /// A hint for showing the rest, if the usual `--all` and `--limit` do not apply.
    pub more: Option<Hint>,
}

impl<T: Send + 'static> Listing<T> {
    /// Creates a list of all the rows of a stream.
    pub fn new(rows: BoxStream<'static, Result<T>>, empty: impl Into<Hint>) -> Self {
        Self {
            rows,
            empty: empty.into(),
            limit: None,
            more: None,
        }
    }

    /// Creates a list of rows in memory.
    pub fn of(rows: Vec<T>, empty: impl Into<Hint>) -> Self {
        Self::new(stream::iter(rows).map(Ok).boxed(), empty)
    }

    /// Shows `limit` rows; the stream should return one more if there are more.
    #[must_use]
    pub fn limit(mut self, limit: Option<u64>) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the hint for showing the rest.
    #[must_use]
    pub fn more(mut self, more: impl Into<Hint>) -> Self {
        self.more = Some(more.into());
        self
    }
}

/// The end of a list.
pub(super) struct Outcome {
    pub(super) shown: u64,
    pub(super) more: Option<Hint>,
    pub(super) empty: Hint,
}

/// Reads the stream and passes on chunks of at least `chunk` bytes, and the rest at the end.
pub(super) async fn write<T: Record>(
    mut listing: Listing<T>,
    options: &PrinterOptions,
    style: Style,
    chunk: usize,
    mut emit: impl FnMut(&[u8]) -> Result<()>,
) -> Result<Outcome> {
    let mut buffer = Vec::with_capacity(chunk + chunk / 8);
    let mut encoder = Encoder::new::<T>(options, style, &mut buffer)?;
    let mut shown = 0;
    let mut cut = false;
    while let Some(row) = listing.rows.next().await {
        let row = row?;
        if listing.limit == Some(shown) {
            cut = true;
            break;
        }
        encoder.row(&row, &mut buffer)?;
        shown += 1;
        if buffer.len() >= chunk {
            emit(&buffer)?;
            buffer.clear();
        }
    }
    encoder.finish::<T>(&mut buffer);
    emit(&buffer)?;
    let more = cut.then(|| {
        let how = listing.more.unwrap_or_else(|| DEFAULT_MORE.into());
        Hint::from(format!("{shown} shown, more available: ")).then(how)
    });
    Ok(Outcome {
        shown,
        more,
        empty: listing.empty,
    })
}

struct Encoder {
    rows: u64,
    kind: EncoderKind,
}

enum EncoderKind {
    Json,
    Ndjson,
    Yaml,
    Csv(CsvEncoder),
    /// Alignment requires all rows; paging limits their number.
    Table(Style, Vec<Vec<Cell>>),
}

impl Encoder {
    fn new<T: Record>(options: &PrinterOptions, style: Style, out: &mut Vec<u8>) -> Result<Self> {
        let kind = match options.format {
            Format::Table => EncoderKind::Table(style, Vec::new()),
            Format::Json => EncoderKind::Json,
            Format::Yaml => EncoderKind::Yaml,
            Format::Csv => EncoderKind::Csv(CsvEncoder::with_header(
                T::fields(),
                options.excel_safe,
                out,
            )?),
            Format::Ndjson => EncoderKind::Ndjson,
        };
        Ok(Self { rows: 0, kind })
    }

    fn row<T: Record>(&mut self, row: &T, out: &mut Vec<u8>) -> Result<()> {
        self.rows += 1;
        match &mut self.kind {
            EncoderKind::Json => {
                out.extend_from_slice(if self.rows == 1 { b"[\n" } else { b",\n" });
                encode::json_compact(row, out)
            }
            EncoderKind::Ndjson => {
                encode::json_compact(row, out)?;
                out.push(b'\n');
                Ok(())
            }
            EncoderKind::Yaml => encode::yaml_element(row, out),
            EncoderKind::Csv(csv) => csv.record(row, out),
            EncoderKind::Table(style, rows) => {
                rows.push(row.cells(style));
                Ok(())
            }
        }
    }

    fn finish<T: Record>(self, out: &mut Vec<u8>) {
        match self.kind {
            EncoderKind::Json if self.rows == 0 => out.extend_from_slice(b"[]\n"),
            EncoderKind::Json => out.extend_from_slice(b"\n]\n"),
            EncoderKind::Yaml if self.rows == 0 => out.extend_from_slice(b"[]\n"),
            EncoderKind::Table(style, rows) if !rows.is_empty() => {
                out.extend_from_slice(table::render(&style, T::columns(), &rows).as_bytes());
            }
            EncoderKind::Table(..)
            | EncoderKind::Yaml
            | EncoderKind::Ndjson
            | EncoderKind::Csv(_) => {}
        }
    }
}
