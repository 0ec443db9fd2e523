//! Verification of the hash chains of the activity log and the access log.

use super::Log;
use crate::{
    db::{self, PlatformConn, access::StoredAccess, activity::StoredEntry},
    domain::{
        ChainVerifier, OrganizationId, Permission,
        access::{Reading, Rows},
        chain::{Break, BreakKind, GENESIS, Head, Link},
        hexadecimal,
    },
    error::Result,
    services::Session,
};

/// Result of a verification.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Number of valid links, counted from the first.
    pub entries: i64,
    /// The hash of the last valid link.
    pub last_hash: [u8; 32],
    pub broken: Option<BrokenChain>,
}

/// The first invalid place of a chain.
#[derive(Clone, Debug)]
pub struct BrokenChain {
    pub sequence: i64,
    pub what: String,
}

/// Rows read at a time. It bounds the memory used, for any length of the log.
const PAGE: i64 = 1000;

/// Verifies the chain of a log from its first entry to its head. `kept` is a head saved earlier,
/// which the chain must contain.
///
/// # Errors
/// `Refused` if the caller may not read the log. A broken chain is a result, not an error.
pub async fn verify(session: &Session, log: Log, kept: Option<Head>) -> Result<Verification> {
    match log {
        Log::Organization(organization) => {
            let mut scope = session.read(organization, Permission::ActivityRead).await?;
            let mut walk = Walk::new(db::activity::head(&mut scope.tx).await?, kept);
            while walk.goes_on() {
                let page = db::activity::after(&mut scope.tx, walk.sequence(), PAGE).await?;
                walk.take(&page);
            }
            Ok(walk.end(db::activity::head(&mut scope.tx).await?))
        }
        Log::Platform => {
            session.require_operator("verify the platform's activity")?;
            let mut conn = PlatformConn::open(&session.db)?;
            let mut walk = Walk::new(db::activity::head_platform(&mut conn).await?, kept);
            while walk.goes_on() {
                let page = db::activity::after_platform(&mut conn, walk.sequence(), PAGE).await?;
                walk.take(&page);
            }
            Ok(walk.end(db::activity::head_platform(&mut conn).await?))
        }
    }
}

/// Same as [`verify`], for the organization's access log.
pub async fn verify_readings(
    session: &Session,
    organization: OrganizationId,
    kept: Option<Head>,
) -> Result<Verification> {
    let mut scope = session.read(organization, Permission::ActivityRead).await?;
    let mut walk = Walk::new(db::access::head(&mut scope.tx).await?, kept);
    let mut answers = Answers::new(organization);
    let mut last = None;
    while walk.goes_on() {
        let page = db::access::after(&mut scope.tx, last, PAGE).await?;
        last = page.last().map(|stored| (stored.sequence, stored.row.id));
        walk.exhausted = page.is_empty();
        for stored in page {
            if let Some(answer) = answers.add(stored) {
                walk.check(&answer.reading, None, &answer.hash);
            }
        }
    }
    if let Some(answer) = answers.end() {
        walk.check(&answer.reading, None, &answer.hash);
    }
    Ok(walk.end(db::access::head(&mut scope.tx).await?))
}

/// Returns the current head of a log's chain, or `None` if the head is missing.
///
/// # Errors
/// `Refused` if the caller may not read the log.
pub async fn head(session: &Session, log: Log) -> Result<Option<Head>> {
    match log {
        Log::Organization(organization) => {
            let mut scope = session.read(organization, Permission::ActivityRead).await?;
            db::activity::head(&mut scope.tx).await
        }
        Log::Platform => {
            session.require_operator("read the platform's activity")?;
            let mut conn = PlatformConn::open(&session.db)?;
            db::activity::head_platform(&mut conn).await
        }
    }
}

/// Returns the head of the organization's access log.
///
/// # Errors
/// `Refused` if the caller may not read the log.
pub async fn head_of_readings(
    session: &Session,
    organization: OrganizationId,
) -> Result<Option<Head>> {
    let mut scope = session.read(organization, Permission::ActivityRead).await?;
    db::access::head(&mut scope.tx).await
}

/// Groups the rows of an access log, read in the order of the chain, by response.
struct Answers {
    organization: OrganizationId,
    current: Option<Gathered>,
}

struct Gathered {
    sequence: i64,
    id: uuid::Uuid,
    rows: Rows,
    /// Hash of the first row; empty if the hashes of the rows differ.
    hash: Vec<u8>,
}

/// A response with all of its rows.
struct Answer {
    reading: Reading,
    hash: Vec<u8>,
}

impl Answers {
    fn new(organization: OrganizationId) -> Self {
        Self {
            organization,
            current: None,
        }
    }

