//! `show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::{Noun, view::RowView};
use crate::{app::App, error::Result, services::booking::resources};

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs<R: Noun> {
    #[arg(value_name = R::PLACEHOLDER, help = R::REFERENCE, add = ArgValueCompleter::new(R::complete))]
    reference: String,

    #[arg(skip)]
    kind: std::marker::PhantomData<R>,
}

impl<R: Noun> ShowArgs<R> {
    /// Shows a row.
    pub async fn run(self, app: &App) -> Result<RowView<R>> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let id = R::resolve(&session, &organization, &self.reference).await?;
        let row = resources::get::<R>(&session, organization.id, id).await?;
        let zone = organization.time_zone.tz();
        Ok(RowView { row, zone })
    }
}
