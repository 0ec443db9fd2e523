//! Converts driver errors to user-facing errors. Messages of the server are kept; its DETAIL is
//! not, because it quotes values of rows.

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
        sqlx::Error::Io(source) => Error::unavailable("lost the connection to the database")
            .because(source)
            .hint("the last transaction was rolled back; run the command again"),
        sqlx::Error::Tls(source) => Error::unavailable("no secure connection to the database")
            .because(source)
            .hint("check `sslmode` in the database URL"),
        sqlx::Error::Protocol(text) => {
            Error::unavailable(format!("the connection to the database broke: {text}"))
                .hint("the last transaction was rolled back; run the command again")
        }
        other => Error::failure("unexpected response from the database")
            .because(other)
            .hint(run!["doctor"].labeled("check the server and the schema")),
    }
}

/// SQLSTATE classes: PostgreSQL manual, appendix A.
fn from_server(code: &str, message: &str) -> Error {
    match code {
        "28P01" | "28000" => Error::unavailable(format!(
            "the database rejected the login: {message}"
        ))
        .hint(run!["config", "show"].labeled("check user and password; see where the URL comes from")),
        "3D000" => Error::unavailable(message.to_owned())
            .hint("create it with `createdb`, or use another in the database URL"),
        "42P01" | "42883" | "3F000" => {
            Error::unavailable(format!("the schema is missing or incomplete: {message}"))
                .hint(run!["db", "migrate"].labeled("run"))
        }
        "42501" => Error::refused(format!("insufficient privilege: {message}"))
            .hint(run!["doctor"].labeled("list the privileges that the connecting role needs")),
        "40001" | "40P01" => {
            Error::conflict(format!("conflict with another transaction: {message}"))
                .hint("the last transaction was rolled back; run the command again")
        }
        "55P03" => Error::conflict(format!("could not acquire a lock: {message}"))
            .hint("the last transaction was rolled back; run the command again"),
        "57014" => Error::failure(format!("the statement was canceled: {message}"))
            .hint("increase `statement_timeout_seconds` in the [database] section"),
        "25006" => Error::unavailable(format!("the server is read-only: {message}"))
            .hint("it is a standby, or in read-only mode; connect to the primary"),
        "25P03" => Error::unavailable(message.to_owned())
            .hint("the transaction was idle for too long and was rolled back; run the command again"),
        _ if is_of_pooling(code, message) => Error::unavailable(format!(
            "a connection pooler switched sessions within a session: {message}"
        ))
        .hint("set `pooled = true` in the profile or in [database], or omit it to detect a pooler automatically")
        .hint("the last transaction was rolled back; run the command again"),
        "08P01" if message.contains("startup parameter") => Error::unavailable(format!(
            "a connection pooler rejected the session: {message}"
        ))
        .hint("remove `options` from the database URL and from PGOPTIONS; also remove `pooled = false` from the configuration, if set"),
        "08P01" if message.contains("query_wait_timeout") => Error::unavailable(format!(
            "the connection pooler had no free connection in time: {message}"
        ))
        .hint("increase `default_pool_size` or `query_wait_timeout` of the pooler")
        .hint("the last transaction was rolled back; run the command again"),
        _ if code.starts_with("57P") || code.starts_with("53") || code.starts_with("08") => {
            Error::unavailable(message.to_owned())
                .hint("the last transaction was rolled back; run the command again")
        }
        _ => Error::failure(format!("database error: {message} (SQLSTATE {code})"))
            .hint(run!["doctor"].labeled("check the server, the role and the schema")),
    }
}

/// Reports whether the server has lost a prepared statement, or has another one of its name: it was
/// prepared in another session, which only a pooler can cause.
fn is_of_pooling(code: &str, message: &str) -> bool {
    match code {
        // duplicate_prepared_statement, invalid_sql_statement_name
        "42P05" | "26000" => true,
        "08P01" => message.contains("prepared statement"),
        _ => false,
    }
}

/// Returns the error of a connection attempt, with its address.
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

/// Returns the hints for a server that did not respond.
fn unreachable(options: &PgConnectOptions, error: &io::Error) -> Vec<Hint> {
    use io::ErrorKind;
    let host = options.get_host();
    let private = run!["local", "start"].labeled("start a private local server");
    match (options.get_socket(), error.kind()) {
        (Some(folder), ErrorKind::PermissionDenied) => vec![
            format!(
                "the socket in {} belongs to another account: run tenantctl as that account, or use a \
                 server of your own",
                folder.display()
            )
            .into(),
            private,
        ],
        (Some(_), _) => vec![
            "check that the server is running, and check its socket folder and port".into(),
            private,
        ],
        (None, ErrorKind::ConnectionRefused) if is_loopback(host) => vec![
            format!(
                "check that the server is running and listens on port {}",
                options.get_port()
            )
            .into(),
            private,
        ],
        (None, ErrorKind::ConnectionRefused) => vec![
            format!(
                "{host} responds, but nothing listens on port {}: check the port, and \
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
        ) => vec![format!("check the network and the firewalls between this machine and {host}").into()],
        // Errors of the resolver have no dedicated kind.
        (None, _) => vec![
            format!("check the spelling of {host}, and that this network's DNS can resolve it").into(),
            run!["config", "show"].labeled("see where the URL comes from"),
        ],
    }
}

/// Reports whether the host of a URL is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Returns host and port, or the socket folder, without user and password.
pub(super) fn address(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => format!("{} (port {})", folder.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Reports whether `error` is a violation of the unique constraint or index of that name.
pub fn is_unique_violation(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|database| {
        database.is_unique_violation() && database.constraint() == Some(constraint)
    })
}

/// Parses a stored value. A value that violates a rule of `domain` was written by another program;
/// it is reported rather than interpreted.
///
/// # Errors
/// `Failure` with the name of the column.
pub fn stored<T, E: Into<Error>>(column: &str, parsed: std::result::Result<T, E>) -> Result<T> {
    parsed.map_err(|error| {
        Error::failure(format!("{column}: invalid value in the database"))
            .because(error.into())
            .hint("the row may have been edited by hand; compare it with docs/ARCHITECTURE.md")
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
            (socket, PermissionDenied, "another account"),
            (socket, NotFound, "tenantctl local start"),
            (
                "postgres://ops@127.0.0.1/app",
                ConnectionRefused,
                "tenantctl local start",
            ),
            (far, ConnectionRefused, "listen_addresses"),
            (far, Other, "the spelling"),
            (far, TimedOut, "firewalls"),
        ] {
            let hints = hints(url, kind);
            assert!(hints.contains(part), "{url} {kind}: {hints}");
        }
        assert!(!hints(far, ConnectionRefused).contains("local start"));
    }
}
