//! The functions list, get, create, update and delete, the same for patients, providers and operatories.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

use super::{
    access_log::{self, Done},
    checks::{self, Removal},
};
use crate::{
    confirm::Confirmed,
    db::{Table, TenantTx, resources::external_id_taken},
    domain::{
        OrganizationId,
        booking::{
            Duplicate, PageMark, Resource,
            fields::{Fields, Given},
            parameters::Paged as _,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
    system::new_id,
};

/// A resource with its table, and the rules of its own that the functions apply.
pub trait Stored:
    Resource + Table<Id = <Self as Resource>::Id, Error = Error> + std::fmt::Debug
{
    /// Returns at most `limit` matching rows in the order of their names.
    ///
    /// # Errors
    /// `BadInput` for a search that is not valid.
    fn page(
        scope: &mut Scope,
        list: &Self::List,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;

    /// The position of the row in that order.
    fn mark(&self) -> PageMark;

    /// Finds the row with an id in the practice's own system.
    fn with_external_id(
        tx: &mut TenantTx,
        external_id: &str,
    ) -> impl Future<Output = Result<Option<Self>>> + Send;

    /// Counts the appointments of the row, which prevent its deletion.
    fn count_appointments(
        tx: &mut TenantTx,
        id: <Self as Resource>::Id,
    ) -> impl Future<Output = Result<i64>> + Send;

    /// Notes that the answer depends on the row, if that is logged.
    fn note(&self, _scope: &mut Scope) {}

    /// Checks a new row against the others. Returns those that may be the same.
    fn duplicates(
        &self,
        _scope: &mut Scope,
    ) -> impl Future<Output = Result<Vec<Duplicate>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Adds the row and what belongs to it.
    fn add(&self, tx: &mut TenantTx) -> impl Future<Output = Result<()>> + Send {
        self.insert(tx)
    }

    /// Replaces the row and what belongs to it.
    fn replace(&self, tx: &mut TenantTx) -> impl Future<Output = Result<bool>> + Send {
        self.update(tx)
    }

    /// The row before and after a change, as the activity log keeps them.
    fn logged(before: Option<&Self>, after: Option<&Self>) -> (Option<Value>, Option<Value>) {
        (before.map(|row| json!(row)), after.map(|row| json!(row)))
    }

    /// The answer to a program.
    fn answer(changed: &Changed<Self>) -> Value {
        json!({ "changed": changed.changed, "before": changed.before, (Self::NOUN.one): changed.row })
    }
}

/// A page of rows.
#[derive(Debug)]
pub struct ResourcePage<R> {
    pub rows: Vec<R>,
    /// Position after which the next page begins; `None`: this is the last page.
    pub next_after: Option<PageMark>,
}

impl<R: Resource> Serialize for ResourcePage<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(R::NOUN.many, &self.rows)?;
        map.serialize_entry("next_after", &self.next_after)?;
        map.end()
    }
}

/// Returns a page of the matching rows in the order of their names.
///
/// # Errors
/// `BadInput` for a search that is not valid or a limit out of range.
pub async fn get_all<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    list: &R::List,
) -> Result<ResourcePage<R>> {
    let function = R::FUNCTIONS.list;
    let mut scope = session.read(organization, function.permission()).await?;
    let done = page_in(&mut scope, list).await;
    access_log::end(session, scope, function, done).await
}

async fn page_in<R: Stored>(scope: &mut Scope, list: &R::List) -> Result<Done<ResourcePage<R>>> {
    let limit = checks::page(list.limit())?;
    let found = R::page(scope, list, limit + 1).await?;
    let (rows, more) = checks::cut(found, limit);
    for row in &rows {
        row.note(scope);
    }
    let next_after = rows.last().filter(|_| more).map(R::mark);
    Ok((ResourcePage { rows, next_after }, None))
}

/// Returns a row.
///
/// # Errors
/// `NotFound`.
pub async fn get<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    id: <R as Resource>::Id,
) -> Result<R> {
    let function = R::FUNCTIONS.get;
    let mut scope = session.read(organization, function.permission()).await?;
    let found = require::<R>(&mut scope, id).await;
    access_log::end(session, scope, function, found.map(|row| (row, None))).await
}

