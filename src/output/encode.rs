//! The machine-readable formats. Every object starts with `schema_version`, except in CSV.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{
    domain::spreadsheet::excel_safe,
    error::{Error, Result},
};

/// The version of all JSON formats, incremented when a field is renamed or removed.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// An object preceded by the schema version.
#[derive(Serialize)]
pub(super) struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    object: &'a T,
}

impl<'a, T> Versioned<'a, T> {
    pub(super) const fn new(object: &'a T) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            object,
        }
    }
}

/// Indented by two spaces, with a line break at the end.
pub(crate) fn json_pretty<T: Serialize>(object: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Versioned::new(object)).map_err(not_serialisable)?;
    out.push(b'\n');
    Ok(())
}

/// On one line, without a line break at the end.
pub(super) fn json_compact<T: Serialize>(object: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, &Versioned::new(object)).map_err(not_serialisable)
}

/// A YAML mapping.
pub(super) fn yaml<T: Serialize>(object: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_norway::to_writer(out, &Versioned::new(object)).map_err(not_serialisable)
}

/// One element of a YAML sequence.
pub(super) fn yaml_element<T: Serialize>(object: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_norway::to_writer(out, &[Versioned::new(object)]).map_err(not_serialisable)
}

/// CSV records with the header of the list, or of the first record. A record may omit a field but
/// not add one, because there would be no column for it.
pub(super) struct CsvEncoder {
    header: Option<Vec<String>>,
    excel_safe: bool,
}

impl CsvEncoder {
    /// Creates an encoder that takes the header from the first record.
    pub(super) fn new(excel_safe: bool) -> Self {
        Self {
            header: None,
            excel_safe,
        }
    }

    /// Writes the header, even if no record follows.
    pub(super) fn with_header(names: &[&str], excel_safe: bool, out: &mut Vec<u8>) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(names).map_err(not_serialisable)?;
        writer.flush()?;
        let header = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Self {
            header: Some(header),
            excel_safe,
        })
    }

    pub(super) fn record<T: Serialize>(&mut self, object: &T, out: &mut Vec<u8>) -> Result<()> {
        let json = serde_json::to_string(object).map_err(not_serialisable)?;
        let Fields(fields) = serde_json::from_str(&json).map_err(not_serialisable)?;
        let mut writer = csv::Writer::from_writer(out);
        let header = match &self.header {
            Some(header) => header,
            None => {
                let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
                writer.write_record(&names).map_err(not_serialisable)?;
                self.header.insert(names)
            }
        };
        let mut cells = vec![String::new(); header.len()];
        for (name, value) in fields {
            let column = header.iter().position(|column| *column == name);
            let column = column.ok_or_else(|| {
                Error::failure(format!("no column for the field {name}"))
                    .hint("use -o ndjson, where every record contains its field names")
            })?;
            cells[column] = csv_cell(value, self.excel_safe)?;
        }
        writer.write_record(&cells).map_err(not_serialisable)?;
        writer.flush()?;
        Ok(())
    }
}

/// Null is empty, text is unchanged, an array or object is its JSON text.
fn csv_cell(value: &RawValue, is_safe: bool) -> Result<String> {
    match value.get() {
        "null" => Ok(String::new()),
        text if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).map_err(not_serialisable)?;
            Ok(match is_safe {
                true => excel_safe(&text).into_owned(),
                false => text,
            })
        }
        other => Ok(other.to_owned()),
    }
}

/// The fields of a JSON object in the order in which they were written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn not_serialisable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::failure("the result could not be written in this format").because(error)
}
