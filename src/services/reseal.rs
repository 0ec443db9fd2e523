//! Sealing what is stored with the key in use, so that a former key can be let go.

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
    /// Secrets of webhook endpoints that were sealed anew.
    pub secrets: u64,
    /// Links that wait to be mailed and were sealed anew.
    pub links: u64,
    /// What was sealed with the key in use already.
    pub current: u64,
    /// What no key opens: it was left as it is.
    pub unopened: Vec<Unopened>,
}

/// Something sealed that no key opens.
#[derive(Debug)]
pub struct Unopened {
    pub what: &'static str,
    /// The endpoint that has the secret, or the message that has the link.
    pub id: Uuid,
    pub error: Error,
}

/// Something sealed, and what it is bound to.
struct Stored<'a> {
    /// What it is to a person, and whose.
    what: (&'static str, Uuid),
    purpose: &'static str,
    organization: OrganizationId,
    object: Uuid,
    sealed: &'a [u8],
}

impl Resealed {
    /// What is to be stored instead, where something is.
    fn anew(&mut self, keys: &SealingKeys, stored: &Stored<'_>) -> Result<Option<Vec<u8>>> {
        let Stored {
            what: (what, id),
            purpose,
            organization,
            object,
            sealed,
        } = *stored;
        // Also what was sealed with the key in use: it might have been changed since.
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

/// Seals with the first of the keys what one organization has in use, in one transaction. Secrets that
/// a rotation let expire are opened by nobody, and stay as they are. Where nothing changes nothing is
/// written.
///
/// # Errors
/// `NotFound` where the organization is gone, `Unavailable` when the connection is lost, `Failure`
/// when the operating system has no randomness to give.
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
        if let Some(sealed) = resealed.anew(keys, &stored)? {
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
        if let Some(sealed) = resealed.anew(keys, &stored)?
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
