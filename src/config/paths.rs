//! Paths of the program's files: the XDG Base Directory Specification, on every system.
//!
//! The directories are computed from [`Environment`] rather than by a library, since libraries read
//! the process environment, which tests could then not control.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::system::Environment;

const APPLICATION: &str = "tenantctl";

/// The variable with the path of the configuration file, which takes precedence over the default
/// path.
pub const CONFIG_VARIABLE: &str = "TENANTCTL_CONFIG";

/// The configuration file: `--config`, `TENANTCTL_CONFIG`, else `tenantctl/config.toml` in the
/// configuration directory. It may be missing.
///
/// # Errors
/// `Failure` if neither a file, `XDG_CONFIG_HOME` nor a home directory is known.
pub fn config_file(flag: Option<&Path>, env: &Environment) -> Result<PathBuf> {
    match named_config_file(flag, env) {
        Some((path, _)) => Ok(path),
        None => Ok(directory(env, "XDG_CONFIG_HOME", ".config")?.join("config.toml")),
    }
}

/// The configuration file given explicitly, and its source.
pub(super) fn named_config_file(
    flag: Option<&Path>,
    env: &Environment,
) -> Option<(PathBuf, &'static str)> {
    flag.map(|path| (path.to_owned(), "--config")).or_else(|| {
        env.path(CONFIG_VARIABLE)
            .map(|path| (path.to_owned(), CONFIG_VARIABLE))
    })
}

/// The state file: `tenantctl/state.toml` in the state directory.
///
/// # Errors
/// `Failure` if neither `XDG_STATE_HOME` nor a home directory is known.
pub fn state_file(env: &Environment) -> Result<PathBuf> {
    Ok(directory(env, "XDG_STATE_HOME", ".local/state")?.join("state.toml"))
}

/// The default directory of the private local PostgreSQL, unless `local.data_dir` is set.
///
/// # Errors
/// `Failure` if neither `XDG_DATA_HOME` nor a home directory is known.
pub fn data_dir(env: &Environment) -> Result<PathBuf> {
    directory(env, "XDG_DATA_HOME", ".local/share")
}

/// Resolves `path` as written in `file`: `~/` is the home directory, and a relative path is
/// relative to the directory of the file, not to the current directory.
pub(super) fn resolve_in(file: &Path, path: &Path, env: &Environment) -> PathBuf {
    if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), env.home()) {
        return home.join(rest);
    }
    match file.parent() {
        Some(directory) => directory.join(path),
        None => path.to_owned(),
    }
}

fn directory(env: &Environment, variable: &str, below_home: &str) -> Result<PathBuf> {
    // "All paths set in these environment variables must be absolute. If an implementation
    // encounters a relative path [...] it should consider the path invalid and ignore it."
    let named = env.path(variable).filter(|path| path.is_absolute());
    let base = match (named, env.home()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(home)) => home.join(below_home),
        (None, None) => {
            return Err(Error::failure(format!(
                "neither {variable} nor HOME is set, so tenantctl has no directory for its files"
            ))
            .hint(format!("export {variable}=/an/absolute/path")));
        }
    };
    Ok(base.join(APPLICATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_below_the_home_directory_by_default() {
        let env = Environment::from_pairs([("HOME", "/home/ada")]);
        assert_eq!(
            config_file(None, &env).unwrap(),
            Path::new("/home/ada/.config/tenantctl/config.toml")
        );
        assert_eq!(
            state_file(&env).unwrap(),
            Path::new("/home/ada/.local/state/tenantctl/state.toml")
        );
        assert_eq!(
            data_dir(&env).unwrap(),
            Path::new("/home/ada/.local/share/tenantctl")
        );
    }

    #[test]
    fn xdg_variables_win_unless_they_are_relative() {
        let env = Environment::from_pairs([
            ("HOME", "/home/ada"),
            ("XDG_STATE_HOME", "/var/state"),
            ("XDG_DATA_HOME", "relative"),
        ]);
        assert_eq!(
            state_file(&env).unwrap(),
            Path::new("/var/state/tenantctl/state.toml")
        );
        assert_eq!(
            data_dir(&env).unwrap(),
            Path::new("/home/ada/.local/share/tenantctl")
        );
    }

    #[test]
    fn the_flag_beats_the_variable() {
        let env = Environment::from_pairs([("TENANTCTL_CONFIG", "/etc/t.toml")]);
        assert_eq!(config_file(None, &env).unwrap(), Path::new("/etc/t.toml"));
        assert_eq!(
            config_file(Some(Path::new("mine.toml")), &env).unwrap(),
            Path::new("mine.toml")
        );
    }

    #[test]
    fn no_home_is_an_error_that_names_the_variable() {
        let error = state_file(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("XDG_STATE_HOME"));
    }

    #[test]
    fn paths_in_a_file_are_relative_to_that_file() {
        let env = Environment::from_pairs([("HOME", "/home/ada")]);
        let file = Path::new("/etc/tenantctl/config.toml");
        let resolve = |path: &str| resolve_in(file, Path::new(path), &env);
        assert_eq!(resolve("db.url"), Path::new("/etc/tenantctl/db.url"));
        assert_eq!(resolve("~/db.url"), Path::new("/home/ada/db.url"));
        assert_eq!(resolve("/run/db.url"), Path::new("/run/db.url"));
    }
}
