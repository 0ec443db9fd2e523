//! The tokens of links that wait in the outbox.

use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    crypto::SealingKeys,
    domain::{InvitationId, InvitationToken, OrganizationId},
    error::Result,
};

pub const SEALED_FOR: &str = "invitation token";

/// Seals the tokens of invitations that are to be mailed, and opens them to be sent. Where a
/// [`crate::services::Session`] has one, invitations are mailed.
#[derive(Clone, Debug)]
pub struct TokenSeal(Arc<SealingKeys>);

impl TokenSeal {
    /// With these keys.
    pub fn new(keys: Arc<SealingKeys>) -> Self {
        Self(keys)
    }

    /// The token, for that invitation and no other.
    ///
    /// # Errors
    /// `Failure` when the operating system has no randomness to give.
    pub(in crate::services) fn seal(
        &self,
        invitation: Uuid,
        token: &InvitationToken,
    ) -> Result<Vec<u8>> {
        let text = Zeroizing::new(token.expose());
        let organization = token.organization_id();
        self.0
            .seal(SEALED_FOR, organization, invitation, text.as_bytes())
    }

    /// The token of that invitation.
    ///
    /// # Errors
    /// `Failure` where the key is not at hand, or the token is another invitation's.
    pub(super) fn open(
        &self,
        organization: OrganizationId,
        invitation: InvitationId,
        sealed: &[u8],
    ) -> Result<InvitationToken> {
        let opened = self
            .0
            .open(SEALED_FOR, organization, invitation.as_uuid(), sealed)?;
        InvitationToken::parse(&String::from_utf8_lossy(&opened))
    }
}
