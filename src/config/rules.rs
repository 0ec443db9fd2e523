//! Rules that a schema cannot express: about the meaning of values and about several keys at once.

use url::Url;

use super::database_url::Endpoint;
use super::file::{Config, InvitationsSection, OrganizationsSection, Profile, TOKEN_PLACEHOLDER};
use super::mail_rules;
use super::mistake::Finding;
use super::resolve::LOCAL_PROFILE;
use crate::domain::{Locale, TimeZone};
use crate::error::Error;
use crate::suggest::did_you_mean;
use crate::{hint::Hint, run};

/// Every rule that the configuration violates.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(default_profile(config));
    findings.extend(editor(config));
    for (name, profile) in &config.profiles {
        findings.extend(profile_name(name));
        findings.extend(url_sources(name, profile));
        findings.extend(database_url(name, profile));
        findings.extend(tenant_url(name, profile));
    }
    findings.extend(super::attack_url::check(&config.audit));
    findings.extend(link_template(&config.invitations));
    findings.extend(time_zone(&config.organizations));
    findings.extend(locale(&config.organizations));
    findings.extend(super::server_rules::check(&config.server));
    findings.extend(mail_rules::check(&config.mail));
    findings
}

fn default_profile(config: &Config) -> Option<Finding> {
    let name = config.default_profile.as_deref()?;
    if name == LOCAL_PROFILE || config.profiles.contains_key(name) {
        return None;
    }
    let finding = Finding::new(&["default_profile"], format!("profile `{name}` not found"));
    let hint = did_you_mean(name, config.profiles.keys().map(String::as_str)).map_or_else(
        || run!["init"].labeled(format!("add a table [profiles.{name}], or run")),
        Hint::from,
    );
    Some(finding.hint(hint))
}

fn editor(config: &Config) -> Option<Finding> {
    let command = config.editor.as_deref()?;
    match shell_words::split(command) {
        Ok(words) if !words.is_empty() => None,
        Ok(_) => Some(Finding::new(&["editor"], "is empty")),
        Err(_) => Some(Finding::new(&["editor"], "has an unclosed quote")),
    }
}

/// Names are used with `--profile` and written as bare TOML keys.
pub(super) fn is_profile_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.chars().all(allowed)
}

/// The meaning of `--profile local` must not depend on the file: commands printed for pasting rely
/// on it.
pub(super) fn local_is_built_in() -> String {
    format!("`{LOCAL_PROFILE}` is reserved for the private PostgreSQL of this machine")
}

fn profile_name(name: &str) -> Option<Finding> {
    (!is_profile_name(name)).then(|| {
        Finding::new(
            &["profiles", name],
            "a profile name must consist of letters, digits, - and _",
        )
    })
}

fn url_sources(name: &str, profile: &Profile) -> Option<Finding> {
    let named = profile.url_options();
    match named.as_slice() {
        // The built-in profile has its own URL; a table may still protect it or set an organization
        // for it.
        [] if name == LOCAL_PROFILE => None,
        [option, ..] if name == LOCAL_PROFILE => Some(
            Finding::new(&["profiles", name, option], local_is_built_in())
                .hint("rename this profile"),
        ),
        [_] => None,
        [] => Some(
            Finding::new(&["profiles", name], "has no database URL").hint(
                "set database_url, database_url_command, database_url_env or database_url_file",
            ),
        ),
        [.., last] => Some(
            Finding::new(
                &["profiles", name, last],
                format!("only one of {} may be set", named.join(", ")),
            )
            .hint("keep one of them"),
        ),
    }
}

fn database_url(name: &str, profile: &Profile) -> Option<Finding> {
    let error = Endpoint::parse(profile.database_url.as_ref()?).err()?;
    Some(
        Finding::new(&["profiles", name, "database_url"], error.to_string())
            .hint(super::resolve::URL_FORM),
    )
}

fn tenant_url(name: &str, profile: &Profile) -> Vec<Finding> {
    let options = [
        ("tenant_url", profile.tenant_url.is_some()),
        ("tenant_url_command", profile.tenant_url_command.is_some()),
        ("tenant_url_env", profile.tenant_url_env.is_some()),
        ("tenant_url_file", profile.tenant_url_file.is_some()),
    ];
    let url = profile.tenant_url.as_ref();
    if name == LOCAL_PROFILE
        && let Some((option, _)) = options.iter().find(|(_, is_set)| *is_set)
    {
        let message = "the private PostgreSQL has a separate role for tenants' data";
        return vec![Finding::new(&["profiles", name, option], message).hint("remove the line")];
    }
    super::tenant_url::check(&["profiles", name], &options, url)
}

