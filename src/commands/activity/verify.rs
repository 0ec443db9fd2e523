//! `activity verify`

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde::Serialize;

use super::{
    NamedLog,
    heads::{Chain, KeptHeads},
};
use crate::{
    app::App,
    cli::Scope,
    domain::hexadecimal,
    error::{Error, ErrorKind, Result},
    output::{Cell, Listing, Page, Record, Style, View},
    services::{
        Session,
        activity::{self, Log, Verification},
    },
};

/// Verify the hash chains of the activity log and the access log. Entries that were edited,
/// removed, inserted or moved are detected.
///
/// Exit code 0: intact. 10: broken; the first entry that is not valid is reported. The owner of the
/// tables can write a whole new chain, which only a copy of the heads stored elsewhere reveals:
/// save them with `activity heads`, and compare with `--heads`.
///
/// Examples:
///   tenantctl activity verify --org harbor-clinic
///   tenantctl activity verify --all-organizations -o ndjson     (with the platform's own log)
///   tenantctl activity verify --all-organizations --heads heads-2026-11-01.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct VerifyArgs {
    /// The platform's own log.
    #[arg(long, conflicts_with_all = ["org", "all_organizations"], add = Scope::Platform)]
    platform: bool,

    /// The logs of every organization, and the platform's own.
    #[arg(long, conflicts_with = "org", add = Scope::Platform)]
    all_organizations: bool,

    /// Heads saved earlier by `activity heads -o json`, which the logs must continue.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    heads: Option<PathBuf>,
}

impl VerifyArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let kept = match &self.heads {
            Some(path) => Some(KeptHeads::read(path)?),
            None => None,
        };
        let session = app.session().await?;
        if self.all_organizations {
            let logs = NamedLog::all(&session, "verify the activity of every organization").await?;
            let verdicts = verify_all(app, &session, &logs, kept.as_ref()).await?;
            let judged = judge(&verdicts);
            app.list(Listing::of(verdicts, "no logs")).await?;
            judged?;
            return kept.map_or(Ok(()), |kept| kept.require_all(&logs));
        }
        let log = NamedLog::find(app, &session, self.platform).await?;
        if let Some(kept) = &kept {
            kept.require_some_of(&log)?;
        }
        let verdict = verify(&session, &log, kept.as_ref()).await?;
        app.printer.view(&verdict)?;
        judge(&[verdict])
    }
}

async fn verify(session: &Session, log: &NamedLog, kept: Option<&KeptHeads>) -> Result<Verdict> {
    let head = |chain| kept.and_then(|kept| kept.of(log, chain));
    let activity = activity::verify(session, log.log, head(Chain::Activity)).await?;
    let readings = match log.log {
        Log::Organization(id) => {
            Some(activity::verify_readings(session, id, head(Chain::Access)).await?)
        }
        Log::Platform => None,
    };
    Ok(Verdict::new(log, activity, readings))
}

