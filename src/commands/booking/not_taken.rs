//! What `--if-not-exists` leaves as it is, although something else was given.

use crate::domain::{Email, Locale, Organization, PhoneNumber};

/// The fields for which something else was given than what is known. What was not given does not
/// count, nor how a telephone number is written.
#[derive(Default)]
pub(in crate::commands) struct NotTaken {
    fields: Vec<&'static str>,
    region: Option<String>,
}

impl NotTaken {
    pub(in crate::commands) fn new(organization: &Organization) -> Self {
        Self {
            fields: Vec::new(),
            region: organization.locale.region().map(str::to_owned),
        }
    }

    /// Compares a text.
    #[must_use]
    pub(in crate::commands) fn text(
        self,
        field: &'static str,
        given: Option<&str>,
        known: Option<&str>,
    ) -> Self {
        let given = given.map(|text| text.trim().to_owned());
        self.value(field, given, known.map(str::to_owned))
    }

    /// Compares an e-mail address.
    #[must_use]
    pub(in crate::commands) fn email(self, given: Option<&str>, known: Option<&Email>) -> Self {
        let given = given.and_then(|text| Email::parse(text).ok());
        self.value("email", given.as_ref(), known)
    }

    /// Compares a telephone number.
    #[must_use]
    pub(in crate::commands) fn phone(
        self,
        given: Option<&str>,
        known: Option<&PhoneNumber>,
    ) -> Self {
        let region = self.region.clone();
        let given = given.and_then(|text| PhoneNumber::parse(text, region.as_deref()).ok());
        self.value("phone", given.as_ref(), known)
    }

    /// Compares a language.
    #[must_use]
    pub(in crate::commands) fn language(self, given: Option<&str>, known: Option<&Locale>) -> Self {
        let given = given.and_then(|text| text.parse::<Locale>().ok());
        self.value("language", given.as_ref(), known)
    }

    /// Compares anything else.
    #[must_use]
    pub(in crate::commands) fn value<T: PartialEq>(
        mut self,
        field: &'static str,
        given: Option<T>,
        known: Option<T>,
    ) -> Self {
        if given.is_some() && given != known {
            self.fields.push(field);
        }
        self
    }

    /// The warning, where there is something to warn of. It names fields, no values.
    pub(in crate::commands) fn warning(&self) -> Option<String> {
        (!self.fields.is_empty()).then(|| {
            let fields = self.fields.join(", ");
            format!("already exists; these values differ and were ignored: {fields}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_and_differs_is_named() {
        let known = PhoneNumber::parse("+41443643532", None).unwrap();
        let compared = NotTaken {
            region: Some("CH".to_owned()),
            ..NotTaken::default()
        };
        let compared = compared
            .text("first_name", Some(" Ana "), Some("Ana"))
            .text("notes", None, Some("x"))
            .phone(Some("044 364 35 32"), Some(&known));
        assert_eq!(compared.warning(), None);
        let compared = compared.text("specialty", Some("Surgery"), None);
        assert_eq!(
            compared.warning().unwrap(),
            "already exists; these values differ and were ignored: specialty"
        );
    }
}
