//! Addresses that look like others: `аnn@clinic.example` with a Cyrillic а. They are allowed,
//! because such addresses exist, and reported.
//!
//! Skeletons and scripts are those of Unicode Technical Standard 39.

use std::collections::HashMap;

use unicode_security::{MixedScript, skeleton};

use super::Email;

/// Returns warnings about addresses that are about to be used next to `known` ones: members and
/// invited people of the same organization. `known` must not contain addresses of another
/// organization.
pub fn warnings<'a>(addresses: &[Email], known: impl Iterator<Item = &'a Email>) -> Vec<String> {
    let mut warnings = Vec::new();
    // Index the addresses by skeleton, not the known ones: they are few.
    let mut by_skeleton: HashMap<String, Vec<&Email>> = HashMap::new();
    for address in addresses {
        if mixes_scripts(address) {
            warnings.push(format!(
                "{address}: mixes letters of several scripts; some may not be what they look like"
            ));
        }
        let alike = by_skeleton.entry(skeleton_of(address)).or_default();
        for other in alike.iter().filter(|other| **other != address) {
            warnings.push(looks_like(address, other));
        }
        alike.push(address);
    }
    for known in known {
        let alike = by_skeleton.get(&skeleton_of(known)).into_iter().flatten();
        for address in alike.filter(|address| **address != known) {
            warnings.push(looks_like(address, known));
        }
    }
    warnings.sort();
    warnings.dedup();
    warnings
}

fn looks_like(address: &Email, known: &Email) -> String {
    format!(
        "{address}: looks like {known}, which is a different address; compare them letter by letter"
    )
}

/// The address for display, with its domain in Unicode.
fn shown(address: &Email) -> String {
    let (domain, _unreadable_labels_stay) = idna::domain_to_unicode(address.domain());
    let local = address
        .as_str()
        .rsplit_once('@')
        .map_or("", |(local, _)| local);
    format!("{local}@{domain}")
}

fn skeleton_of(address: &Email) -> String {
    skeleton(&shown(address)).collect()
}

/// One script in one label and another in the next is common: `анна@example.com`.
fn mixes_scripts(address: &Email) -> bool {
    shown(address)
        .split(['@', '.', '+', '-', '_'])
        .any(|label| !label.is_single_script())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn warned(address: &str, known: &[&str]) -> Vec<String> {
        let known: Vec<Email> = known.iter().map(|known| email(known)).collect();
        warnings(&[email(address)], known.iter())
    }

    #[test]
    fn an_address_that_looks_like_a_known_one_is_told() {
        for (address, known) in [
            // Cyrillic а.
            ("\u{430}nn@clinic.example", "ann@clinic.example"),
            ("ann@clinic.example", "\u{430}nn@clinic.example"),
            // Cyrillic а in the domain, which is stored in ASCII.
            ("ann@cl\u{456}nic.example", "ann@clinic.example"),
            ("pau1@clinic.example", "paul@clinic.example"),
        ] {
            let found = warned(address, &["bo@clinic.example", known]);
            assert!(
                found.iter().any(|line| line.contains("looks like")),
                "{address} {known}: {found:?}"
            );
        }
    }

    #[test]
    fn mixed_scripts_are_told_and_one_script_is_not() {
        assert_eq!(warned("\u{430}nn@clinic.example", &[]).len(), 1);
        assert_eq!(warned("ann@cl\u{456}nic.example", &[]).len(), 1);
        for usual in [
            "ann@clinic.example",
            "анна@clinic.example",
            "jürg.müller@zürich.example",
            "ann-7@clinic.example",
            "田中さくら@clinic.example",
        ] {
            assert_eq!(
                warned(usual, &[usual, "bo@clinic.example"]),
                [""; 0],
                "{usual}"
            );
        }
    }

    #[test]
    fn addresses_of_one_call_are_compared_with_each_other() {
        let both = [
            email("ann@clinic.example"),
            email("\u{430}nn@clinic.example"),
        ];
        let found = warnings(&both, std::iter::empty());
        assert!(
            found.iter().any(|line| line.contains("looks like")),
            "{found:?}"
        );
    }
}
