//! Import of organizations. They are checked by set-based statements and created one by one within
//! one transaction: the rows of an organization can be written only in its own scope.

use super::{Joining, Phase, feed::Reached, plan::SHOWN_DIFFERENCES, step::Steps};
use crate::{
    db::{
        self, PlatformConn,
        import::organizations::{self as staged, StagedOrganization},
    },
    domain::{Email, Permission, Role, import::Counts},
    error::{Error, Result},
    services::organizations::{
        CreatedOrganization, FirstOwner, OrganizationPatch, create_in, fresh, update_in,
    },
};

/// Number of organizations read from the staging table at once.
const PAGE: usize = 200;

impl Steps<'_> {
    /// Checks the staged organizations and writes them unless some are wrong.
    ///
    /// # Errors
    /// `Conflict` if another session has taken a slug in the meantime.
    pub(super) async fn provision(
        &mut self,
        mut conn: PlatformConn,
        reached: &Reached,
    ) -> Result<(PlatformConn, Counts)> {
        let on_conflict = self.plan.on_conflict;
        self.gauge.enter(Phase::Judging);
        staged::judge(&mut conn, on_conflict).await?;
        let counts = staged::counts(&mut conn, on_conflict).await?;
        let room = SHOWN_DIFFERENCES.saturating_sub(self.outcome.differences.len());
        if counts.changed + counts.skipped > 0 && room > 0 {
            let found = staged::differences(&mut conn, room.cast_signed() as i64).await?;
            self.outcome.differences.extend(found);
        }
        let is_written = counts.new + counts.changed > 0;
        if !is_written || (counts.rejected > 0 && !self.plan.partial) {
            return Ok((conn, counts));
        }
        self.gauge.enter(Phase::Writing);
        let ids = staged::to_write(&mut conn, on_conflict).await?;
        for page in ids.chunks(PAGE) {
            for row in staged::staged(&mut conn, page).await? {
                conn = match row.is_there {
                    true => self.update_organization(conn, row).await?,
                    false => self.create_organization(conn, row).await?,
                };
            }
        }
        // In addition to the entries of the organizations, the platform's log has one for the
        // import.
        let change = self.change(&counts, reached);
        db::activity::append_platform(&mut conn, self.session.entry(change)).await?;
        Ok((conn, counts))
    }

    async fn create_organization(
        &mut self,
        mut conn: PlatformConn,
        row: StagedOrganization,
    ) -> Result<PlatformConn> {
        let plan = self.plan;
        let (Some(joining), Some(defaults)) = (&plan.joining, &plan.defaults) else {
            return Err(Error::failure(
                "the defaults of new organizations are missing",
            ));
        };
        let owner = match row.owner {
            Some(email) => Some(first_owner(&mut conn, email, joining).await?),
            None => None,
        };
        let organization = fresh(
            row.id,
            row.slug,
            row.name,
            row.time_zone.unwrap_or(defaults.time_zone),
            row.locale.unwrap_or_else(|| defaults.locale.clone()),
            self.session.now(),
        );
        let mut tx = conn.enter(row.id).await?;
        let slug = organization.slug.clone();
        let created = create_in(self.session, &mut tx, organization, owner.as_ref()).await?;
        let Some(created) = created else {
            return Err(
                Error::conflict(format!("slug {slug} was taken by a concurrent change"))
                    .hint("nothing was changed; run the command again"),
            );
        };
        self.keep_link(created)?;
        tx.leave().await
    }

    /// Adds the link of an owner who has to accept an invitation to the links file.
    fn keep_link(&mut self, created: CreatedOrganization) -> Result<()> {
        let Some(issued) = created.invitation else {
            return Ok(());
        };
        self.outcome.invited += 1;
        let Some(links) = &mut self.links else {
            return Ok(());
        };
        let invitation = &issued.invitation;
        links.write(
            &created.organization.slug,
            &invitation.email,
            Role::Owner,
            &issued.token,
            invitation.expires_at,
        )
    }

    async fn update_organization(
        &mut self,
        conn: PlatformConn,
        row: StagedOrganization,
    ) -> Result<PlatformConn> {
        let tx = conn.enter(row.id).await?;
        let permission = Permission::OrganizationUpdate;
        let mut scope = self.session.write_in(tx, permission).await?;
        let patch = OrganizationPatch {
            name: Some(row.name),
            time_zone: row.time_zone,
            locale: row.locale,
            ..OrganizationPatch::default()
        };
        update_in(self.session, &mut scope, patch).await?;
        scope.tx.leave().await
    }
}

/// Returns the first owner: an existing user becomes a member, others are invited.
async fn first_owner(
    conn: &mut PlatformConn,
    email: Email,
    joining: &Joining,
) -> Result<FirstOwner> {
    Ok(match db::users::find_by_email(conn, &email).await? {
        Some(user) => FirstOwner::Member(user),
        None => FirstOwner::Invited {
            email,
            expires_days: joining.expires_days,
        },
    })
}
