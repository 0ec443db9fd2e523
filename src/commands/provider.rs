//! `tenantctl provider`

use std::ffi::OsStr;

use clap::Subcommand;
use clap_complete::CompletionCandidate;

use super::booking::{
    references,
    resource::{CreateArgs, DeleteArgs, ListArgs, NoMore, Noun, ShowArgs, UpdateArgs},
};
use crate::{
    app::App,
    commands::complete,
    domain::{Organization, ProviderId, booking::Provider},
    error::Result,
    hint::Hint,
    output::{Cell, Style},
    run,
    services::Session,
};

/// Manage providers: the people who treat patients.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List providers by name.
    ///
    /// Examples:
    ///   tenantctl provider list
    ///   tenantctl provider list --search hygiene --org harbor-clinic -o json
    #[command(verbatim_doc_comment)]
    List(ListArgs<Provider>),
    /// Show a provider.
    ///
    /// Examples:
    ///   tenantctl provider show Keller
    ///   tenantctl provider show Keller --org harbor-clinic -o json
    #[command(verbatim_doc_comment)]
    Show(ShowArgs<Provider>),
    /// Add a provider.
    ///
    /// Examples:
    ///   tenantctl provider create 'Dr. Ana Keller' --specialty Orthodontics
    ///   tenantctl provider create 'Dr. Ana Keller' --external-id D-7 --if-not-exists
    #[command(verbatim_doc_comment)]
    Create(CreateArgs<Provider>),
    /// Update a provider. Omitted fields are left unchanged.
    ///
    /// Archiving hides it from searches and new bookings; existing appointments stay.
    ///
    /// Examples:
    ///   tenantctl provider update 'Dr. Ana Keller' --phone '+41 44 364 35 32'
    ///   tenantctl provider update 'Dr. Ana Keller' --clear specialty --org harbor-clinic
    ///   tenantctl provider update 'Dr. Ana Keller' --restore
    #[command(verbatim_doc_comment)]
    Update(Box<UpdateArgs<Provider>>),
    /// Delete a provider and its schedules permanently, or archive it.
    ///
    /// A provider with appointments cannot be deleted: archive it, or delete the appointments first.
    ///
    /// Examples:
    ///   tenantctl provider delete 'Dr. Ana Keller'
    ///   tenantctl provider delete 'Dr. Ana Keller' --archive
    ///   tenantctl provider delete 'Dr. Ana Keller' --org harbor-clinic --yes
    #[command(verbatim_doc_comment)]
    Delete(DeleteArgs<Provider>),
}

impl ProviderCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
        }
    }
}

impl Noun for Provider {
    const PLACEHOLDER: &'static str = "PROVIDER";
    const REFERENCE: &'static str = "The provider's name, ID, or ID in the practice's own system";
    const WHOLE_REFERENCE: &'static str =
        "The provider's full name, ID, or ID in the practice's own system";
    const POSITIONAL: Option<&'static str> = Some("name");
    const IS_PERSONAL: bool = false;
    const HEADER: &'static [&'static str] = &["NAME", "SPECIALTY", "EMAIL", "PHONE", "ID"];

    type More = NoMore;

    fn complete(current: &OsStr) -> Vec<CompletionCandidate> {
        complete::named::<Self>(current)
    }

    async fn resolve(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<ProviderId> {
        references::named::<Self>(session, organization, reference).await
    }

    async fn resolve_whole(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<ProviderId> {
        references::whole::<Self>(session, organization, reference).await
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![
            Cell::optional(self.specialty.as_deref()),
            Cell::optional(self.email.as_ref().map(ToString::to_string)),
            Cell::optional(self.phone.as_ref().map(ToString::to_string)),
        ]
    }

    fn next(&self, organization: &str) -> Vec<Hint> {
        vec![run![
            "schedule",
            "defaults",
            "--provider",
            self.id,
            "--org",
            organization
        ]]
    }
}
