//! Import of members, under the same rules as single members and invitations.

use futures_util::TryStreamExt as _;

use super::{Joining, step::Steps};
use crate::{
    db::{
        self,
        import::members::{Inviter, Way},
    },
    domain::{
        import::{Counts, MemberMode},
        invitation,
    },
    error::{Error, Result},
    services::{Scope, invitations::require_active},
};

impl Steps<'_> {
    /// Checks the staged rows of one organization. A role that the caller may not grant or revoke
    /// is an error for the whole import, as it is for a single member.
    ///
    /// # Errors
    /// `Refused` for such a role.
    pub(super) async fn judge_members(&self, scope: &mut Scope, joining: &Joining) -> Result<()> {
        let way = self.way(joining);
        if joining.mode == MemberMode::Invite
            && let Err(error) = require_active(&scope.organization)
        {
            if self.organization.is_some() {
                return Err(error);
            }
            // Among several organizations, only the rows of this one are rejected.
            db::import::members::reject_all(&mut scope.tx, error).await?;
            return Ok(());
        }
        let domains = &scope.organization.allowed_email_domains;
        db::import::members::judge(&mut scope.tx, way, domains, self.session.now()).await?;
        for role in db::import::members::roles(&mut scope.tx, way).await? {
            scope
                .require_may_grant(self.session, role)
                .map_err(|error| {
                    error.hint(format!("the organization is {}", scope.organization.slug))
                })?;
        }
        Ok(())
    }

    /// Writes the valid rows of one organization, and the links of the invited users.
    ///
    /// # Errors
    /// `Conflict` if another session changed the members in the meantime; `Failure` if a link
    /// cannot be written.
    pub(super) async fn write_members(
        &mut self,
        scope: &mut Scope,
        joining: &Joining,
        counts: &Counts,
    ) -> Result<()> {
        let (way, now) = (self.way(joining), self.session.now());
        if joining.mode == MemberMode::Add {
            return db::import::members::add(&mut scope.tx, way, counts, now).await;
        }
        let inviter = Inviter {
            user: self.session.actor.user_id(),
            name: self.session.actor.to_string(),
            expires_at: invitation::expiry(now, joining.expires_days)?,
        };
        let invited =
            db::import::members::invite(&mut scope.tx, way, counts, &inviter, now).await?;
        self.outcome.invited += invited;
        if self.session.mail.is_some() {
            let queued = db::import::members::enqueue(&mut scope.tx, now).await?;
            require_all_queued(queued, invited)?;
        }
        let (Some(links), Some(key)) = (&mut self.links, &self.key) else {
            return Ok(());
        };
        let (organization, slug) = (scope.organization.id, &scope.organization.slug);
        let mut rows = db::import::members::invited(&mut scope.tx);
        while let Some(invited) = rows.try_next().await? {
            let token = key.token(organization, invited.id);
            links.write(
                slug,
                &invited.email,
                invited.role,
                &token,
                invited.expires_at,
            )?;
        }
        Ok(())
    }

    pub(super) fn way(&self, joining: &Joining) -> Way {
        Way {
            mode: joining.mode,
            on_conflict: self.plan.on_conflict,
        }
    }
}

/// Checks that each invitation has a message in the outbox.
fn require_all_queued(queued: u64, invited: u64) -> Result<()> {
    match queued == invited {
        true => Ok(()),
        false => Err(Error::failure(format!(
            "{queued} messages were written for {invited} invitations"
        ))
        .hint("nothing was changed; this is a bug in tenantctl, report it")),
    }
}
