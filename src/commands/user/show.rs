//! `user show`

use clap::Args;
use serde::Serialize;

use super::UserView;
use crate::{
    app::App,
    commands::views::{role_cell, status_cell},
    domain::{Organization, OrganizationStatus, Role},
    error::Result,
    output::{Page, View},
    services::users::{self, UserDetails},
};

/// Show a user with their organizations and roles. With --as, users can only show themselves.
///
/// Examples:
///   tenantctl user show sam@harbor.example
///   tenantctl user show 01890a5d-ac96-774b-bcce-b302099a8057 -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// Email address or ID of the user.
    #[arg(value_name = "EMAIL|ID")]
    user: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<UserDetailsView> {
        let session = app.session().await?;
        users::show(&session, &self.user)
            .await
            .map(UserDetailsView::from)
    }
}

#[derive(Serialize)]
pub(super) struct UserDetailsView {
    #[serde(flatten)]
    user: UserView,
    organizations: Vec<MembershipLine>,
}

#[derive(Serialize)]
struct MembershipLine {
    id: String,
    slug: String,
    name: String,
    status: OrganizationStatus,
    role: Role,
}

impl From<UserDetails> for UserDetailsView {
    fn from(details: UserDetails) -> Self {
        let organizations = details.memberships.into_iter().map(MembershipLine::from);
        Self {
            user: details.user.into(),
            organizations: organizations.collect(),
        }
    }
}

impl From<(Organization, Role)> for MembershipLine {
    fn from((organization, role): (Organization, Role)) -> Self {
        Self {
            id: organization.id.to_string(),
            slug: organization.slug.to_string(),
            name: organization.name,
            status: organization.status,
            role,
        }
    }
}

impl View for UserDetailsView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let signed_up = style.time(self.user.created_at, None);
        page.field("Email", style.bold(&self.user.email))
            .field("Name", &self.user.name)
            .field("Id", &self.user.id)
            .field("Signed up", signed_up);
        page.heading(format!("Organizations ({})", self.organizations.len()));
        let rows: Vec<_> = self
            .organizations
            .iter()
            .map(|organization| {
                vec![
                    organization.slug.as_str().into(),
                    organization.name.as_str().into(),
                    status_cell(&style, organization.status),
                    role_cell(&style, organization.role),
                ]
            })
            .collect();
        page.table(&["SLUG", "NAME", "STATUS", "ROLE"], &rows);
    }
}
