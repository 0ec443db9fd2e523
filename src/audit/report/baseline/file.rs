//! The baseline file. TOML, because operators edit reasons and dates by hand.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;
use toml_edit::{
    ArrayOfTables, Date, Datetime, Document, DocumentMut, Item, Table, Value, de, value,
};

use super::{Baseline, Entry};
use crate::audit::report::{Class, Confidence, Severity};
use crate::error::{Error, Result};

const LIST: &str = "accept";
const HEADER: &str = "# Findings of `tenantctl audit` that are accepted until they expire.\n\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accept: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    fingerprint: String,
    check: String,
    class: Class,
    object: String,
    column: Option<String>,
    part: Option<String>,
    severity: Severity,
    confidence: Confidence,
    reason: String,
    owner: String,
    expires: Datetime,
    accepted_at: Datetime,
}

pub(super) fn parse(text: &str, file: &str) -> Result<Baseline> {
    let mistake = |offset: Option<usize>, message: &str| {
        let line = text[..text.floor_char_boundary(offset.unwrap_or(0))]
            .matches('\n')
            .count()
            + 1;
        Error::bad_input(format!("{file}:{line}: {}", message.replace('\n', ", ")))
    };
    let unreadable =
        |error: de::Error| mistake(error.span().map(|span| span.start), error.message());
    let document = Document::parse(text.to_owned()).map_err(|error| unreadable(error.into()))?;
    let tables = match document.get(LIST) {
        None => None,
        Some(item) => Some(item.as_array_of_tables().ok_or_else(|| {
            let place = item.span().map(|span| span.start);
            mistake(place, "list each accepted finding under [[accept]]")
        })?),
    };
    let rows = de::from_document::<File>(document.clone())
        .map_err(unreadable)?
        .accept;
    let place = |index: usize, key: &str| place(tables?, index, key);

    let mut entries = Vec::with_capacity(rows.len());
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let entry = row
            .check()
            .map_err(|(key, message)| mistake(place(index, key), &message))?;
        if lines.insert(entry.fingerprint.clone(), index).is_some() {
            let message = format!("the finding {} is accepted twice", entry.fingerprint);
            return Err(mistake(place(index, "fingerprint"), &message));
        }
        entries.push(entry);
    }
    Ok(Baseline {
        entries,
        document: document.into_mut(),
    })
}

/// Returns the position of an entry's key in the text.
fn place(tables: &ArrayOfTables, index: usize, key: &str) -> Option<usize> {
    let table = tables.get(index)?;
    let span = table.key(key).and_then(|key| key.span());
    span.or_else(|| table.span()).map(|span| span.start)
}

impl Row {
    /// Returns the entry, or the invalid key and the violated rule.
    fn check(self) -> Result<Entry, (&'static str, String)> {
        let required = [
            ("fingerprint", &self.fingerprint),
            ("check", &self.check),
            ("object", &self.object),
            ("reason", &self.reason),
            ("owner", &self.owner),
        ];
        for (key, text) in required {
            if text.trim().is_empty() {
                return Err((key, format!("`{key}` is empty")));
            }
        }
        Ok(Entry {
            expires: day("expires", self.expires)?,
            accepted_at: day("accepted_at", self.accepted_at)?,
            fingerprint: self.fingerprint,
            check: self.check,
            class: self.class,
            object: self.object,
            column: self.column,
            part: self.part,
            severity: self.severity,
            confidence: self.confidence,
            reason: self.reason,
            owner: self.owner,
        })
    }
}

fn day(key: &'static str, at: Datetime) -> Result<NaiveDate, (&'static str, String)> {
    let day = match (at.date, at.time) {
        (Some(date), None) => {
            NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
        }
        _ => None,
    };
    day.ok_or_else(|| (key, format!("`{key}` must be a date such as 2027-01-31")))
}

/// Appends an entry.
pub(super) fn append(document: &mut DocumentMut, entry: &Entry) -> Result<()> {
    let is_new = document.is_empty() && document.trailing().as_str().is_none_or(str::is_empty);
    let mut table = Table::new();
    if is_new {
        table.decor_mut().set_prefix(HEADER);
    }
    write(&mut table, entry);
    tables(document)?.push(table);
    Ok(())
}

/// Overwrites the entry at `index` and preserves its comments.
pub(super) fn replace(document: &mut DocumentMut, index: usize, entry: &Entry) -> Result<()> {
    let table = tables(document)?.get_mut(index);
    // The entries were read from these tables.
    let table = table.ok_or_else(|| Error::failure("baseline entry not found in its document"))?;
    write(table, entry);
    Ok(())
}

fn tables(document: &mut DocumentMut) -> Result<&mut ArrayOfTables> {
    document
        .entry(LIST)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or_else(|| Error::bad_input("`accept` of the baseline is not an array of tables"))
}

