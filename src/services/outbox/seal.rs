//! The tokens of links that wait in the outbox.

use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    crypto::SealingKeys,
    domain::{InvitationId, InvitationToken, OrganizationId, invitation},
    error::Result,
};

pub const SEALED_FOR: &str = "invitation token";

/// Seals the tokens of invitations that are to be mailed, and opens them to be sent. Where a
/// [`crate::services::Session`] has one, invitations are mailed.
#[derive(Clone, Debug)]
pub struct TokenSeal {
    keys: Arc<SealingKeys>,
    /// Of the links that are mailed.
    link_template: Arc<str>,
}

impl TokenSeal {
    /// With these keys, for links of that template.
    pub fn new(keys: Arc<SealingKeys>, link_template: &str) -> Self {
        Self {
            keys,
            link_template: link_template.into(),
        }
    }

    /// Refuses to mail links that lead nowhere.
    ///
    /// # Errors
    /// `BadInput` where the template is at its default, or has another reserved host.
    pub(in crate::services) fn require_address(&self) -> Result<()> {
        invitation::require_address(&self.link_template)
    }

    /// The token, for that invitation and no other. Each message is sealed before it is stored, so a
    /// link that would lead nowhere is refused here.
    ///
    /// # Errors
    /// Same as [`TokenSeal::require_address`]; `Failure` when the operating system has no randomness to
    /// give.
    pub(in crate::services) fn seal(
        &self,
        invitation: Uuid,
        token: &InvitationToken,
    ) -> Result<Vec<u8>> {
        self.require_address()?;
        let text = Zeroizing::new(token.expose());
        let organization = token.organization_id();
        self.keys
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
            .keys
            .open(SEALED_FOR, organization, invitation.as_uuid(), sealed)?;
        InvitationToken::parse(&String::from_utf8_lossy(&opened))
    }
}
