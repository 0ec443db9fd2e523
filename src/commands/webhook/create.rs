//! `webhook endpoint create`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    endpoint_view::{ChangedEndpointView, EndpointView},
    secret::{SecretArgs, WeakSecretArg},
};
use crate::{
    app::App,
    cli::values,
    commands::complete,
    domain::{ChannelKind, hexadecimal, webhook::Scheme, webhook_endpoint::scheme_of},
    error::Result,
    run,
    services::webhooks::endpoints::{self, NewEndpoint},
    system::random_secret,
};

/// Create a webhook endpoint for the provider of a channel.
///
/// The secret is the key the provider signs with: Twilio's auth token, Retell's API key, Meta's app
/// secret, or the JWT key of the Evolution API (or `header:NAME:VALUE`). It is stored encrypted and
/// never shown. For Meta, a verify token is generated and shown once.
///
/// Examples:
///   pass show clinic/twilio | tenantctl webhook endpoint create twilio_realtime --secret-stdin
///   tenantctl webhook endpoint create whatsapp --scheme evolution --secret-env EVOLUTION_KEY
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Channel the endpoint belongs to.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    channel: ChannelKind,

    /// Sender, for channels with several: meta (default) or evolution for whatsapp.
    #[arg(long, value_name = "SCHEME", value_parser = values::scheme)]
    scheme: Option<Scheme>,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    weak: WeakSecretArg,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEndpointView> {
        let scheme = scheme_of(self.channel, self.scheme)?;
        let keys = app.sealing_keys()?;
        let secret = self.secret.read(app, "Secret of the provider")?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let verify_token = match scheme {
            Scheme::Meta => Some(new_token()?),
            _ => None,
        };
        let new = NewEndpoint {
            channel: self.channel,
            scheme,
            secret,
            may_be_weak: self.weak.weak_secret,
            verify_token: verify_token.clone(),
        };
        let (organization, details) =
            endpoints::create(&session, organization.id, &keys, &new).await?;
        let slug = organization.slug.to_string();
        let endpoint = EndpointView::new(app, details, &organization)?;
        Ok(ChangedEndpointView {
            said: format!("created a webhook endpoint for {slug}"),
            next: vec![
                format!("configure the URL at {scheme}").into(),
                run!["serve"].labeled("start the server"),
            ],
            // The token of a dry run is useless.
            verify_token: verify_token
                .filter(|_| !app.global.dry_run)
                .map(|token| token.expose_secret().to_owned()),
            endpoint,
            changed: true,
        })
    }
}

/// Generates 256 random bits as hexadecimal characters, which are safe in any form field.
pub(super) fn new_token() -> Result<SecretString> {
    Ok(hexadecimal(&random_secret()?).into())
}
