//! Sealing of tokens for links in the outbox.

use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    crypto::SealingKeys,
    domain::{InvitationId, InvitationToken, OrganizationId, invitation},
    error::Result,
};

pub const SEALED_FOR: &str = "invitation token";

/// Seals the tokens of invitations that are mailed, and opens them for sending. If a
/// [`crate::services::Session`] has one, invitations are mailed.
#[derive(Clone, Debug)]
pub struct TokenSeal {
    keys: Arc<SealingKeys>,
    /// Template of the links that are mailed.
    link_template: Arc<str>,
}

impl TokenSeal {
    /// Creates a seal with these keys, for links of that template.
    pub fn new(keys: Arc<SealingKeys>, link_template: &str) -> Self {
        Self {
            keys,
            link_template: link_template.into(),
        }
    }

    /// Rejects a link template with a placeholder host.
    ///
    /// # Errors
    /// `BadInput` if the template is the default, or has another reserved host.
    pub(in crate::services) fn require_address(&self) -> Result<()> {
        invitation::require_address(&self.link_template)
    }

    /// Seals a token, bound to that invitation. Each message is sealed before it is stored, so a
    /// link template with a placeholder host is rejected here.
    ///
    /// # Errors
    /// Same as [`TokenSeal::require_address`]; `Failure` if the operating system provides no random
    /// bytes.
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

    /// Opens the token of that invitation.
    ///
    /// # Errors
    /// `Failure` if the key is missing, or the token belongs to another invitation.
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
