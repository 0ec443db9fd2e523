//! Checks of the database server and the connecting role.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::report::{Area, Check};
use crate::{
    config::Endpoint,
    db::{
        Database,
        health::{Health, Lack, Rights},
        is_loopback,
    },
    local::OLDEST_MAJOR,
    run,
};

const AREA: Area = Area::Database;

/// Maximum clock skew. Invitations expire by the local clock, sessions by the server's.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(5);

/// Checks that the server version is supported.
pub(super) fn version(health: &Health) -> Check {
    const NAME: &str = "server_version";
    let major = health.rights.server_version / 10_000;
    let server = &health.server;
    if u32::try_from(major).is_ok_and(|major| major >= OLDEST_MAJOR) {
        return Check::ok(NAME, AREA, format!("PostgreSQL {server}"));
    }
    Check::failed(
        NAME,
        AREA,
        format!("PostgreSQL {server} is too old (requires {OLDEST_MAJOR} or later)"),
    )
    .remedy(format!(
        "upgrade the server to PostgreSQL {OLDEST_MAJOR} or later"
    ))
}

/// Checks that the server accepts writes.
pub(super) fn writable(health: &Health) -> Check {
    const NAME: &str = "server_role";
    if health.in_recovery {
        return Check::failed(NAME, AREA, "the server is a read-only standby")
            .remedy("use the primary in the database URL");
    }
    Check::ok(NAME, AREA, "the server is a primary")
}

/// Checks that the two clocks agree; `asked` is the local time when the server reported its own.
pub(super) fn clock(health: &Health, asked: DateTime<Utc>) -> Check {
    const NAME: &str = "clock";
    let skew = health.server_time - asked;
    if skew.abs() <= MOST_SKEW {
        return Check::ok(NAME, AREA, "in sync with the server");
    }
    let seconds = skew.num_seconds().abs();
    let direction = match skew < TimeDelta::zero() {
        true => "behind",
        false => "ahead of",
    };
    Check::warning(
        NAME,
        AREA,
        format!("the server's clock is {seconds} seconds {direction} this machine's"),
    )
    .remedy("synchronize both clocks (NTP): invitations expire too early or too late")
}

/// Reports whether a connection pooler is in use.
pub(super) fn pooler(db: &Database) -> Check {
    const NAME: &str = "pooler";
    let message = match db.is_pooled() {
        false => "none: connected directly to the server",
        true => {
            "connected through a pooler: tenantctl keeps no session state; `serve` polls for \
             changes every second instead of listening for them; an audit needs a direct \
             connection to the server"
        }
    };
    Check::ok(NAME, AREA, message)
}

/// Checks that the connection is encrypted.
pub(super) fn encryption(health: &Health, url: &SecretString, is_pooled: bool) -> Check {
    const NAME: &str = "encryption";
    if is_pooled && health.encrypted {
        return Check::ok(
            NAME,
            AREA,
            "the pooler's connection to the server uses TLS; sslmode in the database URL applies to \
             the connection to the pooler",
        );
    }
    if health.encrypted {
        return Check::ok(NAME, AREA, "the connection uses TLS");
    }
    if health.unix_socket {
        return Check::ok(NAME, AREA, "not needed: the connection uses a Unix socket");
    }
    if Endpoint::parse(url).is_ok_and(|endpoint| is_loopback(&endpoint.host)) {
        return Check::ok(
            NAME,
            AREA,
            "not needed: the connection stays on this machine",
        );
    }
    Check::warning(NAME, AREA, "the network connection does not use TLS").remedy(
        "enable ssl on the server, and add sslmode=verify-full (or require) to the database URL",
    )
}

