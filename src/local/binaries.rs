//! Locating the PostgreSQL server programs on this machine.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::OLDEST_MAJOR;
use super::account::Account;
use crate::error::{Error, Result};

/// Programs that a cluster requires.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Install locations of the usual packages, with one `*` for the version.
const USUAL_FOLDERS: [&str; 8] = [
    // Debian, Ubuntu
    "/usr/lib/postgresql/*/bin",
    // Red Hat and Fedora: the packages of postgresql.org, then the distribution's own
    "/usr/pgsql-*/bin",
    "/usr/bin",
    // Homebrew on Apple silicon, on Intel and on Linux
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    // Postgres.app
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    // built from source
    "/usr/local/pgsql/bin",
];

/// A version of PostgreSQL.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = ();

    /// Reads what `postgres --version` prints: `postgres (PostgreSQL) 15.14 (Debian 15.14-0)`.
    /// A pre-release (`18beta1`) has minor version 0.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (_, rest) = text.split_once("(PostgreSQL)").ok_or(())?;
        let number = rest.split_whitespace().next().ok_or(())?;
        let (major, rest) = leading_number(number).ok_or(())?;
        let minor = rest
            .strip_prefix('.')
            .and_then(leading_number)
            .map_or(0, |(minor, _)| minor);
        Ok(Self { major, minor })
    }
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A folder of server programs that run on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: Version,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Search locations and the required version.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// Folder named by the user; no other is searched.
    pub(super) bindir: Option<PathBuf>,
    /// The value of `PATH`.
    pub(super) path: Option<OsString>,
    /// Folder of the downloaded builds.
    pub(super) downloads: PathBuf,
    /// The major version of an existing data directory, which no other version can run.
    pub(super) major: Option<u32>,
}

/// A folder that was checked and rejected, with the reason.
#[derive(Debug)]
struct Rejected {
    folder: PathBuf,
    reason: String,
}

impl Search {
    /// Returns the newest usable programs, run as `account`; the error lists the searched folders.
    pub(super) async fn run(&self, account: &Account) -> Result<Binaries> {
        let mut rejected = Vec::new();
        let mut best: Option<Binaries> = None;
        for folder in self.folders(account).await {
            match self.examine(&folder, account).await {
                Ok(found)
                    if best
                        .as_ref()
                        .is_none_or(|best| found.version > best.version) =>
                {
                    best = Some(found);
                }
                Ok(_) => {}
                Err(reason) => rejected.push(Rejected { folder, reason }),
            }
        }
        best.ok_or_else(|| self.not_found(&rejected))
    }

    async fn folders(&self, account: &Account) -> Vec<PathBuf> {
        if let Some(bindir) = &self.bindir {
            return vec![bindir.clone()];
        }
        let mut folders: Vec<PathBuf> = Vec::new();
        if let Some(path) = &self.path {
            folders.extend(std::env::split_paths(path).filter(|folder| folder.is_absolute()));
            folders.extend(self.asked_of_pg_config(&folders, account).await);
        }
        for pattern in USUAL_FOLDERS {
            folders.extend(expand(Path::new(pattern)));
        }
        folders.extend(expand(&self.downloads.join("*/bin")));
        folders.retain(|folder| folder.join("postgres").exists());
        without_repetitions(folders)
    }

    /// Returns the output of `pg_config --bindir`, for the first `pg_config` in `PATH`.
    async fn asked_of_pg_config(&self, path: &[PathBuf], account: &Account) -> Option<PathBuf> {
        let program = path
            .iter()
            .map(|folder| folder.join("pg_config"))
            .find(|program| is_executable(program))?;
        let output = account
            .command(program, self.path.as_deref())
            .arg("--bindir")
            .output()
            .await
            .ok()?;
        let folder = output.stdout.trim_ascii();
        (output.status.success() && folder.starts_with(b"/"))
            .then(|| PathBuf::from(std::ffi::OsStr::from_bytes(folder)))
    }

