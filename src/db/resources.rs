//! Bookable resources: providers and operatories. Both are listed by name, and have unique names.

use super::{TenantTx, is_unique_violation, table::Table};
use crate::{
    domain::booking::PageMark,
    error::{Error, Result},
};

/// Filter for lists of providers or operatories.
#[derive(Clone, Debug, Default)]
pub struct ResourceFilter {
    /// A folded part of the name, or of a provider's specialty (see [`crate::domain::booking::name_search`]).
    pub text: Option<String>,
    /// The id in the practice's own system.
    pub external_id: Option<String>,
    pub include_archived: bool,
    /// Only entries after this position in the order of names.
    pub after: Option<PageMark>,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// A table of bookable resources. [`resource_table!`] implements it.
pub trait ResourceTable: Table {
    /// Returns the matching rows, ordered by name.
    fn list(
        tx: &mut TenantTx,
        filter: &ResourceFilter,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;
}

/// Implements [`ResourceTable`] with the `select!` of the table; the text of a filter is looked for in `$search`.
macro_rules! resource_table {
    ($select:ident $table:literal: $Row:ty, search $search:literal) => {
        impl $crate::db::resources::ResourceTable for $Row {
            async fn list(tx: &mut TenantTx, filter: &ResourceFilter) -> Result<Vec<Self>> {
                $select!(
                    "FROM"
                        + $table
                        + "WHERE organization_id = $1
                             AND ($2::text IS NULL OR strpos("
                        + $search
                        + ", $2) > 0)
                             AND ($3::text IS NULL OR external_id = $3)
                             AND ($4 OR archived_at IS NULL)
                             AND ($5::uuid IS NULL OR (sort_name, id) > ($7::text, $5))
                           ORDER BY sort_name, id LIMIT $6",
                    tx.organization_id() as _,
                    filter.text,
                    filter.external_id,
                    filter.include_archived,
                    filter.after.as_ref().map(|mark| mark.id),
                    filter.limit,
                    filter.after.as_ref().map(|mark| mark.key.as_str()),
                )
                .fetch_all(tx.connection())
                .await
                .map_err(Error::from)
            }
        }
    };
}
pub(super) use resource_table;

/// Returns the error for an external id that another row has: `noun` is one of the rows.
pub fn external_id_taken(noun: &str) -> Error {
    Error::conflict(format!("another {noun} has this external_id")).hint(format!(
        "external_id is the {noun}'s id in the practice's own system and must be unique"
    ))
}

/// Converts the error of a write to a table of resources: `noun` is one of its rows.
pub(super) fn not_stored(error: sqlx::Error, table: &str, noun: &str) -> Error {
    if is_unique_violation(&error, &format!("{table}_organization_id_external_id_key")) {
        return external_id_taken(noun);
    }
    if is_unique_violation(&error, &format!("{table}_active_name_key")) {
        return Error::conflict(format!("another active {noun} has this name")).hint(format!(
            "active {table} need unique names: choose another name, or archive the other {noun}"
        ));
    }
    error.into()
}

/// Returns the active providers and operatories that share a name, from before names were unique:
/// their kind and name.
pub async fn shared_names(tx: &mut TenantTx) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"SELECT 'provider' AS "what!", name AS "name!" FROM providers p
            WHERE p.organization_id = $1 AND p.shares_name AND p.archived_at IS NULL
              AND EXISTS (SELECT FROM providers o
                           WHERE o.organization_id = $1 AND o.sort_name = p.sort_name
                             AND o.id <> p.id AND o.archived_at IS NULL)
            UNION ALL
           SELECT 'operatory', name FROM operatories r
            WHERE r.organization_id = $1 AND r.shares_name AND r.archived_at IS NULL
              AND EXISTS (SELECT FROM operatories o
                           WHERE o.organization_id = $1 AND o.sort_name = r.sort_name
                             AND o.id <> r.id AND o.archived_at IS NULL)"#,
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.what, row.name)).collect())
}
