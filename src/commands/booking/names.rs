//! What providers and operatories are called, for tables that people read; a program gets the ids.

use std::collections::HashMap;

use crate::{
    context::App,
    domain::{
        OperatoryId, Organization, ProviderId,
        booking::parameters::{GetOperatories, GetProviders, LONGEST_PAGE},
    },
    error::Result,
    output::Format,
    services::{
        Session,
        booking::{operatories, providers},
    },
};

/// Names by id; what is not known is called by its id.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Names {
    providers: HashMap<ProviderId, String>,
    operatories: HashMap<OperatoryId, String>,
}

impl Names {
    /// The first thousand of each, archived ones too; none where a program reads.
    ///
    /// # Errors
    /// As the lists of providers and operatories.
    pub(in crate::commands) async fn load(
        app: &App,
        session: &Session,
        organization: &Organization,
    ) -> Result<Self> {
        if app.printer.options().format != Format::Table {
            return Ok(Self::default());
        }
        let all = GetProviders {
            include_archived: true,
            limit: Some(LONGEST_PAGE),
            ..GetProviders::default()
        };
        let providers = providers::get_all(session, organization.id, &all).await?;
        let all = GetOperatories {
            include_archived: true,
            limit: Some(LONGEST_PAGE),
            ..GetOperatories::default()
        };
        let operatories = operatories::get_all(session, organization.id, &all).await?;
        Ok(Self {
            providers: providers
                .providers
                .into_iter()
                .map(|one| (one.id, one.name))
                .collect(),
            operatories: operatories
                .operatories
                .into_iter()
                .map(|one| (one.id, one.name))
                .collect(),
        })
    }

    /// The name of a provider.
    pub(in crate::commands) fn provider(&self, id: ProviderId) -> String {
        let name = self.providers.get(&id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }

    /// The name of an operatory.
    pub(in crate::commands) fn operatory(&self, id: OperatoryId) -> String {
        let name = self.operatories.get(&id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }
}
