//! From driver errors to errors for a person. Messages of the server are kept; its DETAIL is
//! not, because it quotes the values of rows.

use std::io;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

use crate::error::{Error, ErrorKind, Result};
use crate::{hint::Hint, run};

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        of_driver(error).of_database()
    }
}

fn of_driver(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(ref database) => from_server(
            database
                .try_downcast_ref::<PgDatabaseError>()
                .map_or("XX000", PgDatabaseError::code),
            database.message(),
        ),
        sqlx::Error::Io(source) => Error::unavailable("the connection to the database was lost")
            .because(source)
            .hint("nothing of the last transaction was kept; run the command again"),
        sqlx::Error::Tls(source) => Error::unavailable("no secure connection to the database")
            .because(source)
            .hint("`sslmode` in the database URL says how much security is asked for"),
        sqlx::Error::Protocol(text) => {
            Error::unavailable(format!("the connection to the database broke: {text}"))
                .hint("nothing of the last transaction was kept; run the command again")
        }
        other => Error::failure("the database answered in an unexpected way")
            .because(other)
            .hint(run!["doctor"].labeled("check the server and the schema")),
    }
}

/// SQLSTATE classes: PostgreSQL manual, appendix A.
fn from_server(code: &str, message: &str) -> Error {
    match code {
        "28P01" | "28000" => Error::unavailable(format!(
            "the database refused the login: {message}"
        ))
        .hint(run!["config", "show"].labeled("check user and password; see where the URL comes from")),
        "3D000" => Error::unavailable(message.to_owned())
            .hint("create it with `createdb`, or name another in the database URL"),
        "42P01" | "42883" | "3F000" => {
            Error::unavailable(format!("the schema is not there: {message}"))
                .hint(run!["db", "migrate"].labeled("run"))
        }
        "42501" => Error::refused(format!("the database refused: {message}"))
            .hint(run!["doctor"].labeled("list the rights that the connecting role needs")),
        "40001" | "40P01" => {
            Error::conflict(format!("another transaction was in the way: {message}"))
                .hint("nothing of the last transaction was kept; run the command again")
        }
        "55P03" => Error::conflict(format!("a lock was not to be had: {message}"))
            .hint("nothing of the last transaction was kept; run the command again"),
        "57014" => Error::failure(format!("the statement was cancelled: {message}"))
            .hint("raise `statement_timeout_seconds` in the [database] section"),
        "25006" => Error::unavailable(format!("this server takes no changes: {message}"))
            .hint("it is a standby, or in read-only mode; connect to the primary"),
        "25P03" => Error::unavailable(message.to_owned())
            .hint("the transaction was idle for too long, and nothing of it was kept; run the command again"),
        _ if is_of_pooling(code, message) => Error::unavailable(format!(
            "a connection pooler came between two messages of one session: {message}"
        ))
        .hint("set `pooled = true` in the profile or in [database], or leave it out to have a pooler recognized")
        .hint("nothing of the last transaction was kept; run the command again"),
        "08P01" if message.contains("startup parameter") => Error::unavailable(format!(
            "a connection pooler refused the session: {message}"
        ))
        .hint("leave `options` out of the database URL and of PGOPTIONS; with `pooled = false` in the configuration, leave that out too"),
        "08P01" if message.contains("query_wait_timeout") => Error::unavailable(format!(
            "the connection pooler had no connection free in time: {message}"
        ))
        .hint("raise `default_pool_size` or `query_wait_timeout` of the pooler")
        .hint("nothing of the last transaction was kept; run the command again"),
        _ if code.starts_with("57P") || code.starts_with("53") || code.starts_with("08") => {
            Error::unavailable(message.to_owned())
                .hint("nothing of the last transaction was kept; run the command again")
        }
        _ => Error::failure(format!("the database refused: {message} (SQLSTATE {code})"))
            .hint(run!["doctor"].labeled("check the server, the role and the schema")),
    }
}

/// Whether the server lost a prepared statement, or had another of its name: it was prepared in
/// another session, which a pooler alone can bring about.
fn is_of_pooling(code: &str, message: &str) -> bool {
    match code {
        // duplicate_prepared_statement, invalid_sql_statement_name
        "42P05" | "26000" => true,
        "08P01" => message.contains("prepared statement"),
        _ => false,
    }
}

