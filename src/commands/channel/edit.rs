//! `channel edit`

use std::{fs, path::PathBuf};

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::complete,
    db::channels::StoredChannel,
    domain::{ChannelConfiguration, ChannelKind, Organization},
    error::{Error, ErrorKind, Result},
    output::{Printer, editor},
    run,
    services::{
        Session,
        channels::{self, ChannelChange},
    },
};

/// Edit a channel's configuration in your editor, as a commented TOML document.
///
/// Shows the difference and prompts before it saves. After a mistake, the document is opened again
/// with the error at the top. If the text cannot be saved (because of a mistake, a change by
/// another session or a lost connection), it is kept in a file, with a message that names the file.
///
/// The editor is `editor` of the configuration or TENANTCTL_EDITOR, then VISUAL, then EDITOR.
///
/// Examples:
///   tenantctl channel edit web
///   EDITOR='code --wait' tenantctl channel edit twilio_realtime --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct EditArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

const SUFFIX: &str = ".toml";

impl EditArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let kind = self.kind;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, before) = channels::before_edit(&session, organization.id, kind).await?;
        let command = app.config()?.editor.clone().unwrap_or_default();
        let edited = editor::edit(
            before.configuration.to_document(),
            SUFFIX,
            command,
            move |text| ChannelConfiguration::from_document(kind, text),
            app.printer.prompter(),
        )
        .await?;
        let edit = Edit {
            session: &session,
            organization: &organization,
            before: &before,
        };
        match edited {
            Some((text, after)) if after != before.configuration => {
                edit.save_or_keep(app, &text, after).await
            }
            // The same text, or the same values with other comments.
            _ => Ok(edit.unchanged()),
        }
    }
}

/// An edit based on `before`.
struct Edit<'a> {
    session: &'a Session,
    organization: &'a Organization,
    before: &'a StoredChannel,
}

impl Edit<'_> {
    /// Saves the configuration. The text is kept in a file if that fails.
    async fn save_or_keep(
        &self,
        app: &App,
        text: &str,
        after: ChannelConfiguration,
    ) -> Result<ChangedView> {
        let kept = KeptText::new(app, text)?;
        match self.save(app, after).await {
            Ok(view) if app.global.dry_run => Ok(view),
            Ok(view) => {
                kept.discard();
                Ok(view)
            }
            Err(error) => Err(self.with_way_on(app, error, &kept).await),
        }
    }

    /// Adds the ways to save the text to the error.
    async fn with_way_on(&self, app: &App, error: Error, kept: &KeptText) -> Error {
        let (kind, slug) = (self.before.configuration.kind, &self.organization.slug);
        let path = kept.path.to_string_lossy();
        let save = run!["channel", "set", kind, "--from-file", path, "--org", slug];
        if error.kind() != ErrorKind::Conflict {
            return error.hint(save.labeled("save it as it is"));
        }
        match self.changed_meanwhile().await {
            Some(now) => {
                app.printer.note("changes by the other session:");
                app.printer.diff(
                    &self.before.configuration.to_document(),
                    &now.configuration.to_document(),
                );
                Error::conflict(format!(
                    "channel {kind} of {slug} was changed by another session in the meantime; \
                     your changes were not saved"
                ))
                .hint(
                    run!["channel", "edit", kind, "--org", slug].labeled(format!(
                        "edit the current version, and copy your changes from {path}"
                    )),
                )
                .hint(format!(
                    "overwrite the other changes with your text: {save}"
                ))
            }
            None => error.hint(format!("save it as it is: {save}")),
        }
    }

    /// Returns the current channel if it has changed since the edit began.
    async fn changed_meanwhile(&self) -> Option<StoredChannel> {
        let kind = self.before.configuration.kind;
        let read = channels::before_edit(self.session, self.organization.id, kind).await;
        let (_, now) = read.ok()?;
        (now.version != self.before.version).then_some(now)
    }

    fn unchanged(&self) -> ChangedView {
        let change = ChannelChange {
            organization: self.organization.clone(),
            before: self.before.clone(),
            after: self.before.clone(),
            // The database was not queried, and a text without changes claims nothing.
            claims: Vec::new(),
        };
        ChangedView::new(change, "updated")
    }

    async fn save(&self, app: &App, after: ChannelConfiguration) -> Result<ChangedView> {
        let before = &self.before.configuration;
        app.printer
            .diff(&before.to_document(), &after.to_document());
        let agreed = app.global.yes || app.global.dry_run;
        let question = format!(
            "Save channel {} of {}?",
            before.kind, self.organization.slug
        );
        let _confirmed = app.printer.prompter().confirm(&question, "--yes", agreed)?;
        let change = channels::change(
            self.session,
            self.organization.id,
            before.kind,
            Some(self.before.version),
            |_, _| Ok(after),
        )
        .await?;
        Ok(ChangedView::new(change, "updated"))
    }
}

/// The edited text in a file, until it is saved. If saving fails or is interrupted by Ctrl-C, a
/// warning names the file.
struct KeptText {
    printer: Printer,
    path: PathBuf,
    discarded: bool,
}

impl KeptText {
    fn new(app: &App, text: &str) -> Result<Self> {
        Ok(Self {
            printer: app.printer.clone(),
            path: editor::keep(text, SUFFIX)?,
            discarded: false,
        })
    }

    fn discard(mut self) {
        // If the file cannot be removed, the warning is shown.
        self.discarded = fs::remove_file(&self.path).is_ok();
    }
}

impl Drop for KeptText {
    fn drop(&mut self) {
        if !self.discarded {
            let path = self.path.display();
            self.printer.warn(format!("your text is kept in {path}"));
        }
    }
}
