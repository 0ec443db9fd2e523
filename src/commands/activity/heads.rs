//! `activity heads`, and the file in which heads are saved.

use std::{fs::File, io::Read as _, path::Path};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::NamedLog;
use crate::{
    app::App,
    cli::Scope,
    domain::{
        OrganizationId,
        chain::{GENESIS, Head},
        hexadecimal,
    },
    error::{Context, Error, ErrorKind, Result},
    hint::Hint,
    output::{Cell, Listing, Record, Style},
    run,
    services::{
        Session,
        activity::{self, Log},
    },
};

/// Maximum size of a file of heads, in bytes: some hundred thousand organizations.
const MOST: u64 = 64 * 1024 * 1024;

/// Show the heads of the hash chains: the number of entries of each log, and the hash of the last.
///
/// The owner of the tables can write a whole new chain, which is valid in itself. Save the heads
/// where the owner has no access, and compare with `activity verify --heads FILE`.
///
/// Examples:
///   tenantctl activity heads --org harbor-clinic
///   tenantctl activity heads --all-organizations -o json > heads.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct HeadsArgs {
    /// The platform's own log.
    #[arg(long, conflicts_with_all = ["org", "all_organizations"], add = Scope::Platform)]
    platform: bool,

    /// The logs of every organization, and the platform's own.
    #[arg(long, conflicts_with = "org", add = Scope::Platform)]
    all_organizations: bool,
}

impl HeadsArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<HeadRecord>> {
        let session = app.session().await?;
        let logs = if self.all_organizations {
            NamedLog::all(&session, "read the heads of every organization").await?
        } else {
            vec![NamedLog::find(app, &session, self.platform).await?]
        };
        let mut heads = Vec::with_capacity(2 * logs.len());
        for log in &logs {
            match heads_of(&session, log).await {
                Ok(found) => heads.extend(found),
                // The organization was purged after the list was read, with its logs.
                Err(error) if error.kind() == ErrorKind::NotFound && self.all_organizations => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Listing::of(heads, "no logs"))
    }
}

async fn heads_of(session: &Session, log: &NamedLog) -> Result<Vec<HeadRecord>> {
    let head = activity::head(session, log.log).await?;
    let mut heads = vec![HeadRecord::new(log, Chain::Activity, head)?];
    if let Log::Organization(id) = log.log {
        let head = activity::head_of_readings(session, id).await?;
        heads.push(HeadRecord::new(log, Chain::Access, head)?);
    }
    Ok(heads)
}

/// A chain of an organization.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Chain {
    Activity,
    Access,
}

impl Chain {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Access => "access",
        }
    }
}

/// The head of a chain, as printed and as read from a file.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct HeadRecord {
    /// The slug; `None` for the platform.
    organization: Option<String>,
    organization_id: Option<OrganizationId>,
    log: Chain,
    entries: i64,
    /// In hexadecimal digits; zeros without an entry.
    hash: String,
}

impl HeadRecord {
    fn new(log: &NamedLog, chain: Chain, head: Option<Head>) -> Result<Self> {
        let owner = log.owner();
        let head = head.ok_or_else(|| {
            let log = chain.as_str();
            Error::new(
                ErrorKind::Finding,
                format!("{log} log of {owner}: the head of its chain is missing"),
            )
            .hint("tenantctl never removes it: check which roles can change the tables with SQL")
        })?;
        Ok(Self {
            organization: log.organization.clone(),
            organization_id: log.organization_id(),
            log: chain,
            entries: head.sequence,
            hash: hexadecimal(&head.hash),
        })
    }

    fn head(&self) -> Option<Head> {
        let hash = hash_of(&self.hash)?;
        let is_whole = self.entries > 0 || (self.entries == 0 && hash == GENESIS);
        is_whole.then_some(Head {
            sequence: self.entries,
            hash,
        })
    }

    fn owner(&self) -> &str {
        self.organization.as_deref().unwrap_or("the platform")
    }
}

fn hash_of(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(hash)
}

impl Record for HeadRecord {
    fn fields() -> &'static [&'static str] {
        &["organization", "organization_id", "log", "entries", "hash"]
    }

    fn columns() -> &'static [&'static str] {
        &["ORGANIZATION", "LOG", "ENTRIES", "HASH"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(self.owner()),
            self.log.as_str().into(),
            self.entries.into(),
            self.hash.as_str().into(),
        ]
    }
}

fn save_heads(what: &str) -> Hint {
    run!["activity", "heads", "--all-organizations", "-o", "json"].labeled(what)
}

/// Heads that were saved earlier.
pub(super) struct KeptHeads(Vec<(HeadRecord, Head)>);

impl KeptHeads {
    /// Reads the output of `activity heads -o json` or `-o ndjson`.
    ///
    /// # Errors
    /// `BadInput` if the file contains something else.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).context(format!("cannot read {shown}"))?;
        let mut text = String::new();
        file.take(MOST + 1)
            .read_to_string(&mut text)
            .context(format!("cannot read {shown}"))?;
        let wrong = |what: String| {
            Error::bad_input(format!("{shown}: {what}")).hint(save_heads("save heads"))
        };
        if text.len() as u64 > MOST {
            return Err(wrong("the file is too large".to_owned()));
        }
        let records: Vec<HeadRecord> = if text.trim_start().starts_with('[') {
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
        } else {
            let lines = serde_json::Deserializer::from_str(&text).into_iter();
            lines
                .collect::<Result<_, _>>()
                .map_err(|error| wrong(error.to_string()))?
        };
        if records.is_empty() {
            return Err(wrong("there are no heads in it".to_owned()));
        }
        let heads = records.into_iter().map(|record| match record.head() {
            Some(head) => Ok((record, head)),
            None => {
                let owner = record.owner();
                Err(wrong(format!("the head of {owner} is not a valid head")))
            }
        });
        Ok(Self(heads.collect::<Result<_>>()?))
    }

    /// Returns the saved head of a chain.
    pub(super) fn of(&self, log: &NamedLog, chain: Chain) -> Option<Head> {
        let id = log.organization_id();
        let is_it = |record: &HeadRecord| record.organization_id == id && record.log == chain;
        let found = self.0.iter().find(|(record, _)| is_it(record));
        found.map(|(_, head)| *head)
    }

    /// Rejects a file without a head for the log: nothing would be compared.
    ///
    /// # Errors
    /// `NotFound` without a head.
    pub(super) fn require_some_of(&self, log: &NamedLog) -> Result<()> {
        if self.of(log, Chain::Activity).is_some() || self.of(log, Chain::Access).is_some() {
            return Ok(());
        }
        let owner = log.owner();
        Err(Error::not_found(format!(
            "the file has no head of {owner}: nothing was compared"
        ))
        .hint(save_heads("save heads")))
    }

    /// Reports heads of logs that no longer exist.
    ///
    /// # Errors
    /// `Finding` if there are any.
    pub(super) fn require_all(&self, logs: &[NamedLog]) -> Result<()> {
        let is_there = |record: &HeadRecord| {
            let mut ids = logs.iter().map(NamedLog::organization_id);
            ids.any(|id| id == record.organization_id)
        };
        let gone = self.0.iter().find(|(record, _)| !is_there(record));
        let Some((record, _)) = gone else {
            return Ok(());
        };
        let owner = record.owner();
        Err(Error::new(
            ErrorKind::Finding,
            format!("organization {owner} has heads in the file but is not in the database"),
        )
        .hint(
            run!["activity", "list", "--platform"].labeled("check the platform's log for a purge"),
        )
        .hint(save_heads("then save new heads")))
    }
}
