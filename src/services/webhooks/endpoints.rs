//! Creating endpoints, rotating their secrets, enabling and disabling them.

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::SEALED_FOR;
use crate::{
    crypto::SealingKeys,
    db::webhooks::{
        endpoints,
        secrets::{self, SealedSecret},
    },
    domain::{
        ChannelKind, Organization, OrganizationId, Permission,
        webhook::{Scheme, check_secret, check_strength},
        webhook_endpoint::{EndpointAddress, SecretPurpose, WebhookEndpoint},
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
    system::{new_id, random_secret},
};

/// An endpoint with its active secrets, sealed.
#[derive(Clone, Debug)]
pub struct EndpointDetails {
    pub endpoint: WebhookEndpoint,
    pub secrets: Vec<SealedSecret>,
}

/// Properties of a new endpoint.
#[derive(Debug)]
pub struct NewEndpoint {
    pub channel: ChannelKind,
    pub scheme: Scheme,
    /// The secret with which the provider signs.
    pub secret: SecretString,
    /// Accept a secret that can be guessed.
    pub may_be_weak: bool,
    /// The token that Meta sends when the webhook URL is registered.
    pub verify_token: Option<SecretString>,
}

/// A secret that replaces another one.
#[derive(Debug)]
pub struct NewSecret {
    pub purpose: SecretPurpose,
    pub text: SecretString,
    /// Accept a secret that can be guessed.
    pub may_be_weak: bool,
}

/// Returns the endpoints of an organization.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
) -> Result<(Organization, Vec<EndpointDetails>)> {
    let mut scope = session.read(organization, Permission::WebhooksRead).await?;
    let found = endpoints::list(&mut scope.tx).await?;
    let mut active = secrets::active(&mut scope.tx, None, session.now()).await?;
    let details = found.into_iter().map(|endpoint| {
        let of_it = |secret: &mut SealedSecret| secret.endpoint_id == endpoint.id;
        let secrets = active.extract_if(.., of_it).collect();
        EndpointDetails { endpoint, secrets }
    });
    Ok((scope.organization, details.collect()))
}

/// Returns an endpoint.
///
/// # Errors
/// `NotFound`; the errors of [`Session::read`].
pub async fn show(
    session: &Session,
    organization: OrganizationId,
    id: Uuid,
) -> Result<(Organization, EndpointDetails)> {
    let mut scope = session.read(organization, Permission::WebhooksRead).await?;
    let endpoint = require(&mut scope, id).await?;
    let secrets = secrets::active(&mut scope.tx, Some(id), session.now()).await?;
    Ok((scope.organization, EndpointDetails { endpoint, secrets }))
}

/// Creates an endpoint.
///
/// # Errors
/// `BadInput` for a secret that its scheme does not allow; the errors of [`Session::write`].
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    keys: &SealingKeys,
    new: &NewEndpoint,
) -> Result<(Organization, EndpointDetails)> {
    check_secret(new.scheme, &new.secret)?;
    if !new.may_be_weak {
        check_strength(new.scheme, &new.secret)?;
    }
    let mut scope = session
        .write(organization, Permission::WebhooksManage)
        .await?;
    let now = session.now();
    let endpoint = WebhookEndpoint {
        id: new_id(),
        channel: new.channel,
        scheme: new.scheme,
        address: EndpointAddress::new(organization, random_secret()?),
        enabled: true,
        created_at: now,
        updated_at: now,
    };
    endpoints::insert(&mut scope.tx, &endpoint).await?;
    let mut stored = Vec::new();
    let given = [
        (SecretPurpose::Signing, Some(&new.secret)),
        (SecretPurpose::VerifyToken, new.verify_token.as_ref()),
    ];
    for (purpose, secret) in given {
        if let Some(secret) = secret {
            let sealed = seal(session, organization, keys, endpoint.id, purpose, secret)?;
            secrets::insert(&mut scope.tx, &sealed).await?;
            stored.push(sealed);
        }
    }
    endpoints::tell_servers(&mut scope.tx).await?;
    let organization = scope.organization.clone();
    let change = change(
        "webhook_endpoint.create",
        &endpoint,
        None,
        Some(snapshot(&endpoint)),
    );
    scope.finish(session, change).await?;
    let secrets = stored;
    Ok((organization, EndpointDetails { endpoint, secrets }))
}

