//! Providers.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{TenantTx, is_unique_violation, stored};
use crate::{
    domain::{
        Email, PhoneNumber, ProviderId,
        booking::{PageMark, Provider, name_search},
    },
    error::{Error, Result},
};

struct ProviderRow {
    id: Uuid,
    external_id: Option<String>,
    name: String,
    specialty: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<ProviderRow> for Provider {
    type Error = Error;

    fn try_from(row: ProviderRow) -> Result<Self> {
        let phone = row.phone.as_deref().map(PhoneNumber::from_stored);
        let email = row.email.as_deref().map(str::parse::<Email>);
        Ok(Self {
            id: row.id.into(),
            external_id: row.external_id,
            name: row.name,
            specialty: row.specialty,
            email: stored("providers.email", email.transpose())?,
            phone: stored("providers.phone", phone.transpose())?,
            archived_at: row.archived_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Finds a provider.
pub async fn find(tx: &mut TenantTx, id: ProviderId) -> Result<Option<Provider>> {
    sqlx::query_as!(
        ProviderRow,
        "SELECT id, external_id, name, specialty, email, phone, archived_at, created_at, updated_at
           FROM providers WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Provider::try_from)
    .transpose()
}

/// Filter for lists of providers or operatories.
#[derive(Clone, Debug, Default)]
pub struct ResourceFilter {
    /// A folded part of the name, or of a provider's specialty (see [`name_search`]).
    pub text: Option<String>,
    /// The id in the practice's own system.
    pub external_id: Option<String>,
    pub include_archived: bool,
    /// Only entries after this position in the order of names.
    pub after: Option<PageMark>,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// Returns the matching providers, ordered by name.
pub async fn list(tx: &mut TenantTx, filter: &ResourceFilter) -> Result<Vec<Provider>> {
    sqlx::query_as!(
        ProviderRow,
        "SELECT id, external_id, name, specialty, email, phone, archived_at, created_at, updated_at
           FROM providers
          WHERE organization_id = $1
            AND ($2::text IS NULL OR strpos(search_text, $2) > 0)
            AND ($3::text IS NULL OR external_id = $3)
            AND ($4 OR archived_at IS NULL)
            AND ($5::uuid IS NULL OR (sort_name, id) > ($7::text, $5))
          ORDER BY sort_name, id LIMIT $6",
        tx.organization_id().as_uuid(),
        filter.text,
        filter.external_id,
        filter.include_archived,
        filter.after.as_ref().map(|mark| mark.id),
        filter.limit,
        filter.after.as_ref().map(|mark| mark.key.as_str()),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Provider::try_from)
    .collect()
}

/// Adds a provider.
///
/// # Errors
/// `Conflict` if another provider has the external id.
pub async fn insert(tx: &mut TenantTx, provider: &Provider) -> Result<()> {
    sqlx::query!(
        "INSERT INTO providers (organization_id, id, external_id, name, sort_name, specialty, email,
                                phone, archived_at, created_at, updated_at, search_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tx.organization_id().as_uuid(),
        provider.id.as_uuid(),
        provider.external_id,
        provider.name,
        name_search::fold(&provider.name),
        provider.specialty,
        provider.email.as_ref().map(Email::as_str),
        provider.phone.as_ref().map(PhoneNumber::as_str),
        provider.archived_at,
        provider.created_at,
        provider.updated_at,
        search_text(provider),
    )
    .execute(tx.connection())
    .await
    .map_err(not_stored)?;
    Ok(())
}

/// Replaces a provider's fields. Returns `false` if the provider does not exist.
///
/// # Errors
/// `Conflict` if another provider has the external id.
pub async fn update(tx: &mut TenantTx, provider: &Provider) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE providers
            SET external_id = $3, name = $4, sort_name = $5, specialty = $6, email = $7, phone = $8,
                archived_at = $9, updated_at = $10, search_text = $11,
                shares_name = shares_name AND archived_at IS NULL
                              AND sort_name = $5 AND $9::timestamptz IS NULL
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        provider.id.as_uuid(),
        provider.external_id,
        provider.name,
        name_search::fold(&provider.name),
        provider.specialty,
        provider.email.as_ref().map(Email::as_str),
        provider.phone.as_ref().map(PhoneNumber::as_str),
        provider.archived_at,
        provider.updated_at,
        search_text(provider),
    )
    .execute(tx.connection())
    .await
    .map_err(not_stored)?;
    Ok(updated.rows_affected() == 1)
}

/// Deletes a provider and their schedules. Returns `false` if the provider does not exist.
///
/// # Errors
/// `Failure` if appointments refer to the provider: count these first.
pub async fn delete(tx: &mut TenantTx, id: ProviderId) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM providers WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}

fn search_text(provider: &Provider) -> String {
    let specialty = provider.specialty.as_deref().unwrap_or_default();
    name_search::fold(&format!("{} {specialty}", provider.name))
}

fn not_stored(error: sqlx::Error) -> Error {
    if is_unique_violation(&error, "providers_organization_id_external_id_key") {
        return Error::conflict("another provider has this external_id").hint(
            "external_id is the provider's id in the practice's own system and must be unique",
        );
    }
    if is_unique_violation(&error, "providers_active_name_key") {
        return Error::conflict("another active provider has this name").hint(
            "active providers need unique names: choose another name, or archive the other provider",
        );
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
