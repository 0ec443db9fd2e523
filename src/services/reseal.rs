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

/// What is sealed of one organization, and what was done about it.
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

impl Resealed {
    /// What is to be stored instead, where something is.
    fn note(
        &mut self,
        (what, id): (&'static str, Uuid),
        anew: Result<Option<Vec<u8>>>,
    ) -> Option<Vec<u8>> {
        match anew {
            Ok(None) => self.current += 1,
            Ok(Some(sealed)) => return Some(sealed),
            Err(error) => self.unopened.push(Unopened { what, id, error }),
        }
        None
    }
}

/// Seals everything of one organization with the first of the keys, in one transaction. Everything is
/// opened, also what was sealed so already. Where nothing changes nothing is written.
///
/// # Errors
/// `NotFound` where the organization is gone, `Unavailable` when the connection is lost.
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
        let anew = keys.reseal(
            webhooks::SEALED_FOR,
            organization,
            secret.id,
            &secret.sealed,
        );
        let whose = ("secret of a webhook endpoint", secret.endpoint_id);
        if let Some(sealed) = resealed.note(whose, anew) {
            secrets::reseal(tx, secret.id, &sealed).await?;
            resealed.secrets += 1;
        }
    }
    for message in db::outbox::sealed(tx).await? {
        let invitation = message.invitation_id.as_uuid();
        let anew = keys.reseal(outbox::SEALED_FOR, organization, invitation, &message.token);
        let whose = ("link of a message", message.id.as_uuid());
        if let Some(sealed) = resealed.note(whose, anew)
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
