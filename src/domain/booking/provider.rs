//! Providers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Function,
    fields::fields,
    parameters::NameSearch,
    resource::{Functions, Noun, Resource, noun, resource_columns},
};
use crate::{
    domain::{Email, PhoneNumber, ProviderId},
    rfc3339,
};

/// A person who treats patients.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Provider {
    pub id: ProviderId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub name: String,
    pub specialty: Option<String>,
    pub email: Option<Email>,
    pub phone: Option<PhoneNumber>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    pub archived_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

fields! {
    /// The fields of a provider that a caller sets.
    pub struct ProviderFields of Provider;
    /// Name.
    name: required name, "NAME";
    /// Specialty, such as "Orthodontics".
    specialty: text name, "TEXT", "Specialty";
    /// Email address.
    email: text email, "EMAIL", "Email";
    /// Phone number, in the organization's national format or in E.164.
    phone: text phone, "NUMBER", "Phone";
    /// ID in the practice's own system; unique in the organization.
    external_id: text name, "ID", "External id";
}

impl Resource for Provider {
    type Id = ProviderId;
    type Fields = ProviderFields;
    type List = NameSearch;

    const NOUN: Noun = noun!("a" "provider", "providers");
    const FUNCTIONS: Functions = Functions {
        list: Function::GetProviders,
        get: Function::GetProvider,
        create: Function::CreateProvider,
        update: Function::UpdateProvider,
        delete: Function::DeleteProvider,
    };

    resource_columns! {}
}
