//! The rows of a file, one after another, with what is wrong with each.

use crate::{
    csv_file::{CsvFile, Format, Record, Records},
    domain::import::{Cells, Fault, ImportKind, Layout, RowSink, Tenant, read_row},
    error::{Error, Result},
    services::import::{Gauge, Plan, Tenants, ahead::ReadAhead},
};

/// How often the gauge is set.
const GAUGE_EVERY: u64 = 1024;

/// A file whose header is read.
pub(super) struct Opened {
    pub(super) records: Records,
    pub(super) layout: Layout,
}

impl Opened {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// `BadInput` where it is no such file, `Usage` where nothing or too much says whose it is.
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
    /// That of the last record.
    number: u64,
    layout: Layout,
}

/// Receiver of the rows.
pub(super) trait RowTaker {
    /// A row begins.
    fn begin(&mut self, record: &Record, tenant: &Tenant);
    /// Receiver of its values.
    fn sink(&mut self) -> &mut dyn RowSink;
    /// It ends, and nothing is wrong with it.
    fn accept(&mut self) -> Result<()>;
    /// It ends, and this is wrong with it.
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
    /// `BadInput` where it is no such file.
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

    /// The way the file is written.
    pub(super) fn format(&self) -> Format {
        self.records.format()
    }

    /// Columns that are not read.
    pub(super) fn unknown_columns(&self) -> &[String] {
        self.layout.unknown()
    }

    /// The number of the record that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Passes over the records up to that number.
    pub(super) fn skip_to(&mut self, number: u64) -> Result<()> {
        while self.number < number
            && let Some(record) = self.records.next()?
        {
            self.number = record.number();
        }
        Ok(())
    }

    /// Reads the next row and gives it to `taker`. `None`: the file is at its end; otherwise whether
    /// the row is good.
    ///
    /// # Errors
    /// `BadInput` where the file cannot be read on, `Failure` where it cannot be read at all.
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

/// `true` if a column of the file says whose each row is.
///
/// # Errors
/// `BadInput` where it is no such file.
pub fn names_organizations(file: &CsvFile, plan: &Plan) -> Result<bool> {
    let records = file.records(&plan.read_options()?)?;
    let layout = Layout::new(plan.kind, records.headers(), &plan.mappings)?;
    Ok(layout.organization().is_some())
}

fn no_organization(kind: ImportKind) -> Error {
    Error::usage("the organization of the rows is not specified")
        .hint("name the organization: --org SLUG")
        .hint(match kind.fills_many() {
            true => "or give each row the slug of its organization in a column organization",
            false => "one file fills one organization here",
        })
}

fn two_organizations() -> Error {
    Error::usage("the file has a column organization, and one organization is named for all of it")
        .hint("leave --org out to fill the organizations that the rows name")
        .hint("or call the column something else where it means nothing")
}
