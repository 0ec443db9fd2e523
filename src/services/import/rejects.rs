//! The reject file: the rows that were not taken, as they were, and why.

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

/// A reject file that is being written, for its owner alone: it has patients in it. It gets its name
/// when the first row is in it; without one, there is no file in the end.
pub(super) struct RejectFile {
    writer: RejectWriter<BufWriter<Growing>>,
}

impl RejectFile {
    /// Begins the file, with the header of the input.
    ///
    /// # Errors
    /// `Conflict` where there is such a file, `Failure` where it cannot be written.
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

    /// Continues a file of which the first `bytes` count: what follows is of a step that was never
    /// committed.
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
    /// `Failure` where it cannot be written.
    pub(super) fn write(&mut self, record: &Record, error: &str) -> Result<()> {
        self.writer.write(record, error)
    }

    /// Puts everything on the disk, and returns the bytes that the file has then.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn sync(&mut self) -> Result<u64> {
        self.writer.flush()?;
        self.writer.get_ref().get_ref().sync()
    }

    /// Gives the file its name, now that a row is in it.
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
        ErrorKind::Conflict => error.hint("or name another with --reject-file PATH"),
        _ => error.hint("choose another with --reject-file PATH"),
    }
}

/// Writes rejected rows that the database names, out of a second reading of the file that goes
/// forward with them.
pub(super) struct Rejects {
    file: RejectFile,
    records: Records,
    record: Record,
}

impl Rejects {
    /// Opens what `plan` asks for; `None`: nothing. With `resumed_at`, steps before wrote so many
    /// bytes.
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

    /// Adds a row. They have to come in the order of the file.
    ///
    /// # Errors
    /// `Failure` where the file changed under the import.
    pub(super) fn write(&mut self, rejected: &Rejected) -> Result<()> {
        while self.record.number() < rejected.record {
            if !self.records.next(&mut self.record)? {
                return Err(
                    Error::failure("the file became shorter while it was imported")
                        .hint("nothing of this step was changed; run the command again"),
                );
            }
        }
        self.file
            .write(&self.record, &Fault::all_told(&rejected.faults))
    }

    /// Same as [`RejectFile::sync`], before the step that the rows belong to is committed.
    pub(super) fn sync(&mut self, has_rows: bool) -> Result<u64> {
        let bytes = self.file.sync()?;
        if has_rows {
            self.file.publish()?;
        }
        Ok(bytes)
    }

    /// Ends the file of an import that is done. Under `--overwrite`, the rows of an earlier import do
    /// not stay in it where this one has none.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.file.writer.get_ref().get_ref().would_replace() {
            true => self.file.publish(),
            false => Ok(()),
        }
    }

    /// `true` if there is such a file now.
    pub(super) fn is_published(&self) -> bool {
        self.file.is_published()
    }
}
