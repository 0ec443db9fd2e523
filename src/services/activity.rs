//! The activity log: what a change writes, and the walk along the chain that shows tampering.

use futures_util::stream::BoxStream;
use serde_json::Value;

use crate::{
    db::{
        self, PlatformConn,
        activity::{ActivityFilter, ChainHead, StoredEntry},
    },
    domain::{
        ChainVerifier, OrganizationId, Permission,
        activity::{BreakKind, GENESIS},
    },
    error::{Error, Result},
    run,
    services::Session,
};

/// What a change says of itself in the activity log. Secrets never enter it.
#[derive(Clone, Debug)]
pub struct Change {
    /// `noun.verb`, such as `member.role`.
    pub action: &'static str,
    pub object_type: &'static str,
    pub object_id: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Whose log.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    Organization(OrganizationId),
    Platform,
}

/// The entries that match, newest first.
///
/// # Errors
/// `Refused` when the caller may not read the log.
pub async fn list(
    session: &Session,
    log: Log,
    filter: ActivityFilter,
) -> Result<BoxStream<'static, Result<StoredEntry>>> {
    match log {
        Log::Organization(organization) => {
            let scope = session.read(organization, Permission::ActivityRead).await?;
            Ok(db::activity::stream(scope.tx, filter))
        }
        Log::Platform => {
            session.require_operator("read the platform's activity")?;
            Ok(db::activity::stream_platform(&session.db, filter))
        }
    }
}

/// One entry, by its place in the chain.
///
/// # Errors
/// `NotFound`, or `Refused` when the caller may not read the log.
pub async fn show(session: &Session, log: Log, sequence: i64) -> Result<StoredEntry> {
    let (found, whose) = match log {
        Log::Organization(organization) => {
            let mut scope = session.read(organization, Permission::ActivityRead).await?;
            let found = db::activity::find(&mut scope.tx, sequence).await?;
            (
                found,
                vec!["--org".to_owned(), scope.organization.slug.to_string()],
            )
        }
        Log::Platform => {
            session.require_operator("read the platform's activity")?;
            let mut conn = PlatformConn::open(&session.db)?;
            let found = db::activity::find_platform(&mut conn, sequence).await?;
            (found, vec!["--platform".to_owned()])
        }
    };
    found.ok_or_else(|| {
        Error::not_found(format!("there is no activity entry {sequence}")).hint(
            run!["activity", "list"]
                .args(whose)
                .labeled("list what there is"),
        )
    })
}

/// What a walk along a chain found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// How many entries hold, from the first on.
    pub entries: i64,
    /// The hash of the last one of these.
    pub last_hash: [u8; 32],
    pub broken: Option<BrokenChain>,
}

/// The first place where a chain does not hold.
#[derive(Clone, Debug)]
pub struct BrokenChain {
    pub sequence: i64,
    pub what: String,
}

/// Rows read at a time: bounds memory whatever the length of the log.
const PAGE: i64 = 1000;

/// Walks a chain from its first row to its head.
///
/// # Errors
/// `Refused` when the caller may not read the log. A broken chain is an answer, not an error.
pub async fn verify(session: &Session, log: Log) -> Result<Verification> {
    match log {
        Log::Organization(organization) => {
            let mut scope = session.read(organization, Permission::ActivityRead).await?;
            let head = db::activity::head(&mut scope.tx).await?;
            let mut walk = Walk::new(head);
            while walk.goes_on() {
                let page = db::activity::after(&mut scope.tx, walk.sequence(), PAGE).await?;
                walk.take(&page);
            }
            Ok(walk.end(db::activity::head(&mut scope.tx).await?))
        }
        Log::Platform => {
            session.require_operator("verify the platform's activity")?;
            let mut conn = PlatformConn::open(&session.db)?;
            let head = db::activity::head_platform(&mut conn).await?;
            let mut walk = Walk::new(head);
            while walk.goes_on() {
                let page = db::activity::after_platform(&mut conn, walk.sequence(), PAGE).await?;
                walk.take(&page);
            }
            Ok(walk.end(db::activity::head_platform(&mut conn).await?))
        }
    }
}

/// A walk along a chain, a page at a time.
struct Walk {
    verifier: ChainVerifier,
    /// As it was before the walk.
    head: Option<ChainHead>,
    exhausted: bool,
    broken: Option<BrokenChain>,
}

impl Walk {
    fn new(head: Option<ChainHead>) -> Self {
        Self {
            verifier: ChainVerifier::new(),
            head,
            exhausted: false,
            broken: None,
        }
    }

    fn goes_on(&self) -> bool {
        !self.exhausted && self.broken.is_none()
    }

    /// The place of the last good row.
    fn sequence(&self) -> i64 {
        self.verifier.last().map_or(0, |(sequence, _)| sequence)
    }

    fn take(&mut self, page: &[StoredEntry]) {
        self.exhausted = page.is_empty();
        for stored in page {
            let checked = self
                .verifier
                .next(&stored.entry, &stored.previous_hash, &stored.hash);
            if let Err(broken) = checked {
                self.broken = Some(BrokenChain {
                    sequence: match broken.kind {
                        BreakKind::Gap { expected } => expected,
                        BreakKind::PreviousHash | BreakKind::Hash => broken.sequence,
                    },
                    what: broken.to_string(),
                });
                return;
            }
        }
    }

    /// Rows may be missing at the end, or be added there by hand. The heads know: rows were written
    /// up to the one read before the walk at least, and up to the one read after it at most.
    fn end(mut self, head_now: Option<ChainHead>) -> Verification {
        let (entries, last_hash) = self.verifier.last().unwrap_or((0, GENESIS));
        if self.broken.is_none() {
            self.broken = self.broken_at_the_end(head_now.as_ref());
        }
        Verification {
            entries,
            last_hash,
            broken: self.broken,
        }
    }

    fn broken_at_the_end(&self, head_now: Option<&ChainHead>) -> Option<BrokenChain> {
        let (sequence, hash) = self.verifier.last().unwrap_or((0, GENESIS));
        let broken = |sequence, what| Some(BrokenChain { sequence, what });
        let (Some(before), Some(now)) = (&self.head, head_now) else {
            return broken(sequence + 1, "the head of the chain is missing".to_owned());
        };
        if before.last_sequence > sequence {
            let were = before.last_sequence;
            return broken(
                sequence + 1,
                format!("rows are missing at the end: there were {were}, {sequence} are left"),
            );
        }
        if now.last_sequence < sequence {
            let (first, last) = (now.last_sequence + 1, now.last_sequence);
            return broken(
                first,
                format!("it was not written by tenantctl: the head of the chain ends at {last}"),
            );
        }
        let is_other = |head: &ChainHead| head.last_sequence == sequence && head.last_hash != hash;
        if is_other(before) || is_other(now) {
            let what = "the last row is not the one that the head of the chain names";
            return broken(sequence, what.to_owned());
        }
        None
    }
}
