//! The configuration files of the server.

use std::fmt::Write as _;
use std::path::Path;

use super::LOOPBACK;

/// Settings that differ between a cluster that keeps data and one for tests.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// `true` if a commit must survive a crash of the machine.
    pub(super) durable: bool,
    /// `true` to listen on a loopback port in addition to the Unix socket.
    pub(super) tcp: bool,
    pub(super) max_connections: u16,
    /// Names and values of additional settings.
    pub(super) further: Vec<(String, String)>,
}

impl Settings {
    /// Returns the server's main configuration file.
    ///
    /// It is used in place of the data directory's `postgresql.conf`, which it includes, so that
    /// nothing is written into a folder owned by another account. `ALTER SYSTEM` still overrides
    /// it.
    pub(super) fn server_conf(
        &self,
        data: &Path,
        hba: &Path,
        socket_dir: &Path,
        port: u16,
    ) -> String {
        let listen = if self.tcp { LOOPBACK } else { "" };
        let mut text = format!(
            "# Written by tenantctl at each start: change it with ALTER SYSTEM.\n\
             include = {}\n\
             hba_file = {}\n\
             unix_socket_directories = {}\n\
             port = {port}\n\
             listen_addresses = '{listen}'\n\
             max_connections = {}\n\
             password_encryption = 'scram-sha-256'\n\
             cluster_name = 'tenantctl'\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n\
             log_destination = 'stderr'\n\
             logging_collector = off\n\
             log_line_prefix = '%m [%p] %q%u@%d '\n",
            quoted(&data.join("postgresql.conf")),
            quoted(hba),
            quoted(socket_dir),
            self.max_connections,
        );
        if !self.durable {
            // PostgreSQL manual, section "Non-Durable Settings".
            for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
                let _ = writeln!(text, "{setting} = off");
            }
        }
        for (name, value) in &self.further {
            let _ = writeln!(text, "{name} = {}", string(value));
        }
        text
    }
}

/// Access rules (PostgreSQL manual, "The pg_hba.conf File").
pub(super) const HBA: &str = "\
# Written by tenantctl at each start.
# Only the cluster's owner can enter the folder of the socket.
local all all trust
host all all 127.0.0.1/32 scram-sha-256
";

/// Quotes a path as a string of a configuration file.
fn quoted(path: &Path) -> String {
    string(&path.to_string_lossy())
}

/// Quotes a string of a configuration file (PostgreSQL manual, 20.1.2), where a backslash is an
/// escape.
fn string(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(durable: bool, tcp: bool) -> String {
        let settings = Settings {
            durable,
            tcp,
            max_connections: 50,
            further: vec![("application_name".to_owned(), r"it's a \".to_owned())],
        };
        settings.server_conf(
            Path::new("/srv/it's/data"),
            Path::new("/srv/pg_hba.conf"),
            Path::new("/srv/run"),
            5433,
        )
    }

    #[test]
    fn only_a_test_cluster_gives_up_durability() {
        assert!(!conf(true, true).contains("fsync"));
        assert!(conf(false, true).contains("fsync = off"));
    }

    #[test]
    fn the_listener_is_loopback_or_nothing() {
        assert!(conf(true, true).contains("listen_addresses = '127.0.0.1'"));
        assert!(conf(true, false).contains("listen_addresses = ''"));
    }

    #[test]
    fn further_settings_are_strings() {
        let expected = r"application_name = 'it''s a \\'";
        assert!(conf(true, true).contains(expected));
    }

    #[test]
    fn quotes_in_a_path_are_doubled() {
        assert!(conf(true, true).contains("include = '/srv/it''s/data/postgresql.conf'"));
    }
}
