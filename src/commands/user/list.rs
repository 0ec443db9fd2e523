//! `user list`

use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::UserView;
use crate::{
    app::App,
    commands::views::PageArgs,
    db::users::ListedUser,
    error::Result,
    output::{Cell, Listing, Record, Style},
    run,
    services::users,
};

/// List the users of the platform by email address.
///
/// Examples:
///   tenantctl user list
///   tenantctl user list --search harbor.example --all -o ndjson
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by address or name containing this text, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<UserLine>> {
        let session = app.session().await?;
        let limit = self.page.limit(app)?;
        let empty = match &self.search {
            Some(_) => "no users match".into(),
            None => run!["user", "sign-up", "--email", "EMAIL", "--name", "NAME"]
                .labeled("no users; sign one up"),
        };
        let rows = users::list(&session, self.search, PageArgs::fetch(limit))?
            .map(|row| row.map(UserLine::from))
            .boxed();
        Ok(Listing::new(rows, empty).limit(limit))
    }
}

#[derive(Serialize)]
pub(super) struct UserLine {
    #[serde(flatten)]
    user: UserView,
    /// Number of organizations the user is a member of.
    organization_count: i64,
}

impl From<ListedUser> for UserLine {
    fn from(listed: ListedUser) -> Self {
        Self {
            user: listed.user.into(),
            organization_count: listed.organizations,
        }
    }
}

impl Record for UserLine {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "email",
            "name",
            "created_at",
            "updated_at",
            "organization_count",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["EMAIL", "NAME", "ORGANIZATIONS", "SIGNED UP"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.user.email),
            self.user.name.as_str().into(),
            self.organization_count.into(),
            style.time(self.user.created_at, None).into(),
        ]
    }
}
