//! `activity verify`

use clap::Args;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::NamedLog;
use crate::{
    cli::Scope,
    context::App,
    db::organizations::OrganizationFilter,
    domain::hexadecimal,
    error::{Error, ErrorKind, Result},
    output::{Cell, Listing, Page, Record, Style, View},
    services::{
        Session,
        activity::{self, Log, Verification},
        organizations,
    },
};

/// Walk a log's chain of hashes: an entry that was edited, removed, inserted or moved shows.
///
/// Exit code 0: intact. 10: broken; the first entry that does not fit is named. Somebody who owns
/// the tables can write a whole new chain, so keep the number and hash of the last entry elsewhere.
///
/// Examples:
///   tenantctl activity verify --org harbor-clinic
///   tenantctl activity verify --all-organizations -o ndjson     (with the platform's own log)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct VerifyArgs {
    /// The platform's own log.
    #[arg(long, conflicts_with_all = ["org", "all_organizations"], add = Scope::Platform)]
    platform: bool,

    /// The log of every organization, and the platform's own.
    #[arg(long, conflicts_with = "org")]
    all_organizations: bool,
}

impl VerifyArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = app.session().await?;
        if self.all_organizations {
            let verdicts = verify_all(app, &session).await?;
            let judged = judge(&verdicts);
            app.list(Listing::of(verdicts, "no logs")).await?;
            return judged;
        }
        let log = NamedLog::find(app, &session, self.platform).await?;
        let verified = activity::verify(&session, log.log).await?;
        let verdict = Verdict::new(&log, verified);
        app.printer.view(&verdict)?;
        judge(&[verdict])
    }
}

async fn verify_all(app: &App, session: &Session) -> Result<Vec<Verdict>> {
    session.require_operator("verify the activity of every organization")?;
    let mut logs: Vec<NamedLog> = organizations::list(session, OrganizationFilter::default())
        .map_ok(|organization| NamedLog {
            log: Log::Organization(organization.id),
            organization: Some(organization.slug.to_string()),
            zone: Some(organization.time_zone.tz()),
        })
        .try_collect()
        .await?;
    logs.push(NamedLog::PLATFORM);
    let progress = app
        .printer
        .progress("verifying logs", Some(logs.len() as u64));
    let mut verdicts = Vec::with_capacity(logs.len());
    for log in &logs {
        match activity::verify(session, log.log).await {
            Ok(verified) => verdicts.push(Verdict::new(log, verified)),
            // Purged since the list was read: its log went with it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        progress.inc(1);
    }
    Ok(verdicts)
}

/// Exit code 10 where a chain is broken.
fn judge(verdicts: &[Verdict]) -> Result<()> {
    let mut broken = verdicts.iter().filter_map(Verdict::complaint);
    let Some(first) = broken.next() else {
        return Ok(());
    };
    let more = match broken.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Err(
        Error::new(ErrorKind::Finding, format!("{first}{more}")).hint(
            "no command of tenantctl changes entries, so somebody did it with SQL: compare the \
             entries from there on with a backup, and see who has the rights of the tables' owner",
        ),
    )
}

/// What a walk along a chain found.
#[derive(Serialize)]
struct Verdict {
    /// The slug; `None`: the platform's own log.
    organization: Option<String>,
    intact: bool,
    /// How many entries hold, from the first on.
    entries: i64,
    /// The hash of the last one of these, to keep elsewhere.
    last_hash: String,
    broken: Option<Broken>,
}

#[derive(Serialize)]
struct Broken {
    sequence: i64,
    what: String,
}

impl Verdict {
    fn new(log: &NamedLog, verified: Verification) -> Self {
        Self {
            organization: log.organization.clone(),
            intact: verified.broken.is_none(),
            entries: verified.entries,
            last_hash: hexadecimal(&verified.last_hash),
            broken: verified.broken.map(|broken| Broken {
                sequence: broken.sequence,
                what: broken.what,
            }),
        }
    }

    fn whose(&self) -> &str {
        self.organization.as_deref().unwrap_or("the platform")
    }

    fn complaint(&self) -> Option<String> {
        self.broken.as_ref().map(|broken| {
            let (whose, sequence, what) = (self.whose(), broken.sequence, &broken.what);
            format!("the activity log of {whose} is broken at entry {sequence}: {what}")
        })
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
        page.field("Log of", style.bold(self.whose()))
            .field("State", self.state(&style))
            .field("Entries that hold", self.entries)
            .field("Hash of the last", &self.last_hash);
        if let Some(broken) = &self.broken {
            page.field("First broken entry", broken.sequence)
                .field("What is wrong", &broken.what);
        }
    }
}

impl Record for Verdict {
    fn fields() -> &'static [&'static str] {
        &["organization", "intact", "entries", "last_hash", "broken"]
    }

    fn columns() -> &'static [&'static str] {
        &["LOG OF", "STATE", "ENTRIES", "FIRST BROKEN"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let broken = self.broken.as_ref();
        vec![
            style.bold(self.whose()),
            self.state(style),
            self.entries.into(),
            Cell::optional(broken.map(|broken| broken.sequence)),
        ]
    }
}
