//! The cells of a row, and parsers for the types of values. Each parser has a fast path for the usual
//! values; property tests compare it with the domain's rules.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use super::{DateOrder, Layout, Tenant, sink::Faults};
use crate::{
    domain::{
        Email, Locale, PhoneNumber,
        booking::{Moment, text},
        display_name,
        names::MAX_LENGTH,
        spreadsheet::without_mark,
    },
    error::Error,
};

/// A record of a file.
pub trait Fields {
    /// Number of fields.
    fn count(&self) -> usize;
    /// Returns the field at a position.
    fn field(&self, place: usize) -> Option<&str>;
    /// `true` if all fields are printable ASCII, as usual: then the checks for other characters are
    /// skipped.
    fn is_plain(&self) -> bool;
    /// `true` if a field contains NUL, which PostgreSQL cannot store in a text.
    fn has_nul(&self) -> bool;
    /// `true` if it contained bytes that are invalid in the file's encoding.
    fn is_damaged(&self) -> bool;
}

/// The cells of one row, by the columns of its kind.
pub struct Cells<'a> {
    pub(super) record: &'a dyn Fields,
    pub(super) layout: &'a Layout,
    pub(super) dates: DateOrder,
    pub(super) tenant: &'a Tenant,
    pub(super) is_plain: bool,
}

impl<'a> Cells<'a> {
    /// Creates the cells of a row with this layout.
    pub fn new(
        record: &'a dyn Fields,
        layout: &'a Layout,
        dates: DateOrder,
        tenant: &'a Tenant,
    ) -> Self {
        Self {
            record,
            layout,
            dates,
            tenant,
            is_plain: record.is_plain(),
        }
    }

    /// Returns the cell of the kind's column at `index`; `None` if it is empty or the file has no such
    /// column.
    pub(super) fn get(&self, index: usize) -> Option<&'a str> {
        let cell = self.record.field(self.layout.place(index)?)?;
        let cell = match cell.as_bytes() {
            [] => return None,
            // Nothing to trim, as usual.
            [b'!'..=b'&' | b'('..=b'~', .., b'!'..=b'~'] => cell,
            _ => without_mark(cell.trim()),
        };
        (!cell.is_empty()).then_some(cell)
    }

    /// A name: 1 to 200 visible characters.
    pub(super) fn name(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        self.read_name(self.get(index)?, column, faults)
    }

    /// A required name.
    pub(super) fn required_name(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        match self.get(index) {
            Some(cell) => self.read_name(cell, column, faults),
            None => faults.wrong(column, "", "required".to_owned()),
        }
    }

    fn read_name(
        &self,
        cell: &'a str,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        if self.is_plain && cell.len() <= MAX_LENGTH {
            return Some(Cow::Borrowed(cell));
        }
        match display_name(cell) {
            Ok(name) => Some(Cow::Owned(name)),
            Err(_) => faults.wrong(
                column,
                cell,
                format!("not a valid name (expected 1 to {MAX_LENGTH} visible characters)"),
            ),
        }
    }

    pub(super) fn notes(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        let cell = self.get(index)?;
        if self.is_plain && cell.len() <= MAX_LENGTH {
            return Some(Cow::Borrowed(cell));
        }
        match text::notes(column, cell) {
            Ok(notes) => Some(Cow::Owned(notes)),
            Err(error) => faults.wrong(column, cell, error.to_string()),
        }
    }

    pub(super) fn email(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        let cell = self.get(index)?;
        if is_plain_email(cell) {
            return Some(Cow::Borrowed(cell));
        }
        match Email::parse(cell) {
            Ok(email) => Some(Cow::Owned(email.into())),
            Err(_) => faults.wrong(
                column,
                cell,
                "not a valid email address (expected e.g. maria@harbor.example)".to_owned(),
            ),
        }
    }

    pub(super) fn phone(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        let cell = self.get(index)?;
        let region = self.tenant.region.as_deref();
        match PhoneNumber::canonical(cell, region) {
            Some(phone) => Some(phone),
            None => faults.wrong(
                column,
                cell,
                match region {
                    Some(region) => format!(
                        "not a valid phone number (use +<country code>… or the national format for {region})"
                    ),
                    None => "not a valid phone number (expected + and the country code)".to_owned(),
                },
            ),
        }
    }

    pub(super) fn date(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<NaiveDate> {
        let cell = self.get(index)?;
        match self.dates.read(cell) {
            Ok(date) => Some(date),
            Err(rule) => faults.wrong(column, cell, rule),
        }
    }

    pub(super) fn language(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<Cow<'a, str>> {
        let cell = self.get(index)?;
        if is_plain_language(cell) {
            return Some(Cow::Borrowed(cell));
        }
        match cell.parse::<Locale>() {
            Ok(language) => Some(Cow::Owned(language.into())),
            Err(_) => faults.wrong(
                column,
                cell,
                "not a valid language tag (expected e.g. de-CH)".to_owned(),
            ),
        }
    }

    /// A value parsed by one of the domain's types.
    pub(super) fn parsed<T: std::str::FromStr<Err = Error>>(
        &self,
        index: usize,
        column: &'static str,
        rule: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        let cell = self.get(index)?;
        match cell.parse() {
            Ok(value) => Some(value),
            Err(_) => faults.wrong(column, cell, rule.to_owned()),
        }
    }

    /// A keyword of the domain, such as a status, in any case.
    pub(super) fn keyword<T: std::str::FromStr<Err = Error>>(
        &self,
        index: usize,
        column: &'static str,
        rule: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        let cell = self.get(index)?;
        match cell.to_ascii_lowercase().parse() {
            Ok(value) => Some(value),
            Err(_) => faults.wrong(column, cell, rule.to_owned()),
        }
    }

    /// A date and time: local to the organization's time zone, or with an offset.
    pub(super) fn moment(
        &self,
        index: usize,
        column: &'static str,
        faults: &mut Faults,
    ) -> Option<DateTime<Utc>> {
        let cell = self.get(index)?;
        match self.read_moment(cell) {
            Ok(at) => Some(at),
            Err(rule) => faults.wrong(column, cell, rule),
        }
    }

    /// The date in the file's date order, the time in ISO 8601.
    fn read_moment(&self, cell: &str) -> Result<DateTime<Utc>, String> {
        let unread = || {
            let example = self.dates.example();
            format!(
                "not a valid date and time (expected e.g. {example} 09:00 or 1984-03-09T09:00+01:00)"
            )
        };
        let (date, time) = cell.split_once(['T', 't', ' ']).ok_or_else(unread)?;
        let date = self.dates.read(date).map_err(|_| unread())?;
        let text = format!("{date}T{}", time.trim_start());
        let moment = text.parse::<Moment>().and_then(|moment| {
            // For an invalid local time, the hint contains the correct values.
            moment.resolve(self.tenant.zone)
        });
        moment.map_err(|error| match error.hints().first() {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        })
    }

    /// Adds a fault if the cell is empty.
    pub(super) fn require(&self, index: usize, column: &'static str, faults: &mut Faults) {
        if self.get(index).is_none() {
            faults.wrong::<()>(column, "", "required".to_owned());
        }
    }
}