    /// Returns the programs in `folder`, or the reason why they cannot be used.
    async fn examine(&self, folder: &Path, account: &Account) -> Result<Binaries, String> {
        for name in PROGRAMS {
            if !is_executable(&folder.join(name)) {
                return Err(format!("no executable {name}"));
            }
        }
        let output = account
            .command(folder.join("postgres"), self.path.as_deref())
            .arg("--version")
            .output()
            .await
            .map_err(|error| format!("cannot run postgres --version: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version: Version = text
            .parse()
            .map_err(|()| format!("postgres --version printed {:?}", text.trim()))?;
        match self.major {
            Some(major) if version.major != major => Err(format!(
                "version {version}, but the data was created by version {major}"
            )),
            None if version.major < OLDEST_MAJOR => {
                Err(format!("version {version} is older than {OLDEST_MAJOR}"))
            }
            _ => Ok(Binaries {
                folder: folder.to_owned(),
                version,
            }),
        }
    }

    fn not_found(&self, rejected: &[Rejected]) -> Error {
        let wanted = match self.major {
            Some(major) => format!("version {major}, which created the existing data"),
            None => format!("version {OLDEST_MAJOR} or later"),
        };
        let mut message = match &self.bindir {
            Some(bindir) => format!(
                "the folder {} has no usable PostgreSQL server programs (required: {wanted})",
                bindir.display()
            ),
            None => format!(
                "PostgreSQL server programs not found (required: {wanted}); searched PATH, pg_config --bindir, and {}",
                USUAL_FOLDERS.join(", ")
            ),
        };
        for Rejected { folder, reason } in rejected {
            message.push_str(&format!("; {}: {reason}", folder.display()));
        }
        let error = Error::unavailable(message);
        if self.bindir.is_some() {
            return error.hint(
                "set TENANTCTL_PG_BINDIR or [local] bindir to the folder with initdb, pg_ctl and postgres, or unset it",
            );
        }
        let major = self
            .major
            .map_or(String::new(), |major| format!("-{major}"));
        error
            .hint(format!("Debian, Ubuntu: apt-get install postgresql{major}"))
            .hint("Fedora, Red Hat: dnf install postgresql-server")
            .hint(format!(
                "macOS: brew install postgresql@{}",
                self.major.unwrap_or(DEFAULT_MAJOR)
            ))
            .hint("or set the folder of initdb, pg_ctl and postgres: export TENANTCTL_PG_BINDIR=/path/to/bin")
    }
}

/// The version to suggest or download if no data exists yet.
pub(super) const DEFAULT_MAJOR: u32 = 17;

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Expands a path with at most one `*` to the existing folders, in a stable order.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    for component in pattern {
        folders = folders
            .into_iter()
            .flat_map(
                |folder| match component.to_str().and_then(|text| text.split_once('*')) {
                    Some((before, after)) => children(&folder, before, after),
                    None => vec![folder.join(component)],
                },
            )
            .collect();
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

fn children(folder: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let mut children: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok())
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.as_bytes();
            name.starts_with(before.as_bytes()) && name.ends_with(after.as_bytes())
        })
        .map(|entry| entry.path())
        .collect();
    children.sort();
    children
}

