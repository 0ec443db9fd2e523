//! The links file: the invited users, with the link of each. It contains secrets.

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

/// A links file that is being written. It is renamed to its final name when the import is
/// committed, and deleted if it is dropped before that.
pub(super) struct Links {
    path: PathBuf,
    csv: csv::Writer<Growing>,
    template: String,
    count: u64,
    /// `true` if the invitations may be committed: the file is then kept in any case.
    is_held: bool,
}

impl Links {
    /// Creates the links file; `None` if none is requested.
    ///
    /// # Errors
    /// `Conflict` if the file exists; `Failure` if it cannot be written.
    pub(super) fn create(
        joining: &Joining,
        import: Uuid,
        existing: Existing,
    ) -> Result<Option<Self>> {
        let Some(path) = &joining.links_file else {
            return Ok(None);
        };
        let file = Growing::begin(path, import, existing)
            .map_err(|error| error.hint("use --links-file to choose another path"))?;
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

    /// Adds the link of an invited user.
    ///
    /// # Errors
    /// `Failure` if it cannot be written.
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

    /// Syncs the file to disk before the invitations are committed. From then on the file is kept,
    /// even if the outcome of the commit is unknown.
    ///
    /// # Errors
    /// `Failure` if it cannot be written.
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

    /// Renames the file to its final name after the commit, and returns its path. If another file
    /// with that name was created in the meantime, the file keeps its temporary name, because the
    /// links are stored nowhere else. `None` without invitations: there is no file then.
    pub(super) fn publish(self) -> Option<PathBuf> {
        if self.count == 0 {
            return None;
        }
        let file = self.csv.get_ref();
        let _kept_as_it_is = file.publish();
        Some(file.name().to_owned())
    }

    /// Adds the path of the links to the error of a commit that may have succeeded.
    pub(super) fn told_of(&self, error: Error) -> Error {
        if !self.is_held {
            return error;
        }
        error.hint(format!(
            "if the invitations were committed, their links are in {}",
            self.csv.get_ref().name().display()
        ))
    }
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::failure(format!("could not write the links file {}", path.display()))
        .because(error)
        .hint("use --links-file to choose another path")
}
