//! Reading of the rows of a file, with the faults of each.

use crate::{
    csv_file::{CsvFile, Format, Record, Records},
    domain::import::{Cells, Fault, ImportKind, Layout, RowSink, Tenant, read_row},
    error::{Error, Result},
    services::import::{Gauge, Plan, Tenants, ahead::ReadAhead},
};

/// Number of records between two updates of the gauge.
const GAUGE_EVERY: u64 = 1024;

/// A file with its header read.
pub(super) struct Opened {
    pub(super) records: Records,
    pub(super) layout: Layout,
}

impl Opened {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// `BadInput` if the file cannot be read as a CSV file of this kind; `Usage` if the
    /// organization of the rows is not specified, or specified twice.
    pub(super) fn open(file: &CsvFile, plan: &Plan, tenants: &Tenants) -> Result<Self> {
        let records = file.records(&plan.read_options()?)?;
        let layout = Layout::new(plan.kind, records.headers(), &plan.mappings)?;
        if tenants.is_by_row() && layout.organization().is_none() {
            return Err(no_organization(plan.kind));
        }
        if matches!(tenants, Tenants::One(_)) && layout.organization().is_some() {
            return Err(two_organizations());
        }
        Ok(Self { records, layout })
    }
}

/// A file that is being read.
pub(super) struct Reading<'a> {
    plan: &'a Plan,
    tenants: &'a Tenants,
    gauge: &'a Gauge,
    records: ReadAhead,
    /// Number of the last record.
    number: u64,
    layout: Layout,
}

/// Receiver of the rows.
pub(super) trait RowTaker {
    /// Begins a row.
    fn begin(&mut self, record: &Record, tenant: &Tenant);
    /// Returns the receiver of the values of the row.
    fn sink(&mut self) -> &mut dyn RowSink;
    /// Ends a valid row.
    fn accept(&mut self) -> Result<()>;
    /// Ends a row with faults.
    fn reject(
        &mut self,
        record: &Record,
        tenant: Option<&Tenant>,
        faults: Vec<Fault>,
    ) -> Result<()>;
}

impl<'a> Reading<'a> {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// `BadInput` if the file cannot be read as a CSV file of this kind.
    pub(super) fn open(
        file: &CsvFile,
        plan: &'a Plan,
        tenants: &'a Tenants,
        gauge: &'a Gauge,
    ) -> Result<Self> {
        let Opened { records, layout } = Opened::open(file, plan, tenants)?;
        Ok(Self {
            plan,
            tenants,
            gauge,
            records: ReadAhead::start(records)?,
            number: 0,
            layout,
        })
    }

    /// Returns the format of the file.
    pub(super) fn format(&self) -> Format {
        self.records.format()
    }

    /// Returns the columns that are not imported.
    pub(super) fn unknown_columns(&self) -> &[String] {
        self.layout.unknown()
    }

    /// Returns the number of the last record read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Skips the records up to and including that number.
    pub(super) fn skip_to(&mut self, number: u64) -> Result<()> {
        while self.number < number
            && let Some(record) = self.records.next()?
        {
            self.number = record.number();
        }
        Ok(())
    }

    /// Reads the next row and passes it to `taker`. Returns `true` for a valid row, and `None` at
    /// the end of the file.
    ///
    /// # Errors
    /// `BadInput` if the contents cannot be read; `Failure` for an I/O error.
    pub(super) fn next(&mut self, taker: &mut impl RowTaker) -> Result<Option<bool>> {
        if self.number.is_multiple_of(GAUGE_EVERY) {
            self.gauge.read(self.records.bytes_read(), self.number);
        }
        let Some(record) = self.records.next()? else {
            self.gauge.read(self.records.bytes_read(), self.number);
            return Ok(None);
        };
        self.number = record.number();
        let tenant = match self.tenants.of(record, &self.layout) {
            Ok(tenant) => tenant,
            Err(fault) => {
                taker.reject(record, None, vec![fault])?;
                return Ok(Some(false));
            }
        };
        taker.begin(record, tenant);
        let cells = Cells::new(record, &self.layout, self.plan.dates, tenant);
        let faults = read_row(self.plan.kind, &cells, taker.sink());
        if faults.is_empty() {
            taker.accept()?;
            return Ok(Some(true));
        }
        taker.reject(record, Some(tenant), faults)?;
        Ok(Some(false))
    }
}

/// Returns `true` if the file has a column for the organization of each row.
///
/// # Errors
/// `BadInput` if the file cannot be read as a CSV file of this kind.
pub fn names_organizations(file: &CsvFile, plan: &Plan) -> Result<bool> {
    let records = file.records(&plan.read_options()?)?;
    let layout = Layout::new(plan.kind, records.headers(), &plan.mappings)?;
    Ok(layout.organization().is_some())
}

fn no_organization(kind: ImportKind) -> Error {
    Error::usage("the organization of the rows is not specified")
        .hint("specify the organization with --org SLUG")
        .hint(match kind.fills_many() {
            true => "or add a column organization with the slug for each row",
            false => "a file of this kind contains the rows of one organization",
        })
}

fn two_organizations() -> Error {
    Error::usage("--org cannot be used with a file that has a column organization")
        .hint("omit --org to import into the organizations named in the rows")
        .hint("or rename the column if it has another meaning")
}
