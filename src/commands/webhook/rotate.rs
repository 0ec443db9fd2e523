//! `webhook endpoint rotate`

use chrono::TimeDelta;
use clap::Args;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::{
    create::new_token,
    endpoint_view::{ChangedEndpointView, EndpointView},
    secret::{SecretArgs, WeakSecretArg},
};
use crate::{
    app::App,
    domain::webhook_endpoint::SecretPurpose,
    error::Result,
    services::webhooks::endpoints::{self, NewSecret},
};

/// Rotate the secret of an endpoint. The previous secret is accepted for a while.
///
/// At most two secrets are active: a second rotation revokes the older of them.
///
/// Examples:
///   pass show clinic/twilio-new | tenantctl webhook endpoint rotate ID --secret-stdin
///   tenantctl webhook endpoint rotate ID --secret-file new-token --overlap-hours 0
///   tenantctl webhook endpoint rotate ID --verify-token
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RotateArgs {
    /// ID of the endpoint.
    #[arg(value_name = "ID")]
    id: Uuid,

    /// Number of hours to accept the previous secret.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,

    /// Rotate the verify token (Meta) instead of the secret.
    #[arg(long, conflicts_with_all = ["secret_stdin", "secret_file", "secret_env"])]
    verify_token: bool,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    weak: WeakSecretArg,
}

impl RotateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEndpointView> {
        let keys = app.sealing_keys()?;
        let (purpose, secret) = match self.verify_token {
            true => (SecretPurpose::VerifyToken, new_token()?),
            false => (
                SecretPurpose::Signing,
                self.secret.read(app, "New secret of the provider")?,
            ),
        };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let overlap = TimeDelta::hours(self.overlap_hours.into());
        let new = NewSecret {
            purpose,
            text: secret.clone(),
            may_be_weak: self.weak.weak_secret,
        };
        let rotated = endpoints::rotate(&session, organization.id, &keys, self.id, &new, overlap);
        let (organization, details) = rotated.await?;
        let is_shown = self.verify_token && !app.global.dry_run;
        Ok(ChangedEndpointView {
            said: format!("rotated a secret of endpoint {}", self.id),
            next: vec![
                format!(
                    "configure the new one at {} within {} hours",
                    details.endpoint.scheme, self.overlap_hours
                )
                .into(),
            ],
            verify_token: is_shown.then(|| secret.expose_secret().to_owned()),
            endpoint: EndpointView::new(app, details, &organization)?,
            changed: true,
        })
    }
}
