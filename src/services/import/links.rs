//! The links file: who was invited, and the link that lets each of them in. It holds secrets.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::Joining;
use crate::{
    domain::{Email, InvitationToken, Role, Slug, invitation},
    error::{Error, Result},
    files::{Existing, Growing},
};

/// A links file that is being written. It gets its name when the import is committed; dropped before,
/// it goes.
pub(super) struct Links {
    path: PathBuf,
    csv: csv::Writer<Growing>,
    template: String,
    count: u64,
    /// What it names may be committed: it stays, whatever becomes of the process.
    is_held: bool,
}

impl Links {
    /// Begins the file that is asked for; `None`: none is.
    ///
    /// # Errors
    /// `Conflict` where there is such a file, `Failure` where it cannot be written.
    pub(super) fn create(
        joining: &Joining,
        import: Uuid,
        existing: Existing,
    ) -> Result<Option<Self>> {
        let Some(path) = &joining.links_file else {
            return Ok(None);
        };
        let file = Growing::begin(path, import, existing)
            .map_err(|error| error.hint("or name another with --links-file PATH"))?;
        let mut links = Self {
            path: path.clone(),
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
        self.csv
            .flush()
            .map_err(|error| cannot_write(&self.path, error))?;
        self.is_held = self.count > 0;
        match self.is_held {
            true => self.csv.get_ref().hold(),
            false => Ok(()),
        }
    }

    /// Gives the file its name, now that the invitations are committed, and returns it. Where another
    /// file came to have that name meanwhile, this one keeps the name it has: its links are nowhere
    /// else. `None`: there are no invitations, and no file.
    pub(super) fn publish(self) -> Option<PathBuf> {
        if self.count == 0 {
            return None;
        }
        let file = self.csv.get_ref();
        let _kept_as_it_is = file.publish();
        Some(file.name().to_owned())
    }

    /// Says where the links are, in case that the invitations of a commit that failed exist.
    pub(super) fn told_of(&self, error: Error) -> Error {
        if !self.is_held {
            return error;
        }
        error.hint(format!(
            "if the invitations were committed nevertheless, their links are in {}",
            self.csv.get_ref().name().display()
        ))
    }
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::failure(format!("cannot write the links file {}", path.display()))
        .because(error)
        .hint("choose another with --links-file PATH")
}
