//! Operatories.

use super::{
    TenantTx,
    resources::{ResourceFilter, not_stored, resource_table},
    table::{columns, table},
};
use crate::{
    domain::{
        OperatoryId,
        booking::{Operatory, name_search},
    },
    error::{Error, Result},
};

table! {
    ($) select "operatories": Operatory, OperatoryId; |operatory|
    "external_id" "$3" operatory.external_id;
    "name" "$4" operatory.name;
    "notes" "$5" operatory.notes;
    "archived_at" "$6" operatory.archived_at;
    created "created_at" "$9" operatory.created_at;
    "updated_at" "$7" operatory.updated_at;
    computed
    "sort_name" "$8" name_search::fold(&operatory.name);
    on update + ", shares_name = shares_name AND archived_at IS NULL AND sort_name = $8
                                 AND $6::timestamptz IS NULL";
    on error Error: |error| not_stored(error, "operatories", "operatory");
}

resource_table! { select "operatories": Operatory, search "sort_name" }
