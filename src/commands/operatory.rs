//! `tenantctl operatory`

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
    domain::{OperatoryId, Organization, booking::Operatory},
    error::Result,
    hint::Hint,
    output::{Cell, Style},
    services::Session,
};

/// Manage operatories: treatment rooms and chairs.
#[derive(Debug, Subcommand)]
pub enum OperatoryCommand {
    /// List operatories by name.
    ///
    /// Examples:
    ///   tenantctl operatory list
    ///   tenantctl operatory list --search room --org harbor-clinic -o json
    #[command(verbatim_doc_comment)]
    List(ListArgs<Operatory>),
    /// Show an operatory.
    ///
    /// Examples:
    ///   tenantctl operatory show 'Room 1'
    ///   tenantctl operatory show 'Room 1' --org harbor-clinic -o json
    #[command(verbatim_doc_comment)]
    Show(ShowArgs<Operatory>),
    /// Add an operatory.
    ///
    /// Examples:
    ///   tenantctl operatory create 'Room 1'
    ///   tenantctl operatory create 'Room 1' --external-id R-1 --if-not-exists
    #[command(verbatim_doc_comment)]
    Create(CreateArgs<Operatory>),
    /// Update an operatory. Omitted fields are left unchanged.
    ///
    /// Archiving hides it from searches and new bookings; existing appointments stay.
    ///
    /// Examples:
    ///   tenantctl operatory update 'Room 1' --name 'Room 2'
    ///   tenantctl operatory update 'Room 1' --clear notes --org harbor-clinic
    ///   tenantctl operatory update 'Room 1' --restore
    #[command(verbatim_doc_comment)]
    Update(Box<UpdateArgs<Operatory>>),
    /// Delete an operatory and its schedules permanently, or archive it.
    ///
    /// An operatory with appointments cannot be deleted: archive it, or delete the appointments first.
    ///
    /// Examples:
    ///   tenantctl operatory delete 'Room 1'
    ///   tenantctl operatory delete 'Room 1' --archive
    ///   tenantctl operatory delete 'Room 1' --org harbor-clinic --yes
    #[command(verbatim_doc_comment)]
    Delete(DeleteArgs<Operatory>),
}

impl OperatoryCommand {
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

impl Noun for Operatory {
    const PLACEHOLDER: &'static str = "OPERATORY";
    const REFERENCE: &'static str = "The operatory's name, ID, or ID in the practice's own system";
    const WHOLE_REFERENCE: &'static str =
        "The operatory's full name, ID, or ID in the practice's own system";
    const POSITIONAL: Option<&'static str> = Some("name");
    const IS_PERSONAL: bool = false;
    const HEADER: &'static [&'static str] = &["NAME", "EXTERNAL ID", "ID"];

    type More = NoMore;

    fn complete(current: &OsStr) -> Vec<CompletionCandidate> {
        complete::named::<Self>(current)
    }

    async fn resolve(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<OperatoryId> {
        references::named::<Self>(session, organization, reference).await
    }

    async fn resolve_whole(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> Result<OperatoryId> {
        references::whole::<Self>(session, organization, reference).await
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn cells(&self, _style: &Style) -> Vec<Cell> {
        vec![Cell::optional(self.external_id.as_deref())]
    }

    fn next(&self, _organization: &str) -> Vec<Hint> {
        Vec::new()
    }
}