/// A row after a change.
#[derive(Debug)]
pub struct Changed<R> {
    /// `false`: it already had these values.
    pub changed: bool,
    /// `None` for a new row.
    pub before: Option<R>,
    pub row: R,
    /// The names of the fields that differ from `before`; of a new row, those that have a value.
    pub fields: Vec<&'static str>,
    /// Other rows that may be the same, for a new one.
    pub duplicates: Vec<Duplicate>,
    /// The fields that were given and differ from an existing row, which was left unchanged.
    pub ignored: Vec<&'static str>,
}

impl<R: Resource> Changed<R> {
    fn unchanged(row: R) -> Self {
        Self {
            changed: false,
            before: Some(row.clone()),
            row,
            fields: Vec::new(),
            duplicates: Vec::new(),
            ignored: Vec::new(),
        }
    }
}

/// Adds a row. With `if_not_exists`, a row that already has the external id is returned unchanged.
///
/// # Errors
/// `BadInput`; `Conflict` if another row has the external id, or a name that must be unique.
pub async fn create<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    fields: &R::Fields,
    if_not_exists: bool,
) -> Result<Changed<R>> {
    let function = R::FUNCTIONS.create;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = create_in(session, &mut scope, fields, if_not_exists).await;
    access_log::end(session, scope, function, done).await
}

async fn create_in<R: Stored>(
    session: &Session,
    scope: &mut Scope,
    fields: &R::Fields,
    if_not_exists: bool,
) -> Result<Done<Changed<R>>> {
    let mut row = R::new(new_id(), session.now());
    fields.set(&mut row, &given(session, scope, &[]))?;
    if let Some(known) = other_with_external_id(scope, &row).await? {
        if !if_not_exists {
            return Err(external_id_taken(R::NOUN.one));
        }
        let mut wanted = known.clone();
        fields.set(&mut wanted, &given(session, scope, &[]))?;
        let ignored = changed_fields(&known, &wanted);
        let known = Changed::unchanged(known);
        return Ok((Changed { ignored, ..known }, None));
    }
    let duplicates = row.duplicates(scope).await?;
    row.add(&mut scope.tx).await?;
    let change = entry(R::NOUN.actions.create, None, Some(&row));
    let created = Changed {
        changed: true,
        before: None,
        fields: filled_fields(&row),
        row,
        duplicates,
        ignored: Vec::new(),
    };
    Ok((created, Some(change)))
}

/// A change of a row.
#[derive(Clone, Debug, Default)]
pub struct Update<F> {
    /// The fields that are set.
    pub fields: F,
    /// The names of the fields that are cleared.
    pub clear: Vec<String>,
    /// `true` archives the row, `false` restores it.
    pub archived: Option<bool>,
}

impl<F: Default> Update<F> {
    /// Restores an archived row.
    pub fn restore() -> Self {
        Self {
            archived: Some(false),
            ..Self::default()
        }
    }
}

/// Changes a row.
///
/// # Errors
/// `NotFound`, `BadInput`; `Conflict` if another row has the external id, or a name that must be unique.
pub async fn update<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    id: <R as Resource>::Id,
    update: &Update<R::Fields>,
) -> Result<Changed<R>> {
    let function = R::FUNCTIONS.update;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = update_in(session, &mut scope, id, update).await;
    access_log::end(session, scope, function, done).await
}

async fn update_in<R: Stored>(
    session: &Session,
    scope: &mut Scope,
    id: <R as Resource>::Id,
    update: &Update<R::Fields>,
) -> Result<Done<Changed<R>>> {
    let before = require::<R>(scope, id).await?;
    let mut after = before.clone();
    let set = given(session, scope, &update.clear);
    update.fields.set(&mut after, &set)?;
    let archived_at = checks::archived_at(before.archived_at(), update.archived, session.now());
    if before.archived_at().is_none() && archived_at.is_some() {
        scope.require(session, R::FUNCTIONS.delete.permission())?;
    }
    if after == before && archived_at == before.archived_at() {
        return Ok((Changed::unchanged(before), None));
    }
    if before.external_id() != after.external_id()
        && other_with_external_id(scope, &after).await?.is_some()
    {
        return Err(external_id_taken(R::NOUN.one));
    }
    after.stamp(archived_at, session.now());
    after.replace(&mut scope.tx).await?;
    let change = entry(R::NOUN.actions.update, Some(&before), Some(&after));
    let updated = Changed {
        changed: true,
        fields: changed_fields(&before, &after),
        before: Some(before),
        row: after,
        duplicates: Vec::new(),
        ignored: Vec::new(),
    };
    Ok((updated, Some(change)))
}

