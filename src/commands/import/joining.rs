//! `import members` and `import organizations`: imports that add or invite people.

use std::path::PathBuf;

use clap::Args;

use super::file::{FileArgs, Special};
use crate::{
    app::App,
    cli::values,
    commands::org::zone_and_locale,
    domain::{
        import::{ImportKind, MemberMode},
        invitation,
    },
    error::Result,
    services::import::{Joining, OrganizationDefaults},
};

/// Import members: invite people, or add existing users.
///
/// With a column `organization` and without --org, one file fills several organizations.
///
/// Key: the email address. The rules of `invite create` apply: the organization must be active, the
/// address must be of an allowed domain, and only an owner invites owners. Members and pending
/// invitations with the same role stay unchanged; expired invitations are issued again. With
/// --on-conflict update, members get the role of their row, and pending invitations are issued
/// again with it; an organization keeps an owner.
///
/// Links are mailed if a mail server is configured, as by `invite create`. Otherwise, use
/// --links-file to get them, or `invite resend` to issue one later. Users who sign up with an
/// invited address join without a link.
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

    /// Method for new members: invite, or add for existing users (operator only). The default is
    /// invite.
    #[arg(long, value_name = "MODE", value_parser = values::member_mode, conflicts_with = "resume")]
    mode: Option<MemberMode>,

    #[command(flatten)]
    links: LinksArgs,
}

/// Import organizations with their owners (operator only).
///
/// Key: the slug. If it is empty, it is derived from the name, without a number. Each organization
/// gets the initial data of `org create`. With --on-conflict update, organizations get the name,
/// time zone and language of their row; existing owners are not compared.
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
    /// File for the invitation links: a new CSV file that only you can read, with organization,
    /// email, role, link and expires_at. Not with --batch.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "batch"])]
    links_file: Option<PathBuf>,

    /// Days until invitations expire, at most 30. The default is expires_days of the configuration.
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
