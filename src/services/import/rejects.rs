//! The reject file: the rows that were not taken, as they were, and why.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    csv_file::{CsvFile, Delimiter, Record, Records, RejectWriter},
    db::import::Rejected,
    domain::import::Fault,
    error::{Error, ErrorKind, Result},
    services::import::Plan,
};

/// A reject file that is being written. Nobody else may read it: patients are in it.
pub(super) struct RejectFile {
    path: PathBuf,
    writer: RejectWriter<BufWriter<File>>,
}

impl RejectFile {
    /// Begins the file anew, with the header of the input.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn create(
        path: &Path,
        headers: &[String],
        delimiter: Delimiter,
        excel_safe: bool,
    ) -> Result<Self> {
        let file = options().truncate(true).open(path);
        let file = file.map_err(|error| cannot_write(path, error))?;
        let writer = RejectWriter::new(BufWriter::new(file), headers, delimiter, excel_safe)?;
        Ok(Self {
            path: path.to_owned(),
            writer,
        })
    }

    /// Goes on with a file of which the first `bytes` count: what follows is of a step that was
    /// never committed.
    ///
    /// # Errors
    /// `Failure` where it cannot be written, `Conflict` where it is shorter.
    pub(super) fn resume(
        path: &Path,
        bytes: u64,
        input: &Records,
        excel_safe: bool,
    ) -> Result<Self> {
        let file = options().truncate(false).open(path);
        let mut file = file.map_err(|error| cannot_write(path, error))?;
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(|error| cannot_write(path, error))?;
        if length < bytes {
            return Err(Error::conflict(format!(
                "the reject file {} has {length} bytes: {bytes} of earlier steps belong there",
                path.display()
            ))
            .hint("bring it back to its place; the rows in it were not imported"));
        }
        file.set_len(bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| cannot_write(path, error))?;
        let delimiter: Delimiter = input.format().delimiter;
        let writer =
            RejectWriter::resume(BufWriter::new(file), input.headers(), delimiter, excel_safe);
        Ok(Self {
            path: path.to_owned(),
            writer,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn write(&mut self, record: &Record, error: &str) -> Result<()> {
        self.writer.write(record, error)
    }

    /// Puts everything on the disk, and tells how many bytes the file has then.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn sync(&mut self) -> Result<u64> {
        self.writer.flush()?;
        let file = self.writer.get_ref().get_ref();
        file.sync_data()
            .and_then(|()| file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| cannot_write(&self.path, error))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Failure,
        format!("cannot write the reject file {}", path.display()),
    )
    .because(error)
    .hint("choose another with --reject-file PATH")
}

/// Writes rejected rows that the database names, out of a second reading of the file that goes
/// forward with them.
pub(super) struct Rejects {
    file: RejectFile,
    records: Records,
    record: Record,
}

impl Rejects {
    /// Opens what `plan` asks for; `None`: nothing.
    ///
    /// # Errors
    /// As [`RejectFile::create`].
    pub(super) fn open(
        input: &CsvFile,
        plan: &Plan,
        resumed_at: Option<u64>,
    ) -> Result<Option<Self>> {
        let Some(path) = &plan.reject_file else {
            return Ok(None);
        };
        let records = input.records(&plan.read_options()?)?;
        let file = match resumed_at {
            Some(bytes) => RejectFile::resume(path, bytes, &records, plan.excel_safe)?,
            None => {
                let delimiter = records.format().delimiter;
                RejectFile::create(path, records.headers(), delimiter, plan.excel_safe)?
            }
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

    /// As [`RejectFile::sync`].
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn sync(&mut self) -> Result<u64> {
        self.file.sync()
    }
}