/// `true` for a two-letter language, with or without a region, that is already canonical.
fn is_plain_language(text: &str) -> bool {
    match text.as_bytes() {
        [a, b] => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
        [a, b, b'-', c, d] => {
            a.is_ascii_lowercase()
                && b.is_ascii_lowercase()
                && c.is_ascii_uppercase()
                && d.is_ascii_uppercase()
        }
        _ => false,
    }
}

/// `true` for a simple address that is already canonical. No label of the domain may look like an
/// encoded one or a number: those have rules of their own.
fn is_plain_email(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(at) = memchr::memchr(b'@', bytes) else {
        return false;
    };
    let (local, domain) = (&bytes[..at], &bytes[at + 1..]);
    (1..=64).contains(&local.len())
        && parts(local, &LOCAL).is_some()
        && domain.len() <= 180
        && parts(domain, &DOMAIN).is_some_and(|(count, longest)| count >= 2 && longest <= 63)
}

/// The bytes allowed in a part between dots.
type Allowed = [bool; 256];
const DOMAIN: Allowed = allowed(false);
const LOCAL: Allowed = allowed(true);

const fn allowed(with_digits: bool) -> Allowed {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        allowed[byte] = (byte as u8).is_ascii_lowercase()
            || (with_digits && matches!(byte as u8, b'0'..=b'9' | b'_'));
        byte += 1;
    }
    allowed
}

/// Returns the number of parts between dots, and the length of the longest; `None` if one is empty or
/// contains a byte that is not allowed.
fn parts(text: &[u8], allowed: &Allowed) -> Option<(usize, usize)> {
    let (mut count, mut longest, mut start) = (1, 0, 0);
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'.' {
            if at == start {
                return None;
            }
            count += 1;
            longest = longest.max(at - start);
            start = at + 1;
        } else if !allowed[usize::from(*byte)] {
            return None;
        }
    }
    (text.len() > start).then_some((count, longest.max(text.len() - start)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_address_is_its_canonical_form(
            text in "[a-z0-9._]{0,12}@[a-z.]{0,14}|[a-z0-9_]{1,70}@[a-z]{1,65}\\.[a-z]{1,4}",
        ) {
            if is_plain_email(&text) {
                let email = Email::parse(&text).map(String::from);
                prop_assert_eq!(email.ok(), Some(text));
            }
        }

        #[test]
        fn a_plain_language_is_its_canonical_form(text in "[a-z]{2}(-[A-Z]{2})?") {
            prop_assert!(is_plain_language(&text));
            prop_assert_eq!(text.parse::<Locale>().map(String::from).ok(), Some(text));
        }

        #[test]
        fn a_plain_text_is_a_name_and_a_note(text in "[ -~]{1,30}") {
            let text = text.trim();
            prop_assume!(!text.is_empty());
            prop_assert_eq!(display_name(text).ok(), Some(text.to_owned()));
            prop_assert_eq!(text::notes("notes", text).ok(), Some(text.to_owned()));
        }
    }
}
