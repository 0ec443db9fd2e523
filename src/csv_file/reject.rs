//! Files of rejected records, to be fixed and read again.

use std::io::{self, Write};

use super::{Delimiter, Record};
use crate::{
    domain::{import::ERROR_COLUMN, spreadsheet::excel_safe},
    error::{Error, Result},
};

/// Writes rejected records after a column [`ERROR_COLUMN`]. It is the first column, so that records
/// with too few or too many fields are unchanged.
pub struct RejectWriter<W: Write> {
    csv: csv::Writer<W>,
    /// Number of first fields of a record that contain an old error, to be replaced.
    replaced: usize,
    excel_safe: bool,
}

impl<W: Write> RejectWriter<W> {
    /// Begins a file in UTF-8 with `headers`. If the first of them is [`ERROR_COLUMN`], the records
    /// come from such a file themselves, and its column is replaced.
    ///
    /// With `excel_safe`, spreadsheets do not evaluate its cells; see [`excel_safe`].
    pub fn new(out: W, headers: &[String], delimiter: Delimiter, excel_safe: bool) -> Result<Self> {
        let mut writer = Self::resume(out, headers, delimiter, excel_safe);
        let columns = headers.iter().skip(writer.replaced);
        writer.row(ERROR_COLUMN, columns.map(String::as_str))?;
        Ok(writer)
    }

    /// Continues a file that was begun with the same `headers`, at the end of `out`.
    pub fn resume(out: W, headers: &[String], delimiter: Delimiter, excel_safe: bool) -> Self {
        let is_mended = headers.first().is_some_and(|first| first == ERROR_COLUMN);
        Self {
            csv: csv::WriterBuilder::new()
                .delimiter(delimiter.as_byte())
                .flexible(true)
                .from_writer(out),
            replaced: usize::from(is_mended),
            excel_safe,
        }
    }

    /// Adds `record`, rejected with `error`.
    pub fn write(&mut self, record: &Record, error: &str) -> Result<()> {
        self.row(error, record.iter().skip(self.replaced))
    }

    /// Flushes buffered data.
    pub fn flush(&mut self) -> Result<()> {
        self.csv.flush().map_err(cannot_write)
    }

    /// The underlying writer.
    pub fn get_ref(&self) -> &W {
        self.csv.get_ref()
    }

    /// Flushes buffered data and returns the writer.
    pub fn finish(self) -> Result<W> {
        self.csv
            .into_inner()
            .map_err(|error| cannot_write(error.into_error()))
    }

    fn row<'a>(&mut self, error: &'a str, fields: impl Iterator<Item = &'a str>) -> Result<()> {
        for field in std::iter::once(error).chain(fields) {
            let written = if self.excel_safe {
                self.csv.write_field(excel_safe(field).as_ref())
            } else {
                self.csv.write_field(field)
            };
            written.map_err(cannot_write)?;
        }
        self.csv.write_record(None::<&[u8]>).map_err(cannot_write)
    }
}

fn cannot_write(error: impl Into<io::Error>) -> Error {
    Error::failure("cannot write the rejected records").because(error.into())
}

#[cfg(test)]
#[path = "reject_tests.rs"]
mod tests;
