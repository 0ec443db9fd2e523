//! The reject file: the rejected rows in their original form, with the reasons.

use std::{io::BufWriter, path::Path};

use uuid::Uuid;

use crate::{
    csv_file::{CsvFile, Delimiter, Record, Records, RejectWriter},
    db::import::Rejected,
    domain::import::Fault,
    error::{Error, ErrorKind, Result},
    files::{Existing, Growing},
    services::import::Plan,
};

/// A reject file that is being written. Only its owner can read it, because it contains patients'
/// data. It is renamed to its final name when it contains a row; an import without rejected rows
/// leaves no file.
pub(super) struct RejectFile {
    writer: RejectWriter<BufWriter<Growing>>,
}

impl RejectFile {
    /// Creates the file, with the header of the input.
    ///
    /// # Errors
    /// `Conflict` if the file exists; `Failure` if it cannot be written.
    pub(super) fn create(
        path: &Path,
        import: Uuid,
        existing: Existing,
        input: &Records,
        excel_safe: bool,
    ) -> Result<Self> {
        let file = Growing::begin(path, import, existing).map_err(choose_another)?;
        let writer = RejectWriter::new(
            BufWriter::new(file),
            input.headers(),
            input.format().delimiter,
            excel_safe,
        )?;
        Ok(Self { writer })
    }

    /// Opens a file for appending after the first `bytes`. Later data belongs to a step that was
    /// not committed and is discarded.
    fn resume(
        path: &Path,
        import: Uuid,
        bytes: u64,
        input: &Records,
        excel_safe: bool,
    ) -> Result<Self> {
        let delimiter: Delimiter = input.format().delimiter;
        let mut head = RejectWriter::new(Vec::new(), input.headers(), delimiter, excel_safe)?;
        head.flush()?;
        let file = Growing::resume(path, import, bytes, head.get_ref())?;
        let writer =
            RejectWriter::resume(BufWriter::new(file), input.headers(), delimiter, excel_safe);
        Ok(Self { writer })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Failure` if it cannot be written.
    pub(super) fn write(&mut self, record: &Record, error: &str) -> Result<()> {
        self.writer.write(record, error)
    }

    /// Syncs the file to disk and returns its length in bytes.
    ///
    /// # Errors
    /// `Failure` if it cannot be written.
    pub(super) fn sync(&mut self) -> Result<u64> {
        self.writer.flush()?;
        self.writer.get_ref().get_ref().sync()
    }

    /// Renames the file to its final name, now that it contains a row.
    pub(super) fn publish(&mut self) -> Result<()> {
        let file = self.writer.get_ref().get_ref();
        file.publish().map_err(choose_another)
    }

    fn is_published(&self) -> bool {
        self.writer.get_ref().get_ref().is_published()
    }
}

fn choose_another(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => error.hint("use --reject-file to choose another path"),
        _ => error.hint("use --reject-file to choose another path"),
    }
}

/// Writes the rows that the database rejected. Their text is taken from a second, forward reading
/// of the file.
pub(super) struct Rejects {
    file: RejectFile,
    records: Records,
    record: Record,
}

impl Rejects {
    /// Opens the reject file of `plan`; `None` if it has none. `resumed_at` is the number of bytes
    /// written by earlier steps.
    pub(super) fn open(
        input: &CsvFile,
        plan: &Plan,
        import: Uuid,
        existing: Existing,
        resumed_at: Option<u64>,
    ) -> Result<Option<Self>> {
        let Some(path) = &plan.reject_file else {
            return Ok(None);
        };
        let records = input.records(&plan.read_options()?)?;
        let file = match resumed_at {
            Some(bytes) => RejectFile::resume(path, import, bytes, &records, plan.excel_safe)?,
            None => RejectFile::create(path, import, existing, &records, plan.excel_safe)?,
        };
        Ok(Some(Self {
            file,
            records,
            record: Record::default(),
        }))
    }

    /// Adds a row. Rows must be added in the order of the file.
    ///
    /// # Errors
    /// `Failure` if the file changed during the import.
    pub(super) fn write(&mut self, rejected: &Rejected) -> Result<()> {
        while self.record.number() < rejected.record {
            if !self.records.next(&mut self.record)? {
                return Err(Error::failure("the file was truncated during the import")
                    .hint("nothing was changed in this step; run the command again"));
            }
        }
        self.file
            .write(&self.record, &Fault::all_told(&rejected.faults))
    }

    /// Same as [`RejectFile::sync`], before the step of the rows is committed.
    pub(super) fn sync(&mut self, has_rows: bool) -> Result<u64> {
        let bytes = self.file.sync()?;
        if has_rows {
            self.file.publish()?;
        }
        Ok(bytes)
    }

    /// Finishes the file after the import. With `--overwrite`, a file of an earlier import is
    /// replaced even if this import has no rejected rows.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.file.writer.get_ref().get_ref().would_replace() {
            true => self.file.publish(),
            false => Ok(()),
        }
    }

    /// Returns `true` if the file exists under its final name.
    pub(super) fn is_published(&self) -> bool {
        self.file.is_published()
    }
}
