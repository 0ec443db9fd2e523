//! Names of providers and operatories for tables. Programs get the ids.

use std::collections::HashMap;

use crate::{
    app::App,
    domain::{
        OperatoryId, Organization, ProviderId,
        booking::{
            Operatory, Provider,
            parameters::{LONGEST_PAGE, NameSearch},
        },
    },
    error::Result,
    output::Format,
    services::{Session, booking::resources},
};

/// The subject of a schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::commands) enum Subject {
    /// The organization.
    Organization,
    Provider(ProviderId),
    Operatory(OperatoryId),
}

/// Names by id. An unknown id is displayed instead of a name.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Names {
    providers: HashMap<ProviderId, String>,
    operatories: HashMap<OperatoryId, String>,
}

impl Names {
    /// Loads the first thousand of each, including archived ones; none if the output is for a
    /// program.
    ///
    /// # Errors
    /// The errors of the lists of providers and operatories.
    pub(in crate::commands) async fn load(
        app: &App,
        session: &Session,
        organization: &Organization,
    ) -> Result<Self> {
        match app.printer.options().format {
            Format::Table => Self::all(session, organization, true).await,
            _ => Ok(Self::default()),
        }
    }

    /// Loads the first thousand of each.
    ///
    /// # Errors
    /// The errors of the lists of providers and operatories.
    pub(in crate::commands) async fn all(
        session: &Session,
        organization: &Organization,
        include_archived: bool,
    ) -> Result<Self> {
        let all = NameSearch {
            include_archived,
            limit: Some(LONGEST_PAGE),
            ..NameSearch::default()
        };
        let providers = resources::get_all::<Provider>(session, organization.id, &all).await?;
        let operatories = resources::get_all::<Operatory>(session, organization.id, &all).await?;
        let providers = providers.rows.into_iter();
        let operatories = operatories.rows.into_iter();
        Ok(Self {
            providers: providers.map(|one| (one.id, one.name)).collect(),
            operatories: operatories.map(|one| (one.id, one.name)).collect(),
        })
    }

    /// Returns the name of a provider.
    pub(in crate::commands) fn provider(&self, id: ProviderId) -> String {
        let name = self.providers.get(&id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }

    /// Returns the name of an operatory.
    pub(in crate::commands) fn operatory(&self, id: OperatoryId) -> String {
        let name = self.operatories.get(&id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }

    /// Returns all subjects of schedules by name, providers first.
    pub(in crate::commands) fn subjects(&self) -> Vec<(Subject, &str)> {
        let mut providers: Vec<_> = self.providers.iter().collect();
        providers.sort_by_key(|(id, name)| (name.as_str(), **id));
        let mut operatories: Vec<_> = self.operatories.iter().collect();
        operatories.sort_by_key(|(id, name)| (name.as_str(), **id));
        let providers = providers
            .into_iter()
            .map(|(id, name)| (Subject::Provider(*id), name.as_str()));
        let operatories = operatories
            .into_iter()
            .map(|(id, name)| (Subject::Operatory(*id), name.as_str()));
        providers.chain(operatories).collect()
    }
}
