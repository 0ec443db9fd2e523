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

/// Change a provider; what is not named stays.
///
/// Who or what is archived is not offered any more; the appointments stay.
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
    /// The provider's whole name, id, or id in the practice's own system.
    #[arg(value_name = "PROVIDER", add = ArgValueCompleter::new(complete::providers))]
    provider: String,

    /// The name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What they do: "Orthodontics".
    #[arg(long, value_name = "TEXT")]
    specialty: Option<String>,

    /// The e-mail address.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,

    /// The telephone number, as it is dialled in the organization's region or in E.164.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// The id in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields that shall have no value.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Keep the provider out of sight.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,

    /// Bring an archived provider back.
    #[arg(long)]
    restore: bool,
}

/// A field that may be without a value.
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
