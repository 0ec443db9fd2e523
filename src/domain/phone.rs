//! Telephone numbers in E.164.

use std::borrow::Cow;

use phonenumber::{Mode, country};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phone_plan;
use crate::error::{Error, Result};
use crate::suggest::quoted;

/// Longer input is not a telephone number (E.164 §6.1 allows 15 digits; the rest is punctuation).
const MAX_INPUT: usize = 40;

/// A telephone number that is valid in the numbering plan of its country, in E.164: `+41443643532`.
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Parses a number; the country code may be missing if `region` (ISO 3166-1, such as `CH`) is
    /// given.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `input` violates.
    pub fn parse(input: &str, region: Option<&str>) -> Result<Self> {
        let number = canonical(input.trim(), region).map(Cow::into_owned);
        number.map(Self).map_err(|rule| {
            let value = quoted(input);
            Error::bad_input(format!("{value} is not a valid telephone number: {rule}"))
                .hint("write it with + and the country code (E.164), for example +41443643532")
        })
    }

    /// The number in E.164, if [`PhoneNumber::parse`] accepts it; not copied if it is already in
    /// E.164.
    pub fn canonical<'a>(input: &'a str, region: Option<&str>) -> Option<Cow<'a, str>> {
        canonical(input, region).ok()
    }

    /// Reads a number from the database; [`PhoneNumber::parse`] accepted it before it was stored.
    /// Only the format is checked: numbering plans change, and checking them takes as long as a
    /// lookup.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] unless it is `+` and 3 to 15 digits.
    pub fn from_stored(stored: &str) -> Result<Self> {
        match stored.strip_prefix('+').map(str::as_bytes) {
            Some(digits @ [_, _, _, ..])
                if digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit) =>
            {
                Ok(Self(stored.to_owned()))
            }
            _ => Err(Error::bad_input(format!(
                "{} is not a telephone number in E.164",
                quoted(stored)
            ))),
        }
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn canonical<'a>(text: &'a str, region: Option<&str>) -> Result<Cow<'a, str>, String> {
    if text.len() > MAX_INPUT {
        return Err("it is too long".to_owned());
    }
    if !text.starts_with('+') && region.is_none() {
        return Err("it must start with + and the country code".to_owned());
    }
    match phone_plan::plainly_valid(text, region) {
        Some(number) => Ok(number),
        None => by_the_library(text, region).map(Cow::Owned),
    }
}

/// Parses a number in any format.
pub(super) fn by_the_library(text: &str, region: Option<&str>) -> Result<String, String> {
    // A region without a numbering plan, such as 419 (Latin America), is ignored.
    let country: Option<country::Id> = region.and_then(|region| region.parse().ok());
    let number = phonenumber::parse(country, text).map_err(|cause| cause.to_string())?;
    if number.extension().is_some() {
        return Err("it has an extension, which cannot be called directly".to_owned());
    }
    if !number.is_valid() {
        return Err("no such number exists in the numbering plan of its country".to_owned());
    }
    Ok(number.format().mode(Mode::E164).to_string())
}

impl std::fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for PhoneNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, None)
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_become_e164() {
        for (input, region, number) in [
            ("+41 44 364 35 32", None, "+41443643532"),
            ("+1 (202) 555-0143", None, "+12025550143"),
            ("+15005550006", None, "+15005550006"),
            ("044 364 35 32", Some("CH"), "+41443643532"),
            ("(202) 555-0143", Some("US"), "+12025550143"),
            ("+49 30 901820", Some("CH"), "+4930901820"),
        ] {
            assert_eq!(PhoneNumber::parse(input, region).unwrap().as_str(), number);
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        for (input, region, rule) in [
            ("", None, "start with +"),
            ("044 364 35 32", None, "start with +"),
            ("044 364 35 32", Some("419"), "country code"),
            ("+41 1", None, ""),
            ("+999 123456789", None, "country code"),
            ("+1 202 555 01433333", None, ""),
            ("+41 44 364 35 32 ext. 5", None, "extension"),
            ("not a number", Some("CH"), "not a number"),
            (
                "+4144364353200000000000000000000000000000000",
                None,
                "too long",
            ),
        ] {
            let error = PhoneNumber::parse(input, region).unwrap_err();
            assert!(error.to_string().contains(rule), "{input}: {error}");
            assert!(error.hints()[0].to_string().contains("+41443643532"));
        }
    }

    #[test]
    fn a_stored_number_has_the_form_of_one() {
        for number in ["+41443643532", "+123", "+123456789012345"] {
            assert_eq!(PhoneNumber::from_stored(number).unwrap().as_str(), number);
        }
        for text in ["", "+", "+12", "41443643532", "+41 44", "+1234567890123456"] {
            assert!(PhoneNumber::from_stored(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(
            input in "\\PC{0,45}|\\+?[0-9 ()-]{0,20}",
            region in proptest::option::of("[A-Z]{2}"),
        ) {
            if let Ok(number) = PhoneNumber::parse(&input, region.as_deref()) {
                prop_assert_eq!(number.as_str().parse::<PhoneNumber>().unwrap(), number.clone());
                prop_assert_eq!(PhoneNumber::from_stored(number.as_str()).unwrap(), number);
            }
        }
    }
}
