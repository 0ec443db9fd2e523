//! `import members` and `import organizations`: files by which people join.

use std::path::PathBuf;

use clap::Args;

use super::file::{FileArgs, Special};
use crate::{
    cli::values,
    commands::org::zone_and_locale,
    context::App,
    domain::{
        import::{ImportKind, MemberMode},
        invitation,
    },
    error::Result,
    services::import::{Joining, OrganizationDefaults},
};

/// Import members: invite people, or add those who signed up.
///
/// With a column `organization`, and without --org, one file fills many organizations.
///
/// Key: the e-mail address. The rules are those of `invite create`: the organization is active, its
/// allowed domains hold, only an owner invites owners. A member, or a pending invitation, with the
/// same role is unchanged; one that expired is issued anew. --on-conflict update gives members the
/// row's role, and issues pending invitations anew with it; an organization keeps an owner.
///
/// Links are mailed where a mail server is configured, as by `invite create`. Otherwise they are shown
/// to nobody without --links-file; `invite resend` issues one, and whoever signs up with the address
/// joins without.
///
/// Examples:
///   tenantctl import members people.csv --org sunrise --links-file links.csv
///   tenantctl import members people.csv --links-file links.csv --dry-run
///   tenantctl import members people.csv --org sunrise --mode add --on-conflict update
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct MembersArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Method for new members: invite, or add for existing users (the operator's
    /// alone). Otherwise: invite.
    #[arg(long, value_name = "MODE", value_parser = values::member_mode, conflicts_with = "resume")]
    mode: Option<MemberMode>,

    #[command(flatten)]
    links: LinksArgs,
}

/// Import organizations with their owners; the platform operator's.
///
/// Key: the slug; where it is empty it is made from the name, and never numbered. Each organization
/// begins with what `org create` gives it. --on-conflict update takes name, time zone and language of
/// the row; owners of organizations that are there are not compared.
///
/// Examples:
///   tenantctl import organizations clinics.csv --dry-run
///   tenantctl import organizations clinics.csv --links-file links.csv
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct OrganizationsArgs {
    #[command(flatten)]
    file: FileArgs,

    #[command(flatten)]
    links: LinksArgs,
}

#[derive(Args, Debug)]
struct LinksArgs {
    /// File for the invitation links: a new CSV file that only you can read, with
    /// organization, email, role, link and expires_at. Not with --batch.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "batch"])]
    links_file: Option<PathBuf>,

    /// Days until invitations expire, 30 at most. Otherwise: expires_days of the configuration.
    #[arg(long, value_name = "DAYS", conflicts_with = "resume", value_parser = clap::value_parser!(u32).range(1..=i64::from(invitation::MAX_EXPIRY_DAYS)))]
    expires_days: Option<u32>,
}

impl MembersArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let mode = self.mode.unwrap_or(MemberMode::Invite);
        let special = Special {
            joining: Some(self.links.joining(app, mode)?),
            defaults: None,
        };
        self.file.run_as(app, ImportKind::Members, special).await
    }
}

impl OrganizationsArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let (time_zone, locale) = zone_and_locale(app, None, None)?;
        let special = Special {
            joining: Some(self.links.joining(app, MemberMode::Invite)?),
            defaults: Some(OrganizationDefaults { time_zone, locale }),
        };
        let kind = ImportKind::Organizations;
        self.file.run_as(app, kind, special).await
    }
}

impl LinksArgs {
    fn joining(self, app: &App, mode: MemberMode) -> Result<Joining> {
        let settings = &app.config()?.invitations;
        Ok(Joining {
            mode,
            expires_days: self.expires_days.unwrap_or(settings.expires_days),
            link_template: settings.link_template.clone(),
            links_file: self.links_file,
        })
    }
}