/// Rotates a secret. The former one is accepted for `overlap` longer, so that no request is
/// rejected while the secret is changed at the provider.
///
/// # Errors
/// `NotFound`; `BadInput` for a secret that the endpoint does not allow; the errors of
/// [`Session::write`].
pub async fn rotate(
    session: &Session,
    organization: OrganizationId,
    keys: &SealingKeys,
    id: Uuid,
    new: &NewSecret,
    overlap: TimeDelta,
) -> Result<(Organization, EndpointDetails)> {
    let mut scope = session
        .write(organization, Permission::WebhooksManage)
        .await?;
    let endpoint = require(&mut scope, id).await?;
    let (purpose, secret) = (new.purpose, &new.text);
    match purpose {
        SecretPurpose::Signing => {
            check_secret(endpoint.scheme, secret)?;
            if !new.may_be_weak {
                check_strength(endpoint.scheme, secret)?;
            }
        }
        SecretPurpose::VerifyToken if endpoint.scheme != Scheme::Meta => {
            return Err(Error::usage(format!(
                "endpoint {id} has no verify token: only Meta uses one"
            ))
            .hint("omit --verify-token"));
        }
        SecretPurpose::VerifyToken => {}
    }
    let sealed = seal(session, organization, keys, id, purpose, secret)?;
    let former_until = session.now() + overlap;
    secrets::retire(&mut scope.tx, id, purpose, former_until).await?;
    secrets::insert(&mut scope.tx, &sealed).await?;
    endpoints::tell_servers(&mut scope.tx).await?;
    let secrets = secrets::active(&mut scope.tx, Some(id), session.now()).await?;
    let organization = scope.organization.clone();
    let after = json!({ "purpose": purpose, "former_until": former_until });
    let change = change("webhook_endpoint.rotate", &endpoint, None, Some(after));
    scope.finish(session, change).await?;
    Ok((organization, EndpointDetails { endpoint, secrets }))
}

/// Enables or disables an endpoint. `false` if nothing changed and nothing was written.
///
/// # Errors
/// `NotFound`; the errors of [`Session::write`].
pub async fn set_enabled(
    session: &Session,
    organization: OrganizationId,
    id: Uuid,
    enabled: bool,
) -> Result<(Organization, WebhookEndpoint, bool)> {
    let mut scope = session
        .write(organization, Permission::WebhooksManage)
        .await?;
    let before = require(&mut scope, id).await?;
    let organization = scope.organization.clone();
    if before.enabled == enabled {
        return Ok((organization, before, false));
    }
    let after = WebhookEndpoint {
        enabled,
        updated_at: session.now(),
        ..before.clone()
    };
    endpoints::set_enabled(&mut scope.tx, id, enabled, after.updated_at).await?;
    let change = change(
        match enabled {
            true => "webhook_endpoint.enable",
            false => "webhook_endpoint.disable",
        },
        &after,
        Some(snapshot(&before)),
        Some(snapshot(&after)),
    );
    scope.finish(session, change).await?;
    Ok((organization, after, true))
}

async fn require(scope: &mut Scope, id: Uuid) -> Result<WebhookEndpoint> {
    let found = endpoints::find(&mut scope.tx, id).await?;
    found.ok_or_else(|| {
        let slug = &scope.organization.slug;
        Error::not_found(format!("webhook endpoint {id} of {slug} not found"))
            .hint(run!["webhook", "endpoint", "list", "--org", slug].labeled("list the endpoints"))
    })
}

fn seal(
    session: &Session,
    organization: OrganizationId,
    keys: &SealingKeys,
    endpoint_id: Uuid,
    purpose: SecretPurpose,
    secret: &SecretString,
) -> Result<SealedSecret> {
    let id = new_id();
    Ok(SealedSecret {
        id,
        endpoint_id,
        purpose,
        sealed: keys.seal(
            SEALED_FOR,
            organization,
            id,
            secret.expose_secret().as_bytes(),
        )?,
        created_at: session.now(),
        expires_at: None,
    })
}

/// Returns the data for the activity log, without the URL and the secrets.
fn snapshot(endpoint: &WebhookEndpoint) -> Value {
    json!({
        "channel": endpoint.channel,
        "scheme": endpoint.scheme,
        "enabled": endpoint.enabled,
    })
}

fn change(
    action: &'static str,
    endpoint: &WebhookEndpoint,
    before: Option<Value>,
    after: Option<Value>,
) -> Change {
    Change {
        action,
        object_type: "webhook_endpoint",
        object_id: endpoint.id.to_string(),
        before,
        after,
    }
}