async fn verify_all(
    app: &App,
    session: &Session,
    logs: &[NamedLog],
    kept: Option<&KeptHeads>,
) -> Result<Vec<Verdict>> {
    let progress = app
        .printer
        .progress("verifying logs", Some(logs.len() as u64));
    let mut verdicts = Vec::with_capacity(logs.len());
    for log in logs {
        match verify(session, log, kept).await {
            Ok(verdict) => verdicts.push(verdict),
            // The organization was purged after the list was read, with its log.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        progress.inc(1);
    }
    Ok(verdicts)
}

/// Returns exit code 10 if a chain is broken.
fn judge(verdicts: &[Verdict]) -> Result<()> {
    let mut broken = verdicts.iter().flat_map(Verdict::complaints);
    let Some(first) = broken.next() else {
        return Ok(());
    };
    let more = match broken.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Err(
        Error::new(ErrorKind::Finding, format!("{first}{more}")).hint(
            "tenantctl never changes entries: compare the entries from there on with a backup, and \
             check which roles can act as the owner of the tables",
        ),
    )
}

/// Result of verifying the chains of a log.
#[derive(Serialize)]
struct Verdict {
    /// The slug; `None` for the platform's own log.
    organization: Option<String>,
    /// `true` if all chains are valid.
    intact: bool,
    /// Number of valid entries of the activity log, counted from the first.
    entries: i64,
    /// The hash of the last valid entry, to be saved elsewhere.
    last_hash: String,
    broken: Option<Broken>,
    /// The chain of the access log; `None` for the platform, which has none.
    access_log: Option<ChainVerdict>,
}

/// Result of verifying the chain of an access log.
#[derive(Serialize)]
struct ChainVerdict {
    intact: bool,
    entries: i64,
    last_hash: String,
    broken: Option<Broken>,
}

#[derive(Serialize)]
struct Broken {
    sequence: i64,
    what: String,
}

impl Broken {
    fn complaint(&self, log: &str, owner: &str) -> String {
        let Self { sequence, what } = self;
        format!("the {log} log of {owner} is broken at entry {sequence}: {what}")
    }
}

impl From<Verification> for ChainVerdict {
    fn from(verified: Verification) -> Self {
        Self {
            intact: verified.broken.is_none(),
            entries: verified.entries,
            last_hash: hexadecimal(&verified.last_hash),
            broken: verified.broken.map(|broken| Broken {
                sequence: broken.sequence,
                what: broken.what,
            }),
        }
    }
}

impl Verdict {
    fn new(log: &NamedLog, activity: Verification, readings: Option<Verification>) -> Self {
        let activity = ChainVerdict::from(activity);
        let access_log = readings.map(ChainVerdict::from);
        Self {
            organization: log.organization.clone(),
            intact: activity.intact && access_log.as_ref().is_none_or(|log| log.intact),
            entries: activity.entries,
            last_hash: activity.last_hash,
            broken: activity.broken,
            access_log,
        }
    }

    fn owner(&self) -> &str {
        self.organization.as_deref().unwrap_or("the platform")
    }

    fn complaints(&self) -> impl Iterator<Item = String> {
        let readings = self.access_log.as_ref();
        let readings = readings.and_then(|log| log.broken.as_ref());
        let of = |broken: Option<&Broken>, log| broken.map(|one| one.complaint(log, self.owner()));
        [of(self.broken.as_ref(), "activity"), of(readings, "access")]
            .into_iter()
            .flatten()
    }

    fn state(&self, style: &Style) -> Cell {
        if self.intact {
            style.ok("intact")
        } else {
            style.bad("broken")
        }
    }
}

impl View for Verdict {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("Log of", style.bold(self.owner()))
            .field("State", self.state(&style))
            .field("Entries that hold", self.entries)
            .field("Hash of the last", &self.last_hash);
        if let Some(broken) = &self.broken {
            page.field("First broken entry", broken.sequence)
                .field("What is wrong", &broken.what);
        }
        let Some(readings) = &self.access_log else {
            return;
        };
        page.field("Answers in the access log that hold", readings.entries)
            .field("Hash of the last", &readings.last_hash);
        if let Some(broken) = &readings.broken {
            page.field("First broken answer", broken.sequence)
                .field("What is wrong", &broken.what);
        }
    }
}

impl Record for Verdict {
    fn fields() -> &'static [&'static str] {
        &[
            "organization",
            "intact",
            "entries",
            "last_hash",
            "broken",
            "access_log",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["LOG OF", "STATE", "ACTIVITY", "READINGS", "FIRST BROKEN"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let readings = self.access_log.as_ref();
        let broken = match (&self.broken, readings.and_then(|log| log.broken.as_ref())) {
            (Some(broken), _) => Some(format!("activity {}", broken.sequence)),
            (None, Some(broken)) => Some(format!("readings {}", broken.sequence)),
            (None, None) => None,
        };
        vec![
            style.bold(self.owner()),
            self.state(style),
            self.entries.into(),
            Cell::optional(readings.map(|log| log.entries)),
            Cell::optional(broken),
        ]
    }
}