/// Deletes a row without appointments and what belongs to it, or archives one.
///
/// # Errors
/// `NotFound`; `Conflict` with the number of appointments.
pub async fn delete<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    id: <R as Resource>::Id,
    archive: bool,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let function = R::FUNCTIONS.delete;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = delete_in::<R>(session, &mut scope, id, archive).await;
    access_log::end(session, scope, function, done).await
}

async fn delete_in<R: Stored>(
    session: &Session,
    scope: &mut Scope,
    id: <R as Resource>::Id,
    archive: bool,
) -> Result<Done<Removal>> {
    let before = require::<R>(scope, id).await?;
    if archive {
        if before.archived_at().is_some() {
            return Ok((Removal::unchanged(id), None));
        }
        let mut after = before.clone();
        after.stamp(Some(session.now()), session.now());
        after.replace(&mut scope.tx).await?;
        let change = entry(R::NOUN.actions.archive, Some(&before), Some(&after));
        return Ok((Removal::archived(id), Some(change)));
    }
    let count = R::count_appointments(&mut scope.tx, id).await?;
    if count > 0 {
        let what = format!("{} {id}", R::NOUN.one);
        return Err(checks::has_appointments(&what, count));
    }
    <R as Table>::delete(&mut scope.tx, id).await?;
    let change = entry(R::NOUN.actions.delete, Some(&before), None);
    Ok((Removal::deleted(id), Some(change)))
}

/// Finds a row that has to exist.
///
/// # Errors
/// `NotFound`: the same whether it never existed, is deleted, or belongs to another organization.
pub(super) async fn require<R: Stored>(scope: &mut Scope, id: <R as Resource>::Id) -> Result<R> {
    let found = <R as Table>::find(&mut scope.tx, id).await?;
    let row = found.ok_or_else(|| {
        let noun = R::NOUN;
        Error::not_found(format!("{} {id} not found", noun.one))
            .hint(run![noun.one, "list"].labeled(format!("list the {}", noun.many)))
    })?;
    row.note(scope);
    Ok(row)
}

/// Finds a row that can be booked.
///
/// # Errors
/// `NotFound`; `Conflict` if it is archived.
pub(super) async fn require_active<R: Stored>(
    scope: &mut Scope,
    id: <R as Resource>::Id,
) -> Result<R> {
    let row = require::<R>(scope, id).await?;
    if row.archived_at().is_none() {
        return Ok(row);
    }
    let noun = R::NOUN.one;
    Err(Error::conflict(format!("{noun} {id} is archived"))
        .hint(run![noun, "update", id, "--restore"].labeled("restore it")))
}

fn given<'a>(session: &Session, scope: &'a Scope, clear: &'a [String]) -> Given<'a> {
    Given {
        organization: &scope.organization,
        now: session.now(),
        clear,
    }
}

/// Finds another row with the same external id: the access log has to know which one a refusal depends on. Changes of
/// one organization take turns, so that none can appear later.
async fn other_with_external_id<R: Stored>(scope: &mut Scope, row: &R) -> Result<Option<R>> {
    let Some(external_id) = row.external_id() else {
        return Ok(None);
    };
    let known = R::with_external_id(&mut scope.tx, external_id).await?;
    let other = known.filter(|known| known.id() != row.id());
    if let Some(other) = &other {
        other.note(scope);
    }
    Ok(other)
}

/// The names of the fields in which two rows differ.
pub(super) fn changed_fields<R: Resource>(before: &R, after: &R) -> Vec<&'static str> {
    let (before, after) = (values(before), values(after));
    field_names::<R>()
        .filter(|name| before.get(*name) != after.get(*name))
        .collect()
}

/// The names of the fields that have a value.
pub(super) fn filled_fields<R: Resource>(row: &R) -> Vec<&'static str> {
    let values = values(row);
    field_names::<R>()
        .filter(|name| values.get(*name).is_some_and(|value| !value.is_null()))
        .collect()
}

fn field_names<R: Resource>() -> impl Iterator<Item = &'static str> {
    let names = <R::Fields as Fields>::NAMES.iter().copied();
    names.chain(["archived_at"])
}

fn values<R: Resource>(row: &R) -> Map<String, Value> {
    match json!(row) {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

fn entry<R: Stored>(action: &'static str, before: Option<&R>, after: Option<&R>) -> Change {
    let id = before.or(after).map(R::id);
    let (before, after) = R::logged(before, after);
    Change {
        action,
        object_type: R::NOUN.one,
        object_id: id.map_or_else(String::new, |id| id.to_string()),
        before,
        after,
    }
}