    /// Adds the next row. Returns the previous response when the row begins a new one.
    fn add(&mut self, stored: StoredAccess) -> Option<Answer> {
        let is_next = |current: &Gathered| current.sequence != stored.sequence;
        let complete = match self.current.as_ref().is_some_and(is_next) {
            true => self.end(),
            false => None,
        };
        let current = self.current.get_or_insert_with(|| Gathered {
            sequence: stored.sequence,
            id: stored.row.id,
            rows: Rows::default(),
            hash: stored.hash.clone(),
        });
        current.rows.add(self.organization, &stored.row);
        if current.hash != stored.hash {
            current.hash.clear();
        }
        complete
    }

    fn end(&mut self) -> Option<Answer> {
        let gathered = self.current.take()?;
        Some(Answer {
            reading: Reading {
                sequence: gathered.sequence,
                id: gathered.id,
                rows: gathered.rows.digest(),
            },
            hash: gathered.hash,
        })
    }
}

/// Verification of a chain, one page at a time.
struct Walk {
    verifier: ChainVerifier,
    /// The head read before the first page.
    head: Option<Head>,
    /// The head saved earlier, by the caller.
    kept: Option<Head>,
    exhausted: bool,
    broken: Option<BrokenChain>,
}

impl Walk {
    fn new(head: Option<Head>, kept: Option<Head>) -> Self {
        Self {
            verifier: ChainVerifier::new(),
            head,
            kept: kept.filter(|head| head.sequence > 0),
            exhausted: false,
            broken: None,
        }
    }

    fn goes_on(&self) -> bool {
        !self.exhausted && self.broken.is_none()
    }

    /// The sequence number of the last valid link.
    fn sequence(&self) -> i64 {
        self.last().sequence
    }

    fn last(&self) -> Head {
        let (sequence, hash) = self.verifier.last().unwrap_or((0, GENESIS));
        Head { sequence, hash }
    }

    fn take(&mut self, page: &[StoredEntry]) {
        self.exhausted = page.is_empty();
        for stored in page {
            self.check(&stored.entry, Some(&stored.previous_hash), &stored.hash);
        }
    }

    /// Checks the next link. Does nothing after a broken one.
    fn check(&mut self, link: &impl Link, previous: Option<&[u8]>, hash: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        if let Err(broken) = self.verifier.next(link, previous, hash) {
            self.broken = Some(broken.into());
            return;
        }
        let last = self.last();
        let differs = |kept: Head| kept.sequence == last.sequence && kept.hash != last.hash;
        if self.kept.is_some_and(differs) {
            self.broken = Some(BrokenChain {
                sequence: last.sequence,
                what: format!(
                    "the log up to here was rewritten: its hash is {}, not the one that was kept",
                    hexadecimal(&last.hash)
                ),
            });
        }
    }

    /// Checks the end of the chain, where rows may be missing or have been added by hand. Other
    /// sessions append during the verification, so the last link must lie between the head read
    /// before it and the head read after it.
    fn end(mut self, head_now: Option<Head>) -> Verification {
        let last = self.last();
        if self.broken.is_none() {
            self.broken = self.broken_at_the_end(head_now);
        }
        Verification {
            entries: last.sequence,
            last_hash: last.hash,
            broken: self.broken,
        }
    }

    fn broken_at_the_end(&self, head_now: Option<Head>) -> Option<BrokenChain> {
        let last = self.last();
        let sequence = last.sequence;
        let broken = |sequence, what| Some(BrokenChain { sequence, what });
        let (Some(before), Some(now)) = (self.head, head_now) else {
            return broken(sequence + 1, "the head of the chain is missing".to_owned());
        };
        if before.sequence > sequence {
            let were = before.sequence;
            return broken(
                sequence + 1,
                format!("rows are missing at the end: there were {were}, {sequence} are left"),
            );
        }
        if now.sequence < sequence {
            let (first, last) = (now.sequence + 1, now.sequence);
            return broken(
                first,
                format!("it was not written by tenantctl: the head of the chain ends at {last}"),
            );
        }
        let is_other = |head: Head| head.sequence == sequence && head.hash != last.hash;
        if is_other(before) || is_other(now) {
            let what = "the last row is not the one that the head of the chain names";
            return broken(sequence, what.to_owned());
        }
        let kept = self.kept.filter(|kept| kept.sequence > sequence)?;
        broken(
            sequence + 1,
            format!(
                "the log was cut off or rewritten: it had {} entries when its head was kept, \
                 {sequence} are left",
                kept.sequence
            ),
        )
    }
}

impl From<Break> for BrokenChain {
    fn from(broken: Break) -> Self {
        Self {
            sequence: match broken.kind {
                BreakKind::Gap { expected } => expected,
                BreakKind::PreviousHash | BreakKind::Hash => broken.sequence,
            },
            what: broken.to_string(),
        }
    }
}
