//! The links file: who was invited, and the link that lets each of them in. It holds secrets.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::Joining;
use crate::{
    domain::{Email, InvitationToken, Role, Slug, invitation},
    error::{Error, Result},
};

/// A links file that is being written, under a name of its own beside the one that it gets when the
/// import is committed. Dropped before, it goes.
pub(super) struct Links {
    path: PathBuf,
    /// The name that it has so far.
    partial: PathBuf,
    csv: csv::Writer<File>,
    template: String,
    count: u64,
    /// What it tells of may be committed: it stays, whatever becomes of us.
    is_held: bool,
}

impl Links {
    /// Begins the file that is asked for; `None`: none is. Nobody else may read it.
    ///
    /// # Errors
    /// `Conflict` where there is such a file, `Failure` where it cannot be written.
    pub(super) fn create(joining: &Joining, import: Uuid) -> Result<Option<Self>> {
        let Some(path) = &joining.links_file else {
            return Ok(None);
        };
        require_new(path)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{import}.part"));
        let partial = path.with_file_name(name);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600);
        let file = opened
            .open(&partial)
            .map_err(|error| cannot_write(path, error))?;
        let mut links = Self {
            path: path.clone(),
            partial,
            csv: csv::Writer::from_writer(file),
            template: joining.link_template.clone(),
            count: 0,
            is_held: false,
        };
        let header = ["organization", "email", "role", "link", "expires_at"];
        links.record(&header)?;
        Ok(Some(links))
    }

    /// Adds the link of somebody who was invited.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn write(
        &mut self,
        organization: &Slug,
        email: &Email,
        role: Role,
        token: &InvitationToken,
        expires_at: DateTime<Utc>,
    ) -> Result<()> {
        self.count += 1;
        let link = invitation::link(&self.template, token)?;
        let expires_at = expires_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        self.record(&[
            organization.as_str(),
            email.as_str(),
            role.as_str(),
            &link,
            &expires_at,
        ])
    }

    fn record(&mut self, cells: &[&str]) -> Result<()> {
        let written = self.csv.write_record(cells);
        written.map_err(|error| cannot_write(&self.path, io::Error::other(error)))
    }

    /// Puts everything on the disk, before the invitations are committed. From here on the file stays
    /// even where it is not known whether they were.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub(super) fn hold(&mut self) -> Result<()> {
        let synced = self
            .csv
            .flush()
            .and_then(|()| self.csv.get_ref().sync_all())
            .and_then(|()| sync_folder(&self.path));
        synced.map_err(|error| cannot_write(&self.path, error))?;
        self.is_held = self.count > 0;
        Ok(())
    }

    /// Gives the file its name, now that the invitations are committed, and tells it. Where another
    /// file came to have that name meanwhile, ours keeps its own: its links are to be had nowhere
    /// else. `None`: nobody was invited, and there is no file.
    pub(super) fn publish(self) -> Option<PathBuf> {
        if self.count == 0 {
            return None;
        }
        // Unlike a renaming, a second name takes none away.
        if fs::hard_link(&self.partial, &self.path).is_err() {
            return Some(self.partial.clone());
        }
        // Both names are the same file: one too many does no harm.
        let _ = fs::remove_file(&self.partial);
        let _ = sync_folder(&self.path);
        Some(self.path.clone())
    }

    /// Tells where the links are, in case that the invitations of a commit that failed are there.
    pub(super) fn told_of(&self, error: Error) -> Error {
        if !self.is_held {
            return error;
        }
        error.hint(format!(
            "where the invitations were committed all the same, their links are in {}",
            self.partial.display()
        ))
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        if !self.is_held {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Refuses a name that something has: links that were written earlier may be in it.
///
/// # Errors
/// `Conflict`.
pub fn require_new(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "there is a file {} already: links are not written over another",
        path.display()
    ))
    .hint("choose another with --links-file PATH"))
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::failure(format!("cannot write the links file {}", path.display()))
        .because(error)
        .hint("choose another with --links-file PATH")
}
