//! Parameters of the functions on providers and operatories.

use super::{Patch, parameters, patch};
use crate::domain::{OperatoryId, ProviderId, booking::PageMark};

parameters! {
    /// Parameters of GetProviders.
    #[derive(Default)]
    pub struct GetProviders {
        /// Part of the name or the specialty, ignoring case.
        pub search: Option<String>,
        /// Include archived providers.
        #[serde(default)]
        pub include_archived: bool,
        /// Providers per page, 1 to 1000; default 50.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetProvider.
    pub struct GetProvider {
        pub provider_id: ProviderId,
    }

    /// Parameters of CreateProvider.
    pub struct CreateProvider {
        pub name: String,
        pub specialty: Option<String>,
        pub email: Option<String>,
        /// Phone number, as written in the organization's region or in E.164; stored in E.164.
        pub phone: Option<String>,
        /// The id in the practice's own system; unique in the organization.
        pub external_id: Option<String>,
    }

    /// Parameters of UpdateProvider: omitted fields are unchanged, null clears.
    pub struct UpdateProvider {
        pub provider_id: ProviderId,
        pub name: Option<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub specialty: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub email: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub phone: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub external_id: Patch<String>,
        /// true archives the provider, false restores them.
        pub archived: Option<bool>,
    }

    /// Parameters of DeleteProvider.
    pub struct DeleteProvider {
        pub provider_id: ProviderId,
        /// Archive the provider, with all appointments, instead of deleting.
        #[serde(default)]
        pub archive: bool,
    }

    /// Parameters of GetOperatories.
    #[derive(Default)]
    pub struct GetOperatories {
        /// Part of the name, ignoring case.
        pub search: Option<String>,
        /// Include archived operatories.
        #[serde(default)]
        pub include_archived: bool,
        /// Operatories per page, 1 to 1000; default 50.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetOperatory.
    pub struct GetOperatory {
        pub operatory_id: OperatoryId,
    }

    /// Parameters of CreateOperatory.
    pub struct CreateOperatory {
        pub name: String,
        pub notes: Option<String>,
        /// The id in the practice's own system; unique in the organization.
        pub external_id: Option<String>,
    }

    /// Parameters of UpdateOperatory: omitted fields are unchanged, null clears.
    pub struct UpdateOperatory {
        pub operatory_id: OperatoryId,
        pub name: Option<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub notes: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub external_id: Patch<String>,
        /// true archives the operatory, false restores it.
        pub archived: Option<bool>,
    }

    /// Parameters of DeleteOperatory.
    pub struct DeleteOperatory {
        pub operatory_id: OperatoryId,
        /// Archive the operatory, with all appointments, instead of deleting.
        #[serde(default)]
        pub archive: bool,
    }
}

impl UpdateProvider {
    /// Restores an archived provider.
    pub fn restore(provider_id: ProviderId) -> Self {
        Self {
            provider_id,
            name: None,
            specialty: None,
            email: None,
            phone: None,
            external_id: None,
            archived: Some(false),
        }
    }
}

impl UpdateOperatory {
    /// Restores an archived operatory.
    pub fn restore(operatory_id: OperatoryId) -> Self {
        Self {
            operatory_id,
            name: None,
            notes: None,
            external_id: None,
            archived: Some(false),
        }
    }
}
