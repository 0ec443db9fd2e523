//! What patients, providers and operatories have in common: they are identified by an id or by the id in the
//! practice's own system, have fields that a caller sets, and can be archived.

use std::{fmt::Display, str::FromStr};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Function,
    fields::{Fields, Given},
    parameters::Paged,
};
use crate::error::{Error, Result};

/// A kind of row with the functions list, get, create, update and delete.
pub trait Resource:
    Clone + Default + PartialEq + Serialize + Send + Sync + Sized + 'static
{
    type Id: Copy
        + Eq
        + Display
        + FromStr<Err = Error>
        + Into<Uuid>
        + DeserializeOwned
        + JsonSchema
        + Send
        + Sync;
    /// The fields that a caller sets.
    type Fields: Fields<Row = Self>;
    /// The parameters of a list.
    type List: Paged;

    const NOUN: Noun;
    const FUNCTIONS: Functions;

    /// A row without values, before [`Fields::set`].
    fn new(id: Uuid, now: DateTime<Utc>) -> Self;

    fn id(&self) -> Self::Id;

    /// The id in the practice's own system.
    fn external_id(&self) -> Option<&str>;

    fn archived_at(&self) -> Option<DateTime<Utc>>;

    fn created_at(&self) -> DateTime<Utc>;

    /// Sets the time of the change, and whether the row is archived.
    fn stamp(&mut self, archived_at: Option<DateTime<Utc>>, updated_at: DateTime<Utc>);

    /// Checks rules that concern the row, after its fields are set.
    ///
    /// # Errors
    /// `BadInput` that names the field.
    fn check(&self, _given: &Given<'_>) -> Result<()> {
        Ok(())
    }
}

/// The words for a kind of row.
#[derive(Clone, Copy, Debug)]
pub struct Noun {
    /// The command, and the key of a row in JSON: `provider`.
    pub one: &'static str,
    /// With the article: `a provider`.
    pub a: &'static str,
    /// The key of rows in JSON: `providers`.
    pub many: &'static str,
    /// The key of the id in JSON: `provider_id`.
    pub id: &'static str,
    /// The actions in the activity log.
    pub actions: Actions,
}

/// The actions on a kind of row in the activity log, such as `provider.create`.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    pub create: &'static str,
    pub update: &'static str,
    pub archive: &'static str,
    pub delete: &'static str,
}

/// The [`Noun`] of a word.
macro_rules! noun {
    ($a:literal $one:literal, $many:literal) => {
        $crate::domain::booking::resource::Noun {
            one: $one,
            a: concat!($a, " ", $one),
            many: $many,
            id: concat!($one, "_id"),
            actions: $crate::domain::booking::resource::Actions {
                create: concat!($one, ".create"),
                update: concat!($one, ".update"),
                archive: concat!($one, ".archive"),
                delete: concat!($one, ".delete"),
            },
        }
    };
}

/// Implements the parts of [`Resource`] that only name columns that every kind of row has.
macro_rules! resource_columns {
    () => {
        fn new(id: Uuid, now: DateTime<Utc>) -> Self {
            Self {
                id: id.into(),
                created_at: now,
                updated_at: now,
                ..Self::default()
            }
        }

        fn id(&self) -> Self::Id {
            self.id
        }

        fn external_id(&self) -> Option<&str> {
            self.external_id.as_deref()
        }

        fn archived_at(&self) -> Option<DateTime<Utc>> {
            self.archived_at
        }

        fn created_at(&self) -> DateTime<Utc> {
            self.created_at
        }

        fn stamp(&mut self, archived_at: Option<DateTime<Utc>>, updated_at: DateTime<Utc>) {
            self.archived_at = archived_at;
            self.updated_at = updated_at;
        }
    };
}
pub(super) use {noun, resource_columns};

/// The functions on a kind of row, which determine the permissions.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    pub list: Function,
    pub get: Function,
    pub create: Function,
    pub update: Function,
    pub delete: Function,
}

/// What a function does with a kind of row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    List,
    Get,
    Create,
    Update,
    Delete,
}

impl Functions {
    /// What the function does, if it is one of these.
    pub fn verb(&self, function: Function) -> Option<Verb> {
        let verbs = [
            (self.list, Verb::List),
            (self.get, Verb::Get),
            (self.create, Verb::Create),
            (self.update, Verb::Update),
            (self.delete, Verb::Delete),
        ];
        let found = verbs.into_iter().find(|(one, _)| *one == function);
        found.map(|(_, verb)| verb)
    }
}
