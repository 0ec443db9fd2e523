//! `member list`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::MemberView;
use crate::{
    app::App,
    cli::values,
    commands::{complete, views::PageArgs},
    db::members::MemberFilter,
    domain::Role,
    error::Result,
    output::Listing,
    run,
    services::members,
};

/// List the members of an organization, highest privilege first, then by address.
///
/// Examples:
///   tenantctl member list
///   tenantctl member list --role owner --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by role.
    #[arg(long, value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Option<Role>,

    /// Filter by address or name containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<MemberView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let slug = &organization.slug;
        let empty = if self.role.is_some() || self.search.is_some() {
            format!("no members in {slug} match").into()
        } else {
            run![
                "invite", "create", "EMAIL", "--role", "owner", "--org", slug
            ]
            .labeled(format!("{slug} has no members; invite an owner"))
        };
        let filter = MemberFilter {
            role: self.role,
            text: self.search,
            limit: PageArgs::fetch(limit),
        };
        let members = members::list(&session, organization.id, &filter).await?;
        let rows = members
            .into_iter()
            .map(|member| MemberView::new(member, &organization))
            .collect();
        Ok(Listing::of(rows, empty).limit(limit))
    }
}
