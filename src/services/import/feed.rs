//! Reads the file in a separate thread and sends the rows in COPY format, so that reading and the
//! server's work overlap. A bounded channel between them limits memory.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use super::{
    Gauge, Plan, Tenants,
    reading::{Reading, RowTaker},
};
use crate::{
    csv_file::{CsvFile, Format, Record},
    db::import::CopyRow,
    domain::{
        InvitationToken, OrganizationId, TokenKey,
        import::{Fault, ImportKind, RowSink, Tenant},
    },
    error::Result,
    services::outbox::TokenSeal,
    system::new_id,
};

/// Size of a message, in bytes.
const CHUNK: usize = 128 * 1024;

/// Maximum number of queued messages.
pub(super) const WAITING: usize = 4;

/// A message of the reading thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Rows in COPY format.
    Rows(Vec<u8>),
    /// The end of a step.
    StepEnd(Reached),
    /// The end of the file, or of the part of it that is read.
    End(Reached),
}

/// Position up to which the file was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// Number of records read so far.
    pub(super) records: u64,
    /// `true` if reading stopped because too many rows are wrong.
    pub(super) too_many_errors: bool,
}

/// The input of the reading thread.
pub(super) struct Feed {
    pub(super) file: Arc<CsvFile>,
    pub(super) plan: Arc<Plan>,
    pub(super) tenants: Arc<Tenants>,
    pub(super) gauge: Arc<Gauge>,
    /// Number of records that earlier steps have processed.
    pub(super) after: u64,
    /// Key for the tokens of invitations.
    pub(super) key: Option<Arc<TokenKey>>,
    /// Seal for the tokens of mailed invitations.
    pub(super) mail: Option<TokenSeal>,
    pub(super) sender: Sender<Message>,
}

impl Feed {
    /// Reads the file to its end and returns its format. Blocks. Returns early if the receiver is
    /// closed.
    ///
    /// # Errors
    /// `BadInput` if the file cannot be read.
    pub(super) fn run(self) -> Result<Format> {
        let mut reading = Reading::open(&self.file, &self.plan, &self.tenants, &self.gauge)?;
        reading.skip_to(self.after)?;
        let mut taker = Staged {
            rows: CopyRow::new(self.plan.kind),
            kind: self.plan.kind,
            key: self.key.clone(),
            mail: self.mail.clone(),
            row: (Uuid::nil().into(), Uuid::nil()),
        };
        let mut rejected = 0;
        let mut in_step = 0;
        let mut too_many_errors = false;
        while let Some(is_good) = reading.next(&mut taker)? {
            in_step += 1;
            rejected += u64::from(!is_good);
            if taker.rows.len() >= CHUNK && !self.send(Message::Rows(taker.rows.take(CHUNK + 4096)))
            {
                return Ok(reading.format());
            }
            if self.plan.is_too_many(rejected) {
                too_many_errors = true;
                break;
            }
            if self.plan.batch == Some(in_step) {
                in_step = 0;
                let reached = Reached {
                    records: reading.number(),
                    too_many_errors: false,
                };
                let rows = taker.rows.take(CHUNK + 4096);
                if !self.send(Message::Rows(rows)) || !self.send(Message::StepEnd(reached)) {
                    return Ok(reading.format());
                }
            }
        }
        let reached = Reached {
            records: reading.number(),
            too_many_errors,
        };
        let _ = self.send(Message::Rows(taker.rows.take(0))) && self.send(Message::End(reached));
        Ok(reading.format())
    }

    /// Sends a message; `false` if the receiver is closed.
    fn send(&self, message: Message) -> bool {
        self.sender.blocking_send(message).is_ok()
    }
}

/// Rows for the staging table, including rejected ones: the reject file is written from the table,
/// in the order of the file.
struct Staged {
    rows: CopyRow,
    kind: ImportKind,
    key: Option<Arc<TokenKey>>,
    mail: Option<TokenSeal>,
    /// The organization and the id of the row that is being read.
    row: (OrganizationId, Uuid),
}

impl RowTaker for Staged {
    fn begin(&mut self, record: &Record, tenant: &Tenant) {
        let id = new_id();
        let organization = match self.kind {
            // A row for an organization belongs to that organization.
            ImportKind::Organizations => id.into(),
            _ => tenant.id,
        };
        self.row = (organization, id);
        self.rows
            .begin(record.number(), record.line(), organization, id);
    }

    fn sink(&mut self) -> &mut dyn RowSink {
        &mut self.rows
    }

    fn accept(&mut self) -> Result<()> {
        if self.kind == ImportKind::Members {
            let (organization, id) = self.row;
            let token = self.key.as_ref().map(|key| key.token(organization, id));
            let hash = token.as_ref().map(InvitationToken::hash);
            let sealed = match (&self.mail, &token) {
                (Some(seal), Some(token)) => Some(seal.seal(id, token)?),
                _ => None,
            };
            self.rows
                .bytes("token_hash", hash.as_ref().map(<[u8; 32]>::as_slice));
            self.rows.bytes("sealed_token", sealed.as_deref());
        }
        self.rows.end();
        Ok(())
    }

    fn reject(
        &mut self,
        record: &Record,
        tenant: Option<&Tenant>,
        faults: Vec<Fault>,
    ) -> Result<()> {
        if tenant.is_none() {
            // The fault was found before the row was begun.
            self.rows.mark();
        }
        let organization = tenant.map(|tenant| tenant.id);
        self.rows
            .reject(record.number(), record.line(), organization, &faults);
        Ok(())
    }
}
