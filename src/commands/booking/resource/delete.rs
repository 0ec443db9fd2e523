//! `delete`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::Noun;
use crate::{
    app::App,
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    error::Result,
    services::booking::resources,
    suggest::quoted,
};

/// Arguments of `delete`.
#[derive(Args, Debug)]
pub struct DeleteArgs<R: Noun> {
    #[arg(value_name = R::PLACEHOLDER, help = R::WHOLE_REFERENCE, add = ArgValueCompleter::new(R::complete))]
    reference: String,

    #[arg(long, help = format!("Archive the {} and keep its appointments, instead of deleting it", R::NOUN.one))]
    archive: bool,

    #[arg(long, help = format!("Succeed even if the {} does not exist", R::NOUN.one))]
    if_exists: bool,

    #[arg(skip)]
    kind: std::marker::PhantomData<R>,
}

impl<R: Noun> DeleteArgs<R> {
    /// Deletes or archives a row.
    pub async fn run(self, app: &App) -> Result<RemovedView> {
        let noun = R::NOUN.one;
        // A patient may have been called by name.
        let named = if R::IS_PERSONAL { "" } else { &self.reference };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = R::resolve_whole(&session, &organization, &self.reference).await;
        let Some(id) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing(noun, named));
        };
        // Shows that it exists before the prompt.
        let row = resources::get::<R>(&session, organization.id, id).await;
        let Some(row) = references::if_exists(row, self.if_exists)? else {
            return Ok(RemovedView::nothing(noun, named));
        };
        let verb = match (self.archive, R::IS_PERSONAL) {
            (true, _) => "archive",
            (false, true) => "erase",
            (false, false) => "delete",
        };
        let what = match R::IS_PERSONAL {
            true => format!("{verb} {noun} {id}"),
            false => format!("{verb} {noun} {} ({id})", quoted(&row.title())),
        };
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let removed =
            resources::delete::<R>(&session, organization.id, id, self.archive, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of(noun, &removal, &organization)),
            None => Ok(RemovedView::nothing(noun, named)),
        }
    }
}
