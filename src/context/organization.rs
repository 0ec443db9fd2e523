//! Which organization is meant, and what says so.

use crate::{
    config::ChosenOrganization,
    domain::Organization,
    error::{Error, ErrorKind, Result},
    run,
    services::{Session, organizations},
};

/// The organization that commands work in, by what names it.
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
    /// What names it, in words.
    pub const fn source(&self) -> &'static str {
        match self {
            Self::Flag(_) => "--org",
            Self::Variable(_) => "TENANTCTL_ORG",
            Self::Chosen(_) => "org use",
            Self::Profile(_) => "the profile",
        }
    }

    /// Finds it.
    ///
    /// # Errors
    /// As [`organizations::resolve`].
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
                            "organization {slug} ({id}), which `org use` chose, is not to be found"
                        ))
                        .hint(run!["org", "use", "SLUG"].labeled("choose another")),
                        _ => error,
                    })
            }
        }
    }
}
