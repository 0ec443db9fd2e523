//! Locales as BCP 47 language tags.

use oxilangtag::LanguageTag;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::suggest::quoted;

/// A BCP 47 tag (RFC 5646) in canonical case with an ISO 639 language, such as `de-CH`.
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

checked_text!(Locale);

impl Locale {
    /// Parses a tag in any letter case.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
    pub fn parse(text: &str) -> Result<Self> {
        match tag(text.trim()) {
            Ok(tag) => Ok(Self(tag.into_inner())),
            Err(rule) => Err(refusal(text, &rule)),
        }
    }

    /// The language, such as `de`.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The region, such as `CH`, if the tag has one.
    pub fn region(&self) -> Option<&str> {
        let tag = LanguageTag::parse(self.0.as_str()).ok()?;
        let region = tag.region()?;
        self.0.split('-').find(|subtag| *subtag == region)
    }
}

fn tag(text: &str) -> Result<LanguageTag<String>, String> {
    let tag = LanguageTag::parse_and_normalize(text).map_err(|cause| cause.to_string())?;
    if !matches!(tag.primary_language().len(), 2 | 3) {
        return Err("it must start with a language of two or three letters".to_owned());
    }
    Ok(tag)
}

fn refusal(text: &str, rule: &str) -> Error {
    let value = quoted(text);
    let error = Error::bad_input(format!(
        "{value} is not a valid locale (BCP 47 language tag): {rule}"
    ));
    // POSIX writes the same locale as de_CH.UTF-8.
    let posix = text.trim().split('.').next().unwrap_or_default();
    match tag(&posix.replace('_', "-")) {
        Ok(near) => error.hint(format!("did you mean {near}?")),
        Err(_) => error.hint("write a language and optionally a region, for example en or de-CH"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_take_their_canonical_case() {
        for (text, canonical, language, region) in [
            ("en", "en", "en", None),
            ("DE-ch", "de-CH", "de", Some("CH")),
            ("zh-hant-tw", "zh-Hant-TW", "zh", Some("TW")),
            ("es-419", "es-419", "es", Some("419")),
            ("gsw-CH", "gsw-CH", "gsw", Some("CH")),
        ] {
            let locale = Locale::parse(text).unwrap();
            assert_eq!(locale.as_str(), canonical);
            assert_eq!(locale.language(), language);
            assert_eq!(locale.region(), region);
        }
    }

    #[test]
    fn other_spellings_are_refused_and_the_right_one_suggested() {
        for (text, hint) in [
            ("de_CH", "did you mean de-CH?"),
            ("en_US.UTF-8", "did you mean en-US?"),
            ("", "for example en"),
            ("english", "for example en"),
            ("x-private", "for example en"),
            ("de-", "for example en"),
        ] {
            let error = Locale::parse(text).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")));
            assert!(
                error.hints()[0].to_string().contains(hint),
                "{text}: {:?}",
                error.hints()
            );
        }
    }
}
