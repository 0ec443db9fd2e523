//! `list`

use clap::Args;

use super::{Noun, view::RowView};
use crate::{
    app::App,
    commands::{booking::pages, views::PageArgs},
    domain::booking::parameters::Paged,
    error::Result,
    output::Listing,
    run,
    services::booking::resources,
};

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs<R: Noun>
where
    R::List: Args,
{
    #[command(flatten)]
    list: R::List,

    #[command(flatten)]
    page: PageArgs,
}

impl<R: Noun> ListArgs<R>
where
    R::List: Args,
{
    /// Lists the rows by name.
    pub async fn run(self, app: &App) -> Result<Listing<RowView<R>>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (noun, slug) = (R::NOUN, organization.slug.to_string());
        let empty = match (self.list.is_filtered(), R::POSITIONAL) {
            (true, _) => format!("no {} in {slug} match", noun.many).into(),
            (false, Some(name)) => {
                let name = name.to_uppercase();
                run![noun.one, "create", name, "--org", slug]
                    .labeled(format!("{slug} has no {}; add one", noun.many))
            }
            (false, None) => run![noun.one, "create", "--org", slug]
                .labeled(format!("{slug} has no {}; add one", noun.many)),
        };
        let zone = organization.time_zone.tz();
        let rows = pages::rows(limit, move |most, after| {
            let session = session.clone();
            let list = self.list.clone().at(most, after);
            async move {
                let page = resources::get_all::<R>(&session, organization.id, &list).await?;
                let views = page.rows.into_iter().map(|row| RowView { row, zone });
                Ok((views.collect(), page.next_after))
            }
        });
        Ok(Listing::new(rows, empty).limit(limit))
    }
}
