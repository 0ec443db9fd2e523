//! The functions on providers.

use serde::Serialize;
use serde_json::json;

use super::{
    checks::{self, Named, Removal, optional},
    missing,
};
use crate::{
    confirm::Confirmed,
    context::new_id,
    db::{self, appointments::Parent, providers::ResourceFilter},
    domain::{
        Organization, OrganizationId, ProviderId,
        booking::{
            Function, PageMark, Provider, name_search,
            parameters::{
                CreateProvider, DeleteProvider, GetProvider, GetProviders, UpdateProvider, patched,
            },
            text,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// A page of providers.
#[derive(Debug, Serialize)]
pub struct ProvidersPage {
    pub providers: Vec<Provider>,
    /// Position after which the next page begins; null: this is the last page.
    pub next_after: Option<PageMark>,
}

/// The providers that match, in the order of their names.
///
/// # Errors
/// `BadInput` for a limit out of range.
pub async fn get_all(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetProviders,
) -> Result<ProvidersPage> {
    let permission = Function::GetProviders.permission();
    let mut scope = session.read(organization, permission).await?;
    let limit = checks::page(parameters.limit)?;
    let filter = ResourceFilter {
        text: optional(parameters.search.as_deref(), folded)?,
        include_archived: parameters.include_archived,
        after: parameters.after.clone(),
        limit: Some(limit + 1),
        ..ResourceFilter::default()
    };
    let found = db::providers::list(&mut scope.tx, &filter).await?;
    let (providers, more) = checks::cut(found, limit);
    Ok(ProvidersPage {
        next_after: providers.last().filter(|_| more).map(place),
        providers,
    })
}

fn place(provider: &Provider) -> PageMark {
    PageMark::new(name_search::fold(&provider.name), provider.id)
}

fn folded(search: &str) -> Result<String> {
    Ok(name_search::fold(&text::query("search", search)?))
}

/// One provider.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetProvider,
) -> Result<Provider> {
    let permission = Function::GetProvider.permission();
    let mut scope = session.read(organization, permission).await?;
    require(&mut scope, parameters.provider_id).await
}

/// The provider that somebody means: by the id in the practice's own system, or by name.
///
/// # Errors
/// `NotFound`; `Conflict` where several have the name.
pub async fn find(
    session: &Session,
    organization: OrganizationId,
    reference: &str,
) -> Result<ProviderId> {
    let permission = Function::GetProvider.permission();
    let mut scope = session.read(organization, permission).await?;
    let mut filter = ResourceFilter {
        external_id: Some(text::query("provider", reference)?),
        include_archived: true,
        ..ResourceFilter::default()
    };
    let by_id = db::providers::list(&mut scope.tx, &filter).await?;
    if let Some(provider) = by_id.first() {
        return Ok(provider.id);
    }
    let folded = name_search::fold(reference);
    filter.external_id = None;
    filter.text = Some(folded.clone());
    let found = db::providers::list(&mut scope.tx, &filter).await?;
    let named: Vec<Named<'_, ProviderId>> = found
        .iter()
        .filter(|one| name_search::fold(&one.name).contains(&folded))
        .map(|one| Named {
            id: one.id,
            name: &one.name,
            is_active: one.archived_at.is_none(),
        })
        .collect();
    checks::only_one("provider", reference, &named)
}

/// A provider after a change.
#[derive(Debug, Serialize)]
pub struct ProviderChange {
    /// `false`: it was so already.
    pub changed: bool,
    pub before: Option<Provider>,
    pub provider: Provider,
}

/// Adds a provider. With `if_not_exists`, one that has the external id already is answered as it is.
///
/// # Errors
/// `BadInput`; `Conflict` when another one has the external id.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateProvider,
    if_not_exists: bool,
) -> Result<ProviderChange> {
    let permission = Function::CreateProvider.permission();
    let mut scope = session.write(organization, permission).await?;
    let now = session.now();
    let provider = Provider {
        id: new_id().into(),
        external_id: optional(parameters.external_id.as_deref(), text::external_id)?,
        name: text::name("name", &parameters.name)?,
        specialty: optional(parameters.specialty.as_deref(), specialty)?,
        email: optional(parameters.email.as_deref(), checks::email)?,
        phone: optional(parameters.phone.as_deref(), |text| {
            checks::phone(text, &scope.organization)
        })?,
        archived_at: None,
        created_at: now,
        updated_at: now,
    };
    if if_not_exists && provider.external_id.is_some() {
        let filter = ResourceFilter {
            external_id: provider.external_id.clone(),
            include_archived: true,
            ..ResourceFilter::default()
        };
        if let Some(known) = db::providers::list(&mut scope.tx, &filter).await?.pop() {
            return Ok(unchanged(known));
        }
    }
    db::providers::insert(&mut scope.tx, &provider).await?;
    let change = change("provider.create", None, Some(&provider));
    scope.finish(session, change).await?;
    Ok(ProviderChange {
        changed: true,
        before: None,
        provider,
    })
}

fn specialty(text: &str) -> Result<String> {
    text::name("specialty", text)
}

/// Changes a provider.
///
/// # Errors
/// `NotFound`, `BadInput`; `Conflict` when another one has the external id.
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdateProvider,
) -> Result<ProviderChange> {
    let permission = Function::UpdateProvider.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.provider_id).await?;
    let mut after = updated(session, &scope.organization, &before, parameters)?;
    if after == before {
        return Ok(unchanged(before));
    }
    after.updated_at = session.now();
    db::providers::update(&mut scope.tx, &after).await?;
    let change = change("provider.update", Some(&before), Some(&after));
    scope.finish(session, change).await?;
    Ok(ProviderChange {
        changed: true,
        before: Some(before),
        provider: after,
    })
}

