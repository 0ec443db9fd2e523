//! `db reseal`

use clap::Args;
use futures_util::TryStreamExt as _;
use serde::Serialize;

use crate::{
    app::App,
    error::{Error, ErrorKind, Result},
    output::{Page, View},
    run,
    services::{
        organizations,
        reseal::{self, Unopened},
    },
};

/// Reseal stored secrets with the current key, so that a former key can be removed.
///
/// Stored secrets are the active secrets of webhook endpoints, and the links that wait to be
/// mailed. The first of the secret keys seals; the others only open. To change keys while servers
/// run:
///   1. add the new key after the former one, and restart every server: all can open with it;
///   2. move it to the front, and restart every server: all seal with it;
///   3. run this command; a quarter of an hour later, when the last web chat session signed with
///      the former key has expired, remove that key. Older backups still need it.
///
/// Each organization is a separate transaction; a further run continues with the remaining ones.
/// Exit code 1 if a value cannot be opened. It is not changed.
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
        app.require_operator("reseal secrets")?;
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
                // The organization was purged after the list was read, with its secrets.
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
    /// Secrets of webhook endpoints that were resealed.
    secrets: u64,
    /// Links of messages in the outbox that were resealed.
    links: u64,
    /// Values that were sealed with the current key already.
    current: u64,
    /// Values that no key can open.
    unopened: Vec<UnopenedLine>,
}

#[derive(Serialize)]
struct UnopenedLine {
    organization: String,
    what: &'static str,
    /// The id of the endpoint or the message.
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
            .hint("if one of the secret keys is missing, add it after the others and run the command again")
            .hint(run!["webhook", "endpoint", "rotate", "ID"].labeled("otherwise rotate the secret of the endpoint"))
            .hint(run!["invite", "resend", "EMAIL"].labeled("and resend the invitation")))
    }
}

impl View for ResealedView {
    fn human(&self, page: &mut Page) {
        page.field("Secrets of endpoints", self.secrets)
            .field("Links to be mailed", self.links)
            .field("Already current", self.current);
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
            (0, 0) => "nothing to do: all secrets are sealed with the current key".to_owned(),
            (0, _) => "nothing was resealed".to_owned(),
            (1, _) => "sealed 1 secret with the current key".to_owned(),
            (count, _) => format!("sealed {count} secrets with the current key"),
        })
    }
}
