//! The selected organization and its source.

use crate::{
    config::ChosenOrganization,
    domain::Organization,
    error::{Error, ErrorKind, Result},
    run,
    services::{Session, organizations},
};

/// The organization to work in, by source.
#[derive(Clone, Debug)]
pub enum NamedOrganization {
    /// `--org`, a slug or an id.
    Flag(String),
    /// `TENANTCTL_ORG`, a slug or an id.
    Variable(String),
    /// `org use`.
    Chosen(ChosenOrganization),
    /// The profile, a slug or an id.
    Profile(String),
}

impl NamedOrganization {
    /// The source, for messages.
    pub const fn source(&self) -> &'static str {
        match self {
            Self::Flag(_) => "--org",
            Self::Variable(_) => "TENANTCTL_ORG",
            Self::Chosen(_) => "org use",
            Self::Profile(_) => "the profile",
        }
    }

    /// Resolves the organization.
    pub async fn resolve(&self, session: &Session) -> Result<Organization> {
        match self {
            Self::Flag(reference) | Self::Variable(reference) | Self::Profile(reference) => {
                organizations::resolve(session, reference).await
            }
            Self::Chosen(ChosenOrganization { id, slug }) => {
                organizations::resolve(session, &id.to_string())
                    .await
                    .map_err(|error| match error.kind() {
                        ErrorKind::NotFound => Error::not_found(format!(
                            "organization {slug} ({id}), selected with `org use`, was not found"
                        ))
                        .hint(run!["org", "use", "SLUG"].labeled("select another")),
                        _ => error,
                    })
            }
        }
    }
}
