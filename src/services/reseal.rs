//! Resealing of stored secrets with the current key, so that a former key can be removed.

use serde_json::json;
use uuid::Uuid;

use super::{Session, activity::Change, outbox, webhooks};
use crate::{
    crypto::SealingKeys,
    db::{self, webhooks::secrets},
    domain::{OrganizationId, Permission},
    error::{Error, Result},
};

/// Counts of the sealed values of one organization, by outcome.
#[derive(Debug, Default)]
pub struct Resealed {
    /// Secrets of webhook endpoints that were resealed.
    pub secrets: u64,
    /// Links of messages in the outbox that were resealed.
    pub links: u64,
    /// Values that were sealed with the current key already.
    pub current: u64,
    /// Values that no key can open. They were not changed.
    pub unopened: Vec<Unopened>,
}

/// A sealed value that no key can open.
#[derive(Debug)]
pub struct Unopened {
    pub what: &'static str,
    /// The endpoint of the secret, or the message of the link.
    pub id: Uuid,
    pub error: Error,
}

/// A sealed value, with the data that it is bound to.
struct Stored<'a> {
    /// Kind of the value for display, and the id of its owner.
    what: (&'static str, Uuid),
    purpose: &'static str,
    organization: OrganizationId,
    object: Uuid,
    sealed: &'a [u8],
}

impl Resealed {
    /// Returns the resealed value, or `None` if it stays.
    fn resealed_text(
        &mut self,
        keys: &SealingKeys,
        stored: &Stored<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let Stored {
            what: (what, id),
            purpose,
            organization,
            object,
            sealed,
        } = *stored;
        // Values sealed with the current key are opened as well, because they may be corrupt.
        let plain = match keys.open(purpose, organization, object, sealed) {
            Ok(plain) => plain,
            Err(error) => {
                self.unopened.push(Unopened { what, id, error });
                return Ok(None);
            }
        };
        if keys.is_current(sealed) {
            self.current += 1;
            return Ok(None);
        }
        keys.seal(purpose, organization, object, &plain).map(Some)
    }
}

/// Reseals the values of one organization with the first key, in one transaction. Secrets that
/// expired after a rotation are never opened again and stay unchanged. If nothing changes, nothing
/// is written.
///
/// # Errors
/// `NotFound` if the organization does not exist; `Failure` if the operating system provides no
/// random bytes.
pub async fn reseal(
    session: &Session,
    organization: OrganizationId,
    keys: &SealingKeys,
) -> Result<Resealed> {
    let mut scope = session
        .write_any_status(organization, Permission::WebhooksManage)
        .await?;
    let tx = &mut scope.tx;
    let mut resealed = Resealed::default();
    for secret in secrets::active(tx, None, session.now()).await? {
        let stored = Stored {
            what: ("secret of a webhook endpoint", secret.endpoint_id),
            purpose: webhooks::SEALED_FOR,
            organization,
            object: secret.id,
            sealed: &secret.sealed,
        };
        if let Some(sealed) = resealed.resealed_text(keys, &stored)? {
            secrets::reseal(tx, secret.id, &sealed).await?;
            resealed.secrets += 1;
        }
    }
    for message in db::outbox::sealed(tx).await? {
        let stored = Stored {
            what: ("link of a message", message.id.as_uuid()),
            purpose: outbox::SEALED_FOR,
            organization,
            object: message.invitation_id.as_uuid(),
            sealed: &message.token,
        };
        if let Some(sealed) = resealed.resealed_text(keys, &stored)?
            && db::outbox::reseal(tx, &message, &sealed).await?
        {
            resealed.links += 1;
        }
    }
    if resealed.secrets + resealed.links > 0 {
        let change = Change {
            action: "organization.reseal",
            object_type: "organization",
            object_id: organization.to_string(),
            before: None,
            after: Some(json!({ "secrets": resealed.secrets, "links": resealed.links })),
        };
        scope.finish(session, change).await?;
    }
    Ok(resealed)
}