fn updated(
    session: &Session,
    organization: &Organization,
    before: &Provider,
    parameters: UpdateProvider,
) -> Result<Provider> {
    let before = before.clone();
    let phone = |text: &str| checks::phone(text, organization);
    let external_id = checks::parse_patch(parameters.external_id, text::external_id)?;
    Ok(Provider {
        external_id: patched(external_id, before.external_id),
        name: match parameters.name {
            Some(name) => text::name("name", &name)?,
            None => before.name,
        },
        specialty: patched(
            checks::parse_patch(parameters.specialty, specialty)?,
            before.specialty,
        ),
        email: patched(
            checks::parse_patch(parameters.email, checks::email)?,
            before.email,
        ),
        phone: patched(checks::parse_patch(parameters.phone, phone)?, before.phone),
        archived_at: checks::archived_at(before.archived_at, parameters.archived, session.now()),
        ..before
    })
}

/// Deletes a provider without appointments, with their schedules, or archives one.
///
/// # Errors
/// `NotFound`; `Conflict` with the number of appointments.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeleteProvider,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let permission = Function::DeleteProvider.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.provider_id).await?;
    let id = before.id;
    if parameters.archive {
        if before.archived_at.is_some() {
            return Ok(Removal::unchanged(id));
        }
        let after = Provider {
            archived_at: Some(session.now()),
            updated_at: session.now(),
            ..before.clone()
        };
        db::providers::update(&mut scope.tx, &after).await?;
        let change = change("provider.archive", Some(&before), Some(&after));
        scope.finish(session, change).await?;
        return Ok(Removal::archived(id));
    }
    let count = db::appointments::count(&mut scope.tx, Parent::Provider(id)).await?;
    if count > 0 {
        return Err(checks::has_appointments(&format!("provider {id}"), count));
    }
    db::providers::delete(&mut scope.tx, id).await?;
    let change = change("provider.delete", Some(&before), None);
    scope.finish(session, change).await?;
    Ok(Removal::deleted(id))
}

pub(super) async fn require(scope: &mut Scope, id: ProviderId) -> Result<Provider> {
    db::providers::find(&mut scope.tx, id)
        .await?
        .ok_or_else(|| missing::provider(id))
}

/// A provider who can be booked.
///
/// # Errors
/// `NotFound`; `Conflict` where they are archived.
pub(super) async fn require_active(scope: &mut Scope, id: ProviderId) -> Result<Provider> {
    let provider = require(scope, id).await?;
    if provider.archived_at.is_none() {
        return Ok(provider);
    }
    Err(Error::conflict(format!("provider {id} is archived"))
        .hint(run!["provider", "update", id, "--restore"].labeled("bring it back")))
}

fn unchanged(provider: Provider) -> ProviderChange {
    ProviderChange {
        changed: false,
        before: Some(provider.clone()),
        provider,
    }
}

fn change(action: &'static str, before: Option<&Provider>, after: Option<&Provider>) -> Change {
    Change {
        action,
        object_type: "provider",
        object_id: before
            .or(after)
            .map_or_else(String::new, |one| one.id.to_string()),
        before: before.map(|provider| json!(provider)),
        after: after.map(|provider| json!(provider)),
    }
}