fn write(table: &mut Table, entry: &Entry) {
    let texts = [
        ("fingerprint", Some(entry.fingerprint.as_str())),
        ("check", Some(entry.check.as_str())),
        ("class", Some(entry.class.as_str())),
        ("object", Some(entry.object.as_str())),
        ("column", entry.column.as_deref()),
        ("part", entry.part.as_deref()),
        ("severity", Some(entry.severity.as_str())),
        ("confidence", Some(entry.confidence.as_str())),
        ("reason", Some(entry.reason.as_str())),
        ("owner", Some(entry.owner.as_str())),
    ];
    for (key, text) in texts {
        match text {
            Some(text) => set(table, key, text.into()),
            None => {
                table.remove(key);
            }
        }
    }
    set(table, "expires", toml_day(entry.expires).into());
    set(table, "accepted_at", toml_day(entry.accepted_at).into());
}

/// Sets a value and preserves the comment after it.
fn set(table: &mut Table, key: &str, mut new: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => table[key] = value(new),
    }
}

fn toml_day(day: NaiveDate) -> Datetime {
    let date = Date {
        // Years in TOML (RFC 3339) have four digits.
        year: day.year().clamp(0, 9999) as u16,
        month: day.month() as u8,
        day: day.day() as u8,
    };
    Datetime {
        date: Some(date),
        time: None,
        offset: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Acceptance, Accepted};
    use super::*;
    use crate::audit::report::difference::tests::finding;

    const ONE: &str = r#"# ours
[[accept]]
# the archive
fingerprint = "00" # do not touch
check = "rls-disabled"
class = "catalog"
object = "public.a"
severity = "high"
confidence = "high"
reason = "not in use" # said Lee
owner = "kim"
expires = 2027-01-31
accepted_at = 2026-11-23
"#;

    fn refused(text: &str) -> String {
        let error = Baseline::parse(text, "b.toml").unwrap_err();
        error.to_string()
    }

    fn acceptance(reason: &str) -> Acceptance {
        Acceptance {
            reason: reason.to_owned(),
            owner: "lee".to_owned(),
            expires: "2028-02-29".parse().unwrap(),
        }
    }

    fn today() -> NaiveDate {
        "2026-12-01".parse().unwrap()
    }

    #[test]
    fn a_file_is_read_and_written_as_it_was() {
        let baseline = Baseline::parse(ONE, "b.toml").unwrap();
        assert_eq!(baseline.entries()[0].reason, "not in use");
        assert_eq!(baseline.entries()[0].expires.to_string(), "2027-01-31");
        assert_eq!(baseline.to_text(), ONE);
        assert!(Baseline::parse("", "b.toml").unwrap().entries().is_empty());
    }

    #[test]
    fn mistakes_are_reported_with_their_line() {
        for (what, by, line, word) in [
            ("owner = \"kim\"", "owner = \" \"", 11, "`owner` is empty"),
            ("owner = \"kim\"\n", "", 2, "owner"),
            ("owner =", "ownr =", 11, "ownr"),
            ("\"high\"\nconf", "\"hihg\"\nconf", 8, "hihg"),
            ("2027-01-31", "\"2027-01-31\"", 12, "datetime"),
            ("2027-01-31", "2027-01-31T10:00:00", 12, "must be a date"),
            ("[[accept]]", "[accept]", 2, "accept"),
            ("[[accept]]", "[[acept]]", 2, "acept"),
        ] {
            let error = refused(&ONE.replace(what, by));
            assert!(error.starts_with(&format!("b.toml:{line}: ")), "{error}");
            assert!(error.contains(word), "{error}");
        }
        assert!(refused("accept = 1 2").starts_with("b.toml:1: "));
        let twice = format!("{ONE}\n{ONE}");
        assert!(refused(&twice).starts_with("b.toml:18: the finding 00 is accepted twice"));
    }

    #[test]
    fn merging_keeps_what_people_wrote() {
        let a = finding("public.a");
        let text = ONE.replace("\"00\"", &format!("{:?}", a.fingerprint));
        let mut baseline = Baseline::parse(&text, "b.toml").unwrap();
        let accepted = baseline
            .accept(
                &[a, finding("public.b")],
                &acceptance("until March"),
                today(),
            )
            .unwrap();
        assert_eq!(
            accepted,
            Accepted {
                added: 1,
                renewed: 1
            }
        );
        let written = baseline.to_text();
        for kept in ["# ours", "# the archive", "# do not touch", "# said Lee"] {
            assert!(written.contains(kept), "{written}");
        }
        assert!(!written.contains("not in use"), "{written}");
        assert_eq!(written.matches("until March").count(), 2, "{written}");
        let again = Baseline::parse(&written, "b.toml").unwrap();
        assert_eq!(again.entries(), baseline.entries());
    }

    proptest! {
        #[test]
        fn any_text_survives_the_file(object in "\\PC{1,20}|.{1,9}", reason in ".{1,30}") {
            prop_assume!(!reason.trim().is_empty() && !object.trim().is_empty());
            let mut baseline = Baseline::default();
            baseline.accept(&[finding(&object)], &acceptance(&reason), today()).unwrap();
            let again = Baseline::parse(&baseline.to_text(), "b.toml").unwrap();
            prop_assert_eq!(again.entries(), baseline.entries());
        }
    }
}
