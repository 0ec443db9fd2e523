//! The fields of a row that a caller sets: one struct for the command line, for JSON and for its schema.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use clap::Args;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    domain::{Email, Locale, Organization, PhoneNumber},
    error::{Error, Result},
};

/// The fields of a kind of row that a caller sets; `None` is not given. [`fields!`] defines them.
pub trait Fields:
    Args + Clone + Debug + Default + DeserializeOwned + Serialize + JsonSchema + Send + Sync
{
    type Row;

    /// The names of all fields.
    const NAMES: &'static [&'static str];
    /// The names of those that every row has.
    const REQUIRED: &'static [&'static str];

    /// The value of a required field.
    fn required(&mut self, name: &str) -> Option<&mut Option<String>>;

    /// Checks the given fields, and sets them in the row.
    ///
    /// # Errors
    /// `BadInput` that names the field. It does not repeat the value, which may be a patient's.
    fn set(&self, row: &mut Self::Row, given: &Given<'_>) -> Result<()>;

    /// The labels and values of the optional fields, for people to read.
    fn shown(row: &Self::Row) -> Vec<(&'static str, Option<String>)>;
}

/// Defines the fields of a kind of row. A line is a field:
///
/// - `name: required name, "NAME";` for one that every row has: the reader (a function of [`read`]) and the
///   placeholder in usage lines;
/// - `phone: text phone, "NUMBER", "Phone";` for an optional one that is given as text, and its label;
/// - `birth_date: value NaiveDate, "DATE", "Born";` for one of another type.
macro_rules! fields {
    (
        $(#[$struct_meta:meta])*
        pub struct $Fields:ident of $Row:ident;
        $($(#[$meta:meta])* $field:ident: $kind:ident $of:ident, $placeholder:literal $(, $label:literal)?;)*
    ) => {
        $(#[$struct_meta])*
        #[derive(
            clap::Args, Clone, Debug, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
        )]
        #[serde(default, deny_unknown_fields)]
        pub struct $Fields {
            $(
                $(#[$meta])*
                #[arg(long, value_name = $placeholder)]
                pub $field: Option<$crate::domain::booking::fields::type_of!($kind $of)>,
            )*
        }

        impl $crate::domain::booking::fields::Fields for $Fields {
            type Row = $Row;

            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
            const REQUIRED: &'static [&'static str] = $crate::domain::booking::fields::required_of!(
                [] $($kind $field;)*
            );

            fn required(&mut self, name: &str) -> Option<&mut Option<String>> {
                $($crate::domain::booking::fields::find_required!($kind self name $field);)*
                None
            }

            fn set(&self, row: &mut $Row, given: &$crate::domain::booking::fields::Given<'_>) -> $crate::error::Result<()> {
                $($crate::domain::booking::fields::set!($kind $of, given, row, self, $field);)*
                $crate::domain::booking::Resource::check(row, given)
            }

            fn shown(row: &$Row) -> Vec<(&'static str, Option<String>)> {
                vec![$($((
                    $label,
                    row.$field.as_ref().map(ToString::to_string),
                ),)?)*]
            }
        }
    };
}

/// The type of a field.
macro_rules! type_of {
    (value $Type:ident) => {
        $Type
    };
    ($kind:ident $reader:ident) => {
        String
    };
}

/// The names of the required fields.
macro_rules! required_of {
    ([$($name:ident)*]) => { &[$(stringify!($name)),*] };
    ([$($name:ident)*] required $field:ident; $($rest:tt)*) => {
        $crate::domain::booking::fields::required_of!([$($name)* $field] $($rest)*)
    };
    ([$($name:ident)*] $kind:ident $field:ident; $($rest:tt)*) => {
        $crate::domain::booking::fields::required_of!([$($name)*] $($rest)*)
    };
}

/// Returns the value of the field if it is required and has the name.
macro_rules! find_required {
    (required $self:ident $name:ident $field:ident) => {
        if $name == stringify!($field) {
            return Some(&mut $self.$field);
        }
    };
    ($kind:ident $self:ident $name:ident $field:ident) => {};
}

/// Sets one field.
macro_rules! set {
    (value $Type:ident, $given:ident, $row:ident, $self:ident, $field:ident) => {
        $given.value(stringify!($field), &mut $row.$field, $self.$field.clone());
    };
    ($kind:ident phone, $given:ident, $row:ident, $self:ident, $field:ident) => {
        $given.$kind(
            stringify!($field),
            &mut $row.$field,
            $self.$field.as_deref(),
            |field, text| {
                $crate::domain::booking::fields::read::phone(field, text, $given.organization)
            },
        )?;
    };
    ($kind:ident $reader:ident, $given:ident, $row:ident, $self:ident, $field:ident) => {
        $given.$kind(
            stringify!($field),
            &mut $row.$field,
            $self.$field.as_deref(),
            $crate::domain::booking::fields::read::$reader,
        )?;
    };
}

pub(super) use {fields, find_required, required_of, set, type_of};

/// The circumstances in which fields are set.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Its locale determines the format of phone numbers, its time zone what is in the future.
    pub organization: &'a Organization,
    pub now: DateTime<Utc>,
    /// The names of the fields to clear.
    pub clear: &'a [String],
}

impl Given<'_> {
    /// Sets a field that every row has.
    ///
    /// # Errors
    /// `BadInput` if the row has no value yet and none is given.
    pub fn required(
        &self,
        field: &str,
        value: &mut String,
        text: Option<&str>,
        read: impl Fn(&str, &str) -> Result<String>,
    ) -> Result<()> {
        match text {
            Some(text) => *value = read(field, text)?,
            None if value.is_empty() => {
                return Err(Error::bad_input(format!("{field}: required")));
            }
            None => {}
        }
        Ok(())
    }

    /// Sets or clears a field that is given as text.
    ///
    /// # Errors
    /// What `read` returns: it gets the name of the field and the text.
    pub fn text<T>(
        &self,
        field: &str,
        value: &mut Option<T>,
        text: Option<&str>,
        read: impl Fn(&str, &str) -> Result<T>,
    ) -> Result<()> {
        let text = text.map(|text| read(field, text)).transpose()?;
        self.value(field, value, text);
        Ok(())
    }

    /// Sets or clears a field.
    pub fn value<T>(&self, field: &str, value: &mut Option<T>, given: Option<T>) {
        if given.is_some() || self.clear.iter().any(|name| name == field) {
            *value = given;
        }
    }
}

/// Readers of the texts of fields. An error names the field and does not repeat the text, which may be a patient's.
pub mod read {
    use super::{Email, Error, Locale, Organization, PhoneNumber, Result};
    pub use crate::domain::booking::text::{name, notes};

    /// Reads a language tag.
    pub fn language(_field: &str, text: &str) -> Result<Locale> {
        text.parse()
    }

    /// Reads a phone number as it is written in the organization's region.
    pub fn phone(field: &str, text: &str, organization: &Organization) -> Result<PhoneNumber> {
        let region = organization.locale.region();
        PhoneNumber::parse(text, region).map_err(|_| {
            let example = "write it with + and the country code (E.164), for example +41443643532";
            let error = Error::bad_input(format!("{field} is not a valid telephone number"));
            match region {
                Some(region) => error.hint(format!("{example}, or as it is dialed in {region}")),
                None => error.hint(example),
            }
        })
    }

    /// Reads an email address.
    pub fn email(field: &str, text: &str) -> Result<Email> {
        text.parse().map_err(|_| {
            Error::bad_input(format!("{field} is not a valid email address"))
                .hint("an address looks like maria@harbor.example")
        })
    }
}