/// The error of a connection attempt, with the address it was made to.
pub(super) fn connect_failed(options: &PgConnectOptions, error: sqlx::Error) -> Error {
    let address = address(options);
    match error {
        sqlx::Error::Io(source) => {
            let hints = unreachable(options, &source);
            let error = Error::unavailable(format!("cannot reach the database at {address}"));
            hints.into_iter().fold(error.because(source), Error::hint)
        }
        other => {
            let error = Error::from(other);
            if error.kind() == ErrorKind::Unavailable {
                error
            } else {
                Error::unavailable(format!("cannot connect to the database at {address}"))
                    .because(error)
            }
        }
    }
}

/// What to do where the server did not even answer.
fn unreachable(options: &PgConnectOptions, error: &io::Error) -> Vec<Hint> {
    use io::ErrorKind;
    let host = options.get_host();
    let private = run!["local", "start"].labeled("a private server of your own");
    match (options.get_socket(), error.kind()) {
        (Some(folder), ErrorKind::PermissionDenied) => vec![
            format!(
                "the socket in {} is another account's: run tenantctl as that account, or name a \
                 server that is yours",
                folder.display()
            )
            .into(),
            private,
        ],
        (Some(_), _) => vec![
            "is the server running, and is that its socket folder and port?".into(),
            private,
        ],
        (None, ErrorKind::ConnectionRefused) if is_loopback(host) => vec![
            format!(
                "is the server running, and does it listen on port {}?",
                options.get_port()
            )
            .into(),
            private,
        ],
        (None, ErrorKind::ConnectionRefused) => vec![
            format!(
                "{host} answers, and nothing listens on port {}: check the port, and \
                 listen_addresses of the server",
                options.get_port()
            )
            .into(),
        ],
        (
            None,
            ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof,
        ) => vec![format!("check the network and the firewalls between here and {host}").into()],
        // The errors of the resolver have no kind of their own.
        (None, _) => vec![
            format!("is {host} spelled rightly, and known to this network's name server?").into(),
            run!["config", "show"].labeled("see where the URL comes from"),
        ],
    }
}

/// Whether the host of a URL is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Host and port, or socket folder, without user or password.
pub(super) fn address(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => format!("{} (port {})", folder.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Whether `error` is a violation of the unique constraint or index of that name.
pub fn is_unique_violation(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|database| {
        database.is_unique_violation() && database.constraint() == Some(constraint)
    })
}

/// Reads back what we stored ourselves. A value that breaks a rule of `domain` was written by
/// somebody else, and is told rather than guessed at.
///
/// # Errors
/// `Failure` that names the column.
pub fn stored<T, E: Into<Error>>(column: &str, parsed: std::result::Result<T, E>) -> Result<T> {
    parsed.map_err(|error| {
        Error::failure(format!(
            "the database holds a value in {column} that cannot be read"
        ))
        .because(error.into())
        .hint("was the row written by hand? compare it with docs/ARCHITECTURE.md")
    })
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn hints(url: &str, kind: io::ErrorKind) -> String {
        let options = PgConnectOptions::from_str(url).unwrap();
        let error = connect_failed(&options, sqlx::Error::Io(kind.into()));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        error
            .hints()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_hint_fits_the_way_in_which_a_server_is_not_reached() {
        use io::ErrorKind::{ConnectionRefused, NotFound, Other, PermissionDenied, TimedOut};
        let socket = "postgres://ops@localhost/app?host=/run/other";
        let far = "postgres://ops@db.example.com/app";
        for (url, kind, part) in [
            (socket, PermissionDenied, "another account's"),
            (socket, NotFound, "tenantctl local start"),
            (
                "postgres://ops@127.0.0.1/app",
                ConnectionRefused,
                "tenantctl local start",
            ),
            (far, ConnectionRefused, "listen_addresses"),
            (far, Other, "spelled rightly"),
            (far, TimedOut, "firewalls"),
        ] {
            let hints = hints(url, kind);
            assert!(hints.contains(part), "{url} {kind}: {hints}");
        }
        assert!(!hints(far, ConnectionRefused).contains("local start"));
    }
}
