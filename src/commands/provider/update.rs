//! `provider update`

use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    cli::complete,
    commands::booking::{patching, references},
    context::App,
    domain::booking::parameters::UpdateProvider,
    error::Result,
    services::booking::providers,
};

/// Update a provider. Omitted fields are left unchanged.
///
/// Archiving hides it from searches and new bookings; existing appointments stay.
///
/// Examples:
///   tenantctl provider update 'Dr. Ana Keller' --phone '+41 44 364 35 32'
///   tenantctl provider update 'Dr. Ana Keller' --clear specialty --org harbor-clinic
///   tenantctl provider update 'Dr. Ana Keller' --restore
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["name", "specialty", "email", "phone", "external_id", "clear", "archive", "restore"]))]
pub struct UpdateArgs {
    /// The provider's full name, ID, or ID in the practice's own system.
    #[arg(value_name = "PROVIDER", add = ArgValueCompleter::new(complete::providers))]
    provider: String,

    /// Name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Specialty, such as "Orthodontics".
    #[arg(long, value_name = "TEXT")]
    specialty: Option<String>,

    /// Email address.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,

    /// Phone number, in the organization's national format or in E.164.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// ID in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Archive the provider.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,

    /// Restore an archived provider.
    #[arg(long)]
    restore: bool,
}

/// A field that can be cleared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    Specialty,
    Email,
    Phone,
    ExternalId,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = self.clear.as_slice();
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = UpdateProvider {
            provider_id: references::whole_provider(&session, &organization, &self.provider)
                .await?
                .id,
            specialty: patching::text(
                clear,
                Field::Specialty,
                "--specialty",
                self.specialty.as_ref(),
            )?,
            email: patching::text(clear, Field::Email, "--email", self.email.as_ref())?,
            phone: patching::text(clear, Field::Phone, "--phone", self.phone.as_ref())?,
            external_id: patching::text(
                clear,
                Field::ExternalId,
                "--external-id",
                self.external_id.as_ref(),
            )?,
            archived: self
                .archive
                .then_some(true)
                .or(self.restore.then_some(false)),
            name: self.name,
        };
        let change = providers::update(&session, organization.id, parameters).await?;
        Ok(ChangedView::new(change, &organization))
    }
}
