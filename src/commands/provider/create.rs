//! `provider create`

use clap::Args;

use super::view::ChangedView;
use crate::{
    commands::{booking::not_taken::NotTaken, missing},
    context::App,
    domain::booking::{parameters::CreateProvider, text},
    error::Result,
    services::booking::providers,
};

/// Add a provider.
///
/// Examples:
///   tenantctl provider create 'Dr. Ana Keller' --specialty Orthodontics
///   tenantctl provider create 'Dr. Ana Keller' --external-id D-7 --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Name.
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

    /// If a provider with this external ID exists, show it instead of failing.
    #[arg(long, requires = "external_id")]
    if_not_exists: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let name = missing::text(app, self.name, "Name", "the argument NAME", |answer| {
            text::name("name", answer)
        })?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = CreateProvider {
            name,
            specialty: self.specialty,
            email: self.email,
            phone: self.phone,
            external_id: self.external_id,
        };
        let change = providers::create(&session, organization.id, &parameters, self.if_not_exists);
        let change = change.await?;
        if change.changed {
            return Ok(ChangedView::new(change, &organization));
        }
        let known = &change.provider;
        let not_taken = NotTaken::new(&organization)
            .text("name", Some(&parameters.name), Some(&known.name))
            .text(
                "specialty",
                parameters.specialty.as_deref(),
                known.specialty.as_deref(),
            )
            .email(parameters.email.as_deref(), known.email.as_ref())
            .phone(parameters.phone.as_deref(), known.phone.as_ref());
        Ok(ChangedView::new(change, &organization).not_taken(&not_taken))
    }
}
