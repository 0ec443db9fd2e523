//! Rules of the `[server]` section that a schema cannot express.

use std::net::SocketAddr;

use url::Url;

use super::mistake::Finding;
use super::server::ServerSection;
use crate::domain::Network;

const ADDRESS_FORM: &str = "write an address and a port: 127.0.0.1:8080, 0.0.0.0:80, [::1]:8080";

/// Every rule that the section violates.
pub(super) fn check(server: &ServerSection) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(listen(server));
    findings.extend(
        server
            .metrics_listen
            .as_deref()
            .and_then(|text| address("metrics_listen", text)),
    );
    if server.socket_mode().is_none() {
        findings.push(
            finding("unix_socket_mode", "is not a valid octal file mode")
                .hint("for example: 660, or 600 for the server's own account only"),
        );
    }
    findings.extend(super::tenant_url::check(
        &["server"],
        &[
            ("tenant_url", server.tenant_url.is_some()),
            ("tenant_url_command", server.tenant_url_command.is_some()),
            ("tenant_url_env", server.tenant_url_env.is_some()),
            ("tenant_url_file", server.tenant_url_file.is_some()),
        ],
        server.tenant_url.as_ref(),
    ));
    findings.extend(server.public_url.as_deref().and_then(public_url));
    findings.extend(server.trusted_proxies.iter().filter_map(|text| {
        let error = text.parse::<Network>().err()?;
        let finding = finding("trusted_proxies", error.to_string());
        Some(error.hints().iter().fold(finding, Finding::hint))
    }));
    findings
}

fn finding(key: &str, message: impl Into<String>) -> Finding {
    Finding::new(&["server", key], message)
}

fn listen(server: &ServerSection) -> Option<Finding> {
    if server.listen != ServerSection::NO_ADDRESS {
        return address("listen", &server.listen);
    }
    server.unix_socket.is_none().then(|| {
        finding("listen", "is none, and unix_socket is not set")
            .hint("set unix_socket; for a process without a listener use: serve --worker-only")
    })
}

fn address(key: &str, text: &str) -> Option<Finding> {
    text.parse::<SocketAddr>()
        .is_err()
        .then(|| finding(key, "is not a valid address with a port").hint(ADDRESS_FORM))
}

/// Providers sign this URL, and paths are appended to it.
fn public_url(text: &str) -> Option<Finding> {
    let message = match Url::parse(text) {
        Err(error) => format!("is not a valid URL: {error}"),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            "does not start with https:// or http://".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            "has a query or a fragment, so that no path can be appended".to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "contains a user or a password".to_owned()
        }
        Ok(_) => return None,
    };
    Some(finding("public_url", message).hint("for example: https://hooks.example.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let server: ServerSection = toml_edit::de::from_str(text).unwrap();
        let findings = check(&server).into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.path.join("."), finding.message))
            .collect()
    }

    #[test]
    fn the_defaults_break_no_rule() {
        assert!(broken("").is_empty());
    }

    #[test]
    fn addresses_modes_urls_and_proxies_are_checked() {
        let found = broken(
            "listen = 'localhost'\nmetrics_listen = '9090'\nunix_socket_mode = '888'\n\
             public_url = 'ftp://x'\ntrusted_proxies = ['10.0.0.0/8', '10.0.0.0/40']",
        );
        let keys: Vec<&str> = found
            .iter()
            .filter_map(|text| text.split(':').next())
            .collect();
        assert_eq!(
            keys,
            [
                "server.listen",
                "server.metrics_listen",
                "server.unix_socket_mode",
                "server.public_url",
                "server.trusted_proxies"
            ]
        );
    }

    #[test]
    fn a_server_listens_somewhere() {
        assert_eq!(broken("listen = 'none'").len(), 1);
        assert!(broken("listen = 'none'\nunix_socket = '/run/x'").is_empty());
    }

    #[test]
    fn nothing_may_follow_the_path_of_the_public_url() {
        for wrong in [
            "https://x/?a=b",
            "https://x/#a",
            "https://u:p@x/",
            "hooks.example.com",
        ] {
            assert_eq!(
                broken(&format!("public_url = '{wrong}'")).len(),
                1,
                "{wrong}"
            );
        }
        assert!(broken("public_url = 'https://x.example/in/'").is_empty());
    }
}
