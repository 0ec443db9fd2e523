//! The server programs: found on this machine, or downloaded.

use super::account::Account;
use super::binaries::{Binaries, Search};
use crate::error::{Error, Result};

/// Returns the programs that `search` finds; if it finds none and no folder was named, a
/// downloaded build.
///
/// # Errors
/// `Unavailable` with the searched folders, the reason why nothing was downloaded, and instructions
/// to install the programs.
pub(super) async fn obtain(
    search: Search,
    account: &Account,
    progress: &dyn Fn(&str),
) -> Result<Binaries> {
    match search.run(account).await {
        Ok(found) => Ok(found),
        Err(missing) if search.bindir.is_some() => Err(missing),
        Err(missing) => download(search, account, missing, progress).await,
    }
}

#[cfg(feature = "download")]
async fn download(
    search: Search,
    account: &Account,
    missing: Error,
    progress: &dyn Fn(&str),
) -> Result<Binaries> {
    let major = search.major.unwrap_or(super::binaries::DEFAULT_MAJOR);
    progress(&format!(
        "PostgreSQL server programs not found on this machine; looking for a portable PostgreSQL {major}"
    ));
    match super::download::fetch(&search.downloads, major, progress).await {
        Ok(folder) => {
            let downloaded = Search {
                bindir: Some(folder),
                ..search
            };
            downloaded.run(account).await
        }
        Err(error) => Err(missing.because(error)),
    }
}

#[cfg(not(feature = "download"))]
async fn download(
    _search: Search,
    _account: &Account,
    missing: Error,
    _progress: &dyn Fn(&str),
) -> Result<Binaries> {
    Err(missing)
}
