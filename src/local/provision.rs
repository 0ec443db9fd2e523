//! The role and the database that the tool uses in its private cluster, and the password of the
//! loopback listener.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::{DATABASE, LOOPBACK, ROLE, SUPERUSER};
use crate::error::{Context, Error, Result};
use crate::files::{self, Existing, Readers};
use crate::run;
use crate::system::random_secret;

/// Time that a server may refuse connections after a start or during recovery.
const PATIENCE: Duration = Duration::from_secs(60);

const RETRY: Duration = Duration::from_millis(50);

/// Creates or resets a role without superuser rights. The password is a bound value and not part of
/// a statement, so that no log can contain it.
const ROLE_STATEMENT: &str = "
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tenantctl') THEN
        CREATE ROLE tenantctl;
    END IF;
    EXECUTE format(
        'ALTER ROLE tenantctl LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD %L',
        current_setting('tenantctl.password'));
END $$";

/// Creates the role, the database and the password file if missing, through the socket in
/// `socket_dir`; returns the server's version. Can be repeated.
pub(super) async fn provision(socket_dir: &Path, port: u16, pgpass: &Path) -> Result<String> {
    let mut connection = connect(socket_dir, port).await?;
    let result = provision_with(&mut connection, port, pgpass)
        .await
        .context("cannot set up the local PostgreSQL");
    connection.close().await.ok();
    result
}

async fn provision_with(
    connection: &mut PgConnection,
    port: u16,
    pgpass: &Path,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let password = match read_password(pgpass)? {
        Some(password) => password,
        None => make_password()?,
    };
    write_password(pgpass, port, &password)?;
    set_role(connection, &password).await?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut *connection)
            .await?;
    if !exists {
        sqlx::raw_sql("CREATE DATABASE tenantctl OWNER tenantctl TEMPLATE template0")
            .execute(&mut *connection)
            .await?;
    }
    // The database is used only by tenantctl: its owner stages imports in temporary tables, and no
    // other role needs any.
    sqlx::raw_sql("REVOKE TEMPORARY ON DATABASE tenantctl FROM PUBLIC")
        .execute(&mut *connection)
        .await?;
    Ok(
        sqlx::query_scalar("SELECT split_part(current_setting('server_version'), ' ', 1)")
            .fetch_one(connection)
            .await?,
    )
}

async fn connect(socket_dir: &Path, port: u16) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(port)
        .username(SUPERUSER)
        .database("postgres")
        .application_name("tenantctl")
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    let begun = Instant::now();
    loop {
        match PgConnection::connect_with(&options).await {
            Ok(connection) => return Ok(connection),
            Err(error) if is_passing(&error) && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => {
                return Err(Error::unavailable(format!(
                    "the local PostgreSQL does not respond on its socket in {}",
                    socket_dir.display()
                ))
                .hint(run!["local", "status"])
                .because(error));
            }
        }
    }
}

/// Reports whether the error is temporary: the server is starting or shutting down.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // cannot_connect_now
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

/// Generates 256 random bits, in letters that need no quoting in a password file.
fn make_password() -> Result<SecretString> {
    Ok(URL_SAFE_NO_PAD.encode(random_secret()?).into())
}

async fn set_role(
    connection: &mut PgConnection,
    password: &SecretString,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT set_config('tenantctl.password', $1, true)")
        .bind(password.expose_secret())
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(ROLE_STATEMENT)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Reads the password from a file in libpq's format (PostgreSQL manual, "The Password File").
fn read_password(pgpass: &Path) -> std::io::Result<Option<SecretString>> {
    match fs::read_to_string(pgpass) {
        Ok(text) => Ok(text
            .lines()
            .next()
            .and_then(|line| line.rsplit(':').next())
            .map(str::trim)
            .filter(|password| !password.is_empty())
            .map(SecretString::from)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_password(pgpass: &Path, port: u16, password: &SecretString) -> Result<()> {
    let line = format!("{LOOPBACK}:{port}:*:{ROLE}:{}\n", password.expose_secret());
    files::write(pgpass, line.as_bytes(), Existing::Replace, Readers::Owner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_password_file_is_private_and_keeps_the_password() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pgpass");
        assert!(read_password(&path).unwrap().is_none());
        write_password(&path, 5433, &"5ecret".to_owned().into()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let read = read_password(&path).unwrap().unwrap();
        assert_eq!(read.expose_secret(), "5ecret");

        write_password(&path, 5434, &read).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "127.0.0.1:5434:*:tenantctl:5ecret\n");
    }

    #[test]
    fn a_damaged_password_file_counts_as_missing() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pgpass");
        for text in ["", "127.0.0.1:5433:*:tenantctl:\n"] {
            fs::write(&path, text).unwrap();
            assert!(read_password(&path).unwrap().is_none(), "{text:?}");
        }
    }
}
