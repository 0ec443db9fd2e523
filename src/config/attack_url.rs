//! The URL that the probes of an audit connect with.

use secrecy::SecretString;

use super::database_url::Endpoint;
use super::file::AuditSection;
use super::mistake::Finding;
use super::secret_places::SecretPlaces;
use crate::error::Result;
use crate::system::Environment;

/// The variable that contains the URL itself, instead of a file.
pub const ATTACK_URL_VARIABLE: &str = "TENANTCTL_ATTACK_URL";

impl AuditSection {
    /// The URL for the probes; `None` if none is configured, in which case they use the audit's own
    /// connection.
    pub fn read_attack_url(&self, env: &Environment) -> Result<Option<SecretString>> {
        if let Some(url) = env.text(ATTACK_URL_VARIABLE)? {
            return Ok(Some(url.into()));
        }
        if let Some(url) = &self.attack_url {
            return Ok(Some(url.clone()));
        }
        let places = SecretPlaces {
            owner: "[audit]".to_owned(),
            option: "attack_url",
            what: "URL",
            form: "postgres://USER@HOST/DATABASE",
            command: self.attack_url_command.as_deref(),
            variable: None,
            file: self.attack_url_file.as_deref(),
        };
        places.read(env)
    }
}

/// Checks these options.
pub(super) fn check(section: &AuditSection) -> Vec<Finding> {
    let options = [
        ("attack_url", section.attack_url.is_some()),
        ("attack_url_command", section.attack_url_command.is_some()),
        ("attack_url_file", section.attack_url_file.is_some()),
    ];
    let named = options.into_iter().filter(|(_, is_set)| *is_set);
    let named: Vec<&str> = named.map(|(option, _)| option).collect();
    let mut findings = Vec::new();
    if let [_, .., last] = named.as_slice() {
        let message = format!("only one of {} may be set", named.join(", "));
        findings.push(Finding::new(&["audit", last], message).hint("keep one of them"));
    }
    let url = section.attack_url.as_ref();
    if let Some(error) = url.and_then(|url| Endpoint::parse(url).err()) {
        findings.push(
            Finding::new(&["audit", "attack_url"], error.to_string())
                .hint(super::resolve::URL_FORM),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn section(toml: &str) -> AuditSection {
        toml_edit::de::from_str(toml).unwrap()
    }

    #[test]
    fn the_variable_wins_and_nothing_is_shown() {
        let section = section("attack_url = 'postgres://a:hunter2@db/app'");
        let read = |pairs: &[(&str, &str)]| {
            let env = Environment::from_pairs(pairs.iter().copied());
            let url = section.read_attack_url(&env).unwrap().unwrap();
            url.expose_secret().to_owned()
        };
        assert_eq!(read(&[]), "postgres://a:hunter2@db/app");
        assert_eq!(
            read(&[(ATTACK_URL_VARIABLE, "postgres://b@db/app")]),
            "postgres://b@db/app"
        );
        let shown = serde_json::to_string(&section).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn one_place_is_enough() {
        let two = section("attack_url = 'postgres://a@db/app'\nattack_url_file = 'f'");
        assert_eq!(check(&two).len(), 1);
        assert!(check(&section("attack_url_command = 'pass show x'")).is_empty());
    }
}