/// Checks that the role can migrate. Missing privileges are only a warning if the database is up to
/// date.
pub(super) fn rights(rights: &Rights, migrated: bool) -> Check {
    const NAME: &str = "rights";
    let role = &rights.role;
    let lacking = rights.lacking();
    if lacking.is_empty() {
        return Check::ok(
            NAME,
            AREA,
            format!("{role} has the privileges for `db migrate`"),
        );
    }
    let what = joined(&lacking, |lack| &lack.what, "; ");
    let remedy = format!(
        "as an administrator: {}",
        joined(&lacking, |lack| &lack.remedy, " ")
    );
    let message = format!("{role} lacks privileges for `db migrate`: {what}");
    if migrated {
        Check::warning(
            NAME,
            AREA,
            format!("{message}; this database is up to date"),
        )
        .remedy(remedy)
    } else {
        Check::failed(NAME, AREA, message).remedy(remedy)
    }
}

fn joined(lacking: &[Lack], part: impl Fn(&Lack) -> &String, separator: &str) -> String {
    let parts: Vec<&str> = lacking.iter().map(|lack| part(lack).as_str()).collect();
    parts.join(separator)
}

/// Checks that row-level security applies to the role outside a tenant's transaction.
pub(super) fn role_flags(rights: &Rights) -> Check {
    const NAME: &str = "role_flags";
    let role = &rights.role;
    let flag = match (rights.superuser, rights.bypass_rls) {
        (true, _) => "SUPERUSER",
        (false, true) => "BYPASSRLS",
        (false, false) => {
            return Check::ok(NAME, AREA, format!("row-level security applies to {role}"));
        }
    };
    Check::warning(
        NAME,
        AREA,
        format!(
            "{role} has {flag}, so row-level security does not apply to it; tenantctl switches to \
             tenant_app to access tenant data, other programs with this URL do not"
        ),
    )
    .remedy(
        run!["db", "migrate", "--help"]
            .labeled(format!(
                "connect as a role without {flag}; see the required privileges"
            ))
            .then("; use an auditor role for audit probes: ")
            .then(run!["audit", "role"]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn a_server_before_15_fails() {
        let mut old = Health::sample();
        assert_eq!(version(&old).state, State::Ok);
        old.rights.server_version = 140_012;
        assert_eq!(version(&old).state, State::Failed);
    }

    #[test]
    fn clocks_may_differ_by_five_seconds_either_way() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        for seconds in [-5, 0, 5] {
            assert_eq!(clock(&Health::sample(), at(seconds)).state, State::Ok);
        }
        let late = clock(&Health::sample(), at(90));
        assert_eq!(late.state, State::Warning);
        assert!(
            late.message.contains("90 seconds behind"),
            "{}",
            late.message
        );
        let early = clock(&Health::sample(), at(-6));
        assert!(
            early.message.contains("6 seconds ahead"),
            "{}",
            early.message
        );
    }

    #[test]
    fn only_a_connection_over_the_network_needs_tls() {
        let state = |url: &str| encryption(&Health::sample(), &url.into(), false).state;
        assert_eq!(state("postgres://ops@db.example.com/app"), State::Warning);
        for local in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(state(&format!("postgres://ops@{local}/app")), State::Ok);
        }
        let mut encrypted = Health::sample();
        encrypted.encrypted = true;
        let url = "postgres://ops@db.example.com/app".into();
        assert_eq!(encryption(&encrypted, &url, false).state, State::Ok);
    }

    #[test]
    fn missing_rights_matter_less_once_migrated() {
        let mut weak = Health::sample().rights;
        weak.create_in_schema = false;
        assert_eq!(rights(&weak, false).state, State::Failed);
        assert_eq!(rights(&weak, true).state, State::Warning);
        assert!(
            rights(&weak, true)
                .remedy
                .unwrap()
                .to_string()
                .contains("GRANT CREATE")
        );
    }

    #[test]
    fn flags_that_void_row_level_security_are_named() {
        let mut strong = Health::sample().rights;
        assert_eq!(role_flags(&strong).state, State::Ok);
        strong.bypass_rls = true;
        assert!(role_flags(&strong).message.contains("BYPASSRLS"));
        strong.superuser = true;
        assert!(role_flags(&strong).message.contains("SUPERUSER"));
    }
}