fn link_template(invitations: &InvitationsSection) -> Option<Finding> {
    let template = invitations.link_template.as_str();
    let (address, fragment) = template.split_once('#').unwrap_or((template, ""));
    let message = if address.contains(TOKEN_PLACEHOLDER) {
        format!("has {TOKEN_PLACEHOLDER} before the `#`, which exposes it to servers and logs")
    } else if !fragment.contains(TOKEN_PLACEHOLDER) {
        format!("has no {TOKEN_PLACEHOLDER} after a `#`, so a link would not contain its token")
    } else if let Err(error) = Url::parse(address) {
        format!("is not a valid link: {error}")
    } else {
        return None;
    };
    Some(
        Finding::new(&["invitations", "link_template"], message).hint(format!(
            "for example: {}",
            InvitationsSection::default().link_template
        )),
    )
}

fn time_zone(organizations: &OrganizationsSection) -> Option<Finding> {
    let error = organizations.default_timezone.parse::<TimeZone>().err()?;
    Some(refused(&["organizations", "default_timezone"], &error))
}

fn locale(organizations: &OrganizationsSection) -> Option<Finding> {
    let error = organizations.default_locale.parse::<Locale>().err()?;
    Some(refused(&["organizations", "default_locale"], &error))
}

pub(super) fn refused(path: &[&str], error: &Error) -> Finding {
    let finding = Finding::new(path, error.to_string());
    error.hints().iter().fold(finding, Finding::hint)
}

#[cfg(test)]
mod tests {
    use super::super::mistake::dotted;
    use super::*;

    fn broken(text: &str) -> Vec<(String, String)> {
        check(&toml_edit::de::from_str(text).unwrap())
            .into_iter()
            .map(|finding| (dotted(&finding.path), finding.message))
            .collect()
    }

    fn keys(text: &str) -> Vec<String> {
        broken(text).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_defaults_break_no_rule() {
        assert_eq!(broken(""), []);
    }

    #[test]
    fn a_default_profile_must_exist_or_be_the_built_in_one() {
        assert_eq!(keys("default_profile = 'prod'"), ["default_profile"]);
        assert_eq!(broken("default_profile = 'local'"), []);
    }

    #[test]
    fn a_profile_names_its_database_exactly_once() {
        assert_eq!(keys("[profiles.a]\nprotected = true"), ["profiles.a"]);
        assert_eq!(
            broken("[profiles.a]\ndatabase_url = 'postgres://h/d'\ndatabase_url_command = 'x'"),
            [(
                "profiles.a.database_url_command".to_owned(),
                "only one of database_url, database_url_command may be set".to_owned()
            )]
        );
    }

    #[test]
    fn the_local_profile_names_no_other_database() {
        assert_eq!(
            broken("[profiles.local]\norganization = 'demo'\nprotected = true"),
            []
        );
        for option in ["database_url", "database_url_env"] {
            let text = format!("[profiles.local]\n{option} = 'postgres://h/d'");
            assert_eq!(keys(&text), [format!("profiles.local.{option}")]);
        }
    }

    #[test]
    fn a_bad_url_is_reported_without_its_password() {
        let found = broken("[profiles.a]\ndatabase_url = 'mysql://ops:hunter2@db/app'");
        assert_eq!(found[0].0, "profiles.a.database_url");
        assert!(!found[0].1.contains("hunter2"));
    }

    #[test]
    fn the_token_of_a_link_is_in_the_fragment() {
        let template = |value: &str| keys(&format!("[invitations]\nlink_template = '{value}'"));
        assert!(template("https://a.example/i#t={token}").is_empty());
        for wrong in [
            "https://a.example/i?t={token}",
            "https://a.example/{token}#t={token}",
            "https://a.example/i#t=token",
            "a.example#{token}",
        ] {
            assert_eq!(template(wrong), ["invitations.link_template"], "{wrong}");
        }
    }

    #[test]
    fn names_time_zones_locales_and_editors_are_checked() {
        assert_eq!(
            keys(
                "editor = 'vi \"x'\n[profiles.'a b']\ndatabase_url_env = 'X'\n\
                 [organizations]\ndefault_timezone = 'Mars/Base'\ndefault_locale = '!'"
            ),
            [
                "editor",
                "profiles.\"a b\"",
                "organizations.default_timezone",
                "organizations.default_locale"
            ]
        );
    }
}
