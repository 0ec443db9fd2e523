//! The functions on operatories.

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
        OperatoryId, OrganizationId,
        booking::{
            Function, Operatory, PageMark, name_search,
            parameters::{
                CreateOperatory, DeleteOperatory, GetOperatories, GetOperatory, UpdateOperatory,
                patched,
            },
            text,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// A page of operatories.
#[derive(Debug, Serialize)]
pub struct OperatoriesPage {
    pub operatories: Vec<Operatory>,
    /// Position after which the next page begins; null: this is the last page.
    pub next_after: Option<PageMark>,
}

/// The operatories that match, in the order of their names.
///
/// # Errors
/// `BadInput` for a limit out of range.
pub async fn get_all(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetOperatories,
) -> Result<OperatoriesPage> {
    let permission = Function::GetOperatories.permission();
    let mut scope = session.read(organization, permission).await?;
    let limit = checks::page(parameters.limit)?;
    let filter = ResourceFilter {
        text: optional(parameters.search.as_deref(), folded)?,
        include_archived: parameters.include_archived,
        after: parameters.after.clone(),
        limit: Some(limit + 1),
        ..ResourceFilter::default()
    };
    let found = db::operatories::list(&mut scope.tx, &filter).await?;
    let (operatories, more) = checks::cut(found, limit);
    Ok(OperatoriesPage {
        next_after: operatories.last().filter(|_| more).map(place),
        operatories,
    })
}

fn place(operatory: &Operatory) -> PageMark {
    PageMark::new(name_search::fold(&operatory.name), operatory.id)
}

fn folded(search: &str) -> Result<String> {
    Ok(name_search::fold(&text::query("search", search)?))
}

/// One operatory.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetOperatory,
) -> Result<Operatory> {
    let permission = Function::GetOperatory.permission();
    let mut scope = session.read(organization, permission).await?;
    require(&mut scope, parameters.operatory_id).await
}

/// The operatory that somebody means: by the id in the practice's own system, or by name.
///
/// # Errors
/// `NotFound`; `Conflict` where several have the name.
pub async fn find(
    session: &Session,
    organization: OrganizationId,
    reference: &str,
) -> Result<OperatoryId> {
    let permission = Function::GetOperatory.permission();
    let mut scope = session.read(organization, permission).await?;
    let mut filter = ResourceFilter {
        external_id: Some(text::query("operatory", reference)?),
        include_archived: true,
        ..ResourceFilter::default()
    };
    let by_id = db::operatories::list(&mut scope.tx, &filter).await?;
    if let Some(operatory) = by_id.first() {
        return Ok(operatory.id);
    }
    let folded = name_search::fold(reference);
    filter.external_id = None;
    filter.text = Some(folded.clone());
    let found = db::operatories::list(&mut scope.tx, &filter).await?;
    let named: Vec<Named<'_, OperatoryId>> = found
        .iter()
        .filter(|one| name_search::fold(&one.name).contains(&folded))
        .map(|one| Named {
            id: one.id,
            name: &one.name,
            is_active: one.archived_at.is_none(),
        })
        .collect();
    checks::only_one("operatory", reference, &named)
}

/// An operatory after a change.
#[derive(Debug, Serialize)]
pub struct OperatoryChange {
    /// `false`: it was so already.
    pub changed: bool,
    pub before: Option<Operatory>,
    pub operatory: Operatory,
}

/// Adds an operatory. With `if_not_exists`, one that has the external id already is answered as it is.
///
/// # Errors
/// `BadInput`; `Conflict` when another one has the external id.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateOperatory,
    if_not_exists: bool,
) -> Result<OperatoryChange> {
    let permission = Function::CreateOperatory.permission();
    let mut scope = session.write(organization, permission).await?;
    let now = session.now();
    let operatory = Operatory {
        id: new_id().into(),
        external_id: optional(parameters.external_id.as_deref(), text::external_id)?,
        name: text::name("name", &parameters.name)?,
        notes: optional(parameters.notes.as_deref(), notes)?,
        archived_at: None,
        created_at: now,
        updated_at: now,
    };
    if if_not_exists && operatory.external_id.is_some() {
        let filter = ResourceFilter {
            external_id: operatory.external_id.clone(),
            include_archived: true,
            ..ResourceFilter::default()
        };
        if let Some(known) = db::operatories::list(&mut scope.tx, &filter).await?.pop() {
            return Ok(unchanged(known));
        }
    }
    db::operatories::insert(&mut scope.tx, &operatory).await?;
    let change = change("operatory.create", None, Some(&operatory));
    scope.finish(session, change).await?;
    Ok(OperatoryChange {
        changed: true,
        before: None,
        operatory,
    })
}

