//! `member show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::MemberView;
use crate::{
    app::App,
    commands::complete,
    domain::Permission,
    error::Result,
    output::{Page, View},
    run,
    services::members,
};

/// Show a member with their role and its permissions.
///
/// Examples:
///   tenantctl member show sam@harbor.example
///   tenantctl member show sam@harbor.example --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The member's email address or user ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::members))]
    member: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<MemberDetailsView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let member = members::show(&session, organization.id, &self.member).await?;
        Ok(MemberDetailsView {
            organization: organization.slug.to_string(),
            permissions: member.role.permissions().collect(),
            member: MemberView::new(member, &organization),
        })
    }
}

#[derive(Serialize)]
pub(super) struct MemberDetailsView {
    organization: String,
    #[serde(flatten)]
    member: MemberView,
    permissions: Vec<Permission>,
}

impl View for MemberDetailsView {
    fn human(&self, page: &mut Page) {
        self.member.fields(page);
        let (role, count) = (self.member.role, self.permissions.len());
        let list = run!["role", "show", role].labeled(format!("{count}; list them"));
        let list = page.complete(&list);
        page.field("Organization", &self.organization)
            .field("Permissions", list);
    }
}
