//! Providers.

use super::{
    TenantTx,
    resources::{ResourceFilter, not_stored, resource_table},
    table::{columns, table},
};
use crate::{
    domain::{
        ProviderId,
        booking::{Provider, name_search},
    },
    error::{Error, Result},
};

table! {
    ($) select "providers": Provider, ProviderId; |provider|
    "external_id" "$3" provider.external_id;
    "name" "$4" provider.name;
    "specialty" "$5" provider.specialty;
    "email" "$6" provider.email;
    "phone" "$7" provider.phone;
    "archived_at" "$8" provider.archived_at;
    created "created_at" "$12" provider.created_at;
    "updated_at" "$9" provider.updated_at;
    computed
    "sort_name" "$10" name_search::fold(&provider.name);
    "search_text" "$11" search_text(provider);
    on update + ", shares_name = shares_name AND archived_at IS NULL AND sort_name = $10
                                 AND $8::timestamptz IS NULL";
    on error Error: |error| not_stored(error, "providers", "provider");
}

resource_table! { select "providers": Provider, search "search_text" }

fn search_text(provider: &Provider) -> String {
    let specialty = provider.specialty.as_deref().unwrap_or_default();
    name_search::fold(&format!("{} {specialty}", provider.name))
}