fn notes(text: &str) -> Result<String> {
    text::notes("notes", text)
}

/// Changes an operatory.
///
/// # Errors
/// `NotFound`, `BadInput`; `Conflict` when another one has the external id.
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdateOperatory,
) -> Result<OperatoryChange> {
    let permission = Function::UpdateOperatory.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.operatory_id).await?;
    let mut after = updated(session, &before, parameters)?;
    if after == before {
        return Ok(unchanged(before));
    }
    after.updated_at = session.now();
    db::operatories::update(&mut scope.tx, &after).await?;
    let change = change("operatory.update", Some(&before), Some(&after));
    scope.finish(session, change).await?;
    Ok(OperatoryChange {
        changed: true,
        before: Some(before),
        operatory: after,
    })
}

fn updated(
    session: &Session,
    before: &Operatory,
    parameters: UpdateOperatory,
) -> Result<Operatory> {
    let before = before.clone();
    let external_id = checks::parse_patch(parameters.external_id, text::external_id)?;
    Ok(Operatory {
        external_id: patched(external_id, before.external_id),
        name: match parameters.name {
            Some(name) => text::name("name", &name)?,
            None => before.name,
        },
        notes: patched(checks::parse_patch(parameters.notes, notes)?, before.notes),
        archived_at: checks::archived_at(before.archived_at, parameters.archived, session.now()),
        ..before
    })
}

/// Deletes an operatory without appointments, with its schedules, or archives one.
///
/// # Errors
/// `NotFound`; `Conflict` with the number of appointments.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeleteOperatory,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let permission = Function::DeleteOperatory.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.operatory_id).await?;
    let id = before.id;
    if parameters.archive {
        if before.archived_at.is_some() {
            return Ok(Removal::unchanged(id));
        }
        let after = Operatory {
            archived_at: Some(session.now()),
            updated_at: session.now(),
            ..before.clone()
        };
        db::operatories::update(&mut scope.tx, &after).await?;
        let change = change("operatory.archive", Some(&before), Some(&after));
        scope.finish(session, change).await?;
        return Ok(Removal::archived(id));
    }
    let count = db::appointments::count(&mut scope.tx, Parent::Operatory(id)).await?;
    if count > 0 {
        return Err(checks::has_appointments(&format!("operatory {id}"), count));
    }
    db::operatories::delete(&mut scope.tx, id).await?;
    let change = change("operatory.delete", Some(&before), None);
    scope.finish(session, change).await?;
    Ok(Removal::deleted(id))
}

pub(super) async fn require(scope: &mut Scope, id: OperatoryId) -> Result<Operatory> {
    db::operatories::find(&mut scope.tx, id)
        .await?
        .ok_or_else(|| missing::operatory(id))
}

/// An operatory that can be booked.
///
/// # Errors
/// `NotFound`; `Conflict` where it is archived.
pub(super) async fn require_active(scope: &mut Scope, id: OperatoryId) -> Result<Operatory> {
    let operatory = require(scope, id).await?;
    if operatory.archived_at.is_none() {
        return Ok(operatory);
    }
    Err(Error::conflict(format!("operatory {id} is archived"))
        .hint(run!["operatory", "update", id, "--restore"].labeled("bring it back")))
}

fn unchanged(operatory: Operatory) -> OperatoryChange {
    OperatoryChange {
        changed: false,
        before: Some(operatory.clone()),
        operatory,
    }
}

fn change(action: &'static str, before: Option<&Operatory>, after: Option<&Operatory>) -> Change {
    Change {
        action,
        object_type: "operatory",
        object_id: before
            .or(after)
            .map_or_else(String::new, |one| one.id.to_string()),
        before: before.map(|operatory| json!(operatory)),
        after: after.map(|operatory| json!(operatory)),
    }
}
