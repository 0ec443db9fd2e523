//! Providers and operatories: resources that people call by name.

use super::{
    checks::{self, Named},
    resources::Stored,
};
use crate::{
    db::{
        self, Table, TenantTx,
        appointments::Parent,
        resources::{ResourceFilter, ResourceTable},
    },
    domain::{
        OperatoryId, OrganizationId, ProviderId,
        booking::{
            Operatory, PageMark, Provider, Resource, name_search, parameters::NameSearch, text,
        },
    },
    error::{Error, Result},
    services::{Scope, Session},
};

/// A resource with a name.
pub trait NamedResource:
    Resource<List = NameSearch>
    + ResourceTable
    + Table<Id = <Self as Resource>::Id, Error = Error>
    + std::fmt::Debug
{
    fn name(&self) -> &str;

    /// The row as the parent of appointments.
    fn parent(id: <Self as Resource>::Id) -> Parent;
}

impl NamedResource for Provider {
    fn name(&self) -> &str {
        &self.name
    }

    fn parent(id: ProviderId) -> Parent {
        Parent::Provider(id)
    }
}

impl NamedResource for Operatory {
    fn name(&self) -> &str {
        &self.name
    }

    fn parent(id: OperatoryId) -> Parent {
        Parent::Operatory(id)
    }
}

impl<R: NamedResource> Stored for R {
    async fn page(scope: &mut Scope, list: &NameSearch, limit: i64) -> Result<Vec<Self>> {
        let search = list.search.as_deref();
        let search = search.map(|search| text::query("search", search));
        let filter = ResourceFilter {
            text: search.transpose()?.as_deref().map(name_search::fold),
            include_archived: list.include_archived,
            after: list.after.clone(),
            limit: Some(limit),
            ..ResourceFilter::default()
        };
        R::list(&mut scope.tx, &filter).await
    }

    fn mark(&self) -> PageMark {
        PageMark::new(name_search::fold(self.name()), self.id())
    }

    async fn with_external_id(tx: &mut TenantTx, external_id: &str) -> Result<Option<Self>> {
        let filter = ResourceFilter {
            external_id: Some(external_id.to_owned()),
            include_archived: true,
            ..ResourceFilter::default()
        };
        Ok(R::list(tx, &filter).await?.pop())
    }

    async fn count_appointments(tx: &mut TenantTx, id: <Self as Resource>::Id) -> Result<i64> {
        db::appointments::count(tx, R::parent(id)).await
    }
}

/// Finds the row that a reference means: by the id in the practice's own system, or by name.
///
/// # Errors
/// `NotFound`; `Conflict` if several have the name.
pub async fn find<R: NamedResource>(
    session: &Session,
    organization: OrganizationId,
    reference: &str,
) -> Result<<R as Resource>::Id> {
    let permission = R::FUNCTIONS.get.permission();
    let mut scope = session.read(organization, permission).await?;
    let external_id = text::query(R::NOUN.one, reference)?;
    if let Some(row) = R::with_external_id(&mut scope.tx, &external_id).await? {
        return Ok(row.id());
    }
    let folded = name_search::fold(reference);
    let filter = ResourceFilter {
        text: Some(folded.clone()),
        include_archived: true,
        ..ResourceFilter::default()
    };
    let found = R::list(&mut scope.tx, &filter).await?;
    let named: Vec<Named<'_, <R as Resource>::Id>> = found
        .iter()
        .filter(|one| name_search::fold(one.name()).contains(&folded))
        .map(|one| Named {
            id: one.id(),
            name: one.name(),
            is_active: one.archived_at().is_none(),
        })
        .collect();
    checks::only_one(R::NOUN.one, reference, &named)
}