/// Returns the first of each group of paths that lead to the same folder.
fn without_repetitions(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    folders
        .into_iter()
        .filter(|folder| fs::canonicalize(folder).is_ok_and(|real| seen.insert(real)))
        .collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A folder of fake PostgreSQL versions, that every account can reach.
    struct Machine(TempDir);

    impl Machine {
        fn new() -> Self {
            let temp = tempfile::tempdir_in("/tmp").unwrap();
            fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
            Self(temp)
        }

        fn install(&self, name: &str, version: &str) -> PathBuf {
            let folder = self.0.path().join(name).join("bin");
            fs::create_dir_all(&folder).unwrap();
            for program in PROGRAMS {
                script(
                    &folder.join(program),
                    &format!("echo '{program} (PostgreSQL) {version}'"),
                );
            }
            folder
        }

        /// A search that covers this machine's folders, but not the real versions in them.
        fn search(&self, path: &[&PathBuf]) -> Search {
            Search {
                bindir: None,
                path: Some(std::env::join_paths(path).unwrap()),
                downloads: self.0.path().join("downloads"),
                major: None,
            }
        }
    }

    /// Written by a child process: a file that this process has open for writing could be inherited
    /// by the child of another test and then fail to run ("Text file busy").
    fn script(path: &Path, body: &str) {
        let status = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1""#,
                "sh",
            ])
            .arg(path)
            .arg(body)
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn account() -> Account {
        Account::for_server(Path::new("/nonexistent")).unwrap()
    }

    #[test]
    fn versions_are_read_from_what_the_server_prints() {
        let version = |text: &str| text.parse::<Version>().map(|it| (it.major, it.minor));
        assert_eq!(
            version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Ok((15, 14))
        );
        assert_eq!(version("postgres (PostgreSQL) 18beta1"), Ok((18, 0)));
        assert_eq!(version("postgres (PostgreSQL) 9.6.24"), Ok((9, 6)));
        assert_eq!(version("postgres (EnterpriseDB) 15.1"), Err(()));
        assert_eq!(version(""), Err(()));
    }

    #[test]
    fn ten_is_newer_than_nine() {
        let new: Version = "(PostgreSQL) 17.10".parse().unwrap();
        let old: Version = "(PostgreSQL) 17.9".parse().unwrap();
        assert!(new > old);
    }

    #[tokio::test]
    async fn the_newest_wins_wherever_it_stands_in_path() {
        let machine = Machine::new();
        let old = machine.install("old", "98.4");
        let new = machine.install("new", "99.1");
        let found = machine.search(&[&new, &old]).run(&account()).await.unwrap();
        assert_eq!(found.folder, new);
        let found = machine.search(&[&old, &new]).run(&account()).await.unwrap();
        assert_eq!(found.folder, new);
        assert_eq!(found.version.to_string(), "99.1");
    }

    #[tokio::test]
    async fn a_folder_named_by_the_user_is_the_only_one_looked_at() {
        let machine = Machine::new();
        let named = machine.install("named", "15.1");
        let newer = machine.install("newer", "99.1");
        let mut search = machine.search(&[&newer]);
        search.bindir = Some(named.clone());
        assert_eq!(search.run(&account()).await.unwrap().folder, named);

        search.bindir = Some(machine.0.path().join("missing"));
        let error = search.run(&account()).await.unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Unavailable);
        assert!(
            error.to_string().contains("no executable initdb"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_is_too_old_or_incomplete_is_said_to_be() {
        let machine = Machine::new();
        let mut search = machine.search(&[]);
        search.bindir = Some(machine.install("old", "14.9"));
        let error = search.run(&account()).await.unwrap_err();
        assert!(
            error.to_string().contains("14.9 is older than 15"),
            "{error}"
        );

        let client_only = machine.install("client", "99.1");
        fs::remove_file(client_only.join("initdb")).unwrap();
        search.bindir = Some(client_only);
        let error = search.run(&account()).await.unwrap_err();
        assert!(
            error.to_string().contains("no executable initdb"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn existing_data_needs_its_own_major_version() {
        let machine = Machine::new();
        let own = machine.install("own", "97.2");
        let newer = machine.install("newer", "99.1");
        let mut search = machine.search(&[&newer, &own]);
        search.major = Some(97);
        assert_eq!(search.run(&account()).await.unwrap().folder, own);

        search.major = Some(96);
        let error = search.run(&account()).await.unwrap_err();
        assert!(
            error.to_string().contains("version 96, which created"),
            "{error}"
        );
        assert!(error.to_string().contains("99.1"), "{error}");
        assert!(!error.hints().is_empty());
    }

    #[tokio::test]
    async fn pg_config_in_path_is_asked() {
        let machine = Machine::new();
        let folder = machine.install("elsewhere", "99.3");
        let path = machine.0.path().join("tools");
        fs::create_dir(&path).unwrap();
        script(
            &path.join("pg_config"),
            &format!("echo {}", folder.display()),
        );
        let found = machine.search(&[&path]).run(&account()).await.unwrap();
        assert_eq!(found.folder, folder);
    }

    #[tokio::test]
    async fn an_earlier_download_is_found() {
        let machine = Machine::new();
        let folder = machine.install("downloads/99.4.0", "99.4");
        let found = machine.search(&[]).run(&account()).await.unwrap();
        assert_eq!(found.folder, folder);
    }

    #[test]
    fn a_star_stands_for_a_part_of_one_name() {
        let machine = Machine::new();
        for name in ["pgsql-15", "pgsql-16", "other-17"] {
            machine.install(name, "99.1");
        }
        let found = expand(&machine.0.path().join("pgsql-*/bin"));
        let expected = ["pgsql-15", "pgsql-16"].map(|name| machine.0.path().join(name).join("bin"));
        assert_eq!(found, expected);
    }
}
