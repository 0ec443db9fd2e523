//! Options of an import that concern people and organizations.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Locale, TimeZone, import::MemberMode, invitation},
    error::Result,
    services::Session,
};

/// Options for imports of people: members, and owners of new organizations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Joining {
    pub mode: MemberMode,
    /// Number of days until an invitation expires.
    pub expires_days: u32,
    pub link_template: String,
    /// The file for the invitation links; `None` discards them.
    pub links_file: Option<PathBuf>,
}

impl Joining {
    /// Checks the options before anything is read.
    ///
    /// # Errors
    /// `Refused` for users in mode `add`; `BadInput` for a link template or an expiry that is not
    /// valid.
    pub(super) fn check(&self, session: &Session) -> Result<()> {
        if self.mode == MemberMode::Add {
            // It reveals whether an address is registered on the platform, which tenants may not
            // learn.
            session
                .require_operator("add members without an invitation")
                .map_err(|error| error.hint("use --mode invite to invite them instead"))?;
        }
        invitation::check_link_template(&self.link_template)?;
        if let (MemberMode::Invite, Some(seal)) = (self.mode, &session.mail) {
            seal.require_address()?;
        }
        invitation::expiry(session.now(), self.expires_days).map(|_| ())
    }
}

/// Defaults for the columns that a row of a new organization leaves empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationDefaults {
    pub time_zone: TimeZone,
    pub locale: Locale,
}
