//! Tokens for bulk invitations.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{InvitationToken, OrganizationId};

/// A random key from which the tokens of one import are derived, so that they need not be stored
/// until their links are written. It exists only in memory: without it, the tokens cannot be
/// derived again.
///
/// Stored as HMAC pads it: to a block, with zeros (RFC 2104 §2).
pub struct TokenKey(Zeroizing<[u8; 64]>);

impl TokenKey {
    /// Creates a key from 256 fresh random bits.
    pub fn new(random: [u8; 32]) -> Self {
        let random = Zeroizing::new(random);
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(random.as_slice());
        Self(block)
    }

    /// The token of that invitation. Its secret part is HMAC-SHA256(key, organization ‖
    /// invitation): 256 bits, indistinguishable from random ones without the key and different for
    /// each invitation.
    pub fn token(&self, organization: OrganizationId, invitation: Uuid) -> InvitationToken {
        let mut mac = Hmac::<Sha256>::new((&*self.0).into());
        mac.update(organization.as_uuid().as_bytes());
        mac.update(invitation.as_bytes());
        InvitationToken::new(organization, mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_again_and_differ_in_everything_else() {
        let token = |key: u8, organization: u128, invitation: u128| {
            let key = TokenKey::new([key; 32]);
            key.token(
                Uuid::from_u128(organization).into(),
                Uuid::from_u128(invitation),
            )
            .expose()
        };
        assert_eq!(token(1, 2, 3), token(1, 2, 3));
        // Each token starts with the organization's id: the rest has to differ, too.
        for other in [token(2, 2, 3), token(1, 3, 3), token(1, 2, 4)] {
            assert_ne!(token(1, 2, 3)[22..], other[22..]);
        }
        assert_eq!(format!("{:?}", TokenKey::new([7; 32])), "[redacted]");
    }
}
