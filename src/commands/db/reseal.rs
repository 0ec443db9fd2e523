//! `db reseal`

use clap::Args;
use futures_util::TryStreamExt as _;
use serde::Serialize;

use crate::{
    context::App,
    error::{Error, ErrorKind, Result},
    output::{Page, View},
    run,
    services::{
        organizations,
        reseal::{self, Unopened},
    },
};

/// Seal stored secrets with the key in use, so that a former key can be let go.
///
/// These are the secrets of webhook endpoints that are in use, and the links that wait to be mailed.
/// The first of the secret keys seals; the others only open what they sealed. To change keys while
/// servers run:
///   1. put a new key behind the former one, and restart every server: now all can open;
///   2. put it in front, and restart every server again: now all seal with it;
///   3. run this, and a quarter of an hour later, when the last session of the web chat that the
///      former key signed is over, take that one out. A backup from before needs it still.
///
/// Each organization is one transaction; run again, it goes on with those that are left. Exit code 1
/// where something cannot be opened: it is left as it is.
///
/// Examples:
///   (umask 077; printf '%s,%s\n' "$(cat keys)" "$(tenantctl config new-key)" > keys.new)
///   tenantctl db reseal --dry-run
///   tenantctl db reseal
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ResealArgs {}

impl ResealArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        app.require_operator("seal secrets anew")?;
        let keys = app.sealing_keys()?;
        let session = app.session().await?;
        let organizations: Vec<_> = organizations::list(&session, Default::default())
            .try_collect()
            .await?;
        let count = organizations.len() as u64;
        let progress = app.printer.progress("sealing secrets", Some(count));
        let mut view = ResealedView::default();
        for organization in &organizations {
            match reseal::reseal(&session, organization.id, &keys).await {
                Ok(resealed) => {
                    view.secrets += resealed.secrets;
                    view.links += resealed.links;
                    view.current += resealed.current;
                    let slug = organization.slug.as_str();
                    let lines = resealed.unopened.iter();
                    view.unopened
                        .extend(lines.map(|one| UnopenedLine::new(slug, one)));
                }
                // Purged since the list was read: its secrets went with it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            progress.inc(1);
        }
        drop(progress);
        let verdict = view.verdict();
        app.show(view).await?;
        verdict
    }
}

#[derive(Default, Serialize)]
struct ResealedView {
    /// Secrets of webhook endpoints that were sealed anew.
    secrets: u64,
    /// Links that wait to be mailed and were sealed anew.
    links: u64,
    /// What was sealed with the key in use already.
    current: u64,
    /// What no key opens.
    unopened: Vec<UnopenedLine>,
}

#[derive(Serialize)]
struct UnopenedLine {
    organization: String,
    what: &'static str,
    /// Of the endpoint or the message.
    id: String,
    reason: String,
}

impl UnopenedLine {
    fn new(organization: &str, one: &Unopened) -> Self {
        Self {
            organization: organization.to_owned(),
            what: one.what,
            id: one.id.to_string(),
            reason: one.error.to_string(),
        }
    }
}

impl ResealedView {
    fn verdict(&self) -> Result<()> {
        let count = self.unopened.len();
        if count == 0 {
            return Ok(());
        }
        let what = match count {
            1 => "1 stored secret cannot be opened".to_owned(),
            _ => format!("{count} stored secrets cannot be opened"),
        };
        Err(Error::failure(what)
            .hint("if a key is missing among the secret keys: add it behind the others, and run this again")
            .hint(run!["webhook", "endpoint", "rotate", "ID"].labeled("otherwise give the endpoint another secret"))
            .hint(run!["invite", "resend", "EMAIL"].labeled("and the message another link")))
    }
}

impl View for ResealedView {
    fn human(&self, page: &mut Page) {
        page.field("Secrets of endpoints", self.secrets)
            .field("Links to be mailed", self.links)
            .field("Sealed so before", self.current);
        if !self.unopened.is_empty() {
            page.heading("Cannot be opened");
            for one in &self.unopened {
                let UnopenedLine {
                    organization,
                    what,
                    id,
                    reason,
                } = one;
                page.line(format!("{organization}: {what}, {id}: {reason}"));
            }
        }
    }

    fn summary(&self) -> Option<String> {
        Some(match (self.secrets + self.links, self.unopened.len()) {
            (0, 0) => "nothing to do: all is sealed with the key in use".to_owned(),
            (0, _) => "nothing was resealed".to_owned(),
            (1, _) => "sealed 1 secret with the key in use".to_owned(),
            (count, _) => format!("sealed {count} secrets with the key in use"),
        })
    }
}
