//! Operatories.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Function,
    fields::fields,
    parameters::NameSearch,
    resource::{Functions, Noun, Resource, noun, resource_columns},
};
use crate::{domain::OperatoryId, rfc3339};

/// A room or chair in which patients are treated.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Operatory {
    pub id: OperatoryId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub name: String,
    pub notes: Option<String>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    pub archived_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

fields! {
    /// The fields of an operatory that a caller sets.
    pub struct OperatoryFields of Operatory;
    /// Name.
    name: required name, "NAME";
    /// Notes.
    notes: text notes, "TEXT", "Notes";
    /// ID in the practice's own system; unique in the organization.
    external_id: text name, "ID", "External id";
}

impl Resource for Operatory {
    type Id = OperatoryId;
    type Fields = OperatoryFields;
    type List = NameSearch;

    const NOUN: Noun = noun!("an" "operatory", "operatories");
    const FUNCTIONS: Functions = Functions {
        list: Function::GetOperatories,
        get: Function::GetOperatory,
        create: Function::CreateOperatory,
        update: Function::UpdateOperatory,
        delete: Function::DeleteOperatory,
    };

    resource_columns! {}
}
