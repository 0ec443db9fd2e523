//! Rules of the section `[mail]` that a schema cannot express.

use std::net::IpAddr;

use super::mail::{MailSection, MailTls};
use super::mistake::Finding;
use super::rules::refused;
use crate::domain::{Email, display_name};

/// Every rule that the section violates.
pub(super) fn check(mail: &MailSection) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(host(mail));
    findings.extend(encryption(mail));
    findings.extend(signing_in(mail));
    for (option, address) in [
        ("from_address", &mail.from_address),
        ("reply_to", &mail.reply_to),
    ] {
        let error = address.as_deref().and_then(|text| Email::parse(text).err());
        findings.extend(error.map(|error| refused(&["mail", option], &error)));
    }
    let name = mail.from_name.as_deref();
    let name = name.and_then(|text| display_name(text).err());
    findings.extend(name.map(|error| refused(&["mail", "from_name"], &error)));
    findings
}

fn host(mail: &MailSection) -> Option<Finding> {
    let host = mail.smtp_host.as_deref()?;
    let is_name = !host.is_empty()
        && (host.parse::<IpAddr>().is_ok()
            || host
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')));
    if !is_name {
        return Some(
            Finding::new(
                &["mail", "smtp_host"],
                "must be only a host name or an address",
            )
            .hint("use smtp_port for the port, tls for the encryption, username for the user"),
        );
    }
    if mail.from_address.is_none() {
        return Some(
            Finding::new(
                &["mail", "smtp_host"],
                "needs from_address, the sender address",
            )
            .hint("for example: from_address = \"invitations@clinics.example.com\""),
        );
    }
    None
}

fn encryption(mail: &MailSection) -> Option<Finding> {
    let host = mail.smtp_host.as_deref()?;
    if mail.tls != MailTls::None || mail.allow_plain || is_this_machine(host) {
        return None;
    }
    Some(
        Finding::new(
            &["mail", "tls"],
            format!("\"none\" would send password and links unencrypted to {host}"),
        )
        .hint("set \"starttls\" or \"tls\"; if the network is trusted: allow_plain = true"),
    )
}

fn signing_in(mail: &MailSection) -> Option<Finding> {
    let options = mail.password_options();
    match (options.as_slice(), &mail.username) {
        ([_, .., last], _) => Some(
            Finding::new(
                &["mail", last],
                format!("only one of {} may be set", options.join(", ")),
            )
            .hint("keep one of them"),
        ),
        ([], Some(_)) => Some(
            Finding::new(&["mail", "username"], "is set without a password")
                .hint("set password_command, password_env or password_file"),
        ),
        ([only], None) => Some(
            Finding::new(&["mail", only], "is set without username")
                .hint("set username, or remove the password"),
        ),
        ([], None) | ([_], Some(_)) => None,
    }
}

/// Returns `true` if data sent there stays on this machine.
fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::mistake::dotted;
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let section = toml_edit::de::from_str(text).unwrap();
        check(&section)
            .into_iter()
            .map(|finding| dotted(&finding.path))
            .collect()
    }

    const SENDER: &str = "smtp_host = 'mail.example'\nfrom_address = 'a@mail.example'\n";

    #[test]
    fn nothing_configured_and_a_whole_section_break_no_rule() {
        assert!(keys("").is_empty());
        assert!(keys(SENDER).is_empty());
        assert!(
            keys(&format!(
                "{SENDER}username = 'u'\npassword_env = 'P'\nreply_to = 'b@mail.example'\n\
                 from_name = 'Clinics'\ntls = 'tls'\nsmtp_port = 2465"
            ))
            .is_empty()
        );
    }

    #[test]
    fn a_server_needs_a_sender_and_is_a_bare_name() {
        assert_eq!(keys("smtp_host = 'mail.example'"), ["mail.smtp_host"]);
        for host in ["", "smtp://mail.example", "mail.example:25", "a b"] {
            let text = format!("smtp_host = '{host}'\nfrom_address = 'a@mail.example'");
            assert_eq!(keys(&text), ["mail.smtp_host"], "{host}");
        }
    }

    #[test]
    fn nothing_is_sent_in_clear_to_another_machine_unless_that_is_allowed() {
        let plain = |host: &str| {
            keys(&format!(
                "smtp_host = '{host}'\nfrom_address = 'a@mail.example'\ntls = 'none'"
            ))
        };
        for host in ["localhost", "127.0.0.1", "127.0.0.9", "::1"] {
            assert!(plain(host).is_empty(), "{host}");
        }
        for host in ["mail.example", "10.0.0.1", "localhost.example"] {
            assert_eq!(plain(host), ["mail.tls"], "{host}");
        }
        let allowed = format!("{SENDER}tls = 'none'\nallow_plain = true");
        assert!(keys(&allowed).is_empty());
    }

    #[test]
    fn user_and_one_password_belong_together() {
        assert_eq!(keys("username = 'u'"), ["mail.username"]);
        assert_eq!(keys("password_env = 'P'"), ["mail.password_env"]);
        assert_eq!(
            keys("username = 'u'\npassword_env = 'P'\npassword_file = 'f'"),
            ["mail.password_file"]
        );
    }

    #[test]
    fn addresses_and_names_are_checked() {
        assert_eq!(
            keys("from_address = 'nobody'\nreply_to = 'x'\nfrom_name = ''"),
            ["mail.from_address", "mail.reply_to", "mail.from_name"]
        );
    }
}
